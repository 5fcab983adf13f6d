"""The database: one metadata, one way to open it, SQLite and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
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
MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time, stored to the microsecond as text that sorts by time."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Write an aware time; a naive one is a mistake."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "only aware times go into the database"
            raise ValueError(msg)
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Read it back, aware."""
        return None if value is None else datetime.fromisoformat(value.replace("Z", "+00:00"))


def open_engine(url: str) -> Engine:
    """Open a database; nothing is created.

    SQLite runs in WAL mode with full synchronisation: what is committed survives a power cut, readers never
    wait for the writer, and every transaction takes the write lock at its start (no upgrade deadlocks).
    """
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_connect)
        sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


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
    """Open a read-only transaction: does not take SQLite's write lock."""
    return engine.execution_options(reading=True).begin()


def transact[T](engine: Engine, work: Callable[[sa.Connection], T], *, tries: int = 5) -> T:
    """Run one write transaction, again when another writer was first at a unique row.

    ``work`` looks before it inserts; on PostgreSQL two writers may look at the same time, and the loser's
    second look finds the winner's row. On SQLite the write lock is taken at the start and this never repeats.
    """
    for left in reversed(range(tries)):
        try:
            with engine.begin() as c:
                return work(c)
        except sa.exc.IntegrityError:
            if left == 0:
                raise
    raise AssertionError


def _alembic(url: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def upgrade(url: str) -> None:
    """Bring a database to the present schema (makes it when it is empty)."""
    from alembic import command

    command.upgrade(_alembic(url), "head")


def expected_revision() -> str:
    """Give the schema revision that this library works with."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(_alembic("sqlite://")).get_current_head())


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
        if not sa.inspect(c).has_table("alembic_version"):
            raise NotFound("the site's database is empty", remedy="Make the site with `dmsops site init`.")
        found = c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    wanted = expected_revision()
    if found != wanted:
        raise BadSetting(
            f"the database has schema {found}, this version of DMSOps works with {wanted}",
            remedy="Stop the engine and run `dmsops site upgrade`; procedure P20 covers it.",
        )
