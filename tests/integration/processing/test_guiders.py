"""The guiders' own products: what was read around the guide star is in them, in the words of flight headers."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import jwst
import numpy as np
import pytest
from astropy.io import fits

from dmsops.catalogue.describe import Product, describe
from dmsops.catalogue.rules import check
from dmsops.testbed import guiding
from dmsops.testbed.pointing import with_guide_star
from dmsops.testbed.visits import load_visit, shipped
from tests.integration.processing.given import references_by_hand

FLIGHT = Path(jwst.__file__).parent / "lib" / "tests" / "data" / "fgs_exposures"
OF = {
    "gs-acq1_uncal": "acq1",
    "gs-acq2_uncal": "acq2",
    "gs-track_uncal": "track",
    "gs-fg_uncal": "fineguide",
    "gs-id_stacked-uncal": "id-stack",
    "gs-id_image-uncal": "id-image",
}
UNKNOWN = {
    "PWFSEET", "NWFSEST", "SUBCAT", "OBSFOLDR", "PPS_APER", "GS_URA", "GS_UDEC", "GS_UMAG", "GS_MURA", "GS_MUDEC", "HGA_STOP",
    "BSCALE", "BZERO", "", "COMMENT", "HISTORY",
}  # fmt: skip


@pytest.fixture(scope="module")
def functions():
    """Give the functions of the shipped checkout, by name."""
    visit = with_guide_star(load_visit(shipped()["instrument_checkout"]))
    return {f.name.function: f for f in guiding.functions(visit)}


@pytest.fixture(scope="module")
def made(checkout, functions):
    """Give the files of every guide-star product, by function and suffix."""
    names = [name for f in functions.values() for name in checkout.guidestar(f.name, f.detector).products]
    return {f"{name.split('_')[1]}_{name.rsplit('_', 1)[1].removesuffix('.fits')}": checkout.product(name) for name in names}


def test_there_is_a_product_of_every_function(made):
    assert set(made) == set(OF)


@pytest.mark.parametrize("kind", OF)
def test_every_product_is_valid_and_is_named_as_its_header_says(kind, made, checkout):
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst.datamodels import GuiderRawModel

    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        with GuiderRawModel(made[kind], strict_validation=True) as model:
            model.validate()
            assert checkout.product(model.meta.filename) == made[kind]


@pytest.mark.parametrize("kind", OF)
def test_headers_say_what_flight_headers_say(kind, made):
    with fits.open(FLIGHT / f"fgs_{OF[kind]}_guider1.fits") as flown, fits.open(made[kind]) as ours:
        for extension in (0, "SCI"):
            assert set(flown[extension].header) - set(ours[extension].header) - UNKNOWN == set()
        same = [
            "READPATT", "NGROUPS", "NFRAMES", "GROUPGAP", "TFRAME", "TGROUP", "EFFINTTM", "SUBARRAY", "FASTAXIS", "SLOWAXIS", "DRPFRMS3",
            "FRMDIVSR", "DATAMODE", "EXP_TYPE", "APERNAME", "SCA_NUM", "DETECTOR", "NSAMPLES",
        ]  # fmt: skip
        theirs, mine = flown[0].header, ours[0].header
        for key in same:
            assert mine[key] == (pytest.approx(theirs[key]) if isinstance(theirs[key], float) else theirs[key]), key


@pytest.mark.parametrize("function", ["gs-acq1", "gs-acq2", "gs-track", "gs-fg"])
def test_the_pixels_are_those_that_the_guider_read(function, made, functions, checkout):
    read = guiding.readings(checkout.visit.guide_star, functions[function], 1)
    with fits.open(made[f"{function}_uncal"]) as file:
        np.testing.assert_array_equal(file["SCI"].data, read)


def test_strips_become_an_image_in_which_the_star_is_seen_once(made, checkout):
    x, y = guiding.star_pixel(checkout.visit.guide_star)
    with fits.open(made["gs-id_stacked-uncal"]) as stack, fits.open(made["gs-id_image-uncal"]) as image:
        strips, whole = stack["SCI"].data, image["SCI"].data
        assert whole.shape[-1] == strips.shape[-1] - guiding.OVERLAP == image[0].header["SUBSIZE1"]
        light = whole[0, 1] - whole[0, 0]
        row, column = np.unravel_index(np.argmax(light), light.shape)
        assert (image[0].header["SUBSTRT1"] + column, 1 + row) == pytest.approx((x, y), abs=1.0)
        assert (image["SCI"].header["CRPIX1"], image["SCI"].header["CRPIX2"]) == pytest.approx((column + 1, row + 1), abs=1.0)
        assert image["PLANNED REFERENCE STARS"].data["reference_star_id"][0] == checkout.visit.guide_star.catalogue_id


@pytest.mark.parametrize("kind", ["gs-track_uncal", "gs-fg_uncal"])
def test_centroids_are_where_the_guide_star_is(kind, made, checkout):
    star = checkout.visit.guide_star
    with fits.open(made[kind]) as file:
        table, pointing = file["FGS CENTROID PACKET"].data, file["POINTING"].data
        assert len(table) == file[0].header["NINTS"] == 24
        assert np.median(table["guide_star_position_x"]) == pytest.approx(star.x, abs=0.07)
        assert np.median(table["guide_star_position_y"]) == pytest.approx(star.y, abs=0.07)
        assert len(pointing) > 2
        assert set(pointing["HGA_motion"]) == {"AT REST"}
        assert np.abs(pointing["delta_j1_ra"]).max() < 1e-6


def test_the_box_of_track_is_in_its_table(made):
    with fits.open(made["gs-track_uncal"]) as file:
        row, head = file["TRACK SUBARRAY TABLE"].data[0], file[0].header
        assert (row["x_corner"], row["y_corner"], row["x_size"]) == (head["SUBSTRT1"], head["SUBSTRT2"], 32)


def test_the_catalogue_finds_nothing_wrong_with_guide_star_products(made):
    paths = [made["gs-id_stacked-uncal"], made["gs-id_image-uncal"]]
    products = [Product(name=p.name, sha256=hashlib.sha256(p.read_bytes()).hexdigest(), path=p) for p in paths]
    described = describe(products)
    assert described.observation_id == "jw09501001001_gs-id_1"
    assert [str(f) for f in check(described)] == []


@pytest.mark.parametrize("kind", OF)
def test_the_guider_pipeline_takes_every_product_when_it_is_given_references(kind, made, checkout, tmp_path, monkeypatch):
    """There are none in the local CRDS: four flat ones are given by hand."""
    from jwst.pipeline import GuiderPipeline
    from stdatamodels.jwst.datamodels import GuiderRawModel

    by_hand = references_by_hand(made[kind], tmp_path)
    (tmp_path / made[kind].name).write_bytes(made[kind].read_bytes())
    monkeypatch.chdir(tmp_path)
    steps = {
        "dq_init": {"override_mask": by_hand["mask"]},
        "guider_cds": {"override_gain": by_hand["gain"], "override_readnoise": by_hand["readnoise"]},
        "flat_field": {"override_flat": by_hand["flat"]},
    }
    result = GuiderPipeline.call(made[kind].name, steps=steps, configure_log=False)
    with GuiderRawModel(made[kind]) as raw:
        light = np.asarray(raw.data[:, -1] - raw.data[:, 0])
    assert result.meta.cal_step.guider_cds == "COMPLETE"
    assert result.data.shape[1:] == light.shape[1:]
    assert np.argmax(result.data[0]) == np.argmax(light[0] if len(result.data) > 1 else light.min(axis=0))
