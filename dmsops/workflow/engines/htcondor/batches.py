"""Batches in the database: written down before they are submitted, followed by their logs, settled node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow import blackboard
from dmsops.workflow.engines.htcondor.claims import Request, batch_owner, give_up
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.logs import FINAL, MOVES, Event
from dmsops.workflow.engines.htcondor.node import Code
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.tables import condor_batch, condor_node, step

if TYPE_CHECKING:
    from pathlib import Path

    from dmsops.ops import Ops

_GOOD = [s.value for s in GOOD]
_NOT_RUN = f"exit {Code.NOT_RUN}"
_NEVER_BEGAN = "its job ended before the step began"
_TRIES = 3
_WHY_RETURNED = {"futile": "a step before it did not end well", "returned": "its batch has ended"}


def record(c: sa.Connection, ops: Ops, engine_id: str, home: Path, nodes: Iterable[Node]) -> int:
    """Write a batch down and lease its steps to it; the pool hears of it only after that."""
    values = {"engine_id": engine_id, "folder": "", "submitted_at": ops.clock.now(), "cursor": 0, "event_cursor": 0}
    batch = int(c.execute(sa.insert(condor_batch).values(values)).inserted_primary_key[0])  # type: ignore[index]
    c.execute(sa.update(condor_batch).where(condor_batch.c.id == batch).values(folder=str(home / f"{batch:06d}")))
    for node in nodes:
        row = c.execute(sa.select(step).where(step.c.id == node.step_id)).one()
        blackboard.move(c, ops, "lease", row, actor="engine", owner=batch_owner(batch))
        c.execute(sa.insert(condor_node).values(step_id=node.step_id, batch_id=batch, node=node.name, status="planned"))
    return batch


def live(c: sa.Connection) -> list[Any]:
    """Give the batches that have not ended."""
    return list(c.execute(sa.select(condor_batch).where(condor_batch.c.ended_at.is_(None)).order_by(condor_batch.c.id)))


def open_nodes(c: sa.Connection, batch: int) -> list[Any]:
    """Give a batch's nodes that may still run, each with its step's state, owner and rank."""
    joined = condor_node.join(step, step.c.id == condor_node.c.step_id)
    columns = (condor_node, step.c.state, step.c.owner, step.c.rank)
    return list(c.execute(sa.select(*columns).select_from(joined).where(*_open(batch))))


def _open(batch: int) -> tuple[Any, ...]:
    return condor_node.c.batch_id == batch, condor_node.c.status.not_in(FINAL)


def follow(c: sa.Connection, ops: Ops, batch: int, events: Iterable[Event]) -> int | None:
    """Take in events of the job-state log.

    Returns
    -------
    int or None
        DAGMan's exit code when the batch has ended.
    """
    ended = None
    for event in events:
        if event.event == "DAGMAN_FINISHED":
            ended = event.exit_code or 0
        elif event.event == "DAGMAN_STARTED":
            ended = None  # started again, after it or the schedd was killed
        elif event.node and (status := MOVES.get(event.event)):
            here = (*_open(batch), condor_node.c.node == event.node)
            values = {"status": status, **({} if event.cluster is None else {"cluster": event.cluster})}
            found = c.execute(sa.update(condor_node).where(*here).values(values).returning(condor_node.c.step_id)).scalar()
            if found is not None and status in FINAL:
                settle(c, ops, batch, found, status, f"exit {event.exit_code or 0}")
    return ended


def compare(c: sa.Connection, ops: Ops, batch: int, statuses: Mapping[str, tuple[str, str]]) -> None:
    """Take in the node status file: what became futile, and ends that the log did not tell."""
    for node in open_nodes(c, batch):
        status, words = statuses.get(node.node, ("planned", ""))
        if status in FINAL:
            here = (*_open(batch), condor_node.c.node == node.node)
            c.execute(sa.update(condor_node).where(*here).values(status=status, detail=words or None))
            settle(c, ops, batch, node.step_id, status, words)


def settle(c: sa.Connection, ops: Ops, batch: int, step_id: int, status: str, words: str) -> None:
    """Bring a step and its ended node to agreement: the database decides, and what differs is written down."""
    row = c.execute(sa.select(step).where(step.c.id == step_id)).one()
    if row.state == StepState.LEASED.value and row.owner == batch_owner(batch):
        if status == "failed" and words != _NOT_RUN and _is_stuck(c, ops, batch, row, words):
            return
        why = _WHY_RETURNED.get(status, f"its job did not run it {words}".strip())
        blackboard.move(c, ops, "return", row, actor="engine", reason=why, owner=None)
        blackboard.wake(c, ops, [step_id])
        if status == "done":
            note(c, ops, batch, step_id, "the pool has it done, the site does not; it will run again")
    elif row.state == StepState.RUNNING.value and str(row.owner).startswith(f"{batch_owner(batch)}:"):
        request = Request(batch=batch, step=step_id, cluster=int(row.owner.rsplit(":", 1)[1]))
        give_up(c, ops, request, f"its job ended in the pool {words}".strip(), passing=status == "returned")
    elif row.state in _GOOD and status == "failed":
        note(c, ops, batch, step_id, f"the pool has it failed ({words}), the site has it {row.state}")


def _is_stuck(c: sa.Connection, ops: Ops, batch: int, row: Any, words: str) -> bool:
    """Fail a step whose jobs end, time after time, before they take it: submitting it again would go on for ever."""
    note(c, ops, batch, row.id, f"{_NEVER_BEGAN} ({words})")
    before = sa.select(sa.func.count()).where(condor_node.c.step_id == row.id, condor_node.c.detail.startswith(_NEVER_BEGAN))
    if c.execute(before).scalar_one() < _TRIES:
        return False
    fault = f"its job ended in the pool before the step began ({words}), {_TRIES} times"
    remedy = "Read the job's .err file in the site's work/condor folder, repair the cause, then rescue the step with procedure P08."
    faults = {"fault_class": "config", "fault": fault, "remedy": remedy, "fingerprint": f"{row.kind} | job never began"}
    blackboard.move(c, ops, "fail", row, actor="engine", reason=fault, owner=None, ended_at=ops.clock.now(), **faults)
    return True


def note(c: sa.Connection, ops: Ops, batch: int, step_id: int, words: str) -> None:
    """Write a disagreement between the pool and the site down, where people see it."""
    here = (condor_node.c.batch_id == batch, condor_node.c.step_id == step_id)
    c.execute(sa.update(condor_node).where(*here).values(detail=words))
    journal.write(c, ops.clock, "engine.disagreed", f"step {step_id}", actor="engine", reason=words, batch=batch)


def end(c: sa.Connection, ops: Ops, batch: int, outcome: str) -> None:
    """End a batch; steps that it did not get to are planned again."""
    nodes = open_nodes(c, batch)
    c.execute(sa.update(condor_node).where(*_open(batch)).values(status="returned"))
    for node in nodes:
        settle(c, ops, batch, node.step_id, "returned", "")
    c.execute(sa.update(condor_batch).where(condor_batch.c.id == batch).values(ended_at=ops.clock.now(), outcome=outcome))


def withdrawn(c: sa.Connection, batch: int) -> list[Any]:
    """Give the nodes whose step a person took back (held, dropped, accepted, stopped) while its job is queued."""
    mine = batch_owner(batch)
    return [
        n
        for n in open_nodes(c, batch)
        if n.cluster is not None
        and n.status not in {"removing", "planned"}
        and n.owner != mine
        and not str(n.owner).startswith(f"{mine}:")
        and n.state not in _GOOD
    ]


def leaving(c: sa.Connection, batch: int, step_id: int, words: str) -> None:
    """Write down that a node's job is being removed from the pool."""
    here = (condor_node.c.batch_id == batch, condor_node.c.step_id == step_id)
    c.execute(sa.update(condor_node).where(*here).values(status="removing", detail=words))


def submitted(c: sa.Connection, batch: int, cluster: int) -> None:
    """Write down under which job id the pool has the batch."""
    c.execute(sa.update(condor_batch).where(condor_batch.c.id == batch).values(cluster=cluster))


def begin_again(c: sa.Connection, ops: Ops, batch: int, folder: Path) -> None:
    """Write down that a batch is submitted again from another folder."""
    values = {"folder": str(folder), "cluster": None, "cursor": 0, "event_cursor": 0}
    c.execute(sa.update(condor_batch).where(condor_batch.c.id == batch).values(**values))
    c.execute(sa.update(condor_node).where(*_open(batch)).values(status="planned", cluster=None))
    journal.write(c, ops.clock, "engine.batch-again", f"batch {batch}", actor="engine", reason="its DAGMan left the queue without an end")
