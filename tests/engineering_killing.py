"""Kill -9 of ingest, compaction and resolution at any moment, held against a site on which they were left alone."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.people import Person, Role
from dmsops.engineering import compact, duck, partitions, queries, resolve
from dmsops.engineering.classify import bits
from dmsops.engineering.ingest import COUNTED, ingest
from dmsops.engineering.tables import engineering_hour, engineering_mnemonic, engineering_span
from dmsops.engineering.writer import writing
from dmsops.ops import Ops, connect
from dmsops.receipt import sweep
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, put
from tests.failpoints import fails_with, is_killed, watched

FILES = 8
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["dmsops.engineering.resolve", "dmsops.testing.sites"])
Known = list[tuple[str, str]]


def site(folder: Path) -> Ops:
    """Give a site whose sweep gives no grace."""
    return small_site(folder, START + timedelta(hours=6), sweep_grace_hours=1e-9)


def rows_of(n: int, chance: random.Random) -> list[tuple[str, int, float]]:
    """Give the samples of the n-th file: new ones, a superset of earlier ones, some late, some with other values; over two hours."""
    rows = []
    for name in FLOATS[:3]:
        for second in range(300 * max(0, n - 2), 300 * (n + 1), 3):
            if chance.random() < 0.9:  # what is left out comes late, or never
                value = second if chance.random() < 0.98 else second + n
                rows.append((name, T0 + (second + 2700) * SECOND, float(value)))
    return rows


def files_of(ops: Ops, seed: int = 3) -> Known:
    """Put the files into the site's store, in the order in which they are to be taken."""
    chance = random.Random(seed)
    order = [0, 2, 1, 3, 4, 6, 5, 7]
    return [(named(n + 1, "CE"[n % 2]), put(ops, rows_of(n, chance), named(n + 1, "CE"[n % 2]))) for n in order]


def work(ops: Ops, files: Known) -> None:
    """Take the files in their order, compact now and then, settle every conflict in the end; given again it goes on where it stopped."""
    for n, (name, sha256) in enumerate(files):
        ingest(ops, name=name, sha256=sha256)
        if n % 3 == 2:
            compact.compact(ops, compact.several(ops))
    ids = [row["id"] for row in queries.suspect_intervals(ops)]
    if ids:
        seen = resolve.preview(ops, ids, keep="E")
        resolve.resolve(ops, ids, keep="E", ticket=seen.hash, reason="the recorder is right")


def state(ops: Ops) -> dict[str, Any]:
    """Give everything that an undisturbed site has and a disturbed one must: samples, counts, statistics, times, conflicts."""
    h, m, s = engineering_hour.c, engineering_mnemonic.c, engineering_span.c
    plain = {
        "hours": sa.select(engineering_hour).order_by(h.hour, h.number),
        "newest": sa.select(m.number, m.samples, m.latest_us, m.latest_value).order_by(m.number),
        "spans": sa.select(s.container, s.first_us, s.last_us).order_by(s.container, s.first_us),
    }
    with reading(ops.db) as c:
        assert journal.verify(c) is None
        found: dict[str, Any] = {name: [tuple(row) for row in c.execute(query)] for name, query in plain.items()}
        held, contested = partitions.current(c), partitions.current(c, kinds=(partitions.CONFLICT,))
    found["hours"] = [tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in found["hours"]]
    names = {row["id"]: row["name"] for row in queries.files(ops)}
    for key, there in (("held", held), ("contested", contested)):
        rows = duck.fetch(ops, there, order="number, time, value")
        receipts = [names[r] for r in rows.receipt.tolist()]
        found[key] = sorted(set(zip(rows.number.tolist(), rows.time.tolist(), bits(rows.value).tolist(), receipts, strict=True)))
        assert key == "contested" or len(found[key]) == len(rows), "a sample is held twice"
    found["files"] = sorted((r["name"], r["state"], *(r[k] for k in COUNTED)) for r in queries.files(ops))
    columns = ("name", "first_us", "last_us", "conflicts", "state", "choice")
    found["suspects"] = sorted(tuple(r[k] for k in columns) for r in queries.suspect_intervals(ops, every=True))
    return found


@dataclass(frozen=True)
class Alone:
    """What an undisturbed site has, how long it took, and how many file-system calls it made."""

    state: dict[str, Any]
    seconds: float
    calls: int

    @classmethod
    def made(cls, place: Path) -> Alone:
        """Do the work undisturbed."""
        ops = site(place / "alone")
        files = files_of(ops)
        began = time.monotonic()
        with watched() as calls:
            work(ops, files)
        found = cls(state(ops), time.monotonic() - began, len(calls.made))
        ops.db.dispose()
        return found


def kill_and_audit(place: Path, alone: Alone, times: int, chance: random.Random) -> int:
    """Do the work while it is killed again and again, sometimes two workers at once; gives how often one was."""
    ops = site(place / "site")
    files = files_of(ops)
    killed, before = 0, 0
    while killed < times and before < FILES:
        workers = [child(ops, files) for _ in range(chance.randint(1, 2))]
        time.sleep(chance.uniform(0, 0.5) * alone.seconds)
        for worker in workers:
            worker.kill()
            worker.join()
            killed += worker.exitcode == -signal.SIGKILL
        before = _no_fewer(ops, before)
    end_and_audit(ops, files, alone)
    return killed


def _no_fewer(ops: Ops, before: int) -> int:
    """See that what was ingested stays so."""
    now = queries.summary(ops)["files"].get("ingested", 0)
    assert now >= before, "ingested, and lost"
    return int(now)


def end_and_audit(ops: Ops, files: Known, alone: Alone) -> None:
    """Let the work come to its end, sweep, and hold the site against the undisturbed one; then remove it."""
    last = child(ops, files)
    last.join()
    assert last.exitcode == 0
    assert state(ops) == alone.state
    with writing(ops):  # the next writer removes what dead ones left in their folders
        pass
    shown = sweep.plan(ops)
    assert shown.without_bytes == ()
    kept = {sha256 for _, sha256 in files}  # in a real site the receipt of the delivered files names them
    assert kept <= {*shown.orphans, *kept}
    with reading(ops.db) as c:
        for one in partitions.current(c, kinds=(*partitions.SERVED, partitions.CONFLICT)):
            ops.store.verify(one.sha256)
    left = [p for p in (ops.settings.folder("work") / "engineering").rglob("*") if p.is_file()]
    assert left == []
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)


def strike_and_audit(place: Path, alone: Alone, at: int, errno: int | None) -> bool:
    """Do the work struck at one file-system call, then to its end, and audit; says whether the struck one came to its end.

    Without an errno the process is killed there.
    """
    ops = site(place / f"site{at}")
    files = files_of(ops)
    struck = child(ops, files, at, errno)
    struck.join()
    end_and_audit(ops, files, alone)
    return struck.exitcode == 0


def child(ops: Ops, files: Known, at: int = 0, errno: int | None = None) -> ForkServerProcess:
    """Do the work in a process of its own, struck at one call; forked from a server, as this process has threads of libraries."""
    started = _CONTEXT.Process(target=_in_child, args=(ops.settings.site, ops.clock.now(), files, at, errno))
    started.start()
    return started


def _in_child(folder: Path, now: datetime, files: Known, at: int, errno: int | None) -> None:
    ops = connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(now))
    with watched(at, is_killed if errno is None else fails_with(errno)):
        work(ops, files)
