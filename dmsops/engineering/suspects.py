"""Suspect intervals: times of a mnemonic in which samples are contested, until a person says which values stand."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.engineering.columns import Columns
from dmsops.engineering.tables import engineering_suspect

if TYPE_CHECKING:
    from dmsops.ops import Ops

OPEN, RESOLVED = "open", "resolved"
_s = engineering_suspect.c


def note(c: sa.Connection, ops: Ops, contested: Columns) -> None:
    """Mark the times of samples that became contested, in the caller's write transaction.

    Contested samples that are no farther apart than the site's setting make one interval; an open one nearby grows.

    Parameters
    ----------
    contested : Columns
        Every value of them, in any order.
    """
    apart = round(ops.settings.engineering_suspect_seconds * 1e6)
    for number in np.unique(contested.number).tolist():
        mine = contested.take(contested.number == number)
        mine = mine.take(np.argsort(mine.time, kind="stable"))
        for piece in np.split(np.arange(len(mine)), np.flatnonzero(np.diff(mine.time) > apart) + 1):
            _mark(c, ops, number, mine.take(piece), apart)


def _mark(c: sa.Connection, ops: Ops, number: int, rows: Columns, apart: int) -> None:
    first, last = int(rows.time[0]), int(rows.time[-1])
    near = (_s.number == number, _s.state == OPEN, _s.last_us >= first - apart, _s.first_us <= last + apart)
    there = c.execute(sa.select(engineering_suspect).where(*near)).all()
    receipts = sorted({*np.unique(rows.receipt).tolist(), *(r for row in there for r in row.receipts)})
    values: dict[str, Any] = {
        "first_us": min([first, *(r.first_us for r in there)]),
        "last_us": max([last, *(r.last_us for r in there)]),
        "conflicts": len(rows) - len(np.unique(rows.time)) + sum(r.conflicts for r in there),
        "receipts": receipts,
    }
    if there:
        c.execute(sa.update(engineering_suspect).where(_s.id == there[0].id).values(**values))
        c.execute(sa.delete(engineering_suspect).where(_s.id.in_([r.id for r in there[1:]])))
        return
    c.execute(sa.insert(engineering_suspect).values(number=number, state=OPEN, found_at=ops.clock.now(), **values))


def touching(c: sa.Connection, start_us: int, stop_us: int, numbers: Collection[int] | None = None) -> list[dict[str, Any]]:
    """Give the open suspect intervals that touch a time, of some mnemonics or of all."""
    query = sa.select(engineering_suspect).where(_s.state == OPEN, _s.first_us <= stop_us, _s.last_us >= start_us)
    if numbers is not None:
        query = query.where(_s.number.in_(numbers))
    return [dict(row) for row in c.execute(query.order_by(_s.first_us, _s.number)).mappings()]
