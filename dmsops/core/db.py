"""The database: one metadata, one way to open it, SQLite and PostgreSQL alike.

On both, one transaction writes at a time: it takes the write lock at its start and keeps it to its end. What a
writer has looked at therefore still holds when it writes, and no two writers can stop each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine
from sqlalchemy.types import TypeDecorator

from dmsops.core.errors import BadSetting, NotFound

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_WRITERS = 732001
"""Number of the advisory lock that PostgreSQL's writers take in turn."""
_PATIENCE = "-c lock_timeout=30s -c idle_in_transaction_session_timeout=60s"  # a writer that hangs must not hold up the site for ever
MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored to the microsecond as text that sorts by time."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Write an aware time; a naive one is a mistake."""
        if value is None:
            return None
        return utc_text(value)

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Read it back, aware."""
        return None if value is None else datetime.fromisoformat(value)


def utc_text(value: datetime) -> str:
    """Write an aware time as `UtcTime` stores it; a naive one is a mistake."""
    if value.tzinfo is None:
        msg = "only aware times go into the database"
        raise ValueError(msg)
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def open_engine(url: str) -> Engine:
    """Open a database; nothing is created.

    SQLite runs in WAL mode with full synchronisation: what is committed survives a power cut and readers never
    wait for the writer. PostgreSQL ends a writer that hangs for a minute, and a dead client's connection.
    """
    if url.startswith("sqlite"):
        engine = sa.create_engine(url)
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
        return engine
    alive = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    engine = sa.create_engine(url, pool_pre_ping=True, connect_args={"options": _PATIENCE, **alive})
    sa.event.listen(engine, "begin", _postgresql_begin)
    return engine


def _postgresql_begin(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Any:
    """Open a read-only transaction: does not take the write lock."""
    return engine.execution_options(reading=True).begin()


def mappings(engine: Engine, query: Any) -> list[dict[str, Any]]:
    """Ask a query in a read-only transaction, and give its rows as plain dicts, for eyes."""
    with reading(engine) as c:
        return [dict(row) for row in c.execute(query).mappings()]


def is_passing(error: BaseException) -> bool:
    """Tell whether the database did not answer or was busy: the same work can be tried again."""
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.DBAPIError):
        return False
    if "sqlite3" in type(error.orig).__module__:
        return "locked" in str(error.orig) or "busy" in str(error.orig)
    return error.connection_invalidated or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)


def patiently[T](work: Callable[[], T], *, seconds: float, waiting: Callable[[BaseException], None] | None = None) -> T:
    """Do work on the database; while it does not answer, try again for so many seconds.

    ``work`` may have been done when the answer was lost: it must bear being done twice.
    ``waiting`` is told of every try that failed.
    """
    until = time.monotonic() + seconds
    pause = 0.1
    while True:
        try:
            return work()
        except sa.exc.DBAPIError as error:
            if not is_passing(error) or time.monotonic() > until:
                raise
            if waiting is not None:
                waiting(error)
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def transact[T](engine: Engine, work: Callable[[sa.Connection], T], *, tries: int = 5) -> T:
    """Run one write transaction, again when another writer was first at a unique row.

    With the write lock this does not happen to those who open the database with `open_engine`; it keeps the
    work whole beside a writer that does not take the lock.
    """
    for left in reversed(range(tries)):
        try:
            with engine.begin() as c:
                return work(c)
        except sa.exc.IntegrityError:
            if left == 0:
                raise
    raise AssertionError


def bulk_insert(c: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert many rows at the driver's own speed: SQLite's ``executemany``, PostgreSQL's ``COPY``.

    Parameters
    ----------
    columns : sequence of str
        Columns that the rows give, in their order.
    rows : sequence of tuple
        Values as the driver takes them: times as `utc_text` writes them, JSON as text.
    """
    if not rows:
        return
    quote = c.dialect.identifier_preparer.quote
    into = f"{quote(table.name)} ({', '.join(quote(table.c[name].name) for name in columns)})"
    if c.dialect.name == "postgresql":
        with c.connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
        return
    c.exec_driver_sql(f"INSERT INTO {into} VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608 - names of our own tables


def add_to(c: sa.Connection, table: sa.Table, column: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to counters' rows, each made when it is not there (one statement: two writers can do it at once).

    Parameters
    ----------
    column : str
        The counter; its value in a row is what is added.
    rows : sequence of mapping
        The primary key of a counter, and what to add.
    """
    if rows:
        c.execute(_adding(c.dialect.name, table, column), rows)


@cache
def _adding(dialect: str, table: sa.Table, column: str) -> Any:
    first: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    return first.on_conflict_do_update(index_elements=table.primary_key.columns, set_={column: table.c[column] + first.excluded[column]})


def _alembic(url: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to the present schema, or to one by number (makes it when it is empty); whole or not at all: one transaction.

    Raises
    ------
    BadSetting
        It has a newer schema than this library knows.
    """
    from alembic import command

    engine = open_engine(url)
    try:
        with reading(engine) as c:
            found = _revision(c)
    finally:
        engine.dispose()
    if found is not None and found > expected_revision():
        raise _newer(found)
    command.upgrade(_alembic(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take a database back to an older schema, whole or not at all; what `losses` counts is gone after it."""
    from alembic import command

    command.downgrade(_alembic(url), revision)


def losses(c: sa.Connection, revision: str) -> list[tuple[str, int, str]]:
    """Count what an older schema cannot hold: table, rows, what they are; each revision on the way down says what it loses."""
    from alembic.script import ScriptDirectory

    lost = []
    for script in ScriptDirectory(str(MIGRATIONS)).iterate_revisions(expected_revision(), revision):
        for table, condition, words in script.module.LOSSES:
            counted = sa.select(sa.func.count()).select_from(sa.table(table)).where(sa.text(condition or "1 = 1"))
            lost.append((table, int(c.execute(counted).scalar_one()), words))
    return [row for row in lost if row[1]]


def revisions() -> list[str]:
    """Give the numbers of all schemas, oldest first."""
    return sorted(path.stem[1:5] for path in (MIGRATIONS / "versions").glob("r[0-9]*.py"))


def _revision(c: sa.Connection) -> str | None:
    return c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if sa.inspect(c).has_table("alembic_version") else None


def _newer(found: str) -> BadSetting:
    wanted = expected_revision()
    return BadSetting(
        f"the database has schema {found}, which is newer than {wanted}, the newest that this version of DMSOps knows",
        remedy=f"Use the version of DMSOps that wrote it, or take it back there: `dmsops site downgrade --to {wanted}` (procedure P20).",
        found=found,
        wanted=wanted,
    )


@cache
def expected_revision() -> str:
    """Give the schema revision that this library works with, from the revisions' file names.

    Alembic would say the same, but to import it costs a third of a second, which every step's process would pay.
    """
    return revisions()[-1]


def check_revision(engine: Engine) -> None:
    """Refuse to work on an old or a newer schema.

    Raises
    ------
    NotFound
        The database has no schema yet.
    BadSetting
        It has another revision than this library.
    """
    with reading(engine) as c:
        found = _revision(c)
    wanted = expected_revision()
    if found is None:
        raise NotFound("the site's database is empty", remedy="Make the site with `dmsops site init`.")
    if found > wanted:
        raise _newer(found)
    if found != wanted:
        raise BadSetting(
            f"the database has schema {found}, this version of DMSOps works with {wanted}",
            remedy="Stop the engine and run `dmsops site upgrade`; procedure P20 covers it.",
            found=found,
            wanted=wanted,
        )
