"""Hourly statistics counted again from the samples themselves: after the rules or the limits by which they were counted have changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from math import isclose
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.engineering import duck, partitions, stats
from dmsops.engineering.compact import label
from dmsops.engineering.queries import us
from dmsops.engineering.stats import HourStats
from dmsops.engineering.tables import engineering_hour
from dmsops.engineering.writer import revise, writing
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.ops import Ops

type Pair = tuple[HourStats | None, HourStats]
"""Statistics of a mnemonic and an hour as they stand, and as they are counted now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """An hour with statistics that are counted otherwise now: of how many mnemonics, samples counted in these before and now."""

    hour: str
    mnemonics: int
    before: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """What would be counted otherwise; ``hash`` is the ticket for it."""

    hours: tuple[Recounted, ...]
    hash: str


def preview(ops: Ops, start: datetime, stop: datetime) -> Recount:
    """Count the hours of a time (both ends inside) again, and say where that differs from what stands; nothing changes.

    Raises
    ------
    BadInput
        The time ends before it begins.
    StoreDamaged
        A partition's bytes have changed.
    """
    return _plan(_look(ops, start, stop))


def _look(ops: Ops, start: datetime, stop: datetime) -> dict[int, list[Pair]]:
    if stop < start:
        raise BadInput("the time ends before it begins", field="stop")
    with reading(ops.db) as c:
        held = partitions.current(c, start_us=us(start), stop_us=us(stop))
    found = {hour: list(_otherwise(ops, hour)) for hour in sorted({p.hour for p in held})}
    return {hour: pairs for hour, pairs in found.items() if pairs}


def _otherwise(ops: Ops, hour: int) -> Iterator[Pair]:
    """Give the statistics of an hour that are counted otherwise now."""
    with reading(ops.db) as c:
        held = partitions.current(c, hours=[hour])
        rows = c.execute(sa.select(engineering_hour).where(engineering_hour.c.hour == hour)).mappings()
        stand = {row["number"]: HourStats(**row) for row in rows}
    for one in held:
        ops.store.verify(one.sha256)
    now: dict[int, HourStats] = {}
    for rows in duck.merged(ops, held):
        numbers, first = np.unique(rows.number, return_index=True)
        for number, begin, end in zip(numbers.tolist(), first, [*first[1:], len(rows)], strict=True):
            mnemonic = telemetry_database().by_number(number)
            mine = stats.of_rows(rows.take(np.arange(begin, end)), hour, mnemonic.limits if mnemonic else None)
            now[number] = stats.together(now[number], mine) if number in now else mine
    yield from ((stand.get(n), mine) for n, mine in now.items() if n not in stand or not _same(stand[n], mine))


def _same(a: HourStats, b: HourStats) -> bool:
    """Say whether statistics are the same; sums that were made in another order differ in their last digits."""
    most = max(abs(b.minimum), abs(b.maximum))
    mean = isclose(a.mean, b.mean, rel_tol=1e-9, abs_tol=1e-9 * most)
    squares = isclose(a.squares, b.squares, rel_tol=1e-6, abs_tol=1e-9 * most**2 * b.samples)
    return mean and squares and asdict(a) | {"mean": b.mean, "squares": b.squares} == asdict(b)


def _plan(found: dict[int, list[Pair]]) -> Recount:
    hours = tuple(
        Recounted(hour=label(h), mnemonics=len(p), before=sum(a.samples for a, _ in p if a), samples=sum(b.samples for _, b in p))
        for h, p in found.items()
    )
    return Recount(hours=hours, hash=ticket_of([[a and asdict(a), asdict(b)] for p in found.values() for a, b in p]))


def recount(ops: Ops, start: datetime, stop: datetime, *, ticket: str, reason: str) -> Recount:
    """Put the statistics as previewed in the place of those that stand; samples do not change.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        There is no reason, or every hour is counted as it would be now.
    StalePlan
        Samples have come since the preview, or somebody counted them.
    """
    require(ops.operator, Role.OPERATOR, "engineering recount")
    need_reason("engineering recount", reason)
    subject = f"{label(partitions.hour_of(us(start)))} to {label(partitions.hour_of(us(stop)))}"
    with writing(ops):
        done: Recount = revise(ops, "recount", subject, partial(_prepare, ops, start, stop, ticket, reason))
        return done


def _prepare(ops: Ops, start: datetime, stop: datetime, ticket: str, reason: str, _seen: int) -> Any:
    found = _look(ops, start, stop)
    plan = _plan(found)
    need_ticket(ticket, plan.hash, "samples or their statistics have changed since the preview: look again")
    if not found:
        raise BadInput("nothing is counted otherwise now", field="start")
    return partial(_write, ops, plan, [now for pairs in found.values() for _, now in pairs], reason)


def _write(ops: Ops, plan: Recount, now: list[HourStats], reason: str, c: sa.Connection, revision: int) -> Recount:
    stats.replace(c, now)
    subject = f"{plan.hours[0].hour} to {plan.hours[-1].hour}"
    facts: dict[str, Any] = {"revision": revision, "plan": plan.hash, "hours": [asdict(one) for one in plan.hours]}
    journal.write(c, ops.clock, "engineering.recounted", subject, actor=ops.operator.name, reason=reason, **facts)
    return plan
