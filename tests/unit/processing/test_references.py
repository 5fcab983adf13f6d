"""Reference files are looked at before the pipeline runs: missing and damaged ones are named."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.errors import StepFailed
from dmsops.processing.references import check_files
from dmsops.processing.wholeness import expected_size


@pytest.fixture
def gain(tmp_path):
    path = tmp_path / "jwst_nircam_gain_0003.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((64, 64), "f4"), name="SCI"), fits.ImageHDU(np.ones((64, 64), "u4"))]).writeto(
        path
    )
    return path


def test_whole_references_pass(gain):
    assert expected_size(gain) == gain.stat().st_size
    check_files({"gain": gain}, "x_uncal.fits")


def test_a_missing_reference_is_named(gain):
    gain.unlink()
    with pytest.raises(StepFailed, match=r"^reference file jwst_nircam_gain_0003\.fits is missing from the CRDS cache$") as caught:
        check_files({"gain": gain}, "x_uncal.fits")
    assert caught.value.facts["failure"] == "config"
    assert "P20" in caught.value.remedy


@pytest.mark.parametrize("keep", [0, 100, 3000, 20000, -1])
def test_a_damaged_reference_is_named(gain, keep):
    gain.write_bytes(gain.read_bytes()[:keep])
    with pytest.raises(StepFailed, match=r"jwst_nircam_gain_0003.fits in the CRDS cache is damaged"):
        check_files({"gain": gain}, "x_uncal.fits")


def test_a_reference_that_is_no_fits_file_only_must_not_be_empty(tmp_path):
    path = tmp_path / "jwst_nircam_distortion_0001.asdf"
    path.write_bytes(b"#ASDF 1.0.0\n")
    check_files({"distortion": path}, "x_rate.fits")
    path.write_bytes(b"")
    with pytest.raises(StepFailed, match="damaged"):
        check_files({"distortion": path}, "x_rate.fits")
