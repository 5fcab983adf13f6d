"""Delivery manifests and the answers to them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery, BadName
from dmsops.interfaces.fos.manifest import (
    MOST_BYTES,
    acknowledgement,
    acknowledgement_name,
    kind_of,
    read_manifest,
    rerequest,
    rerequest_name,
    write_manifest,
)

AT = datetime(2022, 12, 4, 4, 30, tzinfo=UTC)
NAMES = {
    "S0000_2022338035325_001.out": "science",
    "E0000_2022338035325_001.out": "engineering",
    "2022338043004786_001_osf.xml": "osf",
    "JWST_P_20221203_20221206.OEM": "ephemeris",
    "V02726402001_plan.json": "plan",
}


@pytest.fixture
def delivery(tmp_path):
    for name in NAMES:
        (tmp_path / name).write_bytes(name.encode() * 3)
    return write_manifest(tmp_path, delivery_id="FOS-2022338-01", sender="FOS", sequence=7, created=AT)


def change(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_manifest_names_every_file_with_size_sum_and_kind(delivery):
    manifest = read_manifest(delivery)
    assert (manifest.delivery_id, manifest.sender, manifest.sequence, manifest.created) == ("FOS-2022338-01", "FOS", 7, AT)
    assert {f.name: f.kind for f in manifest.files} == NAMES
    for file in manifest.files:
        content = file.name.encode() * 3
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_kinds_are_told_from_names():
    assert {name: kind_of(name) for name in NAMES} == NAMES
    with pytest.raises(BadName):
        kind_of("readme.txt")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sequence": "7"}, "field 'sequence' is '7', not a whole number"),
        ({"sequence": True}, "field 'sequence'"),
        ({"sequence": -1}, "field 'sequence' is below 0"),
        ({"created": "yesterday"}, "field 'created' is 'yesterday', not a time"),
        ({"delivery_id": "../up"}, "field 'delivery_id'"),
        ({"files": {}}, "field 'files' is not a list"),
        ({"files": [3]}, r"field 'files\[0\]' is not a table"),
        ({"note": "hello"}, "field 'note' is not known"),
    ],
)
def test_a_wrong_field_is_named(delivery, fields, said):
    change(delivery, **fields)
    with pytest.raises(BadDelivery, match=f"manifest.json: {said}"):
        read_manifest(delivery)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../../etc/passwd"),
        ("name", "/etc/passwd"),
        ("name", "manifest.json"),
        ("name", ""),
        ("size", -1),
        ("size", 1.5),
        ("sha256", "0" * 63),
        ("sha256", "Z" * 64),
        ("kind", "music"),
    ],
)
def test_a_wrong_entry_is_named(delivery, field, value):
    files = json.loads(delivery.read_text())["files"]
    files[1][field] = value
    change(delivery, files=files)
    with pytest.raises(BadDelivery, match=rf"field 'files\[1\]\.{field}'"):
        read_manifest(delivery)


def test_a_missing_field_is_named(delivery):
    document = json.loads(delivery.read_text())
    del document["sender"]
    delivery.write_text(json.dumps(document))
    with pytest.raises(BadDelivery, match="field 'sender' is missing"):
        read_manifest(delivery)


def test_a_file_named_twice_is_refused(delivery):
    files = json.loads(delivery.read_text())["files"]
    change(delivery, files=[files[0], files[0]])
    with pytest.raises(BadDelivery, match="appears twice"):
        read_manifest(delivery)


@settings(max_examples=100)
@given(
    content=st.one_of(
        st.binary(max_size=200), st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
    )
)
def test_anything_else_is_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("m") / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(BadDelivery, match=r"^manifest\.json: "):
        read_manifest(path)


def test_deep_nesting_is_refused_in_words(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(BadDelivery, match="cannot be read as JSON"):
        read_manifest(tmp_path / "manifest.json")


def test_a_manifest_that_is_too_large_or_a_link_is_not_read(delivery, tmp_path):
    big = tmp_path / "big.json"
    with big.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    link = tmp_path / "link.json"
    link.symlink_to(delivery)
    for path in (big, link):
        with pytest.raises(BadDelivery, match="not read"):
            read_manifest(path)


def test_an_acknowledgement_names_delivery_and_sums():
    document = acknowledgement("FOS-2022338-01", 7, receipt="R-000012", files={"a": "0" * 64})
    assert (document["delivery_id"], document["sequence"], document["receipt"]) == ("FOS-2022338-01", 7, "R-000012")
    assert document["files"] == {"a": "0" * 64}


def test_a_rerequest_names_what_is_missing_and_why():
    document = rerequest("FOS-1", number=2, files=["b", "a"], reason="check sum differs")
    assert (document["number"], document["files"], document["reason"]) == (2, ["a", "b"], "check sum differs")


def test_answers_have_names_of_their_own():
    names = [f("FOS-1", number) for f in (acknowledgement_name, rerequest_name) for number in (1, 2)]
    assert names == ["FOS-1_ack.json", "FOS-1_ack_002.json", "FOS-1_rerequest_001.json", "FOS-1_rerequest_002.json"]


def test_an_answer_cannot_be_led_elsewhere():
    for name_of in (acknowledgement_name, rerequest_name):
        with pytest.raises(BadName):
            name_of("../FOS-1", 1)
