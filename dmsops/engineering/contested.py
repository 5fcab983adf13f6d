"""Contested samples for eyes and for decisions: every value that was received for one mnemonic and time, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound
from dmsops.engineering import duck, partitions
from dmsops.engineering.classify import bits
from dmsops.engineering.columns import Columns
from dmsops.engineering.suspects import OPEN, RESOLVED
from dmsops.engineering.tables import engineering_file, engineering_suspect

if TYPE_CHECKING:
    from dmsops.ops import Ops

STANDING = "standing"
_s = engineering_suspect.c
_OF = "number IN (SELECT unnest(?))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The contested samples of one suspect interval.

    Attributes
    ----------
    values : Columns
        Every value received, by time.
    standing : Columns
        The values that stand now, one for each time.
    """

    suspect: dict[str, Any]
    values: Columns
    standing: Columns


def open_suspects(ops: Ops, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Give suspect intervals that are open.

    Raises
    ------
    NotFound
        There is no such interval.
    BadInput
        None is given, or one was resolved already.
    """
    if not ids:
        raise BadInput("name at least one suspect interval", field="suspects")
    with reading(ops.db) as c:
        rows = [dict(r) for r in c.execute(sa.select(engineering_suspect).where(_s.id.in_(ids))).mappings()]
    missing = sorted(set(ids) - {r["id"] for r in rows})
    if missing:
        raise NotFound(f"there is no suspect interval {missing[0]}", remedy="`dmsops engineering suspects` lists them (procedure P14).")
    over = [r for r in rows if r["state"] != OPEN]
    if over:
        raise BadInput(f"suspect interval {over[0]['id']} was resolved by {over[0]['decided_by']}", field="suspects")
    return sorted(rows, key=lambda r: (r["first_us"], r["number"]))


def contests(ops: Ops, suspects: Sequence[dict[str, Any]]) -> list[Contest]:
    """Read the contested samples of intervals, in two questions for all of them.

    What a person has settled within an interval that is open (it grew over an earlier one) is contested no more and is left out.
    """
    hours = {hour for s in suspects for hour in range(partitions.hour_of(s["first_us"]), partitions.hour_of(s["last_us"]) + 1)}
    numbers = sorted({s["number"] for s in suspects})
    with reading(ops.db) as c:
        served = partitions.current(c, hours=hours)
        others = partitions.current(c, hours=hours, kinds=(partitions.CONFLICT,))
        resolved = c.execute(sa.select(engineering_suspect).where(_s.state == RESOLVED, _s.number.in_(numbers))).all()
    values = _distinct(duck.fetch(ops, others, _OF, (numbers,), order="number, time, receipt, value"))
    standing = duck.fetch_at(ops, served, values.number, values.time)
    return [_contest(s, _within(values, s), _within(standing, s), resolved) for s in suspects]


def _contest(suspect: dict[str, Any], values: Columns, standing: Columns, resolved: Sequence[Any]) -> Contest:
    if suspect["state"] == OPEN:
        before = [row for row in resolved if row.number == suspect["number"]]
        values = values.take(~np.isin(values.time, _settled(values, before)))
    return Contest(suspect=suspect, values=values, standing=standing.take(np.isin(standing.time, values.time)))


def _settled(values: Columns, resolved: Sequence[Any]) -> NDArray[np.int64]:
    """Give the times of a mnemonic that were settled, and for which no other file brought a value since."""
    seen = np.zeros(len(values), dtype=bool)
    for row in resolved:
        seen |= (values.time >= row.first_us) & (values.time <= row.last_us) & np.isin(values.receipt, row.receipts)
    return np.setdiff1d(values.time, values.time[~seen])


def _distinct(rows: Columns) -> Columns:
    """Take each value of a sample and file once: a standing one is kept again with every conflict."""
    once = np.ones(len(rows), dtype=bool)
    same = [column[1:] == column[:-1] for column in (rows.number, rows.time, rows.receipt, bits(rows.value))]
    once[1:] = ~np.logical_and.reduce(same)
    return rows.take(once)


def _within(rows: Columns, suspect: dict[str, Any]) -> Columns:
    """Cut the rows of an interval out of rows in order of mnemonic and time."""
    first, end = np.searchsorted(rows.number, [suspect["number"], suspect["number"] + 1])
    times = rows.time[first:end]
    inside = np.searchsorted(times, suspect["first_us"]), np.searchsorted(times, suspect["last_us"], side="right")
    return rows.take(np.arange(first + inside[0], first + inside[1]))


def chosen(found: Contest, receipts: dict[int, int]) -> Columns:
    """Give the samples that get another value.

    Parameters
    ----------
    receipts : dict of int to int
        Files whose values are to stand, with their rank: of several the lowest. Where a file has two values for one time, and one of
        them stands, that one is left.
    """
    if not receipts:
        return Columns.none()
    mine = found.values.take(np.isin(found.values.receipt, list(receipts)))
    rank = np.array([receipts[r] for r in mine.receipt.tolist()], dtype=np.int64)
    ordered = mine.take(np.lexsort((rank, mine.time)))
    best = ordered.take(np.unique(ordered.time, return_index=True)[1])
    standing = found.standing.take(np.searchsorted(found.standing.time, best.time))
    return best.take((standing.receipt != best.receipt) & (bits(standing.value) != bits(best.value)))


def ranked(ops: Ops, found: Sequence[Contest], keep: str) -> dict[int, int]:
    """Give the files whose values are to stand.

    Parameters
    ----------
    keep : str
        ``standing`` (what stands now), a stream (``E``, ``C``, ``R``: its values, the newest file first) or a file's name.

    Raises
    ------
    BadInput
        No contested value came from there.
    """
    if keep == STANDING:
        return {}
    came = {r for one in found for r in np.unique(one.values.receipt).tolist()}
    f = engineering_file.c
    where = f.stream == keep if len(keep) == 1 else f.name == keep
    with reading(ops.db) as c:
        mine = list(c.execute(sa.select(f.id).where(f.id.in_(came), where).order_by(f.id.desc())).scalars())
    if not mine:
        raise BadInput(
            f"no contested value came from '{keep}': keep what is standing, a stream (E, C, R) or one of the files", field="keep"
        )
    return {receipt: rank for rank, receipt in enumerate(mine)}
