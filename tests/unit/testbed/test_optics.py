"""Point spread functions: light is kept, lenses spread it, mirrors change it."""

import numpy as np
import pytest

from dmsops.testbed.nircam import FILTERS
from dmsops.testbed.optics import point_spread, segments

SHORT = 0.0311


def spread(waves=0.0, *, seed=1, moves=0):
    return point_spread(FILTERS["F212N"], waves, SHORT, seed, moves)


def pixels_with_most_light(stamp, share=0.9):
    ordered = np.sort(stamp.ravel())[::-1]
    return int(np.searchsorted(np.cumsum(ordered), share * ordered.sum()))


@pytest.mark.parametrize("waves", [0.0, 8.0])
def test_a_star_loses_no_light_wherever_it_falls_on_its_pixel(waves):
    for dy, dx in ((0.0, 0.0), (0.3, -0.4), (-0.5, 0.49)):
        assert spread(waves).at(dy, dx).sum() == pytest.approx(1.0, abs=1e-9)


def test_a_star_moves_by_what_it_is_told_to():
    rows, columns = np.indices((160, 160))
    still, moved = spread().at(0.0, 0.0), spread().at(0.25, -0.4)
    assert (moved * rows).sum() - (still * rows).sum() == pytest.approx(0.25, abs=0.02)
    assert (moved * columns).sum() - (still * columns).sum() == pytest.approx(-0.4, abs=0.02)


def test_the_brightest_pixel_is_the_one_that_the_star_is_on():
    stamp = spread().at(0.0, 0.0)
    assert np.unravel_index(stamp.argmax(), stamp.shape) == (79, 79)


def test_a_weak_lens_spreads_the_light_over_137_pixels():
    stamp = spread(8.0).at(0.0, 0.0)
    profile = stamp.sum(axis=0)
    lit = np.flatnonzero(profile > 0.05 * profile.max())
    assert lit[-1] - lit[0] == pytest.approx(137, abs=6)
    assert pixels_with_most_light(stamp) > 20 * pixels_with_most_light(spread().at(0.0, 0.0))


def test_the_two_lenses_give_images_that_differ():
    plus, minus = spread(8.0).at(0.0, 0.0), spread(-8.0).at(0.0, 0.0)
    assert np.abs(plus - minus).sum() > 0.05
    assert plus.sum() == pytest.approx(minus.sum())


def test_each_visit_has_its_own_telescope_and_keeps_it():
    assert np.array_equal(segments(1, 0), segments(1, 0))
    assert not np.array_equal(segments(1, 0), segments(2, 0))


def test_a_mirror_move_changes_the_image_and_takes_error_out():
    before, after = np.array(segments(5, 0)), np.array(segments(5, 1))
    assert np.abs(after).mean() < 0.7 * np.abs(before).mean()
    assert np.abs(spread(seed=5, moves=1).values - spread(seed=5, moves=0).values).max() > 0
