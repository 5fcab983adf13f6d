"""Readings that take longer than a beat of the hub: made beside it, in a thread of their own, one at a time."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from dmsops.core.errors import DmsError

if TYPE_CHECKING:
    from dmsops.ops import Ops

AFTER_SECONDS = 5.0
"""A change is shown after at most this long: a reading of a full site takes a second or two."""
ANYHOW_SECONDS = 30.0
"""What lies in the inbox and what is overdue change without a line in the journal: looked at so often."""


class Beside[T]:
    """Reads something of the site beside the hub's own reading, which must not wait for it.

    Parameters
    ----------
    ops : Ops
        The site.
    read : callable
        Makes the reading.
    nothing : T
        What is given until the first one is made.
    """

    def __init__(self, ops: Ops, read: Callable[[Ops], T], nothing: T) -> None:
        self._ops = ops
        self._read = read
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="board reader")
        self._under_way: Future[T] | None = None
        self._of = (-1, -ANYHOW_SECONDS)
        self.last = nothing

    def latest(self, seq: int, *, wait: bool) -> T:
        """Give the newest reading, and begin another when one is due.

        Parameters
        ----------
        seq : int
            Newest line of the journal.
        wait : bool
            Read now, in the caller's thread, if a reading is due at all.
        """
        if self._under_way is not None and self._under_way.done():
            ended, self._under_way = self._under_way, None  # first, so that one that broke does not break the next looks too
            self.last = ended.result()
        now = time.monotonic()
        seen, at = self._of
        due = now - at >= ANYHOW_SECONDS or (seq != seen and (wait or now - at >= AFTER_SECONDS))
        if due and self._under_way is None:
            self._of = (seq, now)
            if wait:
                self.last = self._read(self._ops)
            else:
                self._under_way = self._pool.submit(self._read, self._ops)
        return self.last

    def forget(self) -> None:
        """Let the next look read again, whatever has changed."""
        self._of = (-1, -ANYHOW_SECONDS)


class Parts:
    """Reads parts of the site, and notes those that could not be read."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self.broken: dict[str, str] = {}

    def of[T](self, view: str, look: Callable[[], T], nothing: T) -> T:
        """Read a part; ``nothing`` where it cannot be read."""
        try:
            return look()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one list, a person must see the others
            self._ops.log.warning("board.part_lost", part=view, error="".join(traceback.format_exception(error)))
            self.broken[view] = error.message if isinstance(error, DmsError) else type(error).__name__
            return nothing
