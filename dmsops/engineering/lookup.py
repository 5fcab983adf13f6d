"""Samples of one mnemonic, straight from the row groups that hold them: what boards, services and notebooks ask most.

A partition is in order of mnemonic and time, so the groups are found by halving and the samples within them as well; a question to
DuckDB takes more than twice as long (``python -m tests.bench --only engineering``). Every page that is read is held against its sum.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dmsops.engineering.columns import NO_RAW, Columns
from dmsops.engineering.duck import in_words

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from dmsops.engineering.partitions import Partition
    from dmsops.ops import Ops

_BESIDE = ("time", "value", "raw", "receipt")


def of_mnemonic(ops: Ops, partitions: Sequence[Partition], number: int, first_us: int, last_us: int) -> Columns:
    """Read the samples of a mnemonic in a time (both ends inside), in order of time.

    Raises
    ------
    StoreDamaged
        The bytes of a partition have changed.
    Failed
        The file system does not give them now.
    """
    paths = [ops.store.path(p.sha256) for p in partitions]
    with in_words():
        return _by_time(Columns.joined([_of_file(path, number, first_us, last_us) for path in paths]))


def _of_file(path: Path, number: int, first_us: int, last_us: int) -> Columns:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        groups = _groups(file.metadata, number)
        if not groups:
            return Columns.none()
        table = file.read_row_groups(groups, columns=["number", *_BESIDE], use_threads=False)
    numbers = table["number"].to_numpy()
    begin, end = np.searchsorted(numbers, number), np.searchsorted(numbers, number, "right")
    times = table["time"].to_numpy()[begin:end]
    begin, end = begin + np.searchsorted(times, first_us), begin + np.searchsorted(times, last_us, "right")
    time, value, raw, receipt = (_array(table[name].slice(begin, end - begin)) for name in _BESIDE)
    return Columns(number=np.full(len(time), number, np.int32), time=time, value=value, raw=raw, receipt=receipt)


def _groups(metadata: pq.FileMetaData, number: int) -> range:
    """Give the row groups that may hold a mnemonic."""
    every = range(metadata.num_row_groups)
    begin = bisect_left(every, number, key=lambda i: metadata.row_group(i).column(0).statistics.max)
    return range(begin, bisect_right(every, number, key=lambda i: metadata.row_group(i).column(0).statistics.min))


def _array(column: Any) -> Any:
    return (column.fill_null(NO_RAW) if column.null_count else column).to_numpy()


def _by_time(rows: Columns) -> Columns:
    """Put samples in order of time: those of one partition are."""
    return rows if (np.diff(rows.time) > 0).all() else rows.take(np.argsort(rows.time, kind="stable"))
