"""Kill -9 of ingest, withdrawal and restoration at any moment, held against a site on which they were left alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import errors, ingest, queries, withdraw
from dmsops.archive.ingest import product_of
from dmsops.archive.tables import artifact, observation, plane
from dmsops.catalogue import Product, from_xml
from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import GateFailed
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect
from dmsops.receipt import sweep
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests.failpoints import fails_with, is_killed, watched

EXPOSURES = 6
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["dmsops.archive.withdraw", "dmsops.testing.sites", "caom2", "astropy.io.fits"])


def site(folder: Path) -> Ops:
    """Give a site whose sweep gives no grace."""
    return small_site(folder, START + timedelta(hours=6), sweep_grace_hours=1e-9)


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
    def made(cls, folder: Path) -> Offers:
        """Write the products."""
        first = tuple(_making(folder / "a", n, ("uncal", "rate", "cal"), "3.0.0") for n in range(EXPOSURES))
        second = tuple(_making(folder / "b", n, ("uncal", "cal"), "3.0.1") for n in range(EXPOSURES))
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
        counted = {t.name: c.execute(sa.select(sa.func.count()).select_from(t)).scalar() for t in (plane, artifact, observation)}
    kept = ("id", "version", "state", "xml_sha256", "checksum", "products")
    versions = ("name", "version", "current", "sha256")
    events = sorted((e["observation_id"], e["version"], e["event"]) for e in queries.unsent(ops))
    for row in queries.observations(ops):
        told = [version for identity, version, _ in events if identity == row["id"]]
        assert told == list(range(1, row["version"] + 1)), "an event is lost or told twice"
        assert from_xml(ops.store.path(row["xml_sha256"]).read_bytes()).acc_meta_checksum.uri == row["checksum"]
    return {
        "counted": counted,
        "observations": [tuple(row[k] for k in kept) for row in queries.observations(ops)],
        "versions": [tuple(row[k] for k in versions) for row in queries.products(ops, superseded=True)],
        "events": events,
        "errors": [(row["observation_id"], row["kind"], row["state"]) for row in errors.listed(ops)],
    }


@dataclass(frozen=True)
class Alone:
    """What is offered, what an undisturbed site has, how long it took, and how many file-system calls it made."""

    offers: Offers
    state: dict[str, Any]
    seconds: float
    calls: int

    @classmethod
    def made(cls, place: Path) -> Alone:
        """Do the work undisturbed."""
        offers = Offers.made(place / "offers")
        ops = site(place / "alone")
        began = time.monotonic()
        with watched() as calls:
            work(ops, offers)
        found = cls(offers, state(ops), time.monotonic() - began, len(calls.made))
        ops.db.dispose()
        return found


def kill_and_audit(place: Path, alone: Alone, times: int, chance: random.Random) -> int:
    """Do the work while it is killed again and again, sometimes two workers at once; gives how often one was."""
    ops = site(place / "site")
    killed, before = 0, 0
    for _ in range(times):
        workers = [child(ops, alone.offers) for _ in range(chance.randint(1, 2))]
        time.sleep(chance.uniform(0, 0.5) * alone.seconds)
        for worker in workers:
            worker.kill()
            worker.join()
            killed += worker.exitcode == -signal.SIGKILL
        now = sum(row["version"] for row in queries.observations(ops))
        assert now >= before, "ingested, and lost"
        before = now
    end_and_audit(ops, alone)
    return killed


def end_and_audit(ops: Ops, alone: Alone) -> None:
    """Let the work come to its end, sweep, and hold the site against the undisturbed one; then remove it."""
    last = child(ops, alone.offers)
    last.join()
    assert last.exitcode == 0
    assert state(ops) == alone.state
    seen = sweep.plan(ops)
    assert seen.without_bytes == ()
    sweep.sweep(ops, ticket=seen.hash, reason="after the kills")
    for product in queries.products(ops, superseded=True):
        ops.store.verify(product["sha256"])
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)


def strike_and_audit(place: Path, alone: Alone, at: int, errno: int | None) -> bool:
    """Do the work struck at one file-system call, then to its end, and audit; says whether the struck one came to its end.

    Without an errno the process is killed there.
    """
    ops = site(place / f"site{at}")
    struck = child(ops, alone.offers, at, errno)
    struck.join()
    end_and_audit(ops, alone)
    return struck.exitcode == 0


def child(ops: Ops, offers: Offers, at: int = 0, errno: int | None = None) -> ForkServerProcess:
    """Do the work in a process of its own, struck at one call; forked from a server, as this process has threads of libraries."""
    started = _CONTEXT.Process(target=_in_child, args=(ops.settings.site, ops.clock.now(), offers, at, errno))
    started.start()
    return started


def _in_child(folder: Path, now: datetime, offers: Offers, at: int, errno: int | None) -> None:
    ops = connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(now))
    with watched(at, is_killed if errno is None else fails_with(errno)):
        work(ops, offers)
