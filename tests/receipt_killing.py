"""Kill -9 of receivers at random moments, held against a site whose receivers were left alone."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.receipt.inbox import waiting
from dmsops.receipt.tables import delivered_file, delivery
from dmsops.testing.deliveries import delivered_names, small_visit, write_delivery
from tests.receipts import audit, child, in_child, left_on_disk, swept_at_once, whole_state

DELIVERIES = 12


@dataclass(frozen=True)
class Alone:
    """Deliveries, some with bad, missing and extra files, names that come twice among them; what their receipt leaves."""

    inbox: Path
    state: dict[str, Any]
    on_disk: dict[str, Any]
    seconds: float

    @classmethod
    def made(cls, place: Path) -> Alone:
        """Write the deliveries and receive them undisturbed."""
        ops = swept_at_once(place / "alone")
        inbox = ops.settings.folder("inbox")
        for n in range(DELIVERIES):
            folder = write_delivery(inbox / f"D{n:02d}", small_visit(exposures=1 + n % 3), delivery_id=f"D{n:02d}", sequence=n, seed=n)
            _spoil(folder, n)
        kept = shutil.copytree(inbox, place / "inbox")
        began = time.monotonic()
        assert in_child(ops, _receive)
        seconds = time.monotonic() - began
        found = cls(kept, whole_state(ops), left_on_disk(ops), seconds)
        ops.db.dispose()
        return found


def _spoil(folder: Path, n: int) -> None:
    victim = folder / delivered_names(folder)[n % 4]
    if n % 3 == 0:
        victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    elif n % 3 == 1:
        victim.unlink()
    else:
        (folder / "notes.txt").write_text("not announced")


def _receive(ops: Ops) -> None:
    """Take the deliveries in their order; two receivers race on one, as in another order names get other versions."""
    while there := waiting(ops):
        accept(ops, there[0])


def kill_and_audit(place: Path, alone: Alone, times: int, chance: random.Random) -> int:
    """Receive the deliveries on a fresh site while receivers, one or two at once, are killed; gives how often one was."""
    ops = swept_at_once(place / "site")
    inbox = ops.settings.folder("inbox")
    shutil.rmtree(inbox)
    shutil.copytree(alone.inbox, inbox)
    killed, acknowledged = 0, dict[str, str]()
    while killed < times and waiting(ops):
        pids = [child(ops, _receive) for _ in range(chance.randint(1, 2))]
        time.sleep(chance.uniform(0, 0.25) * alone.seconds / DELIVERIES * 4)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            killed += os.waitpid(pid, 0)[1] == signal.SIGKILL
        acknowledged = _still(ops, acknowledged)
    assert in_child(ops, _receive)
    _still(ops, acknowledged)
    audit(ops, alone.state, alone.on_disk)
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)
    return killed


def _still(ops: Ops, before: dict[str, str]) -> dict[str, str]:
    """Look at what is acknowledged: all that was so before must be there, its bytes in the store."""
    f, d = delivered_file.c, delivery.c
    good = f.version.is_not(None)
    query = sa.select(f.delivery_id, f.name, f.sha256).join(delivery, d.id == f.delivery_id).where(d.acknowledged_at.is_not(None), good)
    with reading(ops.db) as c:
        now = {f"{row.delivery_id}/{row.name}": row.sha256 for row in c.execute(query)}
    assert before.items() <= now.items(), "acknowledged and lost or changed"
    for sha256 in now.values():
        assert ops.store.has(sha256), "acknowledged without bytes"
    return now
