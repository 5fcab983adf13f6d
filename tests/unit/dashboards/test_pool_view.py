"""What an HTCondor pool has and where it disagrees with the site, as the board and the command line show it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from dashboards.app import engines_panel
from dashboards.app.hub import Hub
from dmsops.cli import engine
from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.workflow import pulse
from dmsops.workflow.engines.htcondor import batches
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.tables import step


@pytest.fixture
def in_the_pool(full: Ops) -> Ops:
    """Put two steps of the site into a batch, one of which somebody held in the pool."""
    with reading(full.db) as c:
        found = c.execute(sa.select(step).where(step.c.state.in_(("ready", "waiting"))).limit(2)).all()
    nodes = [Node(step_id=row.id, kind=row.kind, rank=row.rank) for row in found]
    with full.db.begin() as c:
        batch = batches.record(c, full, "engine", full.settings.folder("work"), nodes)
        batches.submitted(c, batch, 43)
        batches.note(c, full, batch, nodes[0].step_id, "held in the pool: via condor_hold <b>")
    return full


def test_batches_and_disagreements_are_on_the_board(in_the_pool: Ops) -> None:
    html = engines_panel.draw(Hub(in_the_pool).poll(), acts=False)
    assert "Batch 1, DAGMan is job 43: 2 planned" in html
    assert "held in the pool: via condor_hold &lt;b&gt;" in html


def test_engine_status_has_them_too(in_the_pool: Ops) -> None:
    data = engine.status(in_the_pool).data
    assert [(b["cluster"], b["nodes"]) for b in data["batches"]] == [(43, {"planned": 2})]
    assert [d["words"] for d in data["disagreements"]] == ["held in the pool: via condor_hold <b>"]


def test_a_site_without_a_pool_shows_none(full: Ops) -> None:
    assert pulse.batches(full) == pulse.disagreements(full) == []
    assert "pool" not in engines_panel.draw(Hub(full).poll(), acts=False).lower()
