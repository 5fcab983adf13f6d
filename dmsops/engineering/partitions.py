"""Partitions: samples of one hour in an immutable Parquet file of the store, and the catalogue that says which are current.

A reader takes the list of current partitions in one transaction and then reads files that never change; so it sees one state of
the engineering database while a writer makes the next. Who reads piece by piece asks each time for the list as it was in one
revision. Encodings are chosen for telemetry: times and counts as differences,
values (which follow from counts) as a dictionary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from dmsops.engineering.columns import HOUR_US, NO_RAW, Columns
from dmsops.engineering.tables import engineering_partition

if TYPE_CHECKING:
    import pyarrow as pa

    from dmsops.ops import Ops

BASE, DELTA, CONFLICT = "base", "delta", "conflict"
SERVED = (BASE, DELTA)
ROW_GROUP = 1 << 15
"""Rows that are found and read together: an hour of one mnemonic touches one or two groups, at 4 samples a second one."""
_p = engineering_partition.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A partition that lies in the store and is not catalogued yet."""

    hour: int
    kind: str
    sha256: str
    size: int
    rows: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A catalogued partition."""

    id: int
    hour: int
    kind: str
    version: int
    sha256: str
    size: int
    rows: int
    first_us: int
    last_us: int


def schema() -> pa.Schema:
    """Give the columns of a partition; ``raw`` is null where the packet carried the engineering value itself."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("number", pa.int32(), nullable=False),
            pa.field("time", pa.int64(), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("raw", pa.int64()),
            pa.field("receipt", pa.int32(), nullable=False),
        ],
        metadata={"time": "microseconds since 1970-01-01 UTC", "value": "engineering units of the telemetry database"},
    )


def _table(rows: Columns) -> pa.Table:
    import pyarrow as pa

    none = rows.raw == NO_RAW
    raw = pa.array(rows.raw, mask=none if none.any() else None)
    return pa.table([rows.number, rows.time, rows.value, raw, rows.receipt], schema=schema())


def write(path: Path, pieces: Iterable[Columns]) -> None:
    """Write samples that are in order of mnemonic and time, piece by piece, into a new Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(
        path,
        schema(),
        compression="zstd",
        compression_level=1,
        use_dictionary=["number", "value", "receipt"],
        column_encoding={"time": "DELTA_BINARY_PACKED", "raw": "DELTA_BINARY_PACKED"},
        write_statistics=["number", "time"],
        write_page_checksum=True,
    ) as file:
        for rows in pieces:
            file.write_table(_table(rows), row_group_size=ROW_GROUP)


def keep(ops: Ops, folder: Path, hour: int, kind: str, pieces: Iterable[Columns]) -> Made:
    """Write a partition and put it into the store, where it survives; no row names it yet, and a sweep removes it if none ever does.

    Parameters
    ----------
    folder : Path
        Working folder of this writer.
    pieces : iterable of Columns
        At least one row in all, of this hour, in order of mnemonic and time.
    """
    seen = _Seen()
    path = folder / f"{hour}-{kind}.parquet"
    write(path, seen.watch(pieces))
    size = path.stat().st_size
    sha256 = ops.store.put(path)
    path.unlink()
    return Made(hour=hour, kind=kind, sha256=sha256, size=size, rows=seen.rows, first_us=seen.first, last_us=seen.last)


class _Seen:
    """Counts what goes by."""

    def __init__(self) -> None:
        self.rows, self.first, self.last = 0, np.iinfo(np.int64).max, np.iinfo(np.int64).min

    def watch(self, pieces: Iterable[Columns]) -> Iterator[Columns]:
        for rows in pieces:
            if len(rows):
                self.rows += len(rows)
                self.first = min(self.first, int(rows.time.min()))
                self.last = max(self.last, int(rows.time.max()))
                yield rows


def hour_of(time_us: int) -> int:
    """Give the hour that a time belongs to, counted from 1970."""
    return time_us // HOUR_US


def current(
    c: sa.Connection,
    *,
    start_us: int | None = None,
    stop_us: int | None = None,
    hours: Collection[int] | None = None,
    kinds: Collection[str] = SERVED,
    revision: int | None = None,
) -> list[Partition]:
    """Give the current partitions that may hold samples of a time (both ends inside), or of some hours; oldest first.

    With a revision those that were current in it: retired ones stay on record and in the store, so an older state can be read whole.
    """
    query = sa.select(*(_p[name] for name in Partition.__dataclass_fields__)).where(_held(revision), _p.kind.in_(kinds))
    if hours is not None:
        query = query.where(_p.hour.in_(hours))
    if start_us is not None:
        query = query.where(_p.hour >= hour_of(start_us), _p.last_us >= start_us)
    if stop_us is not None:
        query = query.where(_p.hour <= hour_of(stop_us), _p.first_us <= stop_us)
    return [Partition(**row) for row in c.execute(query.order_by(_p.hour, _p.id)).mappings()]


def _held(revision: int | None) -> sa.ColumnElement[bool]:
    if revision is None:
        return _p.retired_in.is_(None)
    return (_p.made_in <= revision) & (_p.retired_in.is_(None) | (_p.retired_in > revision))


def catalogue(c: sa.Connection, made: Iterable[Made], revision: int) -> None:
    """Make partitions current; each is a new version of its hour."""
    rows: list[dict[str, Any]] = []
    versions: dict[int, int] = {}
    for one in made:
        if one.hour not in versions:
            versions[one.hour] = c.execute(sa.select(sa.func.max(_p.version)).where(_p.hour == one.hour)).scalar() or 0
            versions[one.hour] += 1
        values = {name: getattr(one, name) for name in Made.__dataclass_fields__}
        rows.append({**values, "version": versions[one.hour], "made_in": revision})
    if rows:
        c.execute(sa.insert(engineering_partition), rows)


def retire(c: sa.Connection, ids: Collection[int], revision: int) -> int:
    """Take partitions out of the current set; they stay in the store and on record. Gives how many were current."""
    gone = sa.update(engineering_partition).where(_p.id.in_(ids), _p.retired_in.is_(None))
    return c.execute(gone.values(retired_in=revision)).rowcount
