"""Long work of the distribution board: one piece for each thing at a time, so that no wait for one keeps another from being done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dashboards.app.archive_work import Progress, Work

if TYPE_CHECKING:
    from dashboards.app.archive_work import Piece
    from dmsops.ops import Ops

SHOWN = 3
"""As many pieces that ended are remembered."""


class Works:
    """The pieces of long work of this process by the thing that they are about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: dict[str, Work] = {}

    def busy(self, thing: str) -> str:
        """Say what is under way about a thing; empty when nothing is."""
        with self._lock:
            work = self._works.get(thing)
        return work.busy if work is not None else ""

    def begin(self, ops: Ops, thing: str, title: str, call: Callable[[Progress], str]) -> None:
        """Begin a piece about a thing; raises `Refused` while another one about it is under way."""
        with self._lock:
            work = self._works.pop(thing, None) or Work()
            self._works[thing] = work  # the newest last
            ended = [name for name, one in self._works.items() if not one.busy and name != thing]
            for name in ended[:-SHOWN]:
                del self._works[name]
        work.begin(ops, title, call)

    @property
    def pieces(self) -> list[Piece]:
        """What is under way, and what ended last; the newest first."""
        with self._lock:
            works = list(self._works.values())
        return [work.piece for work in works[::-1] if work.piece is not None]

    def wait(self) -> None:
        """Wait for the end of what is under way."""
        for work in list(self._works.values()):
            work.wait()
