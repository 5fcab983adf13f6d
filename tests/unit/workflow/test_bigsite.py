"""The big site holds together: its counters, needs and products say what its steps say."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.journal import verify
from dmsops.ops import Ops
from dmsops.testing import bigsite
from dmsops.testing.sites import small_site
from dmsops.workflow.tables import need, product, step, step_counter


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Ops:
    ops = small_site(Path(tmp_path_factory.mktemp("big")) / "site", datetime(2026, 1, 2, tzinfo=UTC))
    bigsite.fill(ops, 3000)
    return ops


def test_the_counters_say_what_the_steps_say(big: Ops) -> None:
    with reading(big.db) as c:
        counted = {(r.workflow_id, r.kind, r.state): r.n for r in c.execute(sa.select(step_counter))}
        steps = Counter((r.workflow_id, r.kind, r.state) for r in c.execute(sa.select(step)))
    assert counted == steps


def test_a_need_is_met_exactly_when_its_product_is_there(big: Ops) -> None:
    with reading(big.db) as c:
        there = set(c.execute(sa.select(product.c.name).where(product.c.current)).scalars())
        assert all((r.product in there) == r.got for r in c.execute(sa.select(need)))


def test_every_state_a_person_meets_is_there(big: Ops) -> None:
    with reading(big.db) as c:
        states = Counter(c.execute(sa.select(step.c.state)).scalars())
        assert verify(c) is None
    assert {"done", "failed", "waiting", "held", "ready", "running", "cancelled"} <= set(states)
