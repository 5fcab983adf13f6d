"""Ingest: a released engineering file is read, judged sample by sample, and what is new is held; all or nothing.

Partitions are put into the store first; rows that name them, counts, statistics and the file's state are one transaction. A
process that dies before it leaves only objects that no row names; given again, the file is taken from the start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.files import NamedPath
from dmsops.core.names import RecorderFileName
from dmsops.core.people import Role, require
from dmsops.engineering import coverage, duck, hours, partitions, rules, stats, suspects
from dmsops.engineering.columns import HOUR_US, NO_RAW, Columns
from dmsops.engineering.hours import Hour
from dmsops.engineering.states import EngineeringState, target
from dmsops.engineering.tables import engineering_change, engineering_file
from dmsops.engineering.writer import revise, writing
from dmsops.interfaces.fos.engineering import open_engineering
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.fos.engineering import EngineeringFile
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops

COUNTED = ("new", "late", "exact", "conflict", "impossible")
_f = engineering_file.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a file: its receipt.

    ``samples`` = new + late + exact + conflict + impossible; ``again`` says that it had been dealt with before.
    """

    id: int
    name: str
    state: EngineeringState
    reason: str
    samples: int
    new: int
    late: int
    exact: int
    conflict: int
    impossible: int
    damaged: int
    padding: int
    texts: int
    unknown: dict[str, int]
    revision: int | None
    again: bool = False


@dataclass(slots=True, kw_only=True)
class _Brought:
    """What a file brings, hour by hour; samples themselves are in partitions already."""

    made: list[partitions.Made] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    statistics: list[stats.HourStats] = field(default_factory=list)
    newest: dict[int, tuple[Mnemonic, int, int, float, int | None]] = field(default_factory=dict)
    contested: list[Columns] = field(default_factory=list)
    changes: dict[tuple[str, str], list[int]] = field(default_factory=dict)


def ingest(ops: Ops, *, name: str, sha256: str) -> Ingested:
    """Take an engineering file into the engineering database; given again, it says what became of it.

    Parameters
    ----------
    name : str
        Its delivered name (tells the stream).
    sha256 : str
        Its bytes in the store.

    Returns
    -------
    Ingested
        Its receipt: how many samples are what; or why it was refused (it is kept, procedure P03 decides).

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadDelivery
        The file cannot be read; the message names the place in it.
    """
    require(ops.operator, Role.OPERATOR, "engineering ingest")
    with writing(ops) as folder:
        row = transact(ops.db, lambda c: _row(c, ops, name, sha256))
        if row["state"] != EngineeringState.WAITING:
            return receipt_of(row, again=True)
        file = open_engineering(NamedPath.of(ops.store.path(sha256), name))
        refused = [] if row["decided_by"] else rules.refusals(ops, file)
        if refused:
            transact(ops.db, lambda c: _refuse(c, ops, row, file, "; ".join(refused)))
        else:
            revise(ops, "ingest", name, partial(_bring, ops, folder, file, row))
    with reading(ops.db) as c:
        return receipt_of(dict(c.execute(sa.select(engineering_file).where(_f.id == row["id"])).mappings().one()))


def receipt_of(row: dict[str, Any], *, again: bool = False) -> Ingested:
    """Give a file's row as its receipt."""
    values = {key: row[key] for key in Ingested.__dataclass_fields__ if key in row}
    return Ingested(**{**values, "state": EngineeringState(row["state"]), "again": again})


def _row(c: sa.Connection, ops: Ops, name: str, sha256: str) -> dict[str, Any]:
    mine = sa.select(engineering_file).where(_f.name == name, _f.sha256 == sha256)
    row = c.execute(mine).mappings().one_or_none()
    if row is None:
        stream = RecorderFileName.parse(name).stream
        head = {"name": name, "sha256": sha256, "stream": stream, "form": "", "origin": "", "unknown": {}}
        c.execute(sa.insert(engineering_file).values(**head, state=EngineeringState.WAITING, changed_at=ops.clock.now()))
        row = c.execute(mine).mappings().one()
    return dict(row)


def _facts(file: EngineeringFile) -> dict[str, Any]:
    return {
        "form": file.form, "origin": file.origin[:64], "first_us": file.first_us, "last_us": file.last_us, "packets": file.packets,
        "damaged": file.damaged, "padding": file.padding, "texts": file.texts, "unknown": dict(file.unknown), "samples": file.samples,
        "definitions": telemetry_database().version,
    }  # fmt: skip


def _settle(c: sa.Connection, ops: Ops, row: dict[str, Any], verb: str, **values: Any) -> None:
    state = target(verb, EngineeringState(row["state"]), row["name"])
    c.execute(sa.update(engineering_file).where(_f.id == row["id"]).values(state=state, changed_at=ops.clock.now(), **values))


def _refuse(c: sa.Connection, ops: Ops, row: dict[str, Any], file: EngineeringFile, reason: str) -> None:
    _settle(c, ops, row, "refuse", reason=reason, **_facts(file))
    journal.write(c, ops.clock, "engineering.refused", row["name"], actor=ops.operator.name, reason=reason, outcome="refused")


