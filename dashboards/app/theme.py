"""Marks, colours, times and sizes: how every board writes them.

A state is a word, a shape and a colour. Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), darkened in
the light theme until they read on white.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

from dmsops.core.counting import counted
from dmsops.workflow.states import FUTILE, StepState

HERE = Path(__file__).parent
DARK = {
    "ground": "#0e1216",
    "sheet": "#161c22",
    "line": "#36424d",
    "ink": "#e4e9ee",
    "soft": "#a3afba",
    "alert": "#f0814a",
    "active": "#56b4e9",
    "good": "#1fb98c",
    "next": "#d99bc0",
    "amber": "#e69f00",
    "press": "#0072b2",
}
LIGHT = {
    "ground": "#ffffff",
    "sheet": "#f3f5f7",
    "line": "#b4bec7",
    "ink": "#161c22",
    "soft": "#4f5b66",
    "alert": "#a83f00",
    "active": "#00609c",
    "good": "#006b4e",
    "next": "#8f3b6c",
    "amber": "#7d5600",
    "press": "#0072b2",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Shape (the inside of a 12 by 12 SVG) and colour (a name in `DARK` and `LIGHT`) of a state."""

    shape: str
    svg: str
    colour: str


MARKS: dict[str, Mark] = {
    StepState.FAILED: Mark("triangle", '<path d="M6 1 11.5 11H.5z" fill="currentColor"/>', "alert"),
    StepState.RUNNING: Mark("ring", '<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="2.4"/>', "active"),
    StepState.READY: Mark("chevron", '<path d="M3 1.5 8.5 6 3 10.5" fill="none" stroke="currentColor" stroke-width="2.4"/>', "next"),
    StepState.WAITING: Mark("hourglass", '<path d="M2 1h8L6.8 6 10 11H2L5.2 6z" fill="currentColor"/>', "soft"),
    StepState.DONE: Mark("disc", '<circle cx="6" cy="6" r="5" fill="currentColor"/>', "good"),
    StepState.REUSED: Mark(
        "disc in ring",
        '<circle cx="6" cy="6" r="2.6" fill="currentColor"/><circle cx="6" cy="6" r="5" fill="none" stroke="currentColor"/>',
        "good",
    ),
    StepState.LEASED: Mark(
        "two chevrons",
        '<path d="M1.5 1.5 5.5 6 1.5 10.5M6.5 1.5 10.5 6 6.5 10.5" fill="none" stroke="currentColor" stroke-width="2"/>',
        "next",
    ),
    StepState.HELD: Mark("square", '<path d="M1 1h10v10H1z" fill="currentColor"/>', "amber"),
    StepState.SKIPPED: Mark(
        "disc with a bar", '<circle cx="4" cy="6" r="3.4" fill="currentColor"/><path d="M9 1h2v10H9z" fill="currentColor"/>', "good"
    ),
    StepState.CANCELLED: Mark("cross", '<path d="M1.8 1.8 10.2 10.2M10.2 1.8 1.8 10.2" stroke="currentColor" stroke-width="2.4"/>', "soft"),
    FUTILE: Mark(
        "dashed square",
        '<path d="M1.5 1.5h9v9h-9z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2.6 2"/>',
        "soft",
    ),
}


def mark(state: str, text: str | None = None, *, quiet: bool = False) -> str:
    """Draw a state: shape, colour and word (``text`` replaces the word; ``quiet`` takes the colour away)."""
    m = MARKS[state]
    word = escape(state if text is None else text)
    drawing = f'<svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">{m.svg}</svg>'
    return f'<span class="mark {"soft" if quiet else m.colour}">{drawing}{word}</span>'


def variables() -> str:
    """Write both themes as CSS variables; dark is the default, for dark rooms."""

    def block(selector: str, colours: dict[str, str]) -> str:
        return f"{selector} {{ " + " ".join(f"--{name}: {value};" for name, value in colours.items()) + " }"

    return block(":root", DARK) + "\n" + block(':root[data-theme="light"]', LIGHT)


def css(name: str) -> str:
    """Read one of the style sheets beside this module."""
    return (HERE / f"{name}.css").read_text(encoding="utf-8")


def script(name: str) -> str:
    """Read one of the scripts beside this module."""
    return (HERE / f"{name}.js").read_text(encoding="utf-8")


def duration(seconds: float) -> str:
    """Write a length of time to the second: ``2 h 05 min 09 s``."""
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(round(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days} d {hours:02d} h {minutes:02d} min"
    if hours:
        return f"{sign}{hours} h {minutes:02d} min {rest:02d} s"
    return f"{sign}{minutes} min {rest:02d} s" if minutes else f"{sign}{rest} s"


def age(when: datetime | None, now: datetime) -> str:
    """Write a time as age and UTC: ``14 min · 03:42:10Z``; with the date when it is over a day old."""
    if when is None:
        return "—"
    gone = now - when
    if gone < timedelta():
        words = "ahead"
    elif gone < timedelta(minutes=1):
        words = "<1 min"
    elif gone < timedelta(hours=1):
        words = f"{gone // timedelta(minutes=1)} min"
    elif gone < timedelta(days=1):
        words = f"{gone // timedelta(hours=1)} h {gone // timedelta(minutes=1) % 60:02d} min"
    else:
        words = f"{gone.days} d"
    far = gone >= timedelta(days=1)
    return f"{words} · {when:%Y-%m-%d %H:%M:%S}Z" if far else f"{words} · {when:%H:%M:%S}Z"


def params(given: Mapping[str, Any]) -> str:
    """Write parameters by name as HTML: ``until 2022-12-04T05:30:00Z, following``."""
    return ", ".join(_param(name, value) for name, value in sorted(given.items()))


def _param(name: str, value: Any) -> str:
    if value is True:
        return escape(name)
    if isinstance(value, Mapping):
        return f"{escape(name)}: {params(value)}"
    words = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{escape(name)} <code>{escape(words)}</code>"


def size(count: float) -> str:
    """Write a number of bytes in SI: ``12.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def plural(count: int, noun: str) -> str:
    """Count things: ``1 step``, ``2,000 steps``."""
    return counted(count, noun, form=",")
