"""The course of a mnemonic whose values are states: how long it was in each of them, and when it changed; read piece by piece."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.engineering.coverage import limit_us
from dmsops.engineering.edb_source import StoreSource
from dmsops.engineering.queries import us
from dmsops.engineering.tables import engineering_mnemonic
from dmsops.interfaces.edb import walk
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class InState:
    """One state over a time: its word, samples, how long it held, and how often it was entered from another."""

    word: str
    samples: int
    seconds: float
    entered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The first sample of a state, and the state before."""

    time_us: int
    was: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCourse:
    """The course of a mnemonic in words.

    Attributes
    ----------
    word : str
        The state of the last sample up to the end of the time; empty without any.
    latest_us, since_us : int
        Time of that sample, and of the first one in a row with it; one before the time stands for all before it. 0 without any.
    states : tuple of InState
        The longest first.
    changes : int
        How many there were; ``newest`` are the newest of them, in order of time.
    unknown_seconds : float
        Of the time up to the newest telemetry of the site (of any mnemonic): where samples are missing, or none came yet.
    """

    mnemonic: Mnemonic
    word: str
    latest_us: int
    since_us: int
    states: tuple[InState, ...]
    changes: int
    newest: tuple[Change, ...]
    unknown_seconds: float


def state_course(ops: Ops, name: str, start: datetime, stop: datetime, *, newest: int = 24) -> StateCourse:
    """Give the course of a mnemonic of states, from one state of the engineering database.

    A state holds until the next sample; the last one until the newest telemetry of the site, at most to the end of the time. Of a
    mnemonic that comes at a fixed rate it does not hold over missing samples.

    Parameters
    ----------
    start, stop : datetime
        Both inside.
    newest : int
        As many of the newest changes are given.

    Raises
    ------
    NotFound
        The telemetry database has no such mnemonic.
    BadInput
        Its values are no states, or the time ends before it begins.
    """
    mnemonic = telemetry_database().by_name(name)
    if not mnemonic.states:
        raise BadInput(f"the values of {mnemonic.name} are numbers, not states", field="name")
    if stop < start:
        raise BadInput("the time ends before it begins", field="stop")
    with reading(ops.db) as c:
        held_to = c.execute(sa.select(sa.func.max(engineering_mnemonic.c.latest_us))).scalar() or 0
    limit = limit_us(ops, mnemonic.period_seconds) if mnemonic.all_points else None
    seen = _Seen(us(start), us(stop), limit, deque(maxlen=newest))
    for times, words in walk(StoreSource(ops), mnemonic.name, us(start), us(stop)):
        seen.add(times.tolist(), words)
    return seen.ended(mnemonic, held_to)


@dataclass(slots=True)
class _Seen:
    """Counts samples as they go by, in order of time, and remembers the last one and the newest changes alone."""

    start: int
    stop: int
    limit: int | None
    newest: deque[Change]
    word: str = ""
    time: int = 0
    since: int = 0
    over: bool = False
    samples: Counter[str] = field(default_factory=Counter)
    lasted: Counter[str] = field(default_factory=Counter)
    entered: Counter[str] = field(default_factory=Counter)

    def add(self, times: list[int], words: Iterable[str]) -> None:
        for time, word in zip(times, words, strict=True):
            self._hold(time)
            if time > self.stop:  # the sample after the time says that the state before held to its end
                self.over = True
                return
            self.samples[word] += time >= self.start
            if word != self.word:
                if self.word:
                    self.entered[word] += 1
                    self.newest.append(Change(time_us=time, was=self.word, word=word))
                self.since = time
            self.word, self.time = word, time

    def _hold(self, until: int) -> None:
        """Let the last sample's state hold until a time, unless samples are missing between."""
        if self.word and (self.limit is None or until - self.time <= self.limit):
            self.lasted[self.word] += max(0, min(until, self.stop) - max(self.time, self.start))

    def ended(self, mnemonic: Mnemonic, held_to: int) -> StateCourse:
        end = max(self.start, min(self.stop, max(held_to, self.time)))
        if not self.over:
            self._hold(end)
        states = [
            InState(word=w, samples=self.samples[w], seconds=self.lasted[w] / 1e6, entered=self.entered[w])
            for w in sorted({*(+self.samples), *(+self.lasted)}, key=lambda w: (-self.lasted[w], w))
        ]
        return StateCourse(
            mnemonic=mnemonic, word=self.word, latest_us=self.time, since_us=self.since, states=tuple(states),
            changes=self.entered.total(), newest=tuple(self.newest), unknown_seconds=(end - self.start - self.lasted.total()) / 1e6,
        )  # fmt: skip
