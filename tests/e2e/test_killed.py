"""kill -9 of the whole process tree at random moments: the same products in the end, none twice, none lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

from dmsops.core import journal
from dmsops.receipt import queries as received
from dmsops.wfsc import queries as wavefront
from dmsops.workflow import queries
from tests.e2e.desk import Desk

KILLS = int(os.environ.get("DMSOPS_TEST_KILLS", "20"))


def killed(desk: Desk, after: float, *words: str) -> bool:
    """Run a command in a process group of its own, and kill the group after so many seconds; False when it ended before."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(desk.command(*words), env=desk.environment, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def test_twenty_kills_leave_what_no_kill_leaves(tmp_path: Path, exercise: tuple[Desk, dict[str, Any]]) -> None:
    calm, report = exercise
    desk = Desk(tmp_path / "site", calm.crds)
    chance = random.Random(42)
    kills = 0
    for _ in range(4 * KILLS):
        if kills == KILLS:
            break
        kills += killed(desk, chance.uniform(0.5, 22.0), "rehearse", "wavefront")
    last = desk.json("rehearse", "wavefront")
    assert kills >= min(KILLS, 5)
    assert last["products"] == report["products"]
    assert last["missing"] == last["problems"] == []
    ops = desk.open()
    assert desk.versions() == calm.versions()
    assert {r["version"] for r in queries.products(ops, current=False)} == {1}
    assert len(received.deliveries(ops)) == 1
    assert len(wavefront.deliveries(ops)) == 1
    for row in queries.products(ops):
        ops.store.verify(row["sha256"])
    with ops.db.begin() as c:
        assert journal.verify(c) is None
