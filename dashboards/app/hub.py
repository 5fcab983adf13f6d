"""One hub per process: one thread reads the site once a second, every open board draws from what it read."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dashboards.app import clock_bar
from dashboards.app.archive_reads import Archive, ArchiveReader
from dashboards.app.archive_work import Work
from dashboards.app.distribution_reads import Distribution, DistributionReader
from dashboards.app.engineering_reads import Engineering, EngineeringReader
from dashboards.app.receipt_reads import ReceiptReader, Receiving
from dmsops.core.errors import DmsError
from dmsops.workflow import acts, pauses, pulse, queries

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.wfsc.clock import ClockReading

Row = dict[str, Any]
PERIOD_SECONDS = 1.0
FLOWS = 200
"""As many of the newest workflows are counted at each change; the filter finds the others."""
ROWS = 500
"""As many rows as a person can page through; the filter and sorting find the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a person wants to see of the steps; hashable, so that two boards with the same wish share one query."""

    ids: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    text: str = ""
    visit: str | None = None
    fingerprint: str = ""
    sort: str = ""

    @property
    def words(self) -> str:
        """The filter in words; empty when it lets everything through."""
        parts = (", ".join(self.states), ", ".join(self.kinds), self.visit or "", self.fingerprint, f"“{self.text}”" if self.text else "")
        return " · ".join(p for p in parts if p)

    def with_states(self, states: Collection[str]) -> Filter:
        """Give the same wish for other states, in no order."""
        return replace(self, states=tuple(states), sort="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How many steps a filter finds, by state."""

    counts: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The site as read last.

    Attributes
    ----------
    now : datetime
        The site's clock when this was made.
    seq : int
        Newest journal line read.
    silent : tuple of dict
        Running steps that gave no sign of life when one was due.
    behind_seconds : float
        How long ago the site could last be read; 0 when it was just now.
    fault : str
        Why it cannot be read; empty when it can.
    """

    now: datetime
    seq: int = -1
    counts: dict[str, int] = field(default_factory=dict)
    kinds: tuple[Row, ...] = ()
    asked: tuple[Row, ...] = ()
    pauses: tuple[Row, ...] = ()
    failures: tuple[Row, ...] = ()
    workflows: tuple[Row, ...] = ()
    engines: tuple[Row, ...] = ()
    batches: tuple[Row, ...] = ()
    disagreements: tuple[Row, ...] = ()
    silent: tuple[Row, ...] = ()
    clocks: tuple[ClockReading, ...] = ()
    receiving: Receiving = field(default_factory=Receiving)
    engineering: Engineering = field(default_factory=Engineering)
    archive: Archive = field(default_factory=Archive)
    distribution: Distribution = field(default_factory=Distribution)
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
        self._kept: dict[Any, tuple[int, Any]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._read_at = time.monotonic()
        self.receipt = ReceiptReader(ops)
        self.engineering = EngineeringReader(ops)
        self.archive = ArchiveReader(ops)
        self.distribution = DistributionReader(ops)
        self.work = Work()
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
            last, now=now, seq=seq, engines=tuple(pulse.engines(ops)), silent=tuple(_silent(ops)), clocks=clock_bar.read(ops),
            batches=tuple(pulse.batches(ops)), behind_seconds=0.0, fault="",
        )  # fmt: skip
        wait = self._thread is None
        fresh = replace(
            fresh, receiving=self.receipt.latest(seq, wait=wait), engineering=self.engineering.latest(seq, wait=wait),
            archive=self.archive.latest(seq, wait=wait), distribution=self.distribution.latest(seq, wait=wait),
        )  # fmt: skip
        if seq == last.seq:
            return fresh
        kinds = queries.counts_by_kind(ops)
        return replace(
            fresh,
            counts=_by_state(kinds),
            kinds=tuple(kinds),
            asked=tuple(acts.asked(ops)),
            pauses=tuple(pauses.standing(ops)),
            failures=tuple(queries.failures(ops)),
            workflows=tuple(queries.workflows(ops, limit=FLOWS)),
            disagreements=tuple(pulse.disagreements(ops)),
        )

    def forget(self) -> None:
        """Let the next look read everything again that is read beside it: something was done."""
        self.receipt.forget()
        self.engineering.forget()
        self.archive.forget()
        self.distribution.forget()

    def steps(self, wanted: Filter) -> list[Row]:
        """Give the steps a board wants to see, at most `ROWS`; read once per change for all boards."""

        def read() -> list[Row]:
            return queries.steps(
                self.ops, ids=wanted.ids, states=wanted.states, kinds=wanted.kinds, text=wanted.text, workflow_dataset=wanted.visit,
                fingerprint=wanted.fingerprint or None, sort=wanted.sort, limit=ROWS,
            )  # fmt: skip

        found: list[Row] = self.once(wanted, read)
        return found

    def matching(self, wanted: Filter) -> Matching:
        """Count the steps that a filter finds, whatever its states; from counters where they can say it."""
        anyhow = wanted.with_states(())
        if anyhow == Filter(kinds=anyhow.kinds):
            cells = [cell for cell in self.snapshot.kinds if not anyhow.kinds or cell["kind"] in anyhow.kinds]
            matching = Matching(counts=_by_state(cells))
        elif anyhow == Filter(visit=anyhow.visit):
            matching = Matching(counts=self.once(("visit", anyhow.visit), lambda: queries.counts(self.ops, anyhow.visit)))
        elif anyhow == Filter(fingerprint=anyhow.fingerprint):
            group = next((g for g in self.snapshot.failures if g["fingerprint"] == anyhow.fingerprint), None)
            matching = Matching(counts={"failed": group["n"] + group["handled"]} if group else {})
        else:
            matching = Matching(counts=self.once(("matching", anyhow), lambda: self._count(anyhow)))
        if not wanted.states:
            return matching
        return replace(matching, counts={s: n for s, n in matching.counts.items() if s in wanted.states})

    def _count(self, wanted: Filter) -> dict[str, int]:
        return queries.matching(
            self.ops, kinds=wanted.kinds, workflow_dataset=wanted.visit, fingerprint=wanted.fingerprint or None, text=wanted.text
        )

    def flows(self, text: str) -> Sequence[Row]:
        """Give workflows whose dataset holds the text, the newest first."""
        if not text:
            return self.snapshot.workflows
        found: list[Row] = self.once(("flows", text), lambda: queries.workflows(self.ops, text=text))
        return found

    def once(self, key: Any, read: Callable[[], Any]) -> Any:
        """Read something once per change of the site, for all boards."""
        seq = self.snapshot.seq
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] == seq:
            return kept[1]
        found = read()
        with self._lock:
            self._kept = {k: v for k, v in self._kept.items() if v[0] == seq} | {key: (seq, found)}
        return found

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


def _by_state(cells: Iterable[Row]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for cell in cells:
        found[cell["state"]] += cell["n"]
    return dict(found)


def _silent(ops: Ops) -> list[Row]:
    return [row for row in pulse.running(ops) if row["liveness"] != "alive"]


_HUBS: dict[str, Hub] = {}


def open_hub(ops: Ops | None = None) -> Hub:
    """Give this process's hub; the first call opens the site (``ops``, else the one `dmsops.connect` finds)."""
    if "hub" not in _HUBS or ops is not None:
        from dmsops.ops import connect

        _HUBS["hub"] = Hub(ops or connect())
    return _HUBS["hub"]
