"""An archive that changes in every way, served; and partners that harvest it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import withdraw
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, plane
from dmsops.core.db import reading
from dmsops.distribution import accounts
from dmsops.ops import Ops
from dmsops.testbed.partner.feed import Feed
from dmsops.testbed.partner.files import sync
from dmsops.testbed.partner.harvest import harvest
from dmsops.testbed.partner.site import PartnerSite, held, make, open_site
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site

START = datetime.fromisoformat("2022-12-04T06:00:00+00:00")
ROOT = "jw02726402001_03104_{:05d}_nrca3"
CALMED = 12
"""Harvests after the last fault until everything that was skipped was tried again."""


@contextmanager
def archive(folder: Path, database: str = "", **settings: Any) -> Iterator[Ops]:
    """Give an empty site whose services set no limit."""
    chosen = {"serve_per_second": 0.0, **({"database": database} if database else {}), **settings}
    opened = small_site(folder, START, **chosen)
    try:
        yield opened
    finally:
        opened.db.dispose()


def partner(
    ops: Ops,
    folder: Path,
    address: str,
    name: str = "cadc",
    *,
    files: str = "public",
    scopes: Sequence[str] = ("harvest",),
    collection: str = "JWST",
) -> PartnerSite:
    """Make a partner's account, and their site on the archive's clock; without scopes it has no token."""
    token = ""
    if scopes:
        accounts.put(ops, name, "partner", reason="agreed", files="all" if files == "all" else "public")
        token = accounts.give_token(ops, name, reason="agreed", scopes=scopes)
    return open_site(make(folder, address, files=files, token=token, collection=collection), clock=ops.clock)


@dataclass
class Changing:
    """Changes an archive by its verbs: new, superseded, with fewer products, withdrawn, restored, and shown later than it came."""

    ops: Ops
    folder: Path
    chance: random.Random
    values: dict[int, int] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)

    def step(self) -> str:
        """Do one change; then a little time passes."""
        there = [n for n in self.values if n not in self.gone]
        verb = self.chance.choice(["new", "new", "again", "again", "withdraw", "restore", "later", "nothing"])
        if verb == "restore" and self.gone:
            self.restore(self.gone.pop(self.chance.randrange(len(self.gone))))
        elif verb == "withdraw" and len(there) > 2:
            self.withdraw(self.chance.choice(there))
        elif verb == "again" and there:
            self.put(self.chance.choice(there))
        elif verb in ("new", "later"):
            self.put(len(self.values) + 1)
            if verb == "later":
                self.show_later(len(self.values), timedelta(seconds=self.chance.randrange(1, 4000)))
        self.ops.clock.advance(timedelta(milliseconds=self.chance.choice([0, 1, 40, 20_000, 200_000, 400_000])))
        return verb

    def put(self, n: int, *suffixes: str, category: str = "CAL") -> str:
        """Ingest an observation with new bytes."""
        self.values[n] = self.values.get(n, 0) + 1
        root, value = ROOT.format(n), 100 * n + self.values[n]
        where = self.folder / f"{n}-{self.values[n]}"
        wanted = suffixes or self.chance.choice([("cal",), ("rate", "cal")])
        made = [write_product(where / f"{root}_{suffix}.fits", value=value, CATEGORY=category) for suffix in wanted]
        ingest(self.ops, [product_of(path) for path in made])
        return root

    def withdraw(self, n: int) -> None:
        self.gone.append(n)
        name = [ROOT.format(n)]
        withdraw.withdraw(self.ops, name, ticket=withdraw.preview(self.ops, name).hash, reason="a test")

    def restore(self, n: int) -> None:
        name = [ROOT.format(n)]
        withdraw.restore(self.ops, name, ticket=withdraw.preview(self.ops, name, back=True).hash, reason="a test")

    def show_later(self, n: int, by: timedelta) -> None:
        """Let a description become public later than it was archived, as one of an embargoed program would."""
        at = self.ops.clock.now() + by
        with self.ops.db.begin() as c:
            c.execute(sa.update(observation).where(observation.c.id == ROOT.format(n)).values(meta_release=at))
            c.execute(sa.update(plane).where(plane.c.observation_id == ROOT.format(n)).values(meta_release=at))


def ours(ops: Ops, *, public: bool = False) -> dict[str, str]:
    """Give what the archive holds: id to accMetaChecksum; with ``public`` what everybody may see now."""
    o = observation.c
    tests = [o.state == ARCHIVED] + ([o.meta_release <= ops.clock.now()] if public else [])
    with reading(ops.db) as c:
        return {row.id: row.checksum for row in c.execute(sa.select(o.id, o.checksum).where(*tests))}


def theirs(site: PartnerSite) -> dict[str, str]:
    """Give what the partner holds: id to the sum that they computed."""
    with reading(site.db) as c:
        rows = c.execute(sa.select(held.c.observation_id, held.c.checksum).where(held.c.checksum.is_not(None)))
        return {row.observation_id: row.checksum for row in rows}


def feed_of(site: PartnerSite, transport: Any = None, page: int = 3) -> Feed:
    """Connect a partner, with small pages."""
    return Feed(site, transport=transport, page=page)


def harvest_on(site: PartnerSite, transport: Any = None) -> None:
    """Harvest once, and copy the files that the partner's policy asks for."""
    with feed_of(site, transport) as feed:
        harvest(site, feed)
        sync(site, feed)


def settle(ops: Ops, site: PartnerSite) -> None:
    """Harvest until everything that was skipped was tried again."""
    for _ in range(CALMED):
        ops.clock.advance(timedelta(minutes=10))
        harvest_on(site)
