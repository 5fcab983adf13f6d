"""Accepting a delivery: the good part always goes on, the rest is kept apart and asked for again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadDelivery, NotAllowed, NotFound
from dmsops.core.names import VisitId
from dmsops.core.people import Person, Role
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept, preview, queries
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.testing.deliveries import delivered_names, small_visit, write_delivery

VISIT = "02726402001"
SCIENCE = "S0000_2022338025616_001.out"


def states(ops: Ops, delivery_id: str = "D0001") -> dict[str, FileState]:
    return {f.name: f.state for f in queries.receipt_of(ops, delivery_id).files}


def events(ops: Ops) -> list[str]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.journal.c.event).order_by(journal.journal.c.seq)).scalars())


def outbox(ops: Ops) -> dict[str, dict[str, object]]:
    return {p.name: json.loads(p.read_text()) for p in (ops.settings.folder("outbox") / "fos").glob("*.json")}


def test_a_good_delivery_is_released_acknowledged_and_stored(ops: Ops, folder: Path) -> None:
    receipt = accept(ops, folder, reason="shift")
    assert receipt.state is DeliveryState.COMPLETE
    assert [f.name for f in receipt.released] == delivered_names(folder)
    for file in receipt.files:
        assert ops.store.path(str(file.sha256)).read_bytes() == (folder / file.name).read_bytes()
        assert file.version == 1
    assert set(outbox(ops)["D0001_ack.json"]["files"]) == set(delivered_names(folder))  # type: ignore[call-overload]
    assert events(ops)[-3:] == ["delivery.announced", "ephemeris.checked", "delivery.accepted"]


def test_the_receipt_clock_is_the_time_of_the_announcement(ops: Ops, folder: Path) -> None:
    before = ops.clock.now()
    assert accept(ops, folder).received_at == before
    ops.clock.sleep(600)
    assert accept(ops, folder).received_at == before
    assert queries.arrival(ops, VISIT) == before


def test_the_files_of_a_visit_are_found_by_kind(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    found = {
        kind: [r["name"] for r in queries.files_released(ops, kind, VISIT)]
        for kind in ("science", "engineering", "osf", "ephemeris", "plan")
    }
    assert {name for names in found.values() for name in names} == set(delivered_names(folder))
    assert len(found["science"]) == 2
    assert queries.files_released(ops, "science", "02726403001") == []


def test_the_parts_of_a_visit_are_indexed(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    parts = queries.parts_of(ops, VISIT)
    assert [(p["exposure"], p["detector"], p["complete"]) for p in parts] == [
        (f"jw{VISIT}_03104_0000{n}", d, True) for n in (1, 2) for d in ("NRCA3", "NRCA4")
    ]


def test_a_viewer_may_not_accept(ops: Ops, folder: Path) -> None:
    with pytest.raises(NotAllowed, match="receipt accept"):
        accept(ops.as_person(Person("guest", Role.VIEWER)), folder)
    assert queries.deliveries(ops) == []


def test_a_delivery_given_again_is_a_replay(ops: Ops, folder: Path) -> None:
    first = accept(ops, folder)
    again = accept(ops, folder)
    assert again == replace(first, replays=1)
    assert events(ops)[-1] == "delivery.replayed"
    assert len(list(ops.store.objects())) == len(first.files)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


FAULTS: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "sum": flip,
    "size": cut,
    "empty": lambda path: path.write_bytes(b""),
    "irregular": link,
}


@pytest.mark.parametrize(("fault", "victim"), [*((fault, 2) for fault in FAULTS), *(("sum", victim) for victim in (0, 1, 3, 4, 5))])
def test_a_faulty_file_is_kept_apart_and_the_others_go_on(ops: Ops, folder: Path, fault: str, victim: int) -> None:
    name = delivered_names(folder)[victim]
    FAULTS[fault](folder / name)
    receipt = accept(ops, folder)
    assert receipt.state is DeliveryState.PARTIAL
    assert [f.name for f in receipt.quarantined] == [name]
    assert len(receipt.released) == 5
    assert name not in outbox(ops)["D0001_ack.json"]["files"]  # type: ignore[operator]
    asked = outbox(ops)["D0001_rerequest_001.json"]
    assert asked["files"] == [name]
    kept = ops.settings.folder("quarantine") / "D0001"
    assert json.loads((kept / f"{name}.reason.json").read_text())["fault"] == fault
    if fault not in ("missing", "irregular"):
        assert (kept / name).read_bytes() == (folder / name).read_bytes()
    row = queries.rerequests(ops)[0]
    assert row["due"] - row["requested_at"] == timedelta(minutes=ops.settings.rerequest_minutes)


@pytest.mark.parametrize("victim", [1, 2, 3, 4, 5])
def test_a_file_that_is_whole_and_cannot_be_read_is_kept_apart(ops: Ops, folder: Path, victim: int) -> None:
    name = delivered_names(folder)[victim]
    (folder / name).write_bytes(b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=ops.clock.now())
    receipt = accept(ops, folder)
    assert [f.name for f in receipt.quarantined] == [name]
    assert str(receipt.quarantined[0].reason).startswith(name)


def test_a_file_under_the_name_of_another_kind_is_kept_apart(ops: Ops, folder: Path) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    science = next(f for f in document["files"] if f["name"] == SCIENCE)
    science["kind"] = "engineering"
    (folder / MANIFEST).write_text(json.dumps(document))
    quarantined = accept(ops, folder).quarantined
    assert [f.name for f in quarantined] == [SCIENCE]
    assert "kind science" in str(quarantined[0].reason)


def test_extra_files_are_kept_apart_and_not_asked_for(ops: Ops, folder: Path) -> None:
    (folder / "notes.txt").write_text("not announced")
    (folder / "..odd name").write_text("not announced either")
    (folder / "folder").mkdir()
    receipt = accept(ops, folder)
    assert receipt.state is DeliveryState.COMPLETE
    assert {f.name for f in receipt.quarantined} == {"notes.txt", "..odd name", "folder"}
    assert queries.rerequests(ops) == []
    assert (ops.settings.folder("quarantine") / "D0001" / "notes.txt").read_text() == "not announced"


def test_a_repaired_delivery_given_again_closes_its_request(ops: Ops, folder: Path) -> None:
    good = (folder / SCIENCE).read_bytes()
    flip(folder / SCIENCE)
    accept(ops, folder)
    (folder / SCIENCE).write_bytes(good)
    receipt = accept(ops, folder)
    assert receipt.state is DeliveryState.COMPLETE
    assert receipt.quarantined == ()
    assert queries.rerequests(ops) == []


def test_a_file_sent_again_in_another_delivery_closes_the_request_of_the_first(ops: Ops, folder: Path) -> None:
    second = ops.settings.folder("inbox") / "D0002"
    second.mkdir()
    shutil.copy(folder / SCIENCE, second / SCIENCE)
    write_manifest(second, delivery_id="D0002", sender="FOS", sequence=2, created=ops.clock.now())
    (folder / SCIENCE).unlink()
    accept(ops, folder)
    assert isinstance(ops.clock, SimulatedClock)
    ops.clock.advance(timedelta(minutes=61))
    assert [r["overdue"] for r in queries.rerequests(ops)] == [True]
    accept(ops, second)
    assert queries.rerequests(ops) == []
    assert queries.rerequests(ops, closed=True)[0]["closed_by"] == "delivery D0002"
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE


def test_the_same_bytes_in_another_delivery_are_replayed_not_released_twice(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    second = shutil.copytree(folder, folder.parent / "D0002")
    write_manifest(second, delivery_id="D0002", sender="FOS", sequence=2, created=ops.clock.now())
    accept(ops, second)
    assert set(states(ops, "D0002").values()) == {FileState.REPLAYED}
    assert len(queries.files_released(ops, "science", VISIT)) == 2
    assert len(outbox(ops)["D0002_ack.json"]["files"]) == 6  # type: ignore[arg-type]


def test_new_bytes_under_a_known_name_are_a_new_version(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    accept(ops, write_delivery(folder.parent / "D0002", small_visit(), delivery_id="D0002", sequence=2, seed=2))
    assert states(ops)[SCIENCE] is FileState.SUPERSEDED
    current = [f for f in queries.files_released(ops, "science", VISIT) if f["name"] == SCIENCE]
    assert [(f["version"], f["delivery_id"]) for f in current] == [(2, "D0002")]
    assert len(queries.parts_of(ops, VISIT)) == 4
    old = next(f for f in queries.receipt_of(ops, "D0001").files if f.name == SCIENCE)
    ops.store.verify(str(old.sha256))


def test_an_old_version_sent_again_does_not_come_back(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    accept(ops, write_delivery(folder.parent / "D0002", small_visit(), delivery_id="D0002", sequence=2, seed=2))
    third = write_delivery(folder.parent / "D0003", small_visit(), delivery_id="D0003", sequence=3)
    accept(ops, third)
    assert states(ops, "D0003")[SCIENCE] is FileState.REPLAYED
    assert states(ops, "D0002")[SCIENCE] is FileState.RELEASED


BROKEN_MANIFESTS: dict[str, Callable[[str], str]] = {
    "no JSON": lambda text: text[:-20],
    "sha256": lambda text: text.replace('"sha256": "', '"sha256": "x', 1),
    "size": lambda text: text.replace('"size": ', '"size": -', 1),
    "kind": lambda text: text.replace('"science"', '"poetry"', 1),
    "sequence": lambda text: text.replace('"sequence": 1', f'"sequence": {2**80}'),
    "delivery_id": lambda text: text.replace('"D0001"', '"../D0001"'),
}


@pytest.mark.parametrize("field", BROKEN_MANIFESTS)
def test_an_unusable_manifest_puts_the_whole_delivery_into_quarantine(ops: Ops, folder: Path, field: str) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(BROKEN_MANIFESTS[field](text))
    for _ in range(2):
        with pytest.raises(BadDelivery, match=r"manifest\.json") as caught:
            accept(ops, folder)
        assert "P04" in caught.value.remedy
    listed = queries.deliveries(ops)
    assert [d["state"] for d in listed] == ["quarantined"]
    kept = ops.settings.folder("quarantine") / listed[0]["id"]
    assert {p.name for p in kept.iterdir() if not p.name.endswith("reason.json")} == {MANIFEST, *delivered_names(folder)}
    assert len(queries.rerequests(ops)) == 1
    assert events(ops).count("delivery.quarantined") == 1
    (folder / MANIFEST).write_text(text)
    assert accept(ops, folder).state is DeliveryState.COMPLETE


def test_a_delivery_without_manifest_is_quarantined_and_a_folder_that_is_not_there_is_not(ops: Ops, folder: Path) -> None:
    (folder / MANIFEST).unlink()
    with pytest.raises(BadDelivery, match=r"manifest\.json"):
        accept(ops, folder)
    with pytest.raises(NotFound, match="D9999"):
        accept(ops, folder.parent / "D9999")
    assert len(queries.deliveries(ops)) == 1


def test_another_sum_under_an_accepted_delivery_id_is_refused(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    forged = write_delivery(folder.parent / "forged", small_visit(), seed=2)
    with pytest.raises(BadDelivery, match="sha256"):
        accept(ops, forged)
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE


def test_two_visits_in_one_file_belong_to_both(ops: Ops, folder: Path) -> None:
    other = small_visit("02726403001", exposures=1)
    first, second = folder / SCIENCE, folder.parent / "more.out"
    name = write_delivery(folder.parent / "D0009", other, delivery_id="D0009") / SCIENCE
    second.write_bytes(first.read_bytes() + name.read_bytes())
    second.rename(first)
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=ops.clock.now())
    accept(ops, folder)
    assert {p["name"] for p in queries.parts_of(ops, str(VisitId.parse("02726403001")))} == {SCIENCE}
    assert SCIENCE in {f["name"] for f in queries.files_released(ops, "science", VISIT)}


def test_the_same_bytes_under_another_name_are_released_and_flagged(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    second = folder.parent / "D0002"
    second.mkdir()
    other = "S0000_2022338025616_099.out"
    shutil.copy(folder / SCIENCE, second / other)
    write_manifest(second, delivery_id="D0002", sender="FOS", sequence=2, created=ops.clock.now())
    assert preview(ops, second).files[0].duplicate_of == SCIENCE
    (file,) = accept(ops, second).files
    assert (file.state, file.duplicate_of) == (FileState.RELEASED, SCIENCE)
    assert events(ops).count("file.duplicated") == 1
    assert all(f.duplicate_of is None for f in queries.receipt_of(ops, "D0001").files)


def test_a_hard_link_brings_its_bytes_and_nothing_of_the_file_it_is_linked_with(ops: Ops, folder: Path) -> None:
    content = (folder / SCIENCE).read_bytes()
    other = folder.parent / "other name"
    other.hardlink_to(folder / SCIENCE)
    file = next(f for f in accept(ops, folder).files if f.name == SCIENCE)
    other.write_bytes(b"changed behind our back")
    assert ops.store.path(str(file.sha256)).read_bytes() == content


@pytest.mark.parametrize("name", [SCIENCE.lower(), "S0000_2022338025616_1.out", "notes.txt", f"{'x' * 190}.out"])
def test_a_file_under_a_name_that_no_kind_has_is_kept_apart(ops: Ops, folder: Path, name: str) -> None:
    (folder / SCIENCE).rename(folder / name)
    document = json.loads((folder / MANIFEST).read_text())
    next(f for f in document["files"] if f["name"] == SCIENCE)["name"] = name
    (folder / MANIFEST).write_text(json.dumps(document))
    (file,) = accept(ops, folder).quarantined
    assert file.name == name
    assert [r["name"] for r in queries.rerequests(ops)] == [name]
    reasons = [json.loads(p.read_text()) for p in (ops.settings.folder("quarantine") / "D0001").glob("*.reason.json")]
    assert [(r["file"], r["fault"]) for r in reasons] == [(name, "name")]


@pytest.mark.parametrize(("field", "value"), [("delivery_id", "D" * 181), ("sender", "F" * 181)])
def test_an_id_that_no_file_name_can_hold_is_refused(ops: Ops, folder: Path, field: str, value: str) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(document | {field: value}))
    with pytest.raises(BadDelivery, match=f"field '{field}' is longer than 180"):
        accept(ops, folder)
