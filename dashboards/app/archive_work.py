"""Long work of the archive board: one piece at a time in a thread of its own, whoever closes their page."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from dmsops.core.errors import DmsError, Refused

if TYPE_CHECKING:
    from dmsops.ops import Ops

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is being done, by whom, since when, how far it is; ``result`` or ``fault`` once it has ended."""

    title: str
    actor: str
    began: datetime
    done: int = 0
    total: int = 0
    result: str = ""
    fault: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it has not ended."""
        return not (self.result or self.fault)


class Work:
    """The one piece of long work of this process, and the last one that ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.piece: Piece | None = None

    @property
    def busy(self) -> str:
        """What is under way, as a sentence; empty when nothing is."""
        piece = self.piece
        return f"{piece.title} is under way." if piece is not None and piece.under_way else ""

    def begin(self, ops: Ops, title: str, call: Callable[[Progress], str]) -> None:
        """Begin a piece; ``call`` gets a function to say how far it is, and gives the result as a line.

        Raises
        ------
        Refused
            Another piece is under way.
        """
        with self._lock:
            if self.piece is not None and self.piece.under_way:
                raise Refused(f"{self.piece.title} is under way, begun by {self.piece.actor}", remedy="Wait for its end.")
            self.piece = Piece(title=title, actor=ops.operator.name, began=ops.clock.now())
        self._thread = threading.Thread(target=self._do, args=(ops, call), name="archive work", daemon=True)
        self._thread.start()

    def _do(self, ops: Ops, call: Callable[[Progress], str]) -> None:
        try:
            self._set(result=call(lambda done, total: self._set(done=done, total=total)))
        except DmsError as error:
            self._set(fault=f"{error.message}. {error.remedy}")
        except Exception as error:  # noqa: BLE001 - whatever it was, a person must read that it ended
            ops.log.warning("board.work_broke", error="".join(traceback.format_exception(error)))
            self._set(fault=f"{type(error).__name__}: open an anomaly (procedure P21).")

    def _set(self, **facts: str | int) -> None:
        with self._lock:
            if self.piece is not None:
                self.piece = replace(self.piece, **facts)  # type: ignore[arg-type]

    def wait(self, seconds: float = 60.0) -> None:
        """Wait for the end of what is under way."""
        if self._thread is not None:
            self._thread.join(seconds)
