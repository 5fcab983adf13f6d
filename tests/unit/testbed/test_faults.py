"""Faults do to a delivery what they say, and the same each time."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from dmsops.core.errors import BadInput
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.testbed.faults import inject, list_faults
from dmsops.testbed.faults.delivery import EXTRA_FILE

SCIENCE = ("S0000_2022338035325_001.out", "S0000_2022338035626_002.out")
STATUS = "2022338043004786_001_osf.xml"


@pytest.fixture
def delivery(tmp_path):
    for name in (*SCIENCE, STATUS):
        (tmp_path / name).write_bytes(hashlib.shake_256(name.encode()).digest(5000))
    write_manifest(tmp_path, delivery_id="D1", sender="OTB", sequence=1, created=datetime(2022, 12, 4, tzinfo=UTC))
    return tmp_path


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_every_fault_names_who_finds_it_and_which_procedure_repairs_it():
    rows = list_faults()
    assert [row["id"] for row in rows][:6] == ["F01", "F02", "F03", "F04", "F05", "F06"]
    assert all(row["found_by"] and row["repaired_by"].startswith("P") and row["title"] for row in rows)


@pytest.mark.parametrize("fault", ["F01", "F02", "F03", "F04"])
def test_a_fault_hits_one_science_file_and_leaves_the_rest(delivery, fault):
    before = contents(delivery)
    (said,) = inject(delivery, [fault])
    (hit,) = changed(before, contents(delivery))
    assert hit in SCIENCE
    assert hit in said
    assert said.startswith(f"{fault}: ")


def test_a_truncated_file_is_the_beginning_of_what_it_was(delivery):
    before = contents(delivery)
    inject(delivery, ["F01"])
    after = contents(delivery)
    (hit,) = changed(before, after)
    assert 0 < len(after[hit]) < len(before[hit])
    assert before[hit].startswith(after[hit])


def test_flipped_bytes_leave_the_size(delivery):
    before = contents(delivery)
    inject(delivery, ["F02"])
    after = contents(delivery)
    (hit,) = changed(before, after)
    assert len(after[hit]) == len(before[hit])
    assert sum(a != b for a, b in zip(after[hit], before[hit], strict=True)) == 64


def test_an_empty_file_is_empty_and_a_missing_one_is_gone(delivery):
    inject(delivery, [f"F03:{SCIENCE[0]}", f"F04:{SCIENCE[1]}"])
    assert (delivery / SCIENCE[0]).read_bytes() == b""
    assert not (delivery / SCIENCE[1]).exists()


def test_an_extra_file_is_not_in_the_manifest(delivery):
    inject(delivery, ["F05"])
    assert (delivery / EXTRA_FILE).stat().st_size == 5000
    assert EXTRA_FILE not in {file.name for file in read_manifest(delivery / MANIFEST).files}


def test_a_wrong_sum_leaves_a_readable_manifest_and_the_file_as_it_was(delivery):
    before = contents(delivery)
    inject(delivery, ["F06"])
    assert changed(before, contents(delivery)) == {MANIFEST}
    wrong = [f.name for f in read_manifest(delivery / MANIFEST).files if hashlib.sha256(before[f.name]).hexdigest() != f.sha256]
    assert len(wrong) == 1


def test_a_pattern_chooses_the_file(delivery):
    before = contents(delivery)
    inject(delivery, ["F02:*_osf.xml"])
    assert changed(before, contents(delivery)) == {STATUS}


def test_the_same_seed_does_the_same(delivery, tmp_path_factory):
    twin = tmp_path_factory.mktemp("twin")
    for name, content in contents(delivery).items():
        (twin / name).write_bytes(content)
    assert inject(delivery, ["F02", "F06"], seed=4) == inject(twin, ["F02", "F06"], seed=4)
    assert contents(delivery) == contents(twin)


@pytest.mark.parametrize("fault", ["F99", "F01:*.nothing"])
def test_a_fault_that_cannot_be_done_is_named_and_leaves_the_delivery_alone(delivery, fault):
    before = contents(delivery)
    with pytest.raises(BadInput, match=fault.replace("*", r"\*")):
        inject(delivery, [fault])
    assert contents(delivery) == before


def test_the_manifest_itself_is_never_the_file_that_is_hit(delivery):
    inject(delivery, ["F03:*"])
    assert json.loads((delivery / MANIFEST).read_text())["delivery_id"] == "D1"
