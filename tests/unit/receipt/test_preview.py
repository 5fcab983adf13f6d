"""A preview says what accepting would do, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos.engineering import write_hdf5
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept, preview, queries
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from tests.engineering_files import NAME, seconds, series_of


def verdicts(ops: Ops, folder: Path) -> dict[str, str]:
    return {f.name: f.verdict for f in preview(ops, folder).files}


def test_a_first_delivery_is_new_and_nothing_is_written(ops: Ops, folder: Path) -> None:
    assert verdicts(ops, folder) == dict.fromkeys(delivered_names(folder), "new")
    assert preview(ops, folder).size == sum((folder / name).stat().st_size for name in delivered_names(folder))
    assert queries.deliveries(ops) == []
    assert list(ops.store.objects()) == []


def test_an_accepted_delivery_would_be_a_replay(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    assert set(verdicts(ops, folder).values()) == {"replay"}


def test_new_bytes_would_be_a_retransmission(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    again = write_delivery(folder.parent / "D0002", small_visit(), delivery_id="D0002", seed=2)
    assert {name for name, verdict in verdicts(ops, again).items() if verdict == "retransmission"} == {
        name for name in delivered_names(again) if name.startswith("S")
    }


def test_a_faulty_file_would_go_into_quarantine_with_its_reason(ops: Ops, folder: Path) -> None:
    name = delivered_names(folder)[0]
    (folder / name).write_bytes(b"")
    file = next(f for f in preview(ops, folder).files if f.name == name)
    assert (file.verdict, file.reason) == ("quarantine", "is empty")


def test_an_unusable_manifest_is_told(ops: Ops, folder: Path) -> None:
    (folder / MANIFEST).write_text("{}")
    with pytest.raises(BadDelivery, match=r"manifest\.json"):
        preview(ops, folder)


def test_a_truncated_hdf5_file_is_the_files_fault_not_the_file_systems(ops: Ops) -> None:
    folder = ops.settings.folder("inbox") / "D0003"
    folder.mkdir(parents=True)
    write_hdf5(folder / NAME, series_of(seconds(0, 3000)))
    whole = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(whole[: len(whole) * 2 // 3])
    write_manifest(folder, delivery_id="D0003", sender="FOS", sequence=3, created=START)
    (file,) = preview(ops, folder).files
    assert (file.verdict, "truncated file" in (file.reason or "")) == ("quarantine", True)
    assert [kept.name for kept in accept(ops, folder).quarantined] == [NAME]
