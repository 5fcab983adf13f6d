"""Every kind of exposure of every instrument, from packets to level 1b and what comes after it: what was simulated is what is read."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits

from dmsops.catalogue.describe import Product, describe
from dmsops.catalogue.rules import check
from dmsops.core import modes
from dmsops.core.segments import BYTES_PER_PIXEL, segments
from dmsops.testbed.focal_plane import steering
from dmsops.testbed.pointing import attitude, telescope_to_sky
from dmsops.testbed.visits import load_visit, shipped
from tests.integration.processing.given import references_by_hand

EXPOSURES = [(str(e.name), r.detector) for e in load_visit(shipped()["instrument_checkout"]).exposures for r in e.readouts]
SKY = [(name, d) for name, d in EXPOSURES if d != "NRS1"]


def find(checkout, name):
    return next(e for e in checkout.visit.exposures if str(e.name) == name)


def of_kind(checkout, kind):
    return next((e, r.detector) for e in checkout.visit.exposures for r in e.readouts if e.exp_type == kind)


def uncal(checkout, exposure, detector):
    return checkout.product(str(exposure.product(detector, "uncal")))


def truth(checkout, exposure, detector):
    return np.load(checkout.truth_folder / f"{exposure.product(detector, 'uncal').root}.npz")


@pytest.mark.parametrize(("name", "detector"), EXPOSURES)
def test_every_exposure_becomes_a_valid_uncal_with_the_pixels_of_its_scene(name, detector, checkout):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst import datamodels

    exposure = find(checkout, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        with datamodels.open(uncal(checkout, exposure, detector), strict_validation=True) as model:
            model.validate()
            part = modes.subarray_of(exposure)
            assert model.data.shape == (exposure.nints, exposure.ngroups, part.rows, part.columns)
            scene, ramp = truth(checkout, exposure, detector)["scene"], np.asarray(model.data, dtype=float)
            seconds = (exposure.ngroups - 1) * (exposure.nframes + exposure.groupgap) * part.frame_seconds
            gain = checkout.truth(str(exposure.product(detector, "uncal")))["gain"]
            slope = gain * np.median((ramp[:, -1] - ramp[:, 0]) / seconds, axis=0)
            assert np.median(slope) == pytest.approx(np.median(scene), rel=0.05, abs=0.02 * 45000 / seconds)
            if model.meta.exposure.type.endswith("_IMAGE"):
                star = np.unravel_index(np.argmax(scene), scene.shape)
                assert slope[star] > 0.5 * scene[star]


@pytest.mark.parametrize(("name", "detector"), SKY)
def test_the_pointing_of_every_exposure_is_the_attitude_that_was_simulated(name, detector, checkout):
    exposure = find(checkout, name)
    with fits.open(uncal(checkout, exposure, detector)) as file:
        head, science = file[0].header, file["SCI"].header
    assert head["ENGQLPTG"] == "CALCULATED_TRACK_TR_202111"
    ra, dec = telescope_to_sky(attitude(checkout.visit, exposure), science["V2_REF"], science["V3_REF"])
    assert (science["RA_REF"], science["DEC_REF"]) == pytest.approx((ra, dec), abs=2e-6)


def test_parallels_are_pointed_by_the_exposure_beside_them(checkout):
    parallels = [e for e in checkout.visit.exposures if e.name.sequence != "1"]
    assert {e.exp_type for e in parallels} == {"NIS_IMAGE", "MIR_IMAGE", "FGS_DARK"}
    for exposure in parallels:
        assert steering(checkout.visit, exposure).exp_type == "NRC_IMAGE"
        with fits.open(uncal(checkout, exposure, exposure.readouts[0].detector)) as file:
            assert file[0].header["EXPRIPAR"] == "PARALLEL_COORDINATED"


def test_first_reads_and_reference_outputs_are_those_of_the_detector(checkout):
    exposure, detector = of_kind(checkout, "NRC_IMAGE")
    with fits.open(uncal(checkout, exposure, detector)) as file:
        np.testing.assert_array_equal(file["ZEROFRAME"].data, truth(checkout, exposure, detector)["zero"])
        assert file[0].header["ZEROFRAM"]
    for kind in ("MIR_IMAGE", "MIR_DARKIMG", "MIR_FLATIMAGE"):
        exposure, detector = of_kind(checkout, kind)
        with fits.open(uncal(checkout, exposure, detector)) as file:
            np.testing.assert_array_equal(file["REFOUT"].data, truth(checkout, exposure, detector)["reference"])


def test_the_antenna_move_is_in_the_header_of_the_exposure_that_it_shook(checkout):
    moved = set()
    for name, detector in EXPOSURES:
        exposure = find(checkout, name)
        with fits.open(uncal(checkout, exposure, detector)) as file:
            if file[0].header["HGA_MOVE"]:
                moved.add(exposure.exp_type)
    assert moved == {"NRC_LED"}


@pytest.mark.parametrize(("name", "detector"), EXPOSURES)
def test_the_catalogue_finds_nothing_wrong_with_any_uncal(name, detector, checkout):
    path = uncal(checkout, find(checkout, name), detector)
    described = describe([Product(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=path)])
    assert [str(f) for f in check(described)] == []
    assert described.instrument.name == modes.instrument_of(detector)


def test_a_dark_goes_through_the_dark_pipeline(checkout):
    exposure, detector = of_kind(checkout, "NRC_DARK")
    name = str(exposure.product(detector, "dark"))
    made = checkout.run("processing.dark", inputs=[uncal(checkout, exposure, detector)], makes=(name,))
    assert made.metrics["warnings"] == []
    with fits.open(checkout.product(name)) as file:
        ramp, dq = file["SCI"].data, file["PIXELDQ"].data
    hot = (dq & 2048) > 0
    seconds = (exposure.ngroups - 1) * modes.subarray_of(exposure).frame_seconds
    assert hot.any()
    climbed = (ramp[0, -1] - ramp[0, 0])[hot] / seconds
    assert np.median(climbed) == pytest.approx(checkout.truth(name)["detector_model"]["hot"], rel=0.15)


def test_a_lamp_goes_through_stage_1(checkout):
    exposure, detector = of_kind(checkout, "NRC_LED")
    names = [str(exposure.product(detector, suffix)) for suffix in ("rate", "rateints")]
    checkout.run("processing.detector1", inputs=[uncal(checkout, exposure, detector)], makes=names)
    with fits.open(checkout.product(names[0])) as file:
        rate = np.nanmedian(file["SCI"].data)
    scene = truth(checkout, exposure, detector)["scene"]
    assert rate * checkout.truth(names[0])["gain"] == pytest.approx(np.median(scene), rel=0.01)


def test_segments_hold_the_integrations_of_the_whole_exposure_and_say_which(checkout):
    exposure, detector = of_kind(checkout, "NRC_DARK")
    part = modes.subarray_of(exposure)
    cut = segments(exposure, BYTES_PER_PIXEL * part.rows * part.columns)
    assert [(s.first, s.last) for s in cut] == [(1, 1), (2, 2)]
    with fits.open(uncal(checkout, exposure, detector)) as file:
        whole, times = file["SCI"].data.copy(), file["INT_TIMES"].data.copy()
    for segment in cut:
        (name,) = checkout.level1b(exposure, detector, part=segment).products
        assert name == str(replace(exposure.product(detector, "uncal"), segment=segment.number))
        with fits.open(checkout.product(name)) as file:
            head = file[0].header
            assert [head[k] for k in ("EXSEGNUM", "EXSEGTOT", "INTSTART", "INTEND", "NINTS")] == [
                segment.number, 2, segment.first, segment.last, 2
            ]  # fmt: skip
            np.testing.assert_array_equal(file["SCI"].data, whole[segment.first - 1 : segment.last])
            assert list(file["INT_TIMES"].data["integration_number"]) == [segment.number]
            assert list(file["INT_TIMES"].data[0]) == pytest.approx(list(times[segment.number - 1]), abs=1e-9)
            assert set(file["GROUP"].data["integration_number"]) == {segment.number}


@pytest.mark.parametrize("kind", ["NIS_IMAGE", "NIS_LAMP", "MIR_IMAGE", "MIR_FLATIMAGE", "NRS_WATA", "FGS_IMAGE", "FGS_INTFLAT"])
def test_stage_1_takes_the_uncal_of_every_instrument_when_it_is_given_references(kind, checkout, tmp_path, monkeypatch):
    """There are none in the local CRDS: gain and noise are given by hand, and steps that need others leave themselves out."""
    from jwst.pipeline import Detector1Pipeline

    exposure, detector = of_kind(checkout, kind)
    path = uncal(checkout, exposure, detector)
    by_hand = references_by_hand(path, tmp_path)
    both = {"override_gain": by_hand["gain"], "override_readnoise": by_hand["readnoise"]}
    steps = {
        "dq_init": {"override_mask": by_hand["mask"]},
        "jump": both,
        "ramp_fit": both,
        "gain_scale": {"override_gain": by_hand["gain"]},
    }
    (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    rate = Detector1Pipeline.call(path.name, steps=steps, configure_log=False)
    assert rate.meta.cal_step.ramp_fit == "COMPLETE"
    assert rate.data.shape == truth(checkout, exposure, detector)["scene"].shape
    assert np.isfinite(rate.data).mean() > 0.5


@pytest.mark.parametrize("kind", ["NIS_DARK", "MIR_DARKIMG", "NRS_DARK", "FGS_DARK"])
def test_the_dark_pipeline_takes_the_darks_of_every_instrument(kind, checkout, tmp_path, monkeypatch):
    from jwst.pipeline import DarkPipeline

    exposure, detector = of_kind(checkout, kind)
    path = uncal(checkout, exposure, detector)
    by_hand = references_by_hand(path, tmp_path)
    (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    ramp = DarkPipeline.call(path.name, steps={"dq_init": {"override_mask": by_hand["mask"]}}, configure_log=False)
    assert ramp.meta.cal_step.dq_init == "COMPLETE"
    assert ramp.data.shape[:2] == (exposure.nints, exposure.ngroups)
