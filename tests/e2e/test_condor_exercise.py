"""The WaveFront Exercise on an HTCondor pool: the same products as on the embedded engine, by name and by content."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from astropy.io.fits import FITSDiff

from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.workflow import queries
from dmsops.workflow.tables import condor_batch, engine
from tests.condor.pool import Pool
from tests.e2e.desk import Desk

Exercise = tuple[Desk, dict[str, Any]]
_OF_THE_RUN = ["DATE", "FILENAME", "CHECKSUM", "DATASUM"]
"""When it was written, and sums over that."""
_METADATA = ["ASDF"]
"""The headers once more, as one table of bytes with the times in it."""


@pytest.fixture(scope="session")
def in_the_pool(tmp_path_factory: pytest.TempPathFactory, crds: Path, exercise: Exercise, condor_daemons: Pool) -> Exercise:
    """Run the exercise once in the session's pool, found as an operator's machine finds it."""
    desk = Desk(tmp_path_factory.mktemp("pool") / "site", crds, {"CONDOR_CONFIG": str(condor_daemons.config)})
    return desk, desk.json("rehearse", "wavefront", "--engine", "htcondor")


def products(ops: Ops) -> dict[str, Path]:
    """Give the file of every product of the visit."""
    return {row["name"]: ops.store.path(row["sha256"]) for row in queries.products(ops, text="jw02726")}


def test_the_report_is_that_of_the_embedded_engine(exercise: Exercise, in_the_pool: Exercise) -> None:
    (_, here), (_, there) = exercise, in_the_pool
    for part in ("products", "caom", "missing", "unexpected", "problems"):
        assert there[part] == here[part]
    assert there["delivery"]["state"] == "acknowledged"
    assert there["delivery"]["files"] == here["delivery"]["files"]
    assert 0 < there["clock"]["used_minutes"] < 90


def test_it_was_the_pool_that_ran_every_step_once(in_the_pool: Exercise) -> None:
    ops = in_the_pool[0].open()
    tried = [queries.attempts(ops, row["id"]) for row in queries.steps(ops)]
    assert Counter(len(attempts) for attempts in tried).keys() == {1}
    assert {attempts[0]["owner"].split(":")[0] for attempts in tried} == {"condor"}
    with reading(ops.db) as c:
        assert set(c.execute(sa.select(engine.c.kind)).scalars()) == {"htcondor"}
        assert set(c.execute(sa.select(condor_batch.c.outcome)).scalars()) == {"done"}


def test_the_products_are_the_same_by_name_and_content(exercise: Exercise, in_the_pool: Exercise) -> None:
    here, there = products(exercise[0].open()), products(in_the_pool[0].open())
    assert sorted(there) == sorted(here)
    images = [name for name in here if name.endswith(".fits")]
    assert len(images) > 80
    for name in images:
        diff = FITSDiff(here[name], there[name], ignore_keywords=_OF_THE_RUN, ignore_hdus=_METADATA)
        assert diff.identical, f"{name}: {diff.report()}"
