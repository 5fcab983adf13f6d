"""A scientist's first look at a wavefront image: what is read, what is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, NotFound
from dmsops.wfsc import look
from dmsops.workflow import blackboard
from dmsops.workflow.steps import StepSpec
from tests.acts import plan
from tests.runbooks.images import image as made_up

NAME = "jw02726402001_03104_00001_nrca3_cal.fits"


@pytest.fixture
def published(ops):
    def publish(name: str) -> look.Image:
        path = ops.settings.folder("work") / name
        made_up(name).writeto(path)
        with ops.db.begin() as c:
            blackboard.publish(c, ops, name, ops.store.put(path), path.stat().st_size, origin="test")
        return look.read_image(ops, name)

    return publish


def test_an_image_is_read_with_its_errors_flags_and_header(published):
    image = published(NAME)
    assert image.science.shape == image.error.shape == image.flags.shape == (64, 64)
    assert (image.unit, image.science.dtype, image.flags.dtype) == ("MJy/sr", np.float32, np.uint32)
    assert ("PRIMARY", "FILTER", "F212N", "") in image.header


def test_the_peak_is_the_brightest_pixel_that_may_be_used(published):
    image = published(NAME)
    assert look.peak(image) == (30, 33)
    image.science[50, 40] = 1e9
    assert image.flags[50, 40] & look.DO_NOT_USE
    assert look.peak(image) == (30, 33)


def test_cuts_meet_in_the_peak_and_are_empty_beyond_the_image(published):
    image = published(NAME)
    cut = look.cuts(image, (30, 33), half=40)
    assert cut["offset"][0] == -40
    assert cut["row"][40] == cut["column"][40] == image.science[30, 33]
    assert np.isnan(cut["row"][:7]).all()
    assert len(cut["row"]) == len(cut["column"]) == 81


def test_the_light_within_a_radius_grows_to_one_for_a_star_without_noise(published):
    image = published(NAME)
    rows, columns = np.indices((64, 64))
    image.science[:] = np.exp(-np.hypot(rows - 30, columns - 33) / 2)
    image.flags[:] = 0
    found = look.encircled(image, (30, 33), radius=20)
    assert found["fraction"][-1] == pytest.approx(1.0)
    assert (np.diff(found["fraction"]) >= -1e-9).all()


def test_the_difference_of_two_members_has_no_star_left(published):
    one, other = published(NAME), published(NAME.replace("00001", "00002"))
    assert look.peak(other) == (34, 39)
    left = look.difference(one, other)
    assert np.isnan(left[-4:]).all()
    assert np.isnan(left[:, -6:]).all()
    assert np.abs(left[:-4, :-6]).max() < 5


def test_flags_are_counted_by_name(published):
    assert look.flag_counts(published(NAME)) == [
        {"flag": "DO_NOT_USE", "pixels": 4, "percent": 0.098},
        {"flag": "SATURATED", "pixels": 4, "percent": 0.098},
        {"flag": "DEAD", "pixels": 1, "percent": 0.024},
    ]


def test_the_reference_pixel_lies_where_the_header_says(published):
    (place,) = look.sky(published(NAME), [(32, 32)])
    assert (place["ra"], place["dec"]) == (80.0, -69.5)


def test_header_cards_are_found_in_any_case(published):
    found = look.header_rows(published(NAME), "f212n")
    assert [row["keyword"] for row in found] == ["FILTER"]


def test_the_members_are_the_pair_without_the_target_acquisition(ops):
    name = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
    pair = (NAME, NAME.replace("00001", "00002"))
    acquisition = NAME.replace("03104", "02102")
    (step,) = plan(ops, [StepSpec(kind="processing.wfs_image3", dataset="pair", needs=(acquisition, *pair), makes=(name,))])
    with ops.db.begin() as c:
        blackboard.publish(c, ops, name, "0" * 64, 1, origin="test", step_id=step)
    assert look.members(ops, name) == pair
    assert look.combined_images(ops) == [name]


def test_a_file_without_an_image_is_refused_in_words(ops):
    path = ops.settings.folder("work") / NAME
    path.write_text("no image")
    with ops.db.begin() as c:
        blackboard.publish(c, ops, NAME, ops.store.put(path), 8, origin="test")
    with pytest.raises(BadInput, match=NAME):
        look.read_image(ops, NAME)


def test_an_unknown_product_is_not_found(ops):
    with pytest.raises(NotFound, match="no current product"):
        look.read_image(ops, NAME)


@given(st.floats(min_value=1, max_value=1e4), st.integers(min_value=0, max_value=2**32 - 1))
def test_a_stretched_image_lies_between_nought_and_one_and_keeps_the_order(strength, seed):
    pixels = np.random.default_rng(seed).normal(0, 1, (16, 16)).astype(np.float32)
    pixels[3, 3] = np.nan
    shown = look.stretch(pixels, strength=strength)
    assert shown.min() >= 0
    assert shown.max() <= 1 + 1e-6
    assert shown.argmax() == np.nanargmax(pixels)
