"""The gate stops products that the jwst package leaves behind, or does not leave behind, without an error."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.errors import GateFailed
from dmsops.processing.gate import LIMITS, check, inspect, look

GOOD = {
    "rate": {"BUNIT": "DN/s", "NGROUPS": 4, "ENGQLPTG": "CALCULATED_TRACK_TR_202111"},
    "cal": {"BUNIT": "MJy/sr", "PHOTMJSR": 3.2, "NGROUPS": 4, "ENGQLPTG": "CALCULATED_TRACK_TR_202111"},
    "wfscmb": {"BUNIT": "MJy/sr", "PHOTMJSR": 3.2, "NGROUPS": 4, "ENGQLPTG": "CALCULATED_TRACK_TR_202111"},
}


def good(suffix, **changes):
    steps = dict.fromkeys(LIMITS[suffix].steps, "COMPLETE")
    return {**GOOD[suffix], **steps, **changes}


def codes(suffix, header, data=None, dq=None):
    data = np.ones((4, 4), dtype="f4") if data is None else data
    return [(f.code, f.level) for f in inspect(suffix, header, data, np.zeros((4, 4), dtype="u4") if dq is None else dq)]


@pytest.mark.parametrize("suffix", sorted(GOOD))
def test_a_good_product_passes(suffix):
    assert codes(suffix, good(suffix)) == []


@pytest.mark.parametrize(("suffix", "key"), [(s, k) for s in sorted(GOOD) for k in LIMITS[s].steps])
def test_every_step_that_must_be_complete_is_looked_at(suffix, key):
    assert codes(suffix, good(suffix, **{key: "SKIPPED"})) == [("step.state", "error")]


def test_the_jump_step_may_be_skipped_when_there_are_too_few_groups():
    assert codes("rate", good("rate", S_JUMP="SKIPPED", NGROUPS=2)) == []
    assert codes("rate", good("rate", S_JUMP="SKIPPED", NGROUPS=3)) == [("step.state", "error")]


def test_no_photometry_row_is_caught_though_the_step_says_complete():
    header = good("cal", BUNIT="DN/s")
    del header["PHOTMJSR"]
    assert codes("cal", header) == [("unit", "error"), ("photometry", "error")]


def test_a_pointing_that_was_never_set_is_an_error_and_a_planned_one_is_listed():
    header = good("cal")
    del header["ENGQLPTG"]
    assert codes("cal", header) == [("pointing.missing", "error")]
    assert codes("cal", good("cal", ENGQLPTG="PLANNED")) == [("pointing.planned", "warning")]


def test_gaps_in_the_telemetry_are_listed():
    assert codes("rate", good("rate", DATAPROB=True)) == [("telemetry.gaps", "warning")]


def test_a_saturated_image_is_stopped():
    assert codes("rate", good("rate"), dq=np.full((4, 4), 2, dtype="u4")) == [("pixels.saturated", "error")]


def test_an_unusable_image_is_stopped():
    assert codes("cal", good("cal"), dq=np.full((4, 4), 1, dtype="u4")) == [("pixels.unusable", "error")]


def test_a_few_bad_pixels_are_no_matter():
    dq = np.zeros((4, 4), dtype="u4")
    dq[0, 0] = 3
    assert codes("cal", good("cal"), dq=dq) == []


def test_an_image_without_a_number_is_stopped():
    assert codes("cal", good("cal"), data=np.full((4, 4), np.nan, dtype="f4")) == [("pixels.nan", "error")]


def write(path, header, *, asdf=True):
    primary = fits.PrimaryHDU()
    primary.header.update(header)
    hdus = [primary, fits.ImageHDU(np.ones((4, 4), "f4"), name="SCI"), fits.ImageHDU(np.zeros((4, 4), "u4"), name="DQ")]
    fits.HDUList([*hdus, *([fits.ImageHDU(name="ASDF")] if asdf else [])]).writeto(path)
    return path


def test_a_missing_product_fails_with_its_name(tmp_path):
    with pytest.raises(GateFailed, match=r"x_rate\.fits: the pipeline ended without an error and left no product") as caught:
        check(tmp_path / "x_rate.fits", "rate")
    assert caught.value.facts["gate"] == "product.missing"


def test_a_good_file_passes_and_gives_its_warnings(tmp_path):
    assert check(write(tmp_path / "x_cal.fits", good("cal", ENGQLPTG="PLANNED")), "cal")[0].startswith("the pointing is the planned one")


def test_a_bad_file_fails_with_value_and_limit(tmp_path):
    with pytest.raises(GateFailed) as caught:
        check(write(tmp_path / "x_cal.fits", good("cal", S_PHOTOM="SKIPPED")), "cal")
    assert caught.value.facts == {
        "product": "x_cal.fits", "gate": "step.state", "value": "SKIPPED", "limit": "COMPLETE",
        "findings": ["step S_PHOTOM is SKIPPED, and must be COMPLETE"],
    }  # fmt: skip


def test_a_file_that_lost_its_asdf_extension_is_stopped(tmp_path):
    assert [f.code for f in look(write(tmp_path / "x_cal.fits", good("cal"), asdf=False), "cal")] == ["product.extension"]


@pytest.mark.parametrize("content", [b"", b"not a FITS file", b"SIMPLE  =                    T" + b" " * 50])
def test_an_unreadable_file_is_stopped(tmp_path, content):
    path = tmp_path / "x_cal.fits"
    path.write_bytes(content)
    assert next(f.code for f in look(path, "cal")) in {"product.missing", "product.unreadable"}


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_short_is_stopped(tmp_path, keep):
    path = write(tmp_path / "x_cal.fits", good("cal"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert any(f.level == "error" for f in look(path, "cal"))


def test_a_dark_must_have_gone_through_the_steps_of_the_dark_pipeline():
    steps = {"S_DQINIT": "COMPLETE", "S_SATURA": "COMPLETE", "S_SUPERB": "COMPLETE", "ENGQLPTG": "CALCULATED_TRACK_TR_202111"}
    pixels = np.ones((2, 2), dtype=np.float32)
    assert [f.code for f in inspect("dark", steps, pixels, None)] == ["step.state"]
    assert inspect("dark", {**steps, "S_LINEAR": "COMPLETE"}, pixels, None) == []


def test_a_guiders_uncal_needs_no_pointing_from_telemetry():
    assert inspect("uncal", {"EXP_TYPE": "FGS_ACQ1", "ENGQLPTG": "PLANNED"}, np.ones((2, 2)), None) == []
    assert [f.code for f in inspect("uncal", {"EXP_TYPE": "FGS_IMAGE", "ENGQLPTG": "PLANNED"}, np.ones((2, 2)), None)] == [
        "pointing.planned"
    ]
