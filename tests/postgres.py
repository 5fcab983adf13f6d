"""A private PostgreSQL server for tests: its own folder, a Unix socket, no port, no password, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from dmsops.core import db

_FAST = {"listen_addresses": "''", "fsync": "off", "max_connections": "60", "shared_buffers": "16MB", "autovacuum": "off"}
"""Without fsync a power cut may lose data; a killed server does not, and nobody pulls the plug on a test."""


def binaries() -> Path | None:
    """Find the server's programs, where Debian or PATH has them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next((p.parent for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


@dataclass(slots=True)
class Server:
    """A running server."""

    bin: Path
    folder: Path
    user: str | None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://tester@/{name}?host={self.folder}"

    def new_database(self, like: str = "blank") -> str:
        """Make a database with the present schema (or a copy of another, which nobody may have open) and give its address."""
        name = f"site{next(self._numbers)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE {like}")
        return self.url(name)

    def start(self) -> None:
        self.control("start", "-l", str(self.folder / "log"))

    def restart(self, mode: str = "immediate") -> None:
        """Throw every client out, as a crash does, and start again."""
        self.control("restart", "-m", mode, "-l", str(self.folder / "log"))

    def control(self, *words: str) -> None:
        self.program("pg_ctl", "-D", str(self.folder / "data"), "-w", "-s", *words)

    def program(self, name: str, *words: str) -> None:
        subprocess.run([self.bin / name, *words], check=True, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL)

    def _sql(self, text: str) -> None:
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as c:
            c.exec_driver_sql(text)
        engine.dispose()


def _unprivileged() -> str | None:
    """Name another user where we are root: the server refuses to run as root."""
    if os.geteuid() != 0:
        return None
    return next(name for name in ("postgres", "nobody") if name in {p.pw_name for p in pwd.getpwall()})


@contextmanager
def server(programs: Path) -> Iterator[Server]:
    """Start a server; every database is a copy of one that has the schema."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=memory if memory.is_dir() else None))
    made = Server(programs, folder, _unprivileged())
    if made.user is not None:
        shutil.chown(folder, made.user)
    try:
        made.program("initdb", "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = {**_FAST, "unix_socket_directories": f"'{folder}'"}
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())
        made.start()
        made._sql("CREATE DATABASE blank")
        db.upgrade(made.url("blank"))
        yield made
    finally:
        made.control("stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)
