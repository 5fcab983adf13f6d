"""What goes wrong around a pipeline is said in words, and what can still be made is made."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.errors import GateFailed, StepFailed
from dmsops.processing.references import best_references, located, require_references

# The jwst package leaves the files of a failed run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

UNCAL = "jw02726402001_03104_00001_nrca3_uncal.fits"
RATES = ("jw02726402001_03104_00001_nrca3_rate.fits", "jw02726402001_03104_00001_nrca3_rateints.fits")


@pytest.fixture
def exposure(processed):
    return next(e for e in processed.visit.exposures if e.name.activity == "04")


@pytest.fixture
def uncal(processed):
    return processed.product(UNCAL)


@pytest.fixture
def gain(uncal):
    """Give the gain reference of the exposure, and put it back afterwards."""
    from jwst.pipeline import Detector1Pipeline

    names = require_references(uncal, Detector1Pipeline)
    path = located(names)["gain"]
    saved = path.read_bytes()
    yield path
    path.write_bytes(saved)


def test_a_missing_reference_is_named_before_the_pipeline_runs(processed, uncal, gain):
    gain.unlink()
    with pytest.raises(StepFailed, match=f"reference file {gain.name} is missing from the CRDS cache") as caught:
        processed.run("processing.detector1", inputs=[uncal], makes=RATES)
    assert caught.value.facts["failure"] == "config"


def test_a_truncated_reference_is_named_before_the_pipeline_runs(processed, uncal, gain):
    gain.write_bytes(gain.read_bytes()[:20_000])
    with pytest.raises(StepFailed, match=f"reference file {gain.name} in the CRDS cache is damaged"):
        processed.run("processing.detector1", inputs=[uncal], makes=RATES)


def test_an_exposure_that_the_references_do_not_know_is_said(uncal):
    from stdatamodels.jwst import datamodels

    with datamodels.open(uncal) as model:
        parameters = {**model.get_crds_parameters(), "meta.subarray.name": "SUB640"}
    with pytest.raises(StepFailed, match="CRDS has no gain reference for this exposure") as caught:
        best_references(parameters, ["gain"], UNCAL)
    assert "P20" in caught.value.remedy


def test_a_saturated_exposure_leaves_no_product_and_the_gate_says_so(processed, uncal, tmp_path):
    burnt = tmp_path / UNCAL
    shutil.copy(uncal.resolve(), burnt)
    with fits.open(burnt, mode="update") as file:
        file["SCI"].data[:] = 65535
    with pytest.raises(GateFailed, match="left no product"):
        processed.run("processing.detector1", inputs=[burnt], makes=RATES)


def test_a_damaged_uncal_is_said_in_words(processed, uncal, tmp_path):
    cut = tmp_path / UNCAL
    cut.write_bytes(uncal.read_bytes()[:50_000])
    with pytest.raises(StepFailed, match=f"input {UNCAL} is not a whole FITS file") as caught:
        processed.run("processing.detector1", inputs=[cut], makes=RATES)
    assert caught.value.facts["failure"] == "data"
    assert "P08" in caught.value.remedy


def test_without_engineering_the_planned_pointing_stands_in_and_is_listed(processed, exposure):
    made = processed.level1b(exposure, "NRCA3", telemetry=False, keep=False)
    assert made.metrics["pointing"] == "PLANNED"
    assert made.metrics["problems"] == ["no attitude in the telemetry"]
    assert any("PLANNED" in warning for warning in made.metrics["warnings"])


def test_a_flipped_bit_loses_its_packet_and_the_product_says_so(processed, exposure, tmp_path):
    science = []
    for file in sorted(processed.delivery.glob("S0000*.out")):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0x01
        (tmp_path / file.name).write_bytes(content)
        science.append(tmp_path / file.name)
    made = [processed.level1b(exposure, r.detector, science=science, keep=False) for r in exposure.readouts]
    rows = [m.metrics["missing_rows"] for m in made]
    assert sorted(r > 0 for r in rows) == [False, True]
    (flagged,) = (m for m in made if m.metrics["missing_rows"])
    assert any("DATAPROB" in warning for warning in flagged.metrics["warnings"])


def test_lost_packets_become_flagged_pixels_not_wrong_ones(processed, exposure, uncal, tmp_path):
    """A group whose rows did not arrive is left out of the slope."""
    holed = tmp_path / UNCAL
    shutil.copy(uncal.resolve(), holed)
    with fits.open(holed, mode="update") as file:
        file["SCI"].data[0, 2, 100:110] = 0
    processed.run("processing.detector1", inputs=[holed], makes=RATES, keep=False)
    with fits.open(processed.last / RATES[0]) as file, fits.open(processed.product(RATES[0])) as whole:
        difference = (file["SCI"].data - whole["SCI"].data)[105, 20:300]
        scale = whole["ERR"].data[105, 20:300]
    assert np.nanmedian(np.abs(difference)) < 3 * np.nanmedian(scale)
