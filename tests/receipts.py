"""What a receipt leaves, seen from outside: to hold a disturbed one against one that ran undisturbed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.db import reading
from dmsops.core.errors import FilesRefused
from dmsops.core.people import Person, Role
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops, connect
from dmsops.receipt import accept, decide, sweep
from dmsops.receipt.tables import delivered_file, delivery, rerequest, science_part
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.failpoints import fails_with, is_killed, watched


def whole_state(ops: Ops) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a receipt leaves in the database, times left out."""
    f, d, r, p, m = delivered_file.c, delivery.c, rerequest.c, science_part.c, outbox.message.c
    wanted = {
        "files": sa.select(f.delivery_id, f.name, f.state, f.version, f.sha256, f.fault).order_by(f.name, f.delivery_id),
        "deliveries": sa.select(d.id, d.state).order_by(d.id),
        "requests": sa.select(r.delivery_id, r.name, r.number, r.times, r.sent_at.is_(None)).order_by(r.name),
        "parts": sa.select(p.sha256, p.exposure, p.detector, p.complete).order_by(p.sha256, p.exposure, p.detector),
        "messages": sa.select(m.name, m.kind, m.posted_at.is_(None)).order_by(m.name),
        "events": sa.select(journal.journal.c.event, journal.journal.c.target)
        .where(journal.journal.c.event.not_in(("delivery.replayed", "store.swept")))
        .order_by(journal.journal.c.event, journal.journal.c.target),
    }
    with reading(ops.db) as c:
        assert journal.verify(c) is None
        return {name: [tuple(row) for row in c.execute(query)] for name, query in wanted.items()}


def decided(ops: Ops, *, reason: str, ask: Sequence[int] = (), close: Sequence[int] = ()) -> None:
    """Look at what a decision about re-requests would do, and do it."""
    shown = decide.plan(ops, ask=ask, close=close)
    decide.decide(ops, ask=ask, close=close, ticket=shown.hash, reason=reason)


def left_on_disk(ops: Ops) -> dict[str, Any]:
    """Everything that a receipt leaves in the site's folders."""
    folders = {name: ops.settings.folder(name) for name in ("store", "quarantine", "outbox", "work")}
    return {name: sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) for name, folder in folders.items()}


def audit(ops: Ops, wanted: dict[str, Any], on_disk: dict[str, Any]) -> None:
    """Hold a site, its receipt given again and swept, against what an undisturbed one left."""
    assert sweep.plan(ops).without_bytes == (), "rows without bytes"
    shown = sweep.plan(ops)
    sweep.sweep(ops, ticket=shown.hash, reason="audit")
    assert sweep.plan(ops).nothing, "left after the sweep"
    assert whole_state(ops) == wanted
    assert left_on_disk(ops) == on_disk
    for sha256 in ops.store.objects():
        ops.store.verify(sha256)
    for message in outbox.messages(ops.db):
        path = Path(ops.settings.folder("outbox")) / message["neighbour"] / message["name"]
        assert json.loads(path.read_text()) == message["document"]


@contextmanager
def quick_place() -> Iterator[Path]:
    """Give a folder in memory where there is one: a killed process loses nothing that a disk would have kept."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def swept_at_once(folder: Path, hours: int = 2) -> Ops:
    """Give a site, so many hours after the start, whose sweep gives no grace."""
    return small_site(folder, START + timedelta(hours=hours), sweep_grace_hours=1e-9)


@dataclass(frozen=True)
class Undisturbed:
    """A delivery with a bad file and an extra one, what its receipt leaves, and how many calls it makes."""

    delivery: Path
    state: dict[str, Any]
    on_disk: dict[str, Any]
    calls: int

    @classmethod
    def made(cls, place: Path) -> Undisturbed:
        """Write the delivery and receive it undisturbed."""
        folder = write_delivery(place / "D0001", small_visit(exposures=1))
        for name in delivered_names(folder):
            if name.startswith("E") or name.endswith(".OEM"):
                (folder / name).unlink()  # three kinds are enough to meet every call
        write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=START)
        bad = folder / delivered_names(folder)[0]
        bad.write_bytes(bad.read_bytes()[:-1] + b"?")
        (folder / "notes.txt").write_text("not announced")
        ops = swept_at_once(place / "site")
        with watched() as calls:
            accept(ops, folder)
        found = cls(folder, whole_state(ops), left_on_disk(ops), len(calls.made))
        ops.db.dispose()
        return found


def strike_and_audit(place: Path, undisturbed: Undisturbed, at: int, errno: int | None) -> bool:
    """Receive the delivery on a fresh site, struck at one call; then again, and audit. Says whether the struck one came to its end.

    With an errno the call fails, without one the process is killed there.
    """
    ops = swept_at_once(place / f"site{at}")
    ended = in_child(ops, lambda mine: _struck(mine, undisturbed.delivery, at, is_killed)) if errno is None else False
    if errno is not None:
        ended = _struck(ops, undisturbed.delivery, at, fails_with(errno))
    accept(ops, undisturbed.delivery)
    audit(ops, undisturbed.state, undisturbed.on_disk)
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)
    return ended


def _struck(ops: Ops, delivery: Path, at: int, strike: Callable[[], None]) -> bool:
    """Receive with a strike at one call; only the one error for it may come out."""
    try:
        with watched(at, strike):
            accept(ops, delivery)
    except FilesRefused:
        return False
    return True


def child(ops: Ops, work: Callable[[Ops], object]) -> int:
    """Do work on the site in a process of its own, and give its number."""
    pid = os.fork()
    if pid == 0:
        try:
            work(connect(ops.settings.site, operator=Person("tester", Role.LEAD), clock=ops.clock))
        finally:
            os._exit(0)
    return pid


def in_child(ops: Ops, work: Callable[[Ops], object]) -> bool:
    """Do work in a process of its own; says whether it came to its end."""
    return os.waitpid(child(ops, work), 0)[1] == 0
