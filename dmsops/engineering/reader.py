"""Samples of a mnemonic as they are held, or were in an older revision: what is read piece by piece is then of one state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.engineering import duck, lookup, partitions
from dmsops.engineering.columns import Columns
from dmsops.engineering.tables import engineering_hour
from dmsops.engineering.writer import head

if TYPE_CHECKING:
    from dmsops.ops import Ops

_h = engineering_hour.c


def samples(ops: Ops, number: int, start_us: int, stop_us: int, *, bracket: bool = False, revision: int | None = None) -> Columns:
    """Read the samples of a mnemonic, in order of time.

    Parameters
    ----------
    start_us, stop_us : int
        Both inside.
    bracket : bool
        Give the last sample before and the first one after as well, where there are any.
    revision : int, optional
        The state to read; default the newest.
    """
    with reading(ops.db) as c:
        state = head(c) if revision is None else revision
        inside = partitions.current(c, start_us=start_us, stop_us=stop_us, revision=state)
    found = lookup.of_mnemonic(ops, inside, number, start_us, stop_us)
    if not bracket:
        return found
    before = _nearest(ops, number, start_us, state, before=True)
    return Columns.joined([before, found, _nearest(ops, number, stop_us, state, before=False)])


def _nearest(ops: Ops, number: int, time_us: int, revision: int, *, before: bool) -> Columns:
    """Read the sample next to a time.

    The hourly statistics say in which hour it is. They may know of samples that came after the revision: then it is farther away.
    """
    where, order = ("number = ? AND time < ?", "time DESC LIMIT 1") if before else ("number = ? AND time > ?", "time LIMIT 1")
    hour: int | None = None
    while True:
        with reading(ops.db) as c:
            hour = c.execute(_next_hour(number, time_us, hour, before=before)).scalar()
            there = [] if hour is None else partitions.current(c, hours=[hour], revision=revision)
        found = duck.fetch(ops, there, where, (number, time_us), order=order)
        if hour is None or len(found):
            return found


def _next_hour(number: int, time_us: int, beyond: int | None, *, before: bool) -> sa.Select[tuple[int]]:
    """Ask for the nearest hour that has samples on that side of a time; beyond an hour that was looked at."""
    if before:
        query = sa.select(sa.func.max(_h.hour)).where(_h.number == number, _h.first_us < time_us)
        return query if beyond is None else query.where(_h.hour < beyond)
    query = sa.select(sa.func.min(_h.hour)).where(_h.number == number, _h.last_us > time_us)
    return query if beyond is None else query.where(_h.hour > beyond)
