"""The wavefront clock of a visit: runs from receipt, stops when WSS has acknowledged the products."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import time_of_day
from dmsops.wfsc.tables import wfsc_clock

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.forecast import Forecast


class ClockState(enum.StrEnum):
    """How a visit stands against its clock."""

    ON_TIME = "on time"
    AT_RISK = "at risk"
    LATE = "late"
    MET = "met"
    MISSED = "missed"


SENTENCES: dict[ClockState, str] = {
    ClockState.ON_TIME: "Running, with time to spare.",
    ClockState.AT_RISK: "Running, and a step stands in its way, or 1 of 10 such visits ends after the limit.",
    ClockState.LATE: "The limit has passed and WSS does not have the products.",
    ClockState.MET: "WSS acknowledged the products within the limit.",
    ClockState.MISSED: "WSS acknowledged the products after the limit.",
}
_RISKY_SHARE = 1 / 3
"""Share of the limit that must be left while no step is planned (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """A visit's clock at one moment; ``remaining`` is below zero once the limit has passed.

    ``forecast`` says when the hand-over is expected; None while nothing is planned, and of a stopped clock.
    """

    visit: str
    started_at: datetime
    due: datetime
    stopped_at: datetime | None
    remaining: timedelta
    state: ClockState
    forecast: Forecast | None = None

    @property
    def words(self) -> str:
        """The reading as people say it: ``at risk: 12 min left``."""
        minutes = abs(self.remaining) // timedelta(minutes=1)
        if self.stopped_at is not None:
            took = (self.stopped_at - self.started_at) // timedelta(minutes=1)
            return f"{self.state.value}: took {took} min"
        said = f"{self.state.value}: {minutes} min {'left' if self.remaining >= timedelta() else 'over'}"
        seen = self.forecast
        if seen is None or not seen.blocked or seen.rescue_by is None:
            return said
        return f"{said}; step {seen.blocked[0]} stands in the way, a rescue helps until {time_of_day(seen.rescue_by, seen.at)}"


def read(
    visit: str, started_at: datetime, due: datetime, stopped_at: datetime | None, *, now: datetime, forecast: Forecast | None = None
) -> ClockReading:  # fmt: skip
    """Read a clock; pure.

    Parameters
    ----------
    forecast : Forecast, optional
        When the hand-over is expected, and what stands in its way.
    """
    seen = stopped_at or now
    if stopped_at is not None:
        state = ClockState.MET if stopped_at <= due else ClockState.MISSED
    elif now > due:
        state = ClockState.LATE
    elif (forecast.blocked or forecast.p90 > due) if forecast is not None else (due - now < (due - started_at) * _RISKY_SHARE):
        state = ClockState.AT_RISK
    else:
        state = ClockState.ON_TIME
    return ClockReading(
        visit=visit, started_at=started_at, due=due, stopped_at=stopped_at, remaining=due - seen, state=state, forecast=forecast
    )


def start_clock(c: sa.Connection, ops: Ops, visit: str, started_at: datetime) -> datetime:
    """Start a visit's clock and give when it is due; a clock that runs already is left alone.

    Parameters
    ----------
    visit : str
        11 digits.
    started_at : datetime
        Receipt of the visit's first science file.
    """
    there: datetime | None = c.execute(sa.select(wfsc_clock.c.due).where(wfsc_clock.c.visit == visit)).scalar()
    if there is not None:
        return there
    due = started_at + timedelta(minutes=ops.settings.wfsc_limit_minutes)
    c.execute(sa.insert(wfsc_clock).values(visit=visit, started_at=started_at, due=due))
    journal.write(c, ops.clock, "clock.started", visit, actor=ops.operator.name, due=due.isoformat())
    return due


def stop_clock(c: sa.Connection, ops: Ops, visit: str, stopped_at: datetime) -> None:
    """Stop a visit's clock; the first stop counts."""
    running = sa.update(wfsc_clock).where(wfsc_clock.c.visit == visit, wfsc_clock.c.stopped_at.is_(None))
    if c.execute(running.values(stopped_at=stopped_at)).rowcount:
        journal.write(c, ops.clock, "clock.stopped", visit, actor=ops.operator.name)
