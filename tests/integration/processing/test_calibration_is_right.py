"""Calibration gives back what was put into the simulated sky: flux, place, cosmic rays; and the headers say so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.io import fits

from dmsops.prediction.products import compare, predict

PAIR = ("jw02726402001_03104_00001", "jw02726402001_03104_00002")
DETECTORS = ("nrca3", "nrcalong")
IMAGES = [f"{exposure}_{detector}" for exposure in PAIR for detector in DETECTORS]
JUMP_DET, DO_NOT_USE, SATURATED = 4, 1, 2


def sum_around(image, x, y, radius):
    rows, columns = np.indices(image.shape)
    inside = np.hypot(rows - y, columns - x) <= radius
    return np.nansum(image[inside] - np.nanmedian(image))


@pytest.mark.parametrize("root", IMAGES)
def test_uncal_opens_without_schema_warnings(processed, root):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst import datamodels

    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        with datamodels.open(processed.product(f"{root}_uncal.fits")) as model:
            model.validate()
            assert model.data.shape == (2, 4, 320, 320)


@pytest.mark.parametrize("root", IMAGES)
def test_pointing_ephemeris_and_aberration_are_in_the_header(processed, root):
    with fits.open(processed.product(f"{root}_uncal.fits")) as file:
        head, sci = file[0].header, file["SCI"].header
    assert head["ENGQLPTG"] == "CALCULATED_TRACK_TR_202111"
    assert head["ENG_QUAL"] == "OK"
    assert head["OSF_FILE"].endswith("_osf.xml")
    assert sci["VA_SCALE"] != 1
    assert abs(sci["VA_SCALE"] - 1) < 2e-4
    assert 1e6 < np.linalg.norm([sci["OBSGEO-X"], sci["OBSGEO-Y"], sci["OBSGEO-Z"]]) / 1000 < 2e6
    assert 0 <= sci["MJD-AVG"] * 1440 - sci["EPH_TIME"] * 1440 < 1
    assert sci["S_REGION"].startswith("POLYGON")
    assert processed.metrics[f"{root}_uncal.fits"]["problems"] == []


@pytest.mark.parametrize("root", IMAGES)
def test_a_star_is_where_it_was_put(processed, root):
    from stdatamodels.jwst import datamodels

    with datamodels.open(processed.product(f"{root}_cal.fits")) as model:
        for star in processed.truth(f"{root}_cal.fits")["stars"]:
            x, y = model.meta.wcs.invert(star["ra"], star["dec"], with_bounding_box=False)
            assert np.hypot(x - star["x"], y - star["y"]) < 1


@pytest.mark.parametrize("root", IMAGES)
def test_the_flux_is_what_was_put_in(processed, root):
    """In DN/s against the drawn electrons, and in MJy/sr by the product's own conversion."""
    truth = processed.truth(f"{root}_cal.fits")
    scene = np.load(processed.truth_folder / f"{root}.npz")["scene"]
    with fits.open(processed.product(f"{root}_cal.fits")) as file:
        image, dq, factor = file["SCI"].data, file["DQ"].data, file["SCI"].header["PHOTMJSR"]
    usable = np.isfinite(image) & ((dq & DO_NOT_USE) == 0)
    bright = usable & (scene > np.percentile(scene, 90))
    found = (image[bright] / factor - np.median(image[usable & ~bright]) / factor).sum()
    put = (scene[bright] / truth["gain"] - np.median(scene[usable & ~bright]) / truth["gain"]).sum()
    assert found / put == pytest.approx(1, abs=0.03)


def test_cosmic_rays_are_found(processed):
    found = tried = 0
    for root in IMAGES:
        truth = processed.truth(f"{root}_uncal.fits")
        noise = truth["detector_model"]["read_noise"] * np.sqrt(2)
        scene = np.load(processed.truth_folder / f"{root}.npz")["scene"]
        with fits.open(processed.product(f"{root}_rateints.fits")) as file:
            dq = file["DQ"].data
        for *place, electrons in truth["cosmic_rays"]:
            integration, group, y, x = map(int, place)
            sigma = np.hypot(noise, np.sqrt(max(scene[y, x], 0) * truth["frame_seconds"]))
            if group == 0 or electrons < 8 * sigma or dq[integration, y, x] & (DO_NOT_USE | SATURATED):
                continue
            tried += 1
            found += bool(dq[integration, y, x] & JUMP_DET)
    assert tried >= 20
    assert found / tried > 0.9


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_pair_is_combined_on_its_first_member(processed, detector):
    (name,) = (n for n in predict(processed.visit)["wfscmb"] if f"-{detector}_" in n)
    with fits.open(processed.product(name)) as file:
        combined, dq = file["SCI"].data, file["DQ"].data
        assert file[0].header["S_WFSCOM"] == "COMPLETE"
    images = []
    for exposure in PAIR:
        with fits.open(processed.product(f"{exposure}_{detector}_cal.fits")) as file:
            images.append(file["SCI"].data)
    truth = [processed.truth(f"{exposure}_{detector}_cal.fits")["stars"][0] for exposure in PAIR]
    places = [(star["x"], star["y"]) for star in truth]
    near = [np.nansum(np.abs(crop(combined, *p) - crop(i, *p))) for p, i in zip(places, images, strict=True)]
    far = [np.nansum(np.abs(crop(combined, *p) - crop(i, *p))) for p, i in zip(reversed(places), images, strict=True)]
    assert combined.shape == images[0].shape
    assert min(near) < 0.5 * max(far)
    assert ((dq & DO_NOT_USE) == 0).mean() > 0.8


def crop(image, x, y, half=20):
    return image[max(round(y) - half, 0) : round(y) + half, max(round(x) - half, 0) : round(x) + half]


def test_every_predicted_product_was_made_and_no_other(processed):
    made = [p.name for p in (processed.root / "products").glob("*.fits")]
    found = compare(predict(processed.visit), made)
    assert found.complete, found.missing
    assert found.extra == ()


def test_nothing_was_left_out_of_the_associations(processed):
    assert processed.associated.metrics["problems"] == []
    assert processed.associated.metrics["orphans"] == []
    assert processed.associated.metrics["counts"] == {"image2": 5, "wfs-image3": 2}
