"""The wavefront clock: from the receipt of a visit to its delivery, as a bar with what is used, expected and allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from dashboards.app import theme
from dmsops.wfsc.clock import ClockReading, ClockState
from dmsops.wfsc.watch import clock_of, clocks
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

COLOURS = {
    ClockState.ON_TIME: "active",
    ClockState.AT_RISK: "amber",
    ClockState.LATE: "alert",
    ClockState.MET: "good",
    ClockState.MISSED: "amber",
}
"""A missed limit is history: red is for what needs a person now."""
_ROOM = 1.04
"""The bar reaches a little beyond its last mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningClock:
    """A clock with what is still to be done before it can stop; ``predicted`` holds if what failed is rescued now."""

    reading: ClockReading
    predicted: datetime | None

    @property
    def rescue_by(self) -> datetime | None:
        """Latest useful start of a rescue: what is still to be done, before the limit."""
        reading = self.reading
        now = reading.due - reading.remaining
        return None if self.predicted is None else reading.due - (self.predicted - now)


def read(ops: Ops) -> tuple[RunningClock, ...]:
    """Read the running clocks, soonest due first; the newest stopped one when none runs."""
    everything = clocks(ops)
    running = [r for r in everything if r.stopped_at is None]
    if not running:
        return tuple(RunningClock(reading=r, predicted=None) for r in everything[-1:])
    found = []
    for reading in running:
        predicted = ops.clock.now() + timedelta(seconds=queries.remaining_seconds(ops, reading.visit))
        found.append(RunningClock(reading=clock_of(ops, reading.visit, predicted=predicted), predicted=predicted))
    return tuple(found)


def nearest(running: Sequence[RunningClock]) -> dict[str, str]:
    """Say the nearest deadline in a line for the top bar, and how it stands."""
    if not running:
        return {"text": "no wavefront clock", "level": ""}
    reading = running[0].reading
    levels = {ClockState.AT_RISK: "soon", ClockState.LATE: "late"}
    return {"text": f"V{reading.visit} {reading.words}", "level": levels.get(reading.state, "")}


def draw(running: Sequence[RunningClock]) -> str:
    """Draw each clock: a line of words, and a bar on the scale of its limit."""
    return "".join(_draw(clock) for clock in running)


def _draw(clock: RunningClock) -> str:
    reading = clock.reading
    head = f'<div><span class="id">V{escape(reading.visit)}</span><br><b>{escape(reading.words)}</b></div>'
    if reading.stopped_at is not None:
        return f'<p class="soft">Last wavefront clock: <span class="id">V{escape(reading.visit)}</span> {escape(reading.words)}</p>'
    return f'<div class="clock">{head}<div>{_bar(clock)}<span class="soft">{_words(clock)}</span></div></div>'


def _bar(clock: RunningClock) -> str:
    reading = clock.reading
    limit = (reading.due - reading.started_at).total_seconds()
    used = limit - reading.remaining.total_seconds()
    marks = {"finish": _after(reading.started_at, clock.predicted), "rescue": _after(reading.started_at, clock.rescue_by)}
    full = max(limit, used, *(m for m in marks.values() if m is not None)) * _ROOM
    scale = 1000 / full
    lines = "".join(f'<path class="{name}" d="M{at * scale:.1f} 0V26"/>' for name, at in marks.items() if at is not None and at > 0)
    return (
        f'<svg viewBox="0 0 1000 26" preserveAspectRatio="none" role="img" aria-label="{escape(reading.words)}">'
        f'<rect class="track" width="{limit * scale:.1f}" y="6" height="14"/>'
        f'<rect class="used {COLOURS[reading.state]}" width="{max(used, 0) * scale:.1f}" y="6" height="14"/>'
        f'{lines}<path class="limit" d="M{limit * scale:.1f} 0V26"/></svg>'
    )


def _after(start: datetime, when: datetime | None) -> float | None:
    return None if when is None else (when - start).total_seconds()


def _words(clock: RunningClock) -> str:
    reading = clock.reading
    used = (reading.due - reading.started_at) - reading.remaining
    parts = [f"used {theme.duration(used.total_seconds())}", f"limit {reading.due:%H:%M:%S}Z (solid)"]
    if clock.predicted is not None:
        parts.insert(1, f"finish expected {clock.predicted:%H:%M:%S}Z (dashed)")
    if clock.rescue_by is not None:
        parts.append(f"a rescue helps until {clock.rescue_by:%H:%M:%S}Z (dotted)")
    return " · ".join(parts)
