"""Reading the wavefront clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.wfsc.clock import ClockReading, read
from dmsops.wfsc.tables import wfsc_clock
from dmsops.workflow.forecast import of_dataset

if TYPE_CHECKING:
    from dmsops.ops import Ops


def clock_of(ops: Ops, visit: str) -> ClockReading:
    """Read one visit's clock (11 digits).

    Raises
    ------
    NotFound
        The visit has no clock: it is no wavefront visit, or nothing of it was received.
    """
    with reading(ops.db) as c:
        row = c.execute(sa.select(wfsc_clock).where(wfsc_clock.c.visit == visit)).one_or_none()
    if row is None:
        raise NotFound(f"visit {visit} has no wavefront clock", visit=visit)
    return _read(ops, row)


def clocks(ops: Ops) -> list[ClockReading]:
    """Read all clocks, the running ones first, the soonest due first."""
    with reading(ops.db) as c:
        rows = c.execute(sa.select(wfsc_clock).order_by(wfsc_clock.c.stopped_at.is_not(None), wfsc_clock.c.due)).all()
    return [_read(ops, row) for row in rows]


def _read(ops: Ops, row: sa.Row[Any]) -> ClockReading:
    seen = None if row.stopped_at else of_dataset(ops, row.visit)
    return read(row.visit, row.started_at, row.due, row.stopped_at, now=ops.clock.now(), forecast=seen)
