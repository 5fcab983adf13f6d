"""Where the engineering database's answers come from: a source of samples, and how a long time is walked through it.

Times are int64 microseconds since 1970-01-01 UTC throughout; leap seconds do not count, as in the observatory's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

type Times = NDArray[np.int64]
type Values = NDArray[Any] | list[str]
type Block = tuple[Times, Values]
type Samples = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Upper-case mnemonic to (unix seconds in order, values), both (N,)."""

WINDOW_US = 4 * 3600 * 1_000_000
"""A source is asked for at most so much time at once: 0.9 million samples of a mnemonic at 64 a second, 15 MB."""
INTEGER_MNEMONICS = frozenset({"SA_ZFGDETID"})


class Source(Protocol):
    """Something that knows mnemonics and their samples: of one state, though it is asked for them piece by piece."""

    def mnemonics(self) -> Iterable[Mapping[str, Any]]:
        """Describe every mnemonic: TlmMnemonic, Subsystem, RawType, EUType, SQLType, AllPoints, Description, Unit."""

    def describe(self, name: str) -> Mapping[str, Any] | None:
        """Describe one mnemonic (upper case); None when it is not known."""

    def samples(self, name: str, start_us: int, stop_us: int) -> Block:
        """Give times (N,) in order and values (N,): both ends inside, one bracketing sample on each side where there is one."""


@dataclass(frozen=True, slots=True)
class DictSource:
    """A source over samples that are in memory, as level 1b has them around one exposure."""

    held: Samples

    def mnemonics(self) -> Iterable[Mapping[str, Any]]:
        """Describe every mnemonic."""
        return [_described(name) for name in self.held]

    def describe(self, name: str) -> Mapping[str, Any] | None:
        """Describe one mnemonic; None when it is not held."""
        return _described(name) if name in self.held else None

    def samples(self, name: str, start_us: int, stop_us: int) -> Block:
        """Give the samples of a time with their brackets; unix seconds become whole microseconds."""
        times, values = self.held[name]
        return bracketed(np.rint(times * 1e6).astype(np.int64), values, start_us, stop_us)


def _described(name: str) -> Mapping[str, Any]:
    whole = name in INTEGER_MNEMONICS
    kind, sql = ("UI8", "TINYINT") if whole else ("FL64", "FLOAT")
    known = {"TlmMnemonic": name, "Subsystem": "", "RawType": kind, "EUType": kind, "SQLType": sql, "AllPoints": 1}
    return {**known, "Description": "", "Unit": ""}


def bracketed[T: np.generic](times: NDArray[T], values: NDArray[Any], start: float, stop: float) -> tuple[NDArray[T], NDArray[Any]]:
    """Cut samples to a time range, with one bracketing sample on each side where there is one.

    Parameters
    ----------
    times, values : (N,)
        Times in order, and the samples.
    start, stop : float
        As the times are written, both inside.
    """
    first = max(int(times.searchsorted(start, side="left")) - 1, 0)
    last = int(times.searchsorted(stop, side="right")) + 1
    return times[first:last], values[first:last]


def walk(source: Source, name: str, start_us: int, stop_us: int) -> Iterator[Block]:
    """Give what `Source.samples` gives, piece by piece: the source is never asked for more than `WINDOW_US` at once.

    A time without samples is passed over in one step, whatever its length: the bracketing sample says where they go on.
    """
    at, low = start_us, 0
    while True:
        until = min(at + WINDOW_US - 1, stop_us)
        times, values = source.samples(name, at, until)
        if at > start_us:
            low = int(times.searchsorted(at, side="left"))  # the bracket before was given with the piece before
        after = int(times.searchsorted(until, side="right"))
        ends = until == stop_us or after == len(times) or int(times[after]) > stop_us
        high = after + 1 if ends else after
        if len(times[low:high]):
            yield times[low:high], values[low:high]
        if ends:
            return
        at = int(times[after])
