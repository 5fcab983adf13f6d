"""What the engineering board's address says: which list, words and row; and of the trend which mnemonics and which time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import param

from dashboards.app.address import ListAddress

VIEWS = ("files", "conflicts", "gaps", "products", "limits", "mnemonics", "trend")
"""The lists of the board, in the order of what usually needs a person, and the trend; the first one needs no word in the address."""
MOST = 4
"""As many mnemonics are drawn under each other."""


class Address(ListAddress):
    """The address's parts; an empty one is left out of it."""

    names = param.String(default="", doc="Mnemonics of the trend, with commas between them.")
    span = param.String(default="", doc="Time of the trend, to its newest sample: hour, day, week or all; empty is a day.")
    start = param.String(default="", doc="First time of the trend where a person chose it (ISO 8601, UTC).")
    stop = param.String(default="", doc="Last time of it.")

    NAMES: ClassVar[tuple[str, ...]] = ("view", "text", "row", "names", "span", "start", "stop")
    VIEWS: ClassVar[tuple[str, ...]] = VIEWS

    @property
    def plotted(self) -> tuple[str, ...]:
        """The mnemonics of the trend."""
        given = (name.strip().upper() for name in self.names.split(","))
        return tuple(dict.fromkeys(name for name in given if name))[:MOST]

    @property
    def between(self) -> tuple[datetime, datetime] | None:
        """The time that a person chose; None when there is none, or none that makes sense."""
        try:
            start, stop = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (self.start, self.stop))
        except ValueError:
            return None
        first, last = (t.replace(tzinfo=UTC) if t.tzinfo is None else t.astimezone(UTC) for t in (start, stop))
        return (first, last) if first < last else None
