"""Receipt with random faults, killed processes, racing receivers and a full disk: nothing lost, nothing twice."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import Failed
from dmsops.core.people import Person, Role
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops, connect
from dmsops.receipt import accept, queries
from dmsops.receipt.states import FileState
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.receipts import whole_state

KINDS = ("science", "engineering", "osf", "ephemeris", "plan")


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


@pytest.fixture
def folder(ops: Ops) -> Path:
    return write_delivery(ops.settings.folder("inbox") / "D0001", small_visit(exposures=4))


def break_file(path: Path, fault: str, where: int) -> None:
    content = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "cut":
        path.write_bytes(content[: where % len(content)])
    elif fault == "flip":
        at = where % len(content)
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x40]) + content[at + 1 :])
    elif fault == "longer":
        path.write_bytes(content + b"\0")


FAULT = st.tuples(st.integers(0, 7), st.sampled_from(["missing", "cut", "flip", "longer"]), st.integers(0, 10_000))


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(faults=st.lists(FAULT, max_size=4, unique_by=lambda f: f[0]), announced=st.booleans())
def test_whatever_happens_to_files_the_good_ones_are_released_and_nothing_is_lost(
    faults: list[tuple[int, str, int]], announced: bool
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        ops = small_site(Path(scratch) / "site", START + timedelta(hours=2))
        folder = write_delivery(ops.settings.folder("inbox") / "D0001", small_visit(exposures=4))
        names = delivered_names(folder)
        for victim, fault, where in faults:
            break_file(folder / names[victim], fault, where)
        if announced:
            write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=START)
            names = delivered_names(folder)
        receipt = accept(ops, folder)
        assert {f.name for f in receipt.files} == set(names)
        touched = set() if not faults else {delivered_names_before(4)[victim] for victim, _, _ in faults}
        for file in receipt.files:
            assert file.state in (FileState.RELEASED, FileState.QUARANTINED)
            assert file.state is FileState.RELEASED or file.name in touched
            if file.state is FileState.RELEASED:
                assert ops.store.path(str(file.sha256)).read_bytes() == (folder / file.name).read_bytes()
            elif (folder / file.name).exists():
                kept = ops.settings.folder("quarantine") / "D0001" / file.name
                assert kept.read_bytes() == (folder / file.name).read_bytes()
        asked = {r["name"] for r in queries.rerequests(ops)}
        assert asked == {f.name for f in receipt.quarantined}
        ops.db.dispose()


def delivered_names_before(exposures: int) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        return delivered_names(write_delivery(Path(scratch) / "D", small_visit(exposures=exposures)))


ACCEPT = """
import sys, time
from pathlib import Path
from dmsops.core.people import Person, Role
from dmsops.ops import connect
from dmsops.receipt import accept
ops = connect(sys.argv[1], operator=Person("tester", Role.LEAD))
print("ready", flush=True)
sys.stdin.readline()
accept(ops, Path(sys.argv[2]))
print("done", flush=True)
"""


def receiver(ops: Ops, folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ACCEPT, str(ops.settings.site), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_receiver_killed_at_any_moment_is_finished_by_the_next_one(tmp_path: Path) -> None:
    pattern = write_delivery(tmp_path / "pattern", small_visit(exposures=4))
    (pattern / delivered_names(pattern)[1]).unlink()
    smooth = small_site(tmp_path / "smooth", START)
    folder = shutil.copytree(pattern, smooth.settings.folder("inbox") / "D0001")
    began = time.monotonic()
    accept(smooth, folder)
    took = time.monotonic() - began
    finished_by_the_next = 0
    for turn in range(8):
        ops = small_site(tmp_path / f"site{turn}", START)
        folder = shutil.copytree(pattern, ops.settings.folder("inbox") / "D0001")
        process = receiver(ops, folder)
        go(process)
        time.sleep(took * (turn + 0.5) / 7)
        process.kill()
        process.communicate()
        acknowledged = [d for d in queries.deliveries(ops) if d["acknowledged_at"] is not None]
        finished_by_the_next += not acknowledged
        accept(ops, folder)
        assert whole_state(ops) == whole_state(smooth)
        for sha256 in ops.store.objects():
            ops.store.verify(sha256)
        ops.db.dispose()
    smooth.db.dispose()
    assert finished_by_the_next > 0


def test_two_receivers_of_one_delivery_leave_what_one_leaves(ops: Ops, folder: Path, tmp_path: Path) -> None:
    alone = small_site(tmp_path / "alone", START)
    accept(alone, shutil.copytree(folder, alone.settings.folder("inbox") / "D0001"))
    pair = [receiver(ops, folder) for _ in range(2)]
    for process in pair:
        go(process)
    assert [process.communicate(timeout=120)[0] for process in pair] == ["done\n", "done\n"]
    seen, wanted = whole_state(ops), whole_state(alone)
    assert seen == wanted
    alone.db.dispose()


def test_deliveries_racing_on_the_same_names_get_one_version_each(ops: Ops) -> None:
    folders = [write_delivery(ops.settings.folder("inbox") / f"D{n}", small_visit(), delivery_id=f"D{n}", seed=n) for n in (1, 2, 3)]

    def take(folder: Path) -> None:
        mine = connect(ops.settings.site, operator=Person("tester", Role.LEAD))
        accept(mine, folder)
        mine.db.dispose()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(take, folders))
    science = [r for r in queries.files(ops) if r["kind"] == "science"]
    for name in {r["name"] for r in science}:
        mine = sorted((r["version"], r["state"]) for r in science if r["name"] == name)
        assert mine == [(1, "superseded"), (2, "superseded"), (3, "released")]
    others = [r for r in queries.files(ops) if r["kind"] != "science"]
    assert sorted(r["state"] for r in others) == ["released"] * 4 + ["replayed"] * 8


def test_a_refused_write_stops_the_receipt_in_words_and_it_goes_on_after_repair(ops: Ops, folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (folder / "big.txt").write_bytes(bytes(4_000_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        with pytest.raises(Failed, match=r"'big\.txt' cannot be put into quarantine") as caught:
            accept(ops, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "P04" in caught.value.remedy
    assert queries.files_released(ops, "science") == []
    receipt = accept(ops, folder)
    assert [f.name for f in receipt.quarantined] == ["big.txt"]
    assert len(receipt.released) == len(receipt.files) - 1