def _bring(ops: Ops, folder: Path, file: EngineeringFile, row: dict[str, Any], _seen: int) -> Any:
    """Judge a file's samples and put partitions of them into the store; gives what is to be written."""
    with reading(ops.db) as c:
        marks = stats.marks(c)
    brought, (earliest, now) = _Brought(), rules.possible(ops)
    for hour in _hours(file, earliest, now):
        start, stop = max(hour * HOUR_US, earliest), min((hour + 1) * HOUR_US, now + 1)
        _add(ops, folder, brought, hours.sort_hour(hour, file.series(start, stop), marks, partial(_held, ops, hour), row["id"]))
    brought.counts["impossible"] = file.samples - sum(brought.counts.values())
    covered = {name: _covered(ops, file, name, earliest, now) for name in file.containers}
    return partial(_write, ops, file, row, brought, covered)


def _hours(file: EngineeringFile, earliest: int, now: int) -> list[int]:
    """Give the hours in which a file has samples, oldest first."""
    times = file.all_times()
    return [int(hour) for hour in np.unique(times[(times >= earliest) & (times <= now)] // HOUR_US)]


def _held(ops: Ops, hour: int, first: int, last: int, start: int, stop: int) -> Columns:
    where = "number BETWEEN ? AND ? AND time BETWEEN ? AND ?"
    with reading(ops.db) as c:
        there = [partitions.current(c, hours=[hour], kinds=kinds) for kinds in (partitions.SERVED, (partitions.CONFLICT,))]
    return Columns.joined([duck.fetch(ops, some, where, (first, last, start, stop)) for some in there])


def _add(ops: Ops, folder: Path, brought: _Brought, found: Hour) -> None:
    brought.counts.update(found.counts)
    taken = [found.taken[number] for number in sorted(found.taken)]
    if taken:
        brought.made.append(partitions.keep(ops, folder, found.hour, partitions.DELTA, [Columns.joined(taken)]))
    if found.contested:
        contested = Columns.joined(found.contested)
        stable = contested.take(np.lexsort((np.arange(len(contested)), contested.time, contested.number)))
        brought.made.append(partitions.keep(ops, folder, found.hour, partitions.CONFLICT, [stable]))
        brought.contested.append(contested)
    for rows in taken:
        mnemonic = found.mnemonics[int(rows.number[0])]
        brought.statistics.append(stats.of_rows(rows, found.hour, mnemonic.limits))
        _newest(brought, mnemonic, rows)
        late = found.late.get(mnemonic.number, 0)
        _change(brought, mnemonic, "late" if late else "new", rows)
    for rows in found.conflicts:
        for number in np.unique(rows.number).tolist():
            _change(brought, found.mnemonics[number], "conflict", rows.take(rows.number == number))


def _newest(brought: _Brought, mnemonic: Mnemonic, rows: Columns) -> None:
    _, count, time, value, raw = brought.newest.get(mnemonic.number, (mnemonic, 0, -1 << 62, 0.0, None))
    if rows.time[-1] > time:
        time, value = int(rows.time[-1]), float(rows.value[-1])
        raw = None if rows.raw[-1] == NO_RAW else int(rows.raw[-1])
    brought.newest[mnemonic.number] = (mnemonic, count + len(rows), time, value, raw)


def _change(brought: _Brought, mnemonic: Mnemonic, kind: str, rows: Columns) -> None:
    first, last = int(rows.time.min()), int(rows.time.max())
    there = brought.changes.setdefault((mnemonic.container, kind), [first, last, 0])
    there[0], there[1], there[2] = min(there[0], first), max(there[1], last), there[2] + len(rows)


def _covered(ops: Ops, file: EngineeringFile, container: str, earliest: int, now: int) -> tuple[list[coverage.Span], int]:
    period = telemetry_database().container(container).period_seconds
    limit = coverage.limit_us(ops, period)
    times = file.container_times(container)
    return (coverage.spans_of(times[(times >= earliest) & (times <= now)], limit) if period else []), limit


def _write(
    ops: Ops, file: EngineeringFile, row: dict[str, Any], brought: _Brought, covered: dict[str, tuple[list[coverage.Span], int]],
    c: sa.Connection, revision: int,
) -> None:  # fmt: skip
    """Write down what a file brought, in one transaction."""
    partitions.catalogue(c, brought.made, revision)
    stats.add(c, brought.statistics)
    stats.advance(c, brought.newest)
    if brought.contested:
        suspects.note(c, ops, Columns.joined(brought.contested))
    for container, (spans, limit) in covered.items():
        coverage.cover(c, container, spans, limit)
    note_changes(c, revision, brought.changes)
    counts = {name: brought.counts[name] for name in COUNTED}
    _settle(c, ops, row, "ingest", reason="", revision=revision, **_facts(file), **counts)
    facts: dict[str, Any] = {"revision": revision, **counts}
    journal.write(c, ops.clock, "engineering.ingested", row["name"], actor=ops.operator.name, **facts)


def note_changes(c: sa.Connection, revision: int, changes: Mapping[tuple[str, str], Iterable[int]]) -> None:
    """Write down what a revision changed: by container and kind, first and last time and the number of samples."""
    rows = [
        {"revision": revision, "container": container, "kind": kind, "first_us": first, "last_us": last, "samples": n}
        for (container, kind), (first, last, n) in changes.items()
    ]
    if rows:
        c.execute(sa.insert(engineering_change), rows)
