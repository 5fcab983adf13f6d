"""Products become CAOM observations: right planes, right coverage, the same document every time."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dmsops.catalogue import Product, check, describe, from_xml, to_xml
from dmsops.core.errors import BadInput, BadName
from dmsops.core.files import sha256_of
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
MEMBERS = (f"{ROOT}_cal.fits", "jw02726402001_03104_00002_nrca3_cal.fits")


def product(folder: Path, name: str, **keywords: Any) -> Product:
    path = write_product(folder / name, **keywords)
    return Product(name=name, sha256=sha256_of(path), path=path)


@pytest.fixture
def exposure(tmp_path: Path) -> list[Product]:
    return [product(tmp_path, f"{ROOT}_{suffix}.fits") for suffix in ("uncal", "rate", "rateints", "cal")]


def test_an_exposure_is_a_simple_observation_with_a_plane_per_level(exposure: list[Product]) -> None:
    observation = describe(exposure)
    assert type(observation).__name__ == "SimpleObservation"
    assert observation.observation_id == ROOT
    assert {p.product_id: len(p.artifacts) for p in observation.planes.values()} == {"level1": 1, "level2": 3}
    assert {p.product_id: p.calibration_level.value for p in observation.planes.values()} == {"level1": 1, "level2": 2}


def test_artifacts_carry_sum_length_and_type(exposure: list[Product]) -> None:
    artifact = describe(exposure).planes["level2"].artifacts[f"mast:JWST/product/{ROOT}_cal.fits"]
    cal = exposure[-1]
    assert artifact.content_checksum.uri == f"sha256:{cal.sha256}"
    assert (artifact.content_length, artifact.content_type) == (cal.path.stat().st_size, "application/fits")


def test_coverage_comes_from_the_headers(exposure: list[Product]) -> None:
    plane = describe(exposure).planes["level2"]
    assert (plane.energy.bounds.lower, plane.energy.bounds.upper) == pytest.approx((2.109e-6, 2.134e-6))
    assert plane.energy.bandpass_name == "F212N;WLM8"
    assert (plane.time.bounds.lower, plane.time.bounds.upper, plane.time.exposure) == (59917.1, 59917.2, 30.0)
    assert len(plane.position.bounds.points) == 4
    assert plane.provenance.version == "3.0.0"
    assert plane.provenance.keywords == {"CRDS_CTX=jwst_0001.pmap"}


def test_proposal_target_and_instrument_are_named(exposure: list[Product]) -> None:
    observation = describe(exposure)
    assert (observation.proposal.id, observation.target.name, observation.instrument.name) == ("02726", "STAR", "NIRCAM")
    assert observation.telescope.name == "JWST"
    assert observation.intent.value == "calibration"


def test_a_combined_product_is_a_derived_observation_of_its_members(tmp_path: Path) -> None:
    observation: Any = describe([product(tmp_path, COMBINED)], members=MEMBERS)
    assert type(observation).__name__ == "DerivedObservation"
    assert observation.observation_id == "jw02726-o402_t001_nircam_f212n-wlm8-nrca3-04"
    assert observation.algorithm.name == "wfs_combine"
    assert {m.uri for m in observation.members} == {f"caom:JWST/{name.removesuffix('_cal.fits')}" for name in MEMBERS}
    inputs = {i.uri for i in observation.planes["level3"].provenance.inputs}
    assert inputs == {f"caom:JWST/{name.removesuffix('_cal.fits')}/level2" for name in MEMBERS}
    assert check(observation) == ()


def test_a_sound_exposure_has_no_findings_and_survives_the_round_trip(exposure: list[Product]) -> None:
    from caom2.diff import get_differences

    observation = describe(exposure)
    assert check(observation) == ()
    assert get_differences(observation, from_xml(to_xml(observation))) is None


def test_general_observer_data_are_exclusive_for_a_year_and_wavefront_data_are_not(tmp_path: Path) -> None:
    for category, days in (("GO", 365), ("CAL", 0)):
        plane = describe([product(tmp_path, f"{ROOT}_cal.fits", CATEGORY=category)]).planes["level2"]
        assert plane.meta_release == datetime.fromisoformat("2022-12-04T05:00:00.123")
        assert plane.data_release - plane.meta_release == timedelta(days=days)


def test_products_of_two_observations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="these belong to 2"):
        describe([product(tmp_path, name) for name in MEMBERS])


def test_a_file_that_is_no_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadName):
        describe([product(tmp_path, "notes.fits")])


def test_a_product_that_is_no_fits_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / f"{ROOT}_cal.fits"
    path.write_bytes(b"not FITS at all")
    with pytest.raises(BadInput, match=path.name):
        describe([Product(name=path.name, sha256="0" * 64, path=path)])


def test_the_document_is_the_same_bytes_in_every_process(exposure: list[Product]) -> None:
    script = (
        "import sys, hashlib; from pathlib import Path; from dmsops.catalogue import *; from dmsops.core.files import sha256_of\n"
        "ps = [Product(name=Path(p).name, sha256=sha256_of(Path(p)), path=Path(p)) for p in sys.argv[1:]]\n"
        "print(hashlib.sha256(to_xml(describe(ps))).hexdigest())"
    )
    paths = [str(p.path) for p in exposure]
    sums = {
        subprocess.run(
            [sys.executable, "-c", script, *paths], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(sums) == 1
