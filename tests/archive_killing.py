"""Kill -9 of ingest, withdrawal and restoration at any moment, held against a site on which they were left alone."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import errors, ingest, queries, withdraw
from dmsops.archive.ingest import product_of
from dmsops.archive.tables import archive_outbox, artifact, observation, plane
from dmsops.catalogue import Product, from_xml
from dmsops.catalogue.describe import observation_id
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import GateFailed
from dmsops.ops import Ops
from dmsops.receipt import sweep
from dmsops.testing.products import write_product
from tests.struck import Alone, Work, end_and_audit, kill_a_few, site

EXPOSURES = 6


def root(n: int) -> str:
    """Name the n-th exposure."""
    return f"jw02726402001_03104_{n + 1:05d}_nrca3"


@dataclass(frozen=True)
class Offers:
    """What is offered: of each exposure two makings, the second without a rate; one of them cannot be described."""

    first: tuple[tuple[Product, ...], ...]
    second: tuple[tuple[Product, ...], ...]
    unsound: tuple[Product, ...]

    @classmethod
    def made(cls, folder: Path, exposures: int) -> Offers:
        """Write the products."""
        first = tuple(_making(folder / "a", n, ("uncal", "rate", "cal"), "3.0.0") for n in range(exposures))
        second = tuple(_making(folder / "b", n, ("uncal", "cal"), "3.0.1") for n in range(exposures))
        return cls(first, second, (product_of(write_product(folder / "c" / f"{root(99)}_cal.fits", region="")),))


def _making(folder: Path, n: int, suffixes: Sequence[str], version: str) -> tuple[Product, ...]:
    return tuple(product_of(write_product(folder / f"{root(n)}_{suffix}.fits", value=n, CAL_VER=version)) for suffix in suffixes)


def work(ops: Ops, offers: Offers) -> None:
    """Ingest all, refuse one, make them again, withdraw the first and the second, restore the second; given again it goes on."""
    there = {row["id"]: row for row in queries.observations(ops)}
    for mine in offers.first:
        if _version(there, mine) < 1:
            ingest(ops, mine)
    if not errors.listed(ops):
        with contextlib.suppress(GateFailed):
            ingest(ops, offers.unsound)
    for mine in offers.second:
        if _version(there, mine) < 2:
            ingest(ops, mine)
    _withdraw(ops, root(0), back=False, until=3)
    _withdraw(ops, root(1), back=False, until=3)
    _withdraw(ops, root(1), back=True, until=4)


def _version(there: dict[str, Any], mine: tuple[Product, ...]) -> int:
    row = there.get(mine[0].name.rpartition("_")[0])
    return row["version"] if row else 0


def _withdraw(ops: Ops, identity: str, *, back: bool, until: int) -> None:
    if queries.story(ops, identity)["observation"]["version"] < until:
        seen = withdraw.preview(ops, [identity], back=back)
        act = withdraw.restore if back else withdraw.withdraw
        act(ops, [identity], ticket=seen.hash, reason="for the test")


def state(ops: Ops) -> dict[str, Any]:
    """Give everything that an undisturbed site has and a disturbed one must; rows, documents and events agree with each other."""
    with reading(ops.db) as c:
        assert journal.verify(c) is None
        told = c.execute(sa.select(*(archive_outbox.c[name] for name in ("observation_id", "version", "event")))).all()
        counted = {t.name: c.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in (plane, artifact, observation)}
    kept = ("id", "version", "state", "xml_sha256", "checksum", "products")
    versions = ("name", "version", "current", "sha256")
    events = sorted(tuple(row) for row in told)
    for row in queries.observations(ops):
        mine = [version for identity, version, _ in events if identity == row["id"]]
        assert mine == list(range(1, row["version"] + 1)), "an event is lost or told twice"
        assert from_xml(ops.store.path(row["xml_sha256"]).read_bytes()).acc_meta_checksum.uri == row["checksum"]
    return {
        "counted": counted,
        "observations": [tuple(row[k] for k in kept) for row in queries.observations(ops)],
        "versions": [tuple(row[k] for k in versions) for row in queries.products(ops, superseded=True)],
        "events": events,
        "errors": [(row["observation_id"], row["kind"], row["state"]) for row in errors.listed(ops)],
    }


def is_whole(ops: Ops, mine: Sequence[Product]) -> bool:
    """Tell whether an observation is wholly there (products, rows, document, one event a version) or wholly absent; half is a failure."""
    (identity,) = {observation_id(product.name) for product in mine}
    with reading(ops.db) as c:
        events = c.execute(sa.select(archive_outbox.c.version).where(archive_outbox.c.observation_id == identity)).scalars().all()
        lines = c.execute(sa.select(journal.journal.c.event).where(journal.journal.c.target == identity)).scalars().all()
    products = {row["name"]: row["sha256"] for row in queries.products(ops, observation_id=identity)}
    if identity not in {row["id"] for row in queries.observations(ops)}:
        assert (products, list(events), list(lines)) == ({}, [], []), f"{identity} is half there"
        return False
    story = queries.story(ops, identity)
    assert products == {product.name: product.sha256 for product in mine}, f"{identity} is half there"
    assert {a["content_checksum"] for p in story["planes"] for a in p["artifacts"]} == {f"sha256:{sha256}" for sha256 in products.values()}
    assert sorted(events) == list(range(1, story["observation"]["version"] + 1)), "an event is lost or told twice"
    assert len(lines) == len(events)
    for sha256 in (*products.values(), story["observation"]["xml_sha256"]):
        ops.store.verify(sha256)
    return True


def audit(ops: Ops, _: Offers) -> None:
    """See that nothing is without its bytes, also after the sweep, and that the bytes are sound."""
    seen = sweep.plan(ops)
    assert seen.without_bytes == ()
    sweep.sweep(ops, ticket=seen.hash, reason="after the kills")
    for product in queries.products(ops, superseded=True):
        ops.store.verify(product["sha256"])


def offered(place: Path, *, exposures: int = EXPOSURES, make: Callable[[Path], Ops] = site) -> Work:
    """Write the products, once for all sites, and give the work on them."""
    offers = Offers.made(place / "offers", exposures)
    return Work(do=work, given=lambda _: offers, state=state, audit=audit, site=make)


def kill_and_audit(alone: Alone, times: int, chance: random.Random) -> int:
    """Do the work while it is killed in so many rounds, also when there is no more to do; gives how often one was."""
    ops = alone.work.site(alone.place / "site")
    offers = alone.work.given(ops)
    killed, before = 0, 0
    for _ in range(times):
        killed += kill_a_few(ops, alone, offers, chance)
        now = sum(row["version"] for row in queries.observations(ops))
        assert now >= before, "ingested, and lost"
        before = now
    end_and_audit(ops, alone, offers)
    return killed
