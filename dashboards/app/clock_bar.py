"""The wavefront clock: from the receipt of a visit to its delivery, as a bar with what is used, expected and allowed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from dashboards.app import theme
from dmsops.wfsc.clock import ClockReading, ClockState
from dmsops.wfsc.watch import clocks

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


def read(ops: Ops) -> tuple[ClockReading, ...]:
    """Read the running clocks, soonest due first; the newest stopped one when none runs."""
    everything = clocks(ops)
    return tuple(r for r in everything if r.stopped_at is None) or tuple(everything[-1:])


def nearest(running: Sequence[ClockReading]) -> dict[str, str]:
    """Say the nearest deadline in a line for the top bar, and how it stands."""
    if not running:
        return {"text": "no wavefront clock", "level": ""}
    reading = running[0]
    levels = {ClockState.AT_RISK: "soon", ClockState.LATE: "late"}
    return {"text": f"V{reading.visit} {reading.words}", "level": levels.get(reading.state, "")}


def draw(running: Sequence[ClockReading]) -> str:
    """Draw each clock: a line of words, and a bar on the scale of its limit."""
    return "".join(_draw(reading) for reading in running)


def _draw(reading: ClockReading) -> str:
    head = f'<div><span class="id">V{escape(reading.visit)}</span><br><b>{escape(reading.words)}</b></div>'
    if reading.stopped_at is not None:
        return f'<p class="soft">Last wavefront clock: <span class="id">V{escape(reading.visit)}</span> {escape(reading.words)}</p>'
    return f'<div class="clock">{head}<div>{_bar(reading)}<span class="soft">{_words(reading)}</span></div></div>'


def _bar(reading: ClockReading) -> str:
    limit = (reading.due - reading.started_at).total_seconds()
    used = limit - reading.remaining.total_seconds()
    seen = reading.forecast
    when = {} if seen is None else {"finish half": seen.p50, "finish": seen.p90, "rescue": seen.rescue_by}
    marks = {name: _after(reading.started_at, moment) for name, moment in when.items()}
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


def _words(reading: ClockReading) -> str:
    seen = reading.forecast
    used = (reading.due - reading.started_at) - reading.remaining
    parts = [f"used {theme.duration(used.total_seconds())}", f"limit {reading.due:%H:%M:%S}Z (solid)"]
    if seen is not None and seen.rescue_by is not None:
        now = " if rescued now" if seen.blocked else ""
        parts.insert(1, f"finish expected {seen.p50:%H:%M:%S}Z to {seen.p90:%H:%M:%S}Z{now} (dashed)")
        parts.append(f"a rescue helps until {seen.rescue_by:%H:%M:%S}Z (dotted)")
    return " · ".join(parts)
