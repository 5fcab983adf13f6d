"""The samples of one file in one hour: most are plainly new, the rest are judged beside what is held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmsops.engineering.classify import CONFLICT, EXACT, NEW, judge
from dmsops.engineering.columns import Columns, of_series

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic, Series

PIECE = 1 << 20
"""Samples that are judged together."""
Held = Callable[[int, int, int, int], Columns]
"""What is held of numbers from, to, at times from, to (all inside); of a contested sample all values, the one that stands first."""


@dataclass(slots=True, kw_only=True)
class Hour:
    """What one file brings to one hour.

    Attributes
    ----------
    taken : dict of int to Columns
        Samples to be held, by mnemonic, in order of time.
    contested : list of Columns
        Every value of samples that became contested, the standing one too.
    conflicts : list of Columns
        Of these, the values that disagree.
    counts : Counter
        ``new``, ``late``, ``exact``, ``conflict``.
    late : dict of int to int
        How many of a mnemonic's are late.
    """

    hour: int
    taken: dict[int, Columns] = field(default_factory=dict)
    contested: list[Columns] = field(default_factory=list)
    conflicts: list[Columns] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    late: dict[int, int] = field(default_factory=dict)
    mnemonics: dict[int, Mnemonic] = field(default_factory=dict)


def sort_hour(hour: int, series: Iterable[Series], marks: Mapping[int, int], held: Held, receipt: int) -> Hour:
    """Classify the samples of one file in one hour.

    Parameters
    ----------
    marks : mapping
        The newest time that is held of each mnemonic, before this file.
    held : callable
        Reads what is held of this hour.
    receipt : int
        The file.
    """
    found, doubtful = Hour(hour=hour), []
    for one in series:
        if not len(one.times):
            continue
        number = one.mnemonic.number
        found.mnemonics[number] = one.mnemonic
        rows = of_series(number, one.times, one.values, one.raw, receipt)
        plain = _plainly_new(rows.time, marks.get(number))
        if plain.all():
            _take(found, rows, number)
            continue
        doubtful.append(rows.take(~plain))
        if plain.any():
            _take(found, rows.take(plain), number)
    for piece in _pieces(doubtful):
        _judge(found, piece, marks, held)
    return found


def _plainly_new(times: NDArray[np.int64], mark: int | None) -> NDArray[np.bool_]:
    """Say which samples cannot be held and cannot come twice: later than the newest, in a file that goes on in time."""
    if (np.diff(times) <= 0).any():
        return np.zeros(len(times), dtype=bool)
    return np.ones(len(times), dtype=bool) if mark is None else times > mark


def _take(found: Hour, rows: Columns, number: int) -> None:
    before = found.taken.get(number)
    found.taken[number] = rows if before is None else Columns.joined([before, rows]).ordered()
    found.counts["new"] += len(rows)


def _pieces(doubtful: list[Columns]) -> Iterator[Columns]:
    """Put mnemonics together so that about a million samples are judged at once; one mnemonic stays whole."""
    group: list[Columns] = []
    for rows in sorted(doubtful, key=lambda r: int(r.number[0])):
        if group and sum(map(len, group)) + len(rows) > PIECE:
            yield Columns.joined(group)
            group = []
        group.append(rows)
    if group:
        yield Columns.joined(group)


def _judge(found: Hour, rows: Columns, marks: Mapping[int, int], held: Held) -> None:
    there = held(int(rows.number.min()), int(rows.number.max()), int(rows.time.min()), int(rows.time.max()))
    judged = judge(there, rows)
    found.counts["exact"] += int((judged.verdict == EXACT).sum())
    others = rows.take(judged.verdict == CONFLICT)
    if len(others):
        found.counts["conflict"] += len(others)
        found.conflicts.append(others)
        found.contested.append(Columns.joined([judged.standing, others]))
    fresh = rows.take(judged.verdict == NEW).ordered()
    for number in np.unique(fresh.number).tolist():
        mine = fresh.take(fresh.number == number)
        _take(found, mine, number)
        late = int((mine.time < marks.get(number, mine.time.min())).sum())
        if late:
            found.counts["new"] -= late
            found.counts["late"] += late
            found.late[number] = late
