"""Kill -9 of ingest, compaction and resolution at any moment, held against a site on which they were left alone."""

from __future__ import annotations

import random
from typing import Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.engineering import compact, duck, partitions, queries, resolve
from dmsops.engineering.classify import bits
from dmsops.engineering.ingest import COUNTED, ingest
from dmsops.engineering.tables import engineering_hour, engineering_mnemonic, engineering_span
from dmsops.engineering.writer import writing
from dmsops.ops import Ops
from dmsops.receipt import sweep
from tests.engineering_files import FLOATS, SECOND, T0, named, put
from tests.struck import Alone, Work, end_and_audit, kill_a_few, site

FILES = 8
Known = list[tuple[str, str]]


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


def audit(ops: Ops, files: Known) -> None:
    """See that the sweep finds what it must and no more, that the bytes are sound, and that no dead writer's folder is left."""
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


WORK = Work(do=work, given=files_of, state=state, audit=audit)


def kill_and_audit(alone: Alone, times: int, chance: random.Random) -> int:
    """Do the work while it is killed again and again, until all files are taken; gives how often it was."""
    ops = site(alone.place / "site")
    files = files_of(ops)
    killed, before = 0, 0
    while killed < times and before < FILES:
        killed += kill_a_few(ops, alone, files, chance)
        now = int(queries.summary(ops)["files"].get("ingested", 0))
        assert now >= before, "ingested, and lost"
        before = now
    end_and_audit(ops, alone, files)
    return killed
