"""The second site itself: its folder, its tables, how it is made and opened."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core.clock import Clock, SystemClock, iso
from dmsops.core.db import UtcTime, open_engine, reading
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.files import make_folder, write_json
from dmsops.core.names import safe_file_name
from dmsops.core.private import private_text

LOOK_BACK = timedelta(seconds=300)
"""How far each harvest looks back before the last time that it has seen (icewind's)."""
POLICIES = ("none", "public", "all")
"""Which files are copied: none, those that are public, all that are given to us."""
SETTINGS, TOKEN = "partner.json", "token"
tables = sa.MetaData()

held = sa.Table(
    "held",
    tables,
    sa.Column("observation_id", sa.String(120), primary_key=True),
    sa.Column("listed_at", UtcTime),
    sa.Column("listed_checksum", sa.String(64), nullable=False, server_default=""),
    sa.Column("deleted_at", UtcTime),
    sa.Column("checksum", sa.String(64), index=True),
    sa.Column("document", sa.LargeBinary),
    sa.Column("taken_at", UtcTime),
)
"""What we know of an observation: the newest word about it (listed or deleted), and the document that we hold with the sum that we
computed on it; without ``checksum`` we hold none."""

mark = sa.Table("mark", tables, sa.Column("name", sa.String(32), primary_key=True), sa.Column("at", UtcTime, nullable=False))
"""The last time that was seen in each list."""

skip = sa.Table(
    "skip",
    tables,
    sa.Column("observation_id", sa.String(120), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("try_after", UtcTime, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""What could not be taken, why, and when it is tried again (icewind's HarvestSkipURI); ``told`` says that the archive was told."""

file = sa.Table(
    "file",
    tables,
    sa.Column("uri", sa.String(255), primary_key=True),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("release", UtcTime),
    sa.Column("held_sha256", sa.String(64)),
    sa.Column("times", sa.Integer, nullable=False, server_default="0"),
    sa.Column("try_after", UtcTime),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
)
"""The files that the documents name; ``held_sha256`` is the sum of the bytes that lie in our folder, as we read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSite:
    """A second site, opened: ``feed`` is the address of the archive, ``files`` its policy."""

    folder: Path
    feed: str
    collection: str
    files: str
    token: str
    clock: Clock
    db: sa.Engine

    def path_of(self, uri: str) -> Path:
        """Give where a file of that URI lies."""
        return self.folder / "files" / safe_file_name(uri.rpartition("/")[2])

    def now(self) -> datetime:
        """Give the time of this site's own clock."""
        return self.clock.now()


def make(folder: Path, feed: str, *, collection: str = "JWST", files: str = "public", token: str = "") -> Path:
    """Make a second site; one that is there keeps what it holds and gets these settings.

    Raises
    ------
    BadInput
        The address is none of HTTP, or there is no such policy.
    """
    if not feed.startswith(("http://", "https://")):
        raise BadInput(f"field 'feed': '{feed[:80]}' is no address of HTTP", field="feed")
    if files not in POLICIES:
        raise BadInput(f"field 'files' is '{files}', not one of {', '.join(POLICIES)}", field="files")
    for name in ("files", "parts", "reports"):
        make_folder(folder / name)
    descriptor = os.open(folder / TOKEN, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as kept:
        kept.write(token)
    write_json(folder / SETTINGS, {"feed": feed.rstrip("/"), "collection": collection, "files": files})
    return folder


def open_site(folder: Path, *, clock: Clock | None = None) -> PartnerSite:
    """Open a second site; its clock is the machine's unless another is given.

    Raises
    ------
    NotFound
        There is none in that folder.
    """
    try:
        given = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except OSError:
        remedy = "Make it first: dmsops testbed partner init DIR --feed URL (procedure P16)."
        raise NotFound(f"{folder} holds no partner's site", remedy=remedy) from None
    path = folder / TOKEN
    token = private_text(path, "token") if path.stat().st_size else ""
    engine = open_engine(f"sqlite:///{folder / 'partner.sqlite'}")
    tables.create_all(engine)
    chosen = {name: str(given[name]) for name in ("feed", "collection", "files")}
    return PartnerSite(folder=folder, token=token, clock=clock or SystemClock(), db=engine, **chosen)


def state(site: PartnerSite) -> dict[str, Any]:
    """Say what is held and how far was harvested: numbers, ``marks`` by list, ``skipped`` rows."""
    count = sa.select(sa.func.count())
    with reading(site.db) as c:
        return {
            "observations": c.execute(count.select_from(held).where(held.c.checksum.is_not(None))).scalar_one(),
            "named_files": c.execute(count.select_from(file)).scalar_one(),
            "files": c.execute(count.select_from(file).where(file.c.held_sha256 == file.c.sha256)).scalar_one(),
            "marks": {row.name: iso(row.at) for row in c.execute(sa.select(mark))},
            "skipped": [{**row, "fault": row["message"]} for row in c.execute(sa.select(skip).order_by(skip.c.observation_id)).mappings()],
        }
