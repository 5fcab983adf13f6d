"""The embedded engine beyond the contract: one acts and others stand by, a person's stop is heard, inputs are checked."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from dmsops.core.errors import NotActing
from dmsops.ops import Ops
from dmsops.testing.engine import again, plan, rows, states, toy
from dmsops.workflow import acting, blackboard, fleet, pulse, queries
from dmsops.workflow.engines import local
from dmsops.workflow.tables import attempt, step
from tests.killing import Killing, engine_process
from tests.waiting import lives, until


@pytest.fixture
def killing(ops: Ops, tmp_path: Path) -> Iterator[Killing]:
    made = Killing(ops, tmp_path / "ledger", random.Random(7))
    yield made
    made.close()


def test_the_working_folder_of_a_step_that_ended_well_is_gone(ops: Ops) -> None:
    plan(ops, toy("write", "a"))
    tally = local.run(ops)
    assert (tally.done, tally.failed) == (1, 0)
    assert list(ops.settings.folder("work").glob("*/*")) == []


def test_a_second_engine_is_refused(ops: Ops) -> None:
    me = fleet.sign_on(ops, 2)
    with ops.db.begin() as c:
        acting.take(c, ops, me)
    with pytest.raises(NotActing, match="already running"):
        local.run(ops)
    assert [r["id"] for r in pulse.engines(ops)] == [me]


def test_an_engine_that_stands_by_takes_over_when_the_acting_one_is_killed(killing: Killing) -> None:
    ops, killing.seconds = killing.ops, 1.0
    killing.engine = engine_process(ops.settings.site, forever=True)
    until(lambda: [r["role"] for r in pulse.engines(ops)] == ["acting"])
    second = engine_process(ops.settings.site, forever=True)
    try:
        until(lambda: [r["role"] for r in pulse.engines(ops)] == ["acting", "standing by"])
        killing.plan(3)
        until(killing.starts)
        os.killpg(killing.engine.pid, signal.SIGKILL)
        killing.engine.wait()
        killing.kills["everything"] += 1
        until(lambda: not killing.mend() and set(states(ops).values()) == {"done"})  # the engine may have seen its worker die
        assert [(r["pid"], r["role"]) for r in pulse.engines(ops)] == [(second.pid, "acting")]
    finally:
        os.killpg(second.pid, signal.SIGKILL)
        second.wait()
    killing.audit()


def test_the_process_of_a_step_that_a_person_stops_is_killed(killing: Killing) -> None:
    ops, killing.seconds = killing.ops, 600
    killing.plan(1)
    killing.engine = engine_process(ops.settings.site, forever=True)
    _, pid = until(killing.starts)[0]
    again(ops, "0", "stop", held_from="running", lease_until=None)
    until(lambda: rows(ops, attempt)[0]["outcome"] == "stopped")
    with contextlib.suppress(psutil.NoSuchProcess):  # it is gone already
        process = psutil.Process(int(pid))
        until(lambda: not lives(process))
    assert states(ops) == {"0": "held"}
    assert queries.products(ops) == []


def test_a_step_taken_without_a_process_is_given_back(ops: Ops) -> None:
    """As when the database's answer to the claim was lost: it is ours on record, and nothing runs."""
    plan(ops, toy("write", "a"))
    owner = fleet.sign_on(ops, 2)
    with ops.db.begin() as c:
        post = acting.take(c, ops, owner)
        row = c.execute(sa.select(step)).one()
        blackboard.move(c, ops, "claim", row, owner=owner, attempt=1, started_at=ops.clock.now())
    assert post is not None
    dispatcher = local.Dispatcher(ops, post)
    while dispatcher.turn():
        pass
    dispatcher.stop()
    assert states(ops) == {"a": "done"}


def test_what_a_pool_s_engine_had_queued_is_run_by_the_embedded_one(ops: Ops) -> None:
    plan(ops, toy("write", "a"), toy("write", "b", "a"))
    with ops.db.begin() as c:
        for row in c.execute(sa.select(step)).all():
            blackboard.move(c, ops, "lease", row, actor="engine", owner="condor:1")
    local.run(ops)
    assert states(ops) == {"a": "done", "b": "done"}


def test_a_damaged_input_is_found_before_the_step_runs(ops: Ops) -> None:
    plan(ops, toy("write", "a"))
    local.run(ops)
    stored = ops.store.path(queries.products(ops)[0]["sha256"])
    stored.chmod(0o644)
    stored.write_bytes(b"?" * stored.stat().st_size)
    plan(ops, toy("write", "b", "a"))
    local.run(ops)
    assert "input a is damaged in the store" in next(r["fault"] for r in rows(ops, step) if r["dataset"] == "b")
