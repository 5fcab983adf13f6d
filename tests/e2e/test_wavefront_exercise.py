"""The WaveFront Exercise: what the real visit made is made, archived and delivered within the limit."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from dmsops.archive import queries as archived
from dmsops.catalogue import check, from_xml
from dmsops.core.names import CombinedProduct, ExposureProduct
from dmsops.interfaces.wss import OPERATION_FILE, read_operation_file
from dmsops.workflow import queries
from tests.e2e.desk import Desk

DETECTORS = ("nrca1", "nrca2", "nrca3", "nrca4", "nrcalong")
OPTICS = {d: "f212n-{lens}-sub320-" + d for d in DETECTORS[:4]} | {"nrcalong": "clear-f356w-sub320-nrcalong"}
"""Optical elements in the names; the small size adds its subarray, as jwst's rules do (full frames have none)."""


def real_visit() -> dict[str, set[str]]:
    """Give what visit V02726402001 made, from its event log and the naming rules, written out by hand."""
    sensing = [f"jw02726402001_0310{a}_0000{n}_{d}" for a in (4, 5) for n in (1, 2) for d in DETECTORS]
    acquisition, jitter = "jw02726402001_02102_00001_nrca3", "jw02726402001_03102_00001_nrca3"
    lenses = {"04": "wlm8", "05": "wlp8"}
    combined = {
        f"jw02726-o402_t001_nircam_{OPTICS[d].format(lens=lens)}_wfscmb-{activity}.fits"
        for activity, lens in lenses.items()
        for d in DETECTORS
    }
    calibrated = {acquisition, *sensing}
    made = {suffix: {f"{root}_{suffix}.fits" for root in calibrated} for suffix in ("rate", "rateints", "cal")}
    return {**made, "uncal": {f"{root}_uncal.fits" for root in {jitter, *calibrated}}, "wfscmb": combined}


def test_the_report_is_what_was_promised(exercise: tuple[Desk, dict[str, Any]]) -> None:
    _, report = exercise
    assert {s: report["products"][s] for s in ("uncal", "rate", "cal", "wfscmb")} == {"uncal": 22, "rate": 21, "cal": 21, "wfscmb": 10}
    assert report["clock"]["limit_minutes"] == 90
    assert 0 < report["clock"]["used_minutes"] < 90
    assert report["caom"]["invalid"] == 0
    assert report["caom"]["observations"] == 22 + 10
    assert report["delivery"]["state"] == "acknowledged"
    assert report["missing"] == report["unexpected"] == report["problems"] == []


def test_the_products_are_those_of_the_real_visit_by_name(exercise: tuple[Desk, dict[str, Any]]) -> None:
    desk, _ = exercise
    seen: dict[str, set[str]] = {}
    for name in (row["name"] for row in archived.products(desk.open(), prefix="jw02726")):
        family = ExposureProduct if ExposureProduct.matches(name) else CombinedProduct
        seen.setdefault(family.parse(name).suffix, set()).add(name)
    assert seen == real_visit()


def test_every_exposure_is_pointed_by_its_telemetry(exercise: tuple[Desk, dict[str, Any]]) -> None:
    ops = exercise[0].open()
    rows = [row for row in queries.products(ops) if row["name"].endswith("_uncal.fits")]
    heads = [fits.getheader(ops.store.path(row["sha256"])) for row in rows]
    assert Counter((h["ENGQLPTG"], h["ENG_QUAL"]) for h in heads) == {("CALCULATED_TRACK_TR_202111", "OK"): 22}


def test_the_catalogue_says_where_and_when_every_image_was_taken(exercise: tuple[Desk, dict[str, Any]]) -> None:
    ops, seen = exercise[0].open(), Counter[tuple[str, int | None]]()
    for row in archived.observations(ops):
        described = from_xml(ops.store.path(row["xml_sha256"]).read_bytes())
        assert check(described) == ()
        for artifact in (a for p in described.planes.values() for a in p.artifacts.values()):
            (chunk,) = artifact.parts["SCI"].chunks
            assert chunk.position is not None
            assert chunk.energy is not None
            assert chunk.time is not None
            seen[artifact.uri.rpartition("_")[2].partition("-")[0].removesuffix(".fits"), chunk.naxis] += 1
    assert seen == {("uncal", None): 22, ("rate", 2): 21, ("rateints", 3): 21, ("cal", 2): 21, ("wfscmb", 2): 10}


def test_wss_got_every_file_whole_and_can_open_the_operation_file(exercise: tuple[Desk, dict[str, Any]]) -> None:
    desk, report = exercise
    folder = next(p.parent for p in (desk.site / "outbox" / "wss").rglob("manifest.json"))
    manifest = json.loads((folder / "manifest.json").read_text())
    for row in manifest["files"]:
        assert hashlib.sha256((folder / row["name"]).read_bytes()).hexdigest() == row["sha256"]
    names = {row["name"] for row in manifest["files"]}
    operation = read_operation_file(folder / OPERATION_FILE)
    assert len(names - {OPERATION_FILE}) == report["delivery"]["files"] == 32
    assert set(operation.images) == real_visit()["wfscmb"] <= names


def test_a_second_run_changes_nothing(exercise: tuple[Desk, dict[str, Any]]) -> None:
    desk, first = exercise
    before = desk.versions()
    second = desk.json("rehearse", "wavefront")
    assert desk.versions() == before
    assert second["products"] == first["products"]
    assert second["delivery"]["id"] == first["delivery"]["id"]


def test_every_step_ran_once(exercise: tuple[Desk, dict[str, Any]]) -> None:
    desk, _ = exercise
    ops = desk.open()
    assert Counter(len(queries.attempts(ops, row["id"])) for row in queries.steps(ops)).keys() == {1}


@pytest.fixture(scope="session")
def from_log(tmp_path_factory: pytest.TempPathFactory, exercise: tuple[Desk, dict[str, Any]], shared_data: Path) -> dict[str, Any]:
    """Fly the real event log."""
    desk = Desk(tmp_path_factory.mktemp("log") / "site", exercise[0].crds)
    return desk.json("rehearse", "wavefront", "--log", str(shared_data / "oss_logs" / "V02726402001.txt"))


def test_the_real_event_log_ends_as_the_shipped_definition(exercise: tuple[Desk, dict[str, Any]], from_log: dict[str, Any]) -> None:
    _, shipped = exercise
    assert from_log["products"] == shipped["products"]
    assert from_log["missing"] == from_log["problems"] == []
    assert from_log["delivery"]["state"] == "acknowledged"


def test_a_live_site_is_never_rehearsed_on(tmp_path: Path, crds: Path) -> None:
    desk = Desk(tmp_path / "live", crds)
    desk.json("site", "init")
    refused = desk.run("rehearse", "wavefront")
    assert refused.returncode == 2
    assert "LIVE" in refused.stderr
    assert "Traceback" not in refused.stderr
