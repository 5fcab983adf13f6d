"""Duplicates counted: which time and which mnemonics are looked at, what each file brought twice or otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import time_of
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.files import NamedPath
from dmsops.engineering import duck, partitions, queries
from dmsops.engineering.states import EngineeringState
from dmsops.interfaces.fos.engineering import open_engineering
from dmsops.interfaces.prds import telemetry_database
from dmsops.procedures.engineering import STREAMS

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_DAY = timedelta(days=1)
Counts = Counter[tuple[int, int]]
"""By receipt and mnemonic."""
_VALUES = "SELECT DISTINCT receipt, number, time, value FROM read_parquet(?) WHERE time BETWEEN ? AND ?"
_SERVED = "SELECT receipt, number, count(*) AS n FROM read_parquet(?) WHERE time BETWEEN ? AND ? GROUP BY ALL"
_BESIDE = f"""
SELECT receipt, number, count(*) AS n FROM ({_VALUES}) ANTI JOIN
(SELECT receipt, number, time, value FROM read_parquet(?) WHERE time BETWEEN ? AND ?) USING (receipt, number, time, value) GROUP BY ALL
"""  # noqa: S608 - texts of ours only
_LATER = f"""
SELECT receipt, number, count(*) AS n FROM
(SELECT receipt, number, row_number() OVER (PARTITION BY number, time ORDER BY receipt) AS nth FROM ({_VALUES}))
WHERE nth > 1 GROUP BY ALL
"""  # noqa: S608 - texts of ours only


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run of P14 looks at: a time (both ends inside) and mnemonics; none are all."""

    start: datetime
    stop: datetime
    mnemonics: tuple[str, ...] = ()

    @property
    def first_us(self) -> int:
        """Its beginning as samples have it."""
        return queries.us(self.start)

    @property
    def last_us(self) -> int:
        """Its end as samples have it."""
        return queries.us(self.stop)

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers of its mnemonics; empty for all."""
        return frozenset(telemetry_database().by_name(name).number for name in self.mnemonics)


def scope(ops: Ops, *, start: str = "", stop: str = "", mnemonics: Collection[str] = ()) -> Scope:
    """Say what is looked at.

    Parameters
    ----------
    start, stop : str
        UTC; without them the hours of all open suspect intervals, or the last day when there is none.
    mnemonics : collection of str
        In any case of letters.

    Raises
    ------
    BadInput
        A time cannot be read, or the end is before the beginning.
    NotFound
        The telemetry database has no such mnemonic.
    """
    names = tuple(telemetry_database().by_name(name).name for name in mnemonics)
    first, last = _usual(ops)
    found = Scope(start=time_of(start, "start") if start else first, stop=time_of(stop, "stop") if stop else last, mnemonics=names)
    if found.stop < found.start:
        raise BadInput("the time ends before it begins", field="stop")
    return found


def _usual(ops: Ops) -> tuple[datetime, datetime]:
    rows = queries.suspect_intervals(ops)
    if not rows:
        return ops.clock.now() - _DAY, ops.clock.now()
    first, last = min(r["first_at"] for r in rows), max(r["last_at"] for r in rows)
    return _hour(first), _hour(last) + timedelta(hours=1) - timedelta(microseconds=1)


def _hour(when: datetime) -> datetime:
    return when.replace(minute=0, second=0, microsecond=0)


def by_file(ops: Ops, seen: Scope) -> list[Row]:
    """Count what the ingested files that have samples of a time brought: whole files, as their receipts say.

    Returns
    -------
    list of dict
        ``id``, ``name``, ``stream`` (in words), ``first_at``, ``last_at``, ``samples``, ``new``, ``late``, ``exact``, ``conflict``.
    """
    rows = queries.files(ops, states=[EngineeringState.INGESTED], limit=100_000)
    timed = [row for row in rows if row["first_us"] is not None]
    mine = [row for row in timed if row["first_us"] <= seen.last_us and row["last_us"] >= seen.first_us]
    return [{**row, "stream": STREAMS[row["stream"]]} for row in mine]


def by_mnemonic(ops: Ops, seen: Scope) -> list[Row]:
    """Count duplicates of a time by file and mnemonic, most conflicts first.

    What a file brought that is not held in its name was held already: the files that brought duplicates are read again.

    Returns
    -------
    list of dict
        ``name`` (mnemonic), ``file``, ``samples`` that the file has of it in that time, ``exact`` and ``conflict`` among them;
        mnemonics of which nothing came twice are left out.

    Raises
    ------
    BadDelivery
        The file cannot be read any more.
    """
    double = [row for row in by_file(ops, seen) if row["exact"] or row["conflict"]]
    if not double:
        return []
    kept, disputed = _held(ops, seen)
    found = [row for file in double for row in _of_file(ops, seen, file, kept, disputed)]
    return sorted(found, key=lambda r: (-r["conflict"], -r["exact"], r["name"], r["file"]))


def _held(ops: Ops, seen: Scope) -> tuple[Counts, Counts]:
    """Count the values that are held of a time, contested ones each, and those that disagree with an earlier one; by file and mnemonic."""
    window = (seen.first_us, seen.last_us)
    with reading(ops.db) as c:
        served = duck.paths(ops, partitions.current(c, start_us=window[0], stop_us=window[1]))
        others = duck.paths(ops, partitions.current(c, start_us=window[0], stop_us=window[1], kinds=(partitions.CONFLICT,)))
    kept = _counts(duck.ask(ops, _SERVED, (served, *window))) if served else Counter()
    if not (served and others):
        return kept, Counter()
    kept.update(_counts(duck.ask(ops, _BESIDE, (others, *window, served, *window))))
    return kept, _counts(duck.ask(ops, _LATER, (others, *window)))


def _counts(found: Mapping[str, Any]) -> Counts:
    rows = zip(found["receipt"].tolist(), found["number"].tolist(), found["n"].tolist(), strict=True)
    return Counter({(receipt, number): n for receipt, number, n in rows})


def _of_file(ops: Ops, seen: Scope, file: Row, kept: Counts, disputed: Counts) -> list[Row]:
    content = open_engineering(NamedPath.of(ops.store.path(file["sha256"]), file["name"]))
    brought: Counter[int] = Counter()
    for series in content.series(seen.first_us, seen.last_us + 1):
        brought[series.mnemonic.number] += len(series.times)
    rows = []
    for number, samples in brought.items():
        key = (file["id"], number)
        exact, conflict = samples - kept[key], disputed[key]
        if (exact or conflict) and (not seen.numbers or number in seen.numbers):
            rows.append({"name": _name(number), "file": file["name"], "samples": samples, "exact": exact, "conflict": conflict})
    return rows


def _name(number: int) -> str:
    mnemonic = telemetry_database().by_number(number)
    return mnemonic.name if mnemonic else f"mnemonic {number}"
