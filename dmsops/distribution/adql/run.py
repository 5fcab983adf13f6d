"""A translated query asked of the database, within bounds: reading only, so many rows, so many seconds, and no longer than it is wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import BadInput, Failed
from dmsops.distribution.adql.grammar import REMEDY
from dmsops.distribution.adql.translate import Translated

DATABASE = "database"
"""The fact ``by`` of an error that came up while rows were looked at."""
LOT = 2_000
"""Rows that are taken from the database at a time."""
_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: some milliseconds."""
_READABLE = frozenset(
    {"observation", "plane", "artifact", "observation_member", "plane_input", "proposal", "json_each", "sqlite_master"}
)  # fmt: skip
_VIRTUAL = ("plane_sky", "json_each('[]')")
_ANSWERED = "dms_functions"
Rows = Sequence[Sequence[Any]]
Wanted = Callable[[], bool]
_WATCH = 0.5
"""Seconds between two looks whether a query of PostgreSQL is wanted."""


def _always() -> bool:
    return True


def ask(engine: sa.Engine, query: Translated, values: Mapping[str, Any], *, seconds: float, wanted: Wanted = _always) -> Iterator[Rows]:
    """Give the rows of a query in lots; one more than `Translated.rows` says that there are more.

    Parameters
    ----------
    values : mapping
        What the published columns leave open: ``now`` and ``base``.
    wanted : callable
        Asked again and again while the query runs; once it says no, the query is stopped.

    Raises
    ------
    BadInput
        The database cannot evaluate it (a number too large, a text that is none).
    Failed
        It took longer than it may.
    """
    until = time.monotonic() + seconds
    try:
        with _reading(engine, query, until, wanted) as c:
            # Rows are read plainly: what is published is numbers and texts.
            result = c.execution_options(yield_per=LOT).execute(query.statement, dict(values))
            for lot in result.partitions():
                _in_time(until, seconds)
                yield lot
    except sa.exc.DBAPIError as error:
        raise _told(error, seconds, late=time.monotonic() >= until, wanted=wanted()) from None
    except RecursionError:
        raise BadInput("the query is nested too deeply", remedy=REMEDY, field="QUERY") from None


def _in_time(until: float, seconds: float) -> None:
    """Look at the clock between lots: a server's own limit counts each of them anew."""
    if time.monotonic() >= until:
        raise _late(seconds)


def _late(seconds: float) -> Failed:
    return Failed(
        f"the query took longer than {seconds:g} s and was stopped",
        remedy="Ask for less, or ask it as an asynchronous job with a longer executionduration (procedure P17).",
    )


@contextmanager
def _reading(engine: sa.Engine, query: Translated, until: float, wanted: Wanted) -> Iterator[sa.Connection]:
    if engine.dialect.name == "postgresql":
        with engine.execution_options(reading=True).connect() as c:
            if query.functions:
                _make_functions(c)
            with c.begin(), _watched(c.connection.dbapi_connection, wanted):
                seconds = max(until - time.monotonic(), 0.001)
                c.exec_driver_sql("SET TRANSACTION READ ONLY")
                c.exec_driver_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000) + 1}")
                yield c
        return
    with reading(engine) as c, _bounded(c, until, wanted):
        yield c


@contextmanager
def _watched(connection: Any, wanted: Wanted) -> Iterator[None]:
    """Stop what a connection to PostgreSQL does once it is not wanted: nobody else looks while it waits for rows."""
    if wanted is _always:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_WATCH):
            if not wanted():
                connection.cancel()
                return

    watcher = threading.Thread(target=watch, name="adql watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _make_functions(c: sa.Connection) -> None:
    """Make our functions in the session's own schema, once for a connection."""
    if c.info.get(_ANSWERED):
        return
    from dmsops.distribution.adql.plpgsql import FUNCTIONS

    with c.begin():
        for function in FUNCTIONS:
            c.exec_driver_sql(function.replace("%", "%%"))
    c.info[_ANSWERED] = True


@contextmanager
def _bounded(c: sa.Connection, until: float, wanted: Wanted) -> Iterator[None]:
    """Bind a connection to SQLite: it reads the archive's tables and nothing else, and stops when it is time."""
    from dmsops.distribution.adql.sqlite import register

    connection: Any = c.connection.dbapi_connection
    if not c.info.get(_ANSWERED):
        register(connection)
        c.info[_ANSWERED] = True
    for name in _VIRTUAL:  # a virtual table is connected at its first use, which the authorizer would not allow
        connection.execute(f"SELECT 1 FROM {name} LIMIT 0")  # noqa: S608 - names of ours
    connection.set_authorizer(_may)
    connection.set_progress_handler(lambda: int(time.monotonic() >= until or not wanted()), _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)


def _may(action: int, first: str | None, second: str | None, _database: str | None, _source: str | None) -> int:
    """Say what a statement may do: what the translation makes needs no more, and a mistake in it could do no more."""
    import sqlite3

    if action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION}:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (second or "").lower() in {"load_extension", "readfile", "writefile", "edit"} else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ:
        name = (first or "").lower()
        return sqlite3.SQLITE_OK if name in _READABLE or name.startswith("plane_sky") or not name else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _told(error: sa.exc.DBAPIError, seconds: float, *, late: bool, wanted: bool) -> BadInput | Failed:
    words = str(error.orig).strip().splitlines()
    first = words[0] if words else type(error.orig).__name__
    if not wanted:
        return Failed(
            "the query was stopped: nobody wants its answer any more", remedy="Ask it again where it is still wanted (procedure P17)."
        )
    if late or "timeout" in first or "interrupted" in first:
        return _late(seconds)
    if error.connection_invalidated or isinstance(error, sa.exc.InterfaceError) or "locked" in first:
        return Failed(f"the database did not answer: {first[:200]}", remedy="Ask again in a minute (procedure P17).")
    return BadInput(f"the database cannot evaluate the query: {first[:200]}", remedy=REMEDY, field="QUERY", by=DATABASE)
