"""One hub per process: one thread reads the site once a second, every open board draws from what it read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dashboards.app import clock_bar
from dmsops.core.errors import DmsError
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dashboards.app.clock_bar import RunningClock
    from dmsops.ops import Ops

Row = dict[str, Any]
PERIOD_SECONDS = 1.0
ROWS = 2000
"""As many rows as a person can scroll through; the filter finds the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a person wants to see of the steps; hashable, so that two boards with the same wish share one query."""

    ids: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    text: str = ""
    visit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The site as read last.

    Attributes
    ----------
    now : datetime
        The site's clock when this was made.
    seq : int
        Newest journal line read.
    behind_seconds : float
        How long ago the site could last be read; 0 when it was just now.
    fault : str
        Why it cannot be read; empty when it can.
    """

    now: datetime
    seq: int = -1
    counts: dict[str, int] = field(default_factory=dict)
    failures: tuple[Row, ...] = ()
    workflows: tuple[Row, ...] = ()
    engines: tuple[Row, ...] = ()
    clocks: tuple[RunningClock, ...] = ()
    behind_seconds: float = 0.0
    fault: str = ""


Listener = Callable[[Snapshot], None]


class Hub:
    """Reads a site for all boards of this process.

    Parameters
    ----------
    ops : Ops
        The site; its operator needs no more than the role viewer.
    """

    def __init__(self, ops: Ops) -> None:
        self.ops = ops
        self.snapshot = Snapshot(now=ops.clock.now())
        self._listeners: dict[int, Listener] = {}
        self._rows: dict[Filter, tuple[int, list[Row]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._read_at = time.monotonic()
        self._next = 0

    def poll(self) -> Snapshot:
        """Read the site now; a site that cannot be read gives the last reading, marked as old."""
        now = self.ops.clock.now()
        try:
            self.snapshot = self._read(now)
            self._read_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever broke, the boards must go on and say how old they are
            behind = time.monotonic() - self._read_at
            reason = error.message if isinstance(error, DmsError) else type(error).__name__
            self.snapshot = replace(self.snapshot, now=now, behind_seconds=behind, fault=reason)
        return self.snapshot

    def _read(self, now: datetime) -> Snapshot:
        ops, last = self.ops, self.snapshot
        seq = queries.last_change(ops)
        fresh = replace(
            last, now=now, seq=seq, engines=tuple(queries.engines(ops)), clocks=clock_bar.read(ops), behind_seconds=0.0, fault=""
        )
        if seq == last.seq:
            return fresh
        return replace(
            fresh,
            counts=queries.counts(ops),
            failures=tuple(queries.failures(ops)),
            workflows=tuple(queries.workflows(ops)),
        )

    def steps(self, wanted: Filter) -> list[Row]:
        """Give the steps a board wants to see, at most `ROWS`; read once per change for all boards."""
        seq = self.snapshot.seq
        with self._lock:
            kept = self._rows.get(wanted)
        if kept is not None and kept[0] == seq:
            return kept[1]
        rows = queries.steps(self.ops, ids=wanted.ids, states=wanted.states, text=wanted.text, workflow_dataset=wanted.visit, limit=ROWS)
        with self._lock:
            self._rows = {f: r for f, r in self._rows.items() if r[0] == seq} | {wanted: (seq, rows)}
        return rows

    def join(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` after each reading, from the hub's thread; gives the function that ends it."""
        with self._lock:
            self._next += 1
            ticket = self._next
            self._listeners[ticket] = listener

        def leave() -> None:
            with self._lock:
                self._listeners.pop(ticket, None)

        return leave

    def turn(self) -> None:
        """Read once and tell all listeners."""
        snapshot = self.poll()
        with self._lock:
            listeners = list(self._listeners.items())
        for ticket, listener in listeners:
            try:
                listener(snapshot)
            except Exception as error:  # noqa: BLE001 - one page that broke (closed while it was told) must not blind the others
                self.ops.log.warning("board.lost", error=repr(error))
                with self._lock:
                    self._listeners.pop(ticket, None)

    def start(self) -> None:
        """Read once a second from now on, in a thread of its own; a second call changes nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="board hub", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self.turn()
            time.sleep(PERIOD_SECONDS)


_HUBS: dict[str, Hub] = {}


def open_hub(ops: Ops | None = None) -> Hub:
    """Give this process's hub; the first call opens the site (``ops``, else the one `dmsops.connect` finds)."""
    if "hub" not in _HUBS or ops is not None:
        from dmsops.ops import connect

        _HUBS["hub"] = Hub(ops or connect())
    return _HUBS["hub"]
