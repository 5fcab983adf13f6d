"""DuckDB over partitions: what is read of them, and merges that need no more memory than they are given.

One connection for each thread that asks; nothing of it is on disk. Questions are fixed texts, what is asked for are parameters.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import Failed, StoreDamaged
from dmsops.engineering.columns import NO_RAW, Columns

if TYPE_CHECKING:
    import duckdb

    from dmsops.engineering.partitions import Partition
    from dmsops.ops import Ops

MEMORY = "768MB"
BATCH = 1 << 20
"""Rows of a merge that are in the hand at once."""
_COLUMNS = "number, time, value, raw, receipt"
_AT = f"SELECT {_COLUMNS} FROM read_parquet(?) SEMI JOIN wanted USING (number, time) WHERE time BETWEEN ? AND ? ORDER BY number, time"  # noqa: S608 - our texts
_own = threading.local()


def connection(ops: Ops) -> duckdb.DuckDBPyConnection:
    """Give this thread's connection."""
    import duckdb

    opened: duckdb.DuckDBPyConnection | None = getattr(_own, "connection", None)
    if opened is None or _own.process != os.getpid():  # a forked process must not use its parent's
        spill = ops.settings.folder("work")
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "threads": 1,
            "temp_directory": str(spill / "duckdb"),
            "autoinstall_known_extensions": False,
        }
        opened = duckdb.connect(config=settings)
        opened.execute("SET enable_progress_bar = false; SET parquet_metadata_cache = true; SET preserve_insertion_order = true")
        _own.connection, _own.process = opened, os.getpid()
    return opened


@contextmanager
def in_words() -> Iterator[None]:
    """Say in a sentence what a reader of partitions stumbles over: bytes that are no partition, or a machine without room."""
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException, pa.ArrowMemoryError) as error:
        raise _not_now(error) from None
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _not_now(error) from None
        raise StoreDamaged(f"a partition of the engineering database cannot be read: {_first_line(error)}") from None


def _not_now(error: Exception) -> Failed:
    return Failed(
        f"the engineering database cannot be read now: {_first_line(error)}",
        remedy="Free or repair the site's file system or memory (procedure P20), then ask again.",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def paths(ops: Ops, partitions: Sequence[Partition]) -> list[str]:
    """Give where partitions lie in the store."""
    return [str(ops.store.path(p.sha256)) for p in partitions]


def fetch(
    ops: Ops, partitions: Sequence[Partition], where: str = "true", given: Sequence[Any] = (), order: str = "number, time"
) -> Columns:
    """Read rows of partitions.

    Parameters
    ----------
    where, order : str
        SQL of ours, with ``?`` for what is given; without an order the rows of each partition come as they lie in it.
    """
    if not partitions:
        return Columns.none()
    sort = f" ORDER BY {order}" if order else ""
    question = f"SELECT {_COLUMNS} FROM read_parquet(?) WHERE {where}{sort}"  # noqa: S608 - texts of ours only
    with in_words():
        return _columns(connection(ops).execute(question, [paths(ops, partitions), *given]).fetchnumpy())


def fetch_at(ops: Ops, partitions: Sequence[Partition], numbers: NDArray[np.int32], times: NDArray[np.int64]) -> Columns:
    """Read the samples of some mnemonics and times, pair by pair, in order of mnemonic and time.

    Parameters
    ----------
    numbers, times : (N,)
        Pairs; one that comes twice is read once.
    """
    import pyarrow as pa

    if not partitions or not len(times):
        return Columns.none()
    opened = connection(ops)
    opened.register("wanted", pa.table({"number": numbers, "time": times}))
    try:
        given = [paths(ops, partitions), int(times.min()), int(times.max())]
        with in_words():
            return _columns(opened.execute(_AT, given).fetchnumpy())
    finally:
        opened.unregister("wanted")


def ask(ops: Ops, question: str, given: Sequence[Any]) -> dict[str, Any]:
    """Ask a question of ours; gives its columns as arrays."""
    with in_words():
        return connection(ops).execute(question, list(given)).fetchnumpy()


def merged(ops: Ops, partitions: Sequence[Partition]) -> Iterator[Columns]:
    """Give all rows of partitions in order of mnemonic and time, a million at a time."""
    question = f"SELECT {_COLUMNS} FROM read_parquet(?) ORDER BY number, time"  # noqa: S608 - texts of ours only
    with in_words():
        reader = connection(ops).sql(question, params=[paths(ops, partitions)]).to_arrow_reader(BATCH)
    while True:
        with in_words():
            batch = next(reader, None)
        if batch is None:
            return
        yield _columns({name: _array(batch.column(name), name) for name in batch.schema.names})


def _array(column: Any, name: str) -> Any:
    return (column.fill_null(NO_RAW) if name == "raw" else column).to_numpy(zero_copy_only=False)


def _columns(found: dict[str, Any]) -> Columns:
    raw = found["raw"]
    return Columns(
        number=np.asarray(found["number"], np.int32),
        time=np.asarray(found["time"], np.int64),
        value=np.asarray(found["value"], np.float64),
        raw=np.asarray(raw.filled(NO_RAW) if isinstance(raw, np.ma.MaskedArray) else raw, np.int64),
        receipt=np.asarray(found["receipt"], np.int32),
    )
