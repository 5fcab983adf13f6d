"""F01 to F09, one each: injected by the test bed, found and said in plain words, repaired by the verbs of the named procedure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core import outbox
from dmsops.core.people import Person, Role
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.ops import Ops, connect
from dmsops.receipt import accept, preview, queries, withdraw
from dmsops.receipt.history import where
from dmsops.receipt.sequences import sequence_gaps
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.testbed import faults
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.receipts import decided

SCIENCE = "S0000_2022338025616_001.out"
SAID = {
    "F01": r"has \d+ bytes, the manifest says \d+",
    "F02": r"has sha256 [0-9a-f]{12}\.\.\., the manifest says",
    "F03": "is empty",
    "F04": "is named by the manifest and is not in the delivery",
    "F05": "lies in the delivery and is not named by its manifest",
    "F06": r"has sha256 [0-9a-f]{12}\.\.\., the manifest says",
}


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


@pytest.fixture
def folder(ops: Ops) -> Path:
    return write_delivery(ops.settings.folder("inbox") / "D0001", small_visit())


@pytest.fixture
def good(folder: Path, tmp_path: Path) -> bytes:
    return (folder / SCIENCE).read_bytes()


def repaired_by(number: str) -> str:
    return next(f["repaired_by"] for f in faults.list_faults() if f["id"] == number)


def sent_again(ops: Ops, name: str, content: bytes) -> Path:
    """Answer a re-request: the file comes in a delivery of its own."""
    folder = ops.settings.folder("inbox") / "D0001-R1"
    folder.mkdir()
    (folder / name).write_bytes(content)
    write_manifest(folder, delivery_id="D0001-R1", sender="FOS", sequence=2, created=ops.clock.now())
    return folder


@pytest.mark.parametrize("number", ["F01", "F02", "F03", "F04", "F06"])
def test_a_bad_file_is_kept_apart_in_words_asked_for_and_closed_when_it_comes(ops: Ops, folder: Path, good: bytes, number: str) -> None:
    faults.inject(folder, [f"{number}:{SCIENCE}"])
    assert [(f.name, f.verdict) for f in preview(ops, folder).files if f.verdict != "new"] == [(SCIENCE, "quarantine")]
    receipt = accept(ops, folder)
    assert (receipt.state, len(receipt.released)) == (DeliveryState.PARTIAL, 5)
    assert repaired_by(number) == "P04"
    (kept,) = queries.quarantine(ops)
    assert kept["name"] == SCIENCE
    assert re.match(SAID[number], kept["reason"])
    (asked,) = queries.rerequests(ops)
    assert asked["name"] == SCIENCE
    assert SCIENCE in json.loads((ops.settings.folder("outbox") / "fos" / "D0001_rerequest_001.json").read_text())["files"]
    accept(ops, sent_again(ops, SCIENCE, good))
    assert queries.rerequests(ops) == []
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE
    (file,) = queries.receipt_of(ops, "D0001-R1").files
    assert (file.state, file.version) == (FileState.RELEASED, 1)
    story = [e.words for e in where(ops, SCIENCE)]
    assert any("closed by delivery D0001-R1" in words for words in story)


@pytest.mark.parametrize("number", ["F04", "F06"])
def test_a_file_that_the_sender_has_lost_is_closed_with_a_reason(ops: Ops, folder: Path, number: str) -> None:
    faults.inject(folder, [f"{number}:{SCIENCE}"])
    accept(ops, folder)
    decided(ops, close=[queries.rerequests(ops)[0]["id"]], reason="FOS says it is lost")
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE
    assert any("FOS says it is lost" in e.words for e in where(ops, SCIENCE))


def test_f05_an_extra_file_is_kept_apart_and_not_asked_for(ops: Ops, folder: Path) -> None:
    faults.inject(folder, ["F05"])
    receipt = accept(ops, folder)
    assert receipt.state is DeliveryState.COMPLETE
    (kept,) = queries.quarantine(ops)
    assert (kept["name"], kept["reason"]) == ("S0000_2022001000000_999.out", SAID["F05"])
    assert queries.rerequests(ops) == []


def test_f07_a_delivery_sent_twice_is_counted_and_changes_nothing(ops: Ops, folder: Path) -> None:
    said = faults.inject(folder, ["F07"], stage="after")
    assert said == ("F07: D0001-2 is D0001 once more",)
    accept(ops, folder)
    before = queries.files(ops)
    assert all(f.verdict == "replay" for f in preview(ops, folder.with_name("D0001-2")).files)
    receipt = accept(ops, folder.with_name("D0001-2"))
    assert (receipt.delivery_id, receipt.replays, receipt.state) == ("D0001", 1, DeliveryState.COMPLETE)
    assert queries.files(ops) == before
    assert len(outbox.messages(ops.db)) == 1
    assert any("It came again 1 time" in e.words for e in where(ops, "D0001"))


def test_f08_a_name_with_other_bytes_is_a_new_version_that_a_lead_can_withdraw(ops: Ops, folder: Path) -> None:
    faults.inject(folder, [f"F08:{SCIENCE}"], stage="after")
    accept(ops, folder)
    second = folder.with_name("D0001-2")
    assert [f.verdict for f in preview(ops, second).files] == ["retransmission"]
    (file,) = accept(ops, second).files
    assert (file.version, file.state) == (2, FileState.RELEASED)
    old = next(f for f in queries.receipt_of(ops, "D0001").files if f.name == SCIENCE)
    assert old.state is FileState.SUPERSEDED
    ops.store.verify(str(old.sha256))
    assert any("file.superseded" in e.words for e in where(ops, SCIENCE))
    withdraw(ops, SCIENCE, 2, reason="FOS sent it by mistake")
    assert SCIENCE not in [f["name"] for f in queries.files_released(ops, "science")]


def test_f09_two_deliveries_racing_on_one_name_get_one_version_each(ops: Ops, folder: Path) -> None:
    faults.inject(folder, [f"F09:{SCIENCE}"], stage="after")
    accept(ops, folder)
    pair = [folder.with_name(f"D0001-{n}") for n in (2, 3)]

    def take(path: Path) -> None:
        mine = connect(ops.settings.site, operator=Person("tester", Role.LEAD))
        accept(mine, path)
        mine.db.dispose()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take, pair))
    rows = sorted((r["version"], r["state"]) for r in queries.files(ops) if r["name"] == SCIENCE)
    assert rows == [(1, "superseded"), (2, "superseded"), (3, "released")]
    assert {row["what"] for row in sequence_gaps(ops)} <= {"late"}  # whichever was announced first
    for sha256 in ops.store.objects():
        ops.store.verify(sha256)


def test_the_sender_makes_deliveries_that_are_whole(folder: Path) -> None:
    faults.inject(folder, ["F09"], stage="after", seed=3)
    for n in (2, 3):
        manifest = read_manifest(folder.with_name(f"D0001-{n}") / MANIFEST)
        assert (manifest.delivery_id, manifest.sequence) == (f"D0001-{n}", n)
        assert [f.name for f in manifest.files] == delivered_names(folder.with_name(f"D0001-{n}"))
