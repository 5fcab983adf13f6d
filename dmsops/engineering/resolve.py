"""A person settles which values of contested samples stand; the interval is suspect no more, and what it changes is written anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.core import counting, journal
from dmsops.core.db import reading
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.engineering import duck, partitions, stats
from dmsops.engineering.columns import HOUR_US, NO_RAW, Columns
from dmsops.engineering.compact import same
from dmsops.engineering.contested import Contest, chosen, contests, open_suspects, ranked
from dmsops.engineering.ingest import note_changes
from dmsops.engineering.suspects import RESOLVED
from dmsops.engineering.tables import engineering_mnemonic, engineering_suspect
from dmsops.engineering.writer import revise, writing
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.engineering.partitions import Partition
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What settling one interval means: contested samples, all values received of them, and how many samples get another value."""

    suspect: int
    mnemonic: str
    first_us: int
    last_us: int
    contested: int
    values: int
    changed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What would be settled, and how; ``hash`` is the ticket for doing it."""

    keep: str
    items: tuple[Settled, ...]
    hours: int
    hash: str = ""

    def signed(self) -> Resolution:
        """Give it with the hash of what it does."""
        return replace(self, hash=ticket_of({**asdict(self), "hash": ""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    seen: Resolution
    contests: tuple[Contest, ...]
    changed: Columns


def preview(ops: Ops, suspects: Sequence[int], *, keep: str) -> Resolution:
    """Say what settling suspect intervals would change; nothing changes.

    Parameters
    ----------
    suspects : sequence of int
        Open intervals, by their numbers.
    keep : str
        Whose values stand: ``standing`` (what stands now), a stream (``E``, ``C``, ``R``), or a file's name. A sample for which
        nothing came from there keeps what it has.

    Raises
    ------
    NotFound
        There is no such interval.
    BadInput
        One is resolved already, or no contested value came from there.
    """
    return _look(ops, suspects, keep).seen


def _look(ops: Ops, suspects: Sequence[int], keep: str) -> _Work:
    found = contests(ops, open_suspects(ops, suspects))
    receipts = ranked(ops, found, keep)
    pairs = [(one, chosen(one, receipts)) for one in found]
    items = tuple(
        Settled(
            suspect=one.suspect["id"],
            mnemonic=_name(one.suspect["number"]),
            first_us=one.suspect["first_us"],
            last_us=one.suspect["last_us"],
            contested=len(one.standing),
            values=len(one.values),
            changed=len(rows),
        )
        for one, rows in pairs
    )
    changed = Columns.joined([rows for _, rows in pairs])
    hours = len(np.unique(changed.time // HOUR_US))
    return _Work(seen=Resolution(keep=keep, items=items, hours=hours).signed(), contests=tuple(found), changed=changed)


def _name(number: int) -> str:
    mnemonic = telemetry_database().by_number(number)
    return mnemonic.name if mnemonic else f"mnemonic {number}"


def resolve(ops: Ops, suspects: Sequence[int], *, keep: str, ticket: str, reason: str) -> Resolution:
    """Settle suspect intervals as previewed: values, statistics and states change together.

    Parameters
    ----------
    ticket : str
        Hash of the preview.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        There is no reason, or an interval is resolved already.
    StalePlan
        More has come since the preview, or somebody settled it.
    """
    require(ops.operator, Role.OPERATOR, "engineering resolve")
    need_reason("engineering resolve", reason)
    with writing(ops) as folder:
        done: Resolution = revise(
            ops, "resolve", counting.counted(len(suspects), "interval"), partial(_prepare, ops, folder, suspects, keep, ticket, reason)
        )
        return done


def _prepare(ops: Ops, folder: Path, suspects: Sequence[int], keep: str, ticket: str, reason: str, _seen: int) -> Any:
    work = _look(ops, suspects, keep)
    need_ticket(ticket, work.seen.hash, "the contested samples have changed since the preview: look again")
    with reading(ops.db) as c:
        hours = np.unique(work.changed.time // HOUR_US).tolist()
        old = {hour: partitions.current(c, hours=[hour]) for hour in hours}
    made, counted = [], []
    for hour, those in old.items():
        mine = work.changed.take(work.changed.time // HOUR_US == hour)
        watch = _Watch(hour, set(mine.number.tolist()))
        one = partitions.keep(ops, folder, hour, partitions.BASE, watch.through(duck.merged(ops, those), mine))
        same(hour, sum(p.rows for p in those), one.rows)
        made.append(one)
        counted += watch.counted()
    return partial(_write, ops, work, reason, [p for those in old.values() for p in those], made, counted)


class _Watch:
    """Puts changed values in their places while an hour goes by, and keeps the rows of their mnemonics to count them again."""

    def __init__(self, hour: int, numbers: set[int]) -> None:
        self._hour, self._numbers, self._rows = hour, numbers, list[Columns]()

    def through(self, pieces: Iterator[Columns], changed: Columns) -> Iterator[Columns]:
        ordered = changed.ordered()
        for rows in pieces:
            now = _changed(rows, ordered)
            mine = now.take(np.isin(now.number, list(self._numbers)))
            if len(mine):
                self._rows.append(mine)
            yield now

    def counted(self) -> list[tuple[stats.HourStats, Columns]]:
        rows, found = Columns.joined(self._rows), []
        for number in sorted(self._numbers):
            mine = rows.take(rows.number == number)
            mnemonic = telemetry_database().by_number(number)
            found.append((stats.of_rows(mine, self._hour, mnemonic.limits if mnemonic else None), mine.take(np.array([len(mine) - 1]))))
        return found


def _changed(rows: Columns, changed: Columns) -> Columns:
    """Give rows with other values in the places of the changed ones; both in order of mnemonic and time."""
    value, raw, receipt = rows.value.copy(), rows.raw.copy(), rows.receipt.copy()
    for number in np.unique(changed.number).tolist():
        first, end = np.searchsorted(rows.number, [number, number + 1])
        mine = changed.take(changed.number == number)
        place = np.searchsorted(rows.time[first:end], mine.time)
        inside = place < end - first
        place, mine = place[inside], mine.take(inside)
        here = rows.time[first:end][place] == mine.time
        at, mine = first + place[here], mine.take(here)
        value[at], raw[at], receipt[at] = mine.value, mine.raw, mine.receipt
    return replace(rows, value=value, raw=raw, receipt=receipt)


def _write(
    ops: Ops, work: _Work, reason: str, old: list[Partition], made: list[partitions.Made],
    counted: list[tuple[stats.HourStats, Columns]], c: sa.Connection, revision: int,
) -> Resolution:  # fmt: skip
    partitions.retire(c, [p.id for p in old], revision)
    partitions.catalogue(c, made, revision)
    stats.replace(c, [one for one, _ in counted])
    for _, last in counted:
        _latest(c, last)
    s, seen = engineering_suspect.c, work.seen
    decided = {"choice": seen.keep[:64], "decided_at": ops.clock.now(), "decided_by": ops.operator.name, "decided_reason": reason}
    c.execute(sa.update(engineering_suspect).where(s.id.in_([i.suspect for i in seen.items])).values(state=RESOLVED, **decided))
    note_changes(c, revision, _changes(work))
    journal.write(
        c, ops.clock, "engineering.resolved", counting.counted(len(seen.items), "interval"), actor=ops.operator.name, reason=reason,
        plan=seen.hash, keep=seen.keep, revision=revision, intervals=[asdict(i) for i in seen.items],
    )  # fmt: skip
    return seen


def _latest(c: sa.Connection, last: Columns) -> None:
    m, raw = engineering_mnemonic.c, int(last.raw[0])
    values = {"latest_value": float(last.value[0]) if np.isfinite(last.value[0]) else None, "latest_raw": None if raw == NO_RAW else raw}
    mine = (m.number == int(last.number[0]), m.latest_us == int(last.time[0]))
    c.execute(sa.update(engineering_mnemonic).where(*mine).values(**values))


def _changes(work: _Work) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for item, one in zip(work.seen.items, work.contests, strict=True):
        mnemonic = telemetry_database().by_number(one.suspect["number"])
        key = (mnemonic.container if mnemonic else "", "resolved")
        first, last, n = found.get(key, (item.first_us, item.last_us, 0))
        found[key] = (min(first, item.first_us), max(last, item.last_us), n + item.contested)
    return found
