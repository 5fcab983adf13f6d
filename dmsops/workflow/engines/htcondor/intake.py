"""What a batch's folder tells, taken in: job-state log and event log from stored cursors on, and the node status file.

How a node ended is taken from the job-state log, else from the event log, else from the status file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow.engines.htcondor import batches, dag, logs
from dmsops.workflow.engines.htcondor.eventlog import JobEvent, read_events
from dmsops.workflow.engines.htcondor.logs import FINAL
from dmsops.workflow.tables import condor_batch, condor_node

if TYPE_CHECKING:
    from dmsops.ops import Ops

_SAID = {"held": "held in the pool", "removed": "removed from the pool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was written since the last look; the sizes are how far the cursors move."""

    states: tuple[logs.Event, ...]
    states_size: int
    events: tuple[JobEvent, ...]
    events_size: int
    statuses: dict[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.states_size or self.events_size or any(status in FINAL for status, _ in self.statuses.values()))


def look(folder: Path, cursor: int, event_cursor: int) -> News:
    """Read what is new in the folder of a batch.

    The pool writes the jobs' events, then DAGMan its status file, then that it has ended: read the other way round, no cause is missed.
    """
    states, states_size = logs.read_jobstate(_tail(folder / dag.JOBSTATE, cursor))
    statuses = logs.read_status(_tail(folder / dag.STATUS, 0).decode(errors="replace"))
    events, events_size = read_events(_tail(folder / dag.JOBS_LOG, event_cursor))
    return News(states=tuple(states), states_size=states_size, events=tuple(events), events_size=events_size, statuses=statuses)


def _tail(path: Path, cursor: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(cursor)
        return file.read()


def take_in(c: sa.Connection, ops: Ops, batch: int, news: News) -> int | None:
    """Bring the site up to date.

    Returns
    -------
    int or None
        DAGMan's exit code when the batch has ended.
    """
    notice(c, ops, batch, [event for event in news.events if event.what not in FINAL])
    code = batches.follow(c, ops, batch, news.states)
    notice(c, ops, batch, [event for event in news.events if event.what in FINAL])
    batches.compare(c, ops, batch, news.statuses)
    here = sa.update(condor_batch).where(condor_batch.c.id == batch)
    c.execute(here.values(cursor=condor_batch.c.cursor + news.states_size, event_cursor=condor_batch.c.event_cursor + news.events_size))
    return code


def notice(c: sa.Connection, ops: Ops, batch: int, events: Iterable[JobEvent]) -> None:
    """Take in events of the jobs: which job a node is, why it is held or removed, and ends that DAGMan did not write down."""
    for event in events:
        node = _node(c, batch, event)
        if node is not None:
            _notice(c, ops, batch, node, event)


def _node(c: sa.Connection, batch: int, event: JobEvent) -> Any:
    """Find the node that may still run and that an event is about."""
    named = condor_node.c.node == event.node if event.node else condor_node.c.cluster == event.cluster
    here = (condor_node.c.batch_id == batch, condor_node.c.status.not_in(FINAL))
    return c.execute(sa.select(condor_node).where(*here, named)).one_or_none()


def _notice(c: sa.Connection, ops: Ops, batch: int, node: Any, event: JobEvent) -> None:
    here = sa.update(condor_node).where(condor_node.c.batch_id == batch, condor_node.c.step_id == node.step_id)
    if event.what in FINAL:
        c.execute(here.values(status=event.what))
        batches.settle(c, ops, batch, node.step_id, event.what, event.words)
    elif event.what == "submitted":
        c.execute(here.values(cluster=event.cluster))
    elif node.status == "removing":
        return  # by ourselves, and written down
    elif event.what == "released":
        c.execute(here.values(detail=None))
    elif node.detail != (words := f"{_SAID[event.what]}: {event.words}"):
        batches.note(c, ops, batch, node.step_id, words)
        if event.what == "removed":  # nothing is wrong with the step
            batches.settle(c, ops, batch, node.step_id, "returned", event.words)
