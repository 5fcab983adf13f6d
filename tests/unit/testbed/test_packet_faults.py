"""F10 to F12: packets lost, doubled, disordered on the way down are found, said with their procedure, and repaired."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dmsops.core.names import ExposureName
from dmsops.flows import science
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.interfaces.fos.packets import read_exposure
from dmsops.ops import Ops
from dmsops.receipt import accept, gaps, queries
from dmsops.testbed.faults import inject
from dmsops.testing.deliveries import START, write_delivery
from dmsops.testing.sites import small_site
from tests.unit.receipt.packets import EXPOSURE, FILE, visit

VISIT = "02726402001"


@pytest.fixture
def ops(tmp_path: Path):
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


def fly(folder: Path, *faults: str, delivery_id: str = "D0001") -> tuple[str, ...]:
    """Write the small visit's delivery; what goes wrong happens before the manifest is written."""
    write_delivery(folder, visit(), delivery_id=delivery_id)
    (folder / MANIFEST).unlink()
    said = inject(folder, faults, stage="sending")
    write_manifest(folder, delivery_id=delivery_id, sender="FOS", sequence=1, created=START)
    return said


def pixels(folder: Path, exposure: str, detector: str) -> np.ndarray:
    return read_exposure(sorted(folder.glob("S0000_*.out")), ExposureName.parse(exposure), detector).pixels


def rebuilt(ops: Ops, tmp_path: Path) -> Path:
    """Give a folder with the released science files under their names."""
    folder = tmp_path / "released"
    folder.mkdir()
    for row in queries.files_released(ops, "science", VISIT):
        (folder / row["name"]).symlink_to(ops.store.path(row["sha256"]))
    return folder


def same_pixels(ops: Ops, tmp_path: Path) -> None:
    """Check that all that was sent without a fault is there."""
    fly(tmp_path / "whole")
    there = rebuilt(ops, tmp_path)
    for exposure in visit().exposures:
        for readout in exposure.readouts:
            wanted = pixels(tmp_path / "whole", str(exposure.name), readout.detector)
            np.testing.assert_array_equal(pixels(there, str(exposure.name), readout.detector), wanted)


def test_a_packet_gap_is_found_said_asked_for_and_filled_by_the_next_delivery(ops: Ops, tmp_path: Path) -> None:
    (said,) = fly(tmp_path / "D1", f"F10:{FILE}")
    assert said == f"F10: 1 of 12 packets with pixels are missing from {FILE}"
    assert accept(ops, tmp_path / "D1").state == "complete"
    (waits,) = science.plan_visit(ops, VISIT).awaited
    assert waits.startswith(EXPOSURE)
    assert "1 of 6 packets is missing" in waits
    assert "P04" in waits
    assert [r["name"] for r in queries.rerequests(ops)] == [FILE]
    fly(tmp_path / "D2", delivery_id="D2")
    accept(ops, tmp_path / "D2")
    assert queries.rerequests(ops) == []
    assert science.plan_visit(ops, VISIT).problems == []
    same_pixels(ops, tmp_path)


def test_a_packet_gap_that_never_comes_is_decided_by_a_person(ops: Ops, tmp_path: Path) -> None:
    fly(tmp_path / "D1", f"F10:{FILE}")
    accept(ops, tmp_path / "D1")
    (row,) = (r for r in gaps.gap_report(ops, VISIT) if r["state"] != "complete")
    seen = gaps.preview(ops, row["exposure"], row["detector"], "use")
    gaps.decide(ops, row["exposure"], row["detector"], "use", ticket=seen.hash, reason="FOS has lost it")
    planned = science.plan_visit(ops, VISIT)
    assert planned.awaited == []
    assert planned.problems == [f"{row['exposure']} {row['detector']} is used without 1 of 6 packets: FOS has lost it"]


def test_packets_that_came_twice_are_counted_and_used_once(ops: Ops, tmp_path: Path) -> None:
    (said,) = fly(tmp_path / "D1", f"F11:{FILE}")
    assert said == f"F11: 2 packets of {FILE} are there twice"
    accept(ops, tmp_path / "D1")
    assert sum(row["duplicates"] for row in gaps.gap_report(ops, VISIT)) == 2
    assert science.plan_visit(ops, VISIT).problems == []
    assert any(row["back"] for row in gaps.counter_report(ops, VISIT))
    same_pixels(ops, tmp_path)


def test_packets_in_disorder_across_files_are_put_in_order(ops: Ops, tmp_path: Path) -> None:
    (said,) = fly(tmp_path / "D1", f"F12:{FILE}")
    assert "out of order" in said
    assert "changed places with packets of S0000_" in said
    accept(ops, tmp_path / "D1")
    assert not any(row["complete"] for row in queries.parts_of(ops, VISIT))
    assert all(row["state"] == "complete" for row in gaps.gap_report(ops, VISIT))
    assert science.plan_visit(ops, VISIT).problems == []
    same_pixels(ops, tmp_path)


@pytest.mark.parametrize("fault", ["F10", "F11", "F12"])
def test_a_fault_does_the_same_each_time(tmp_path: Path, fault: str) -> None:
    first, second = (fly(tmp_path / name, fault) for name in ("a", "b"))
    assert first == second
    assert {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()} == {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}


def test_disorder_of_a_single_file_stays_within_it(tmp_path: Path) -> None:
    write_delivery(tmp_path / "a", visit(exposures=1))
    (said,) = inject(tmp_path / "a", ["F12"], stage="sending")
    assert said == f"F12: the 16 packets of {FILE} are out of order"
