"""Compaction: what an hour has in several partitions becomes one, with the same samples; the old ones are retired, not removed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import StoreDamaged
from dmsops.core.people import Role, require
from dmsops.engineering import duck, partitions
from dmsops.engineering.columns import HOUR_US
from dmsops.engineering.rules import at
from dmsops.engineering.tables import engineering_partition
from dmsops.engineering.writer import revise, writing

if TYPE_CHECKING:
    from dmsops.engineering.partitions import Partition
    from dmsops.ops import Ops

_p = engineering_partition.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """An hour that has one partition now: how many it had, its samples, bytes before and after."""

    hour: str
    partitions: int
    rows: int
    size_before: int
    size: int


def due(ops: Ops) -> list[int]:
    """Give the hours that have more partitions than the site's setting allows."""
    return several(ops, more_than=ops.settings.engineering_partitions)


def several(ops: Ops, *, more_than: int = 1) -> list[int]:
    """Give the hours that have more partitions than a number."""
    served = (_p.retired_in.is_(None), _p.kind.in_(partitions.SERVED))
    many = sa.select(_p.hour).where(*served).group_by(_p.hour).having(sa.func.count() > more_than)
    with reading(ops.db) as c:
        return list(c.execute(many.order_by(_p.hour)).scalars())


def compact(ops: Ops, hours: Collection[int] | None = None) -> list[Compacted]:
    """Make one partition of each hour's partitions.

    Parameters
    ----------
    hours : collection of int, optional
        Hours since 1970; default those that are due.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    StoreDamaged
        A partition's bytes have changed, or samples would be lost: nothing is changed.
    """
    require(ops.operator, Role.OPERATOR, "engineering compact")
    done = []
    with writing(ops) as folder:
        for hour in due(ops) if hours is None else sorted(set(hours)):
            with reading(ops.db) as c:
                if len(partitions.current(c, hours=[hour])) > 1:
                    done.append(revise(ops, "compact", label(hour), partial(_merge, ops, folder, hour)))
    return done


def label(hour: int) -> str:
    """Name an hour: ``2022-12-04T03``."""
    return at(hour * HOUR_US)[:13]


def _merge(ops: Ops, folder: Path, hour: int, _seen: int) -> Any:
    with reading(ops.db) as c:
        old = partitions.current(c, hours=[hour])
    for one in old:
        ops.store.verify(one.sha256)
    made = partitions.keep(ops, folder, hour, partitions.BASE, duck.merged(ops, old))
    same(hour, sum(p.rows for p in old), made.rows)
    return partial(_swap, ops, old, made)


def same(hour: int, before: int, after: int) -> None:
    """See that a rewritten hour has the samples that it had; raises `StoreDamaged`."""
    if before != after:
        raise StoreDamaged(f"hour {label(hour)} has {counted(before, 'sample')}, and {after} when it is written anew", hour=label(hour))


def _swap(ops: Ops, old: list[Partition], made: partitions.Made, c: sa.Connection, revision: int) -> Compacted:
    partitions.retire(c, [p.id for p in old], revision)
    partitions.catalogue(c, [made], revision)
    size = sum(p.size for p in old)
    done = Compacted(hour=label(made.hour), partitions=len(old), rows=made.rows, size_before=size, size=made.size)
    journal.write(
        c, ops.clock, "engineering.compacted", done.hour, actor=ops.operator.name, revision=revision, partitions=len(old), rows=made.rows
    )
    return done
