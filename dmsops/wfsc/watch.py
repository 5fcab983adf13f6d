"""Reading the wavefront clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.wfsc.clock import ClockReading, read
from dmsops.wfsc.tables import wfsc_clock
from dmsops.workflow.forecast import of_dataset, of_datasets

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.forecast import Forecast


FORECASTS = 12
"""As many running clocks, the soonest due, have a forecast in a list; a site has a few at once."""


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
    return _read(ops, row, None if row.stopped_at else of_dataset(ops, visit))


def clocks(ops: Ops) -> list[ClockReading]:
    """Read all clocks, the running ones first, the soonest due first."""
    with reading(ops.db) as c:
        rows = c.execute(sa.select(wfsc_clock).order_by(wfsc_clock.c.stopped_at.is_not(None), wfsc_clock.c.due)).all()
    seen = of_datasets(ops, [row.visit for row in rows if row.stopped_at is None][:FORECASTS])
    return [_read(ops, row, seen.get(row.visit)) for row in rows]


def _read(ops: Ops, row: sa.Row[Any], seen: Forecast | None) -> ClockReading:
    return read(row.visit, row.started_at, row.due, row.stopped_at, now=ops.clock.now(), forecast=seen)
