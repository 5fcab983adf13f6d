"""Where the observatory's place is known: spans of predicted and definitive ephemerides over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.app.receipt_reads import Receiving

Row = dict[str, Any]
_WIDTH = 1000
_LINES = {"Definitive": 6, "Predicted": 26}
"""Top of each kind's line in the picture."""
_PART = timedelta(seconds=1)


def draw(seen: Receiving, now: datetime) -> str:
    """Draw the spans on one scale of time; a hole is written in words below."""
    used = [e for e in seen.ephemerides if e["state"] == "released"]
    times = [t for row in used for t in (row["covers_from"], row["covers_to"])]
    if not used:
        return ""
    first, last = min(times), max(*times, min(times) + timedelta(hours=1))
    scale = _WIDTH / ((last - first) / _PART)

    def bar(start: datetime, end: datetime, top: int, css: str, title: str) -> str:
        width = max((end - start) / _PART * scale, 1.5)
        return (
            f'<rect class="{css}" x="{(start - first) / _PART * scale:.1f}" y="{top}" width="{width:.1f}" height="14">'
            f"<title>{escape(title)}</title></rect>"
        )

    bars = "".join(
        bar(e["covers_from"], e["covers_to"], _LINES[e["kind"]], "doubt" if e["needs_person"] else e["kind"].lower(), e["name"])
        for e in used
    )
    here = (now - first) / _PART * scale
    at = f'<path d="M{here:.1f} 0V46"/>' if 0 <= here <= _WIDTH else ""
    words = f"{first:%Y-%m-%d %H:%M}Z to {last:%Y-%m-%d %H:%M}Z; above definitive, below predicted; the line is now"
    label = f"ephemerides from {first:%Y-%m-%d %H:%M}Z to {last:%Y-%m-%d %H:%M}Z"
    picture = f'<svg viewBox="0 0 {_WIDTH} 46" preserveAspectRatio="none" role="img" aria-label="{label}">{bars}{at}</svg>'
    return f'<div class="spans">{picture}<span class="soft">{words}</span></div>{_holes(seen.holes)}'


def _holes(holes: tuple[Row, ...]) -> str:
    if not holes:
        return ""
    lines = "".join(
        f"<li>{escape(hole['what'])}: {hole['covers_from']:%Y-%m-%d %H:%M}Z to {hole['covers_to']:%Y-%m-%d %H:%M}Z</li>" for hole in holes
    )
    return f'<div class="warn"><h3>No ephemeris that can be used</h3><ul>{lines}</ul></div>'
