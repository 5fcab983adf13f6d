"""Which nodes may have their step, without a pool: the database decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from dmsops.ops import Ops
from dmsops.testing.engine import plan, rows, states, toy
from dmsops.workflow.engines.htcondor import batches, claims, closure, folder
from dmsops.workflow.engines.htcondor.claims import Request
from dmsops.workflow.engines.htcondor.logs import Event
from dmsops.workflow.lease import Claim
from dmsops.workflow.tables import step

Change = Callable[[sa.Connection, Ops, int], object]


def submitted(ops: Ops) -> Request:
    """Write down a batch of what is ready, as the engine does; give what the node of its first step asks for."""
    with ops.db.begin() as c:
        nodes = closure.choose(c, ops)
        batch = batches.record(c, ops, "engine", folder.home(ops), nodes)
    return Request(batch=batch, step=nodes[0].step_id, cluster=7)


def taken(ops: Ops, request: Request) -> Claim | bool:
    with ops.db.begin() as c:
        return claims.take(c, ops, request)


def ended(c: sa.Connection, ops: Ops, batch: int) -> None:
    batches.end(c, ops, batch, "removed")


def failed(c: sa.Connection, ops: Ops, batch: int) -> None:
    """As DAGMan writes when the job was taken out of the queue."""
    batches.follow(c, ops, batch, [Event(at=1, node="write_1", event="JOB_FAILURE", exit_code=3)])


@pytest.mark.parametrize("change", [ended, failed])
def test_a_late_node_does_not_take_the_step_that_no_engine_would_wait_for(ops: Ops, change: Change) -> None:
    plan(ops, toy("write", "a"))
    request = submitted(ops)
    with ops.db.begin() as c:
        change(c, ops, request.batch)
    assert states(ops) == {"a": "ready"}
    assert taken(ops, request) is False
    assert states(ops) == {"a": "ready"}
    assert taken(ops, submitted(ops))
    assert rows(ops, step)[0]["owner"] == "condor:2:7"


def test_a_late_node_is_told_that_its_step_is_done(ops: Ops) -> None:
    plan(ops, toy("write", "a"))
    request = submitted(ops)
    with ops.db.begin() as c:
        ended(c, ops, request.batch)
        c.execute(sa.update(step).values(state="done"))
    assert taken(ops, request) is True


def test_a_node_of_a_live_batch_takes_its_step_and_no_other(ops: Ops) -> None:
    plan(ops, toy("write", "a"))
    request = submitted(ops)
    plan(ops, toy("write", "b"))
    assert taken(ops, replace(request, step=2)) is False
    assert taken(ops, request)
    assert states(ops) == {"a": "running", "b": "ready"}


def test_a_job_that_the_pool_starts_again_takes_its_step_again(ops: Ops) -> None:
    plan(ops, toy("write", "a"))
    request = submitted(ops)
    first, second = taken(ops, request), taken(ops, request)
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert (first.attempt, second.attempt) == (1, 2)
