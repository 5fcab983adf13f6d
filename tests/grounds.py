"""The two grounds on which the archive stands, for tests: SQLite with a local store, PostgreSQL with an S3 server.

A site of either has everything in its ``site.toml``, so that a process of its own opens it by its folder alone.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
import sqlalchemy as sa

from dmsops.core.clock import SimulatedClock
from dmsops.core.config import SITE_FILE
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect
from dmsops.storage.bucket import Bucket
from dmsops.storage.s3 import S3Store
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.archives import small_archive
from tests.failpoints import is_killed
from tests.postgres import Server
from tests.receipts import quick_place
from tests.s3 import KEYS, S3Server, s3_settings

PLAIN, SERVED = "sqlite and local store", "postgresql and s3"
GROUNDS = (PLAIN, SERVED)
LEAD = Person("tester", Role.LEAD)


@dataclass
class Ground:
    """Makes sites of one kind in a folder of its own; without servers the plain kind."""

    place: Path
    postgresql: Server | None = None
    s3: S3Server | None = None
    _template: list[Ops] = field(default_factory=list)

    def site(self, folder: Path | None = None, *, hours: float = 6, **settings: Any) -> Ops:
        """Give an empty site whose sweep gives no grace, so many hours after the start; ``settings`` win over the ground's."""
        folder = self._place(folder)
        small_site(folder, START).db.dispose()
        return _opened(folder, START + timedelta(hours=hours), {**self._settings(), **settings})

    def archive(self, folder: Path | None = None, **settings: Any) -> Ops:
        """Give a site with one archived wavefront visit (`tests.archives.small_archive`): a copy of one that is made once."""
        if not self._template:
            self._template.append(self._archived())
        return self.like(self._template[0], folder, **settings)

    def like(self, other: Ops, folder: Path | None = None, **settings: Any) -> Ops:
        """Give a copy of another site of this ground: its folder, its database, its bucket."""
        other.db.dispose()
        folder = self._place(folder)
        shutil.copytree(other.settings.site, folder)
        mine = self._settings(other)
        if isinstance(other.store, S3Store):
            self._copy(other, mine["store_bucket"])
        return _opened(folder, other.clock.now(), {**mine, **settings})

    def _place(self, folder: Path | None) -> Path:
        return folder or Path(tempfile.mkdtemp(dir=self.place)) / "site"

    def _archived(self) -> Ops:
        made = self.site(hours=2)
        small_archive(made, made.settings.site.parent / "made")
        return made

    def _settings(self, like: Ops | None = None) -> dict[str, Any]:
        """Give the settings of a new database and bucket; the database is empty, or is another site's as it is now."""
        mine: dict[str, Any] = {"sweep_grace_hours": 1e-9}
        if self.postgresql is not None:
            mine["database"] = self.postgresql.new_database(*([like.db.url.database] if like else []))
        if self.s3 is not None:
            mine |= s3_settings(self.s3) | {"store_key_file": str(self._keys())}
        return mine

    def _keys(self) -> Path:
        path = self.place / "keys"
        path.touch(mode=0o600)
        path.write_text("[default]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in KEYS.items()))
        return path

    @staticmethod
    def _copy(other: Ops, bucket: str) -> None:
        kept, to = (Bucket(other.settings.model_copy(update=change)) for change in ({}, {"store_bucket": bucket}))
        for entry in kept.names("objects"):
            to.put(entry.name, b"".join(kept.read(entry.name, entry.size)))


def _opened(folder: Path, now: datetime, settings: dict[str, Any]) -> Ops:
    with (folder / SITE_FILE).open("w", encoding="utf-8") as file:
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return connect(folder, operator=LEAD, clock=SimulatedClock(now))


def spoil(ops: Ops, sha256: str) -> None:
    """Change the first bytes of an object where they are kept; no copy of them is left in a cache."""
    spoilt = b"spoilt" + ops.store.path(sha256).read_bytes()[6:]
    if isinstance(ops.store, S3Store):
        obstore.put(ops.store._bucket._for(0), f"objects/{sha256[:2]}/{sha256[2:]}", spoilt)
        ops.store._cache.drop(sha256)
        return
    path = ops.store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(spoilt)


@contextmanager
def statements(ops: Ops, at: int = 0, strike: Callable[[], None] = is_killed, *, writing: bool = False) -> Iterator[list[str]]:
    """Count what is asked of the database (``writing``: in transactions that write), commits too, and strike before one of them."""
    made: list[str] = []

    def seen(c: Any, text: str) -> None:
        if not (writing and c.get_execution_options().get("reading")):
            made.append(text)
            if len(made) == at:
                strike()

    def asked(c: Any, cursor: Any, text: str, *_: Any) -> None:
        seen(c, text)

    def committed(c: Any) -> None:
        seen(c, "read" if c.get_execution_options().get("reading") else "COMMIT")

    listened: list[tuple[str, Any]] = [("before_cursor_execute", asked), ("commit", committed)]
    for event, listener in listened:
        sa.event.listen(ops.db, event, listener)
    try:
        yield made
    finally:
        for event, listener in listened:
            sa.event.remove(ops.db, event, listener)


@pytest.fixture(scope="session", params=GROUNDS)
def ground(request: pytest.FixtureRequest, require: Callable[[str], Path]) -> Iterator[Ground]:
    """Give each ground; the second skips, or fails where DMSOPS_REQUIRE says so, without its servers."""
    with quick_place() as place:
        if request.param == PLAIN:
            yield Ground(place)
            return
        require("s3")
        yield Ground(place, request.getfixturevalue("postgresql"), request.getfixturevalue("s3_server"))


@pytest.fixture
def archive(ground: Ground) -> Iterator[Ops]:
    """Give a small archive on each ground."""
    opened = ground.archive()
    yield opened
    opened.db.dispose()
