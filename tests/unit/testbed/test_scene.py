"""The simulated sky: every detector has its star, and stars move as the telescope does."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dmsops.core.records import Dither, MirrorMove
from dmsops.testbed import scene
from dmsops.testbed.focal_plane import cut
from dmsops.testbed.pointing import attitude, guide_position, with_guide_star
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped


@pytest.fixture(scope="module")
def visit():
    return load_visit(shipped()["wfsc_sensing_only"])


def images(visit, exposure, readout, stars):
    where = cut(readout.detector, exposure.subarray)
    return where, scene.place(attitude(visit, exposure), stars, readout, where)


def main_exposure(visit):
    return max(visit.exposures, key=lambda e: len(e.readouts))


@pytest.mark.parametrize("size", ["small", "real"])
def test_every_detector_of_every_exposure_has_a_star_well_inside(visit, size):
    sized = as_size(visit, size)
    stars = scene.field(sized, seed=1)
    for exposure in sized.exposures:
        for readout in exposure.readouts:
            where, seen = images(sized, exposure, readout, stars)
            edge = 0.2 * where.xsize
            assert any(edge < i.x < where.xsize - edge and edge < i.y < where.ysize - edge for i in seen), (exposure.name, readout.detector)


def test_the_target_is_at_the_focus_point_of_nrca3(visit):
    exposure = replace(main_exposure(visit), dither=Dither())
    readout = next(r for r in exposure.readouts if r.detector == "NRCA3")
    _, (target, *_) = images(visit, exposure, readout, scene.field(visit, seed=1))
    assert (target.x, target.y) == pytest.approx((460.5, 1409.5), abs=0.01)


def test_a_small_rehearsal_puts_the_target_in_the_middle_of_the_subarray(visit):
    small = as_size(visit, "small")
    exposure = replace(main_exposure(small), dither=Dither())
    readout = next(r for r in exposure.readouts if r.detector == "NRCA3")
    _, (target, *_) = images(small, exposure, readout, scene.field(small, seed=1))
    assert (target.x, target.y) == pytest.approx((159.5, 159.5), abs=0.1)


def test_a_dither_moves_all_stars_of_a_detector_alike(visit):
    still = replace(main_exposure(visit), dither=Dither())
    moved = replace(still, dither=Dither(x=0.311, y=0.0))
    stars = scene.field(visit, seed=1)
    (_, before), (_, after) = (images(visit, e, e.readouts[0], stars) for e in (still, moved))
    steps = [(b.x - a.x, b.y - a.y) for a, b in zip(before, after, strict=True)]
    assert [x for x, _ in steps] == pytest.approx([-10.0] * len(stars), abs=0.3)
    assert [y for _, y in steps] == pytest.approx([0.0] * len(stars), abs=0.3)


def test_the_field_is_the_visits_own_and_stays(visit):
    assert scene.field(visit, seed=1) == scene.field(visit, seed=1)
    assert scene.field(visit, seed=1)[0] == scene.field(visit, seed=2)[0]
    assert scene.field(visit, seed=1)[1:] != scene.field(visit, seed=2)[1:]


def test_a_visit_without_exposures_has_an_empty_field(visit):
    assert scene.field(replace(visit, exposures=()), seed=1) == ()


def test_a_drawn_scene_holds_the_light_of_its_star_and_the_sky(visit):
    small = as_size(visit, "small")
    exposure = main_exposure(small)
    readout = next(r for r in exposure.readouts if r.detector == "NRCA3")
    drawn, seen = scene.render(small, exposure, readout, scene.field(small, seed=1))
    here = [i for i in seen if 0 < i.x < 320 and 0 < i.y < 320]
    assert len(here) == 1
    assert drawn.sum(dtype=float) - scene.SKY_ELECTRONS * drawn.size == pytest.approx(here[0].rate, rel=0.02)
    assert drawn.min() >= np.float32(scene.SKY_ELECTRONS)


def test_a_star_outside_the_frame_is_not_drawn(visit):
    small = as_size(visit, "small")
    exposure = main_exposure(small)
    far = replace(scene.field(small, seed=1)[0], dec=visit.target.dec + 1.0)
    drawn, seen = scene.render(small, exposure, exposure.readouts[0], (far,))
    assert seen == ()
    assert np.ptp(drawn) == 0


def test_a_mirror_move_shows_only_in_exposures_after_it(visit):
    small = as_size(visit, "small")
    stars = scene.field(small, seed=1)
    exposure = main_exposure(small)
    before = replace(small, moves=(MirrorMove(at=exposure.start + timedelta(seconds=1), group=1),))
    after = replace(small, moves=(MirrorMove(at=exposure.start - timedelta(seconds=1), group=1),))
    plain, same, other = (scene.render(v, exposure, exposure.readouts[0], stars)[0] for v in (small, before, after))
    assert np.array_equal(plain, same)
    assert np.abs(other - plain).max() > 0.01 * plain.max()


def test_the_guide_star_is_where_its_guider_saw_it(visit):
    found = with_guide_star(visit).guide_star
    position = guide_position(attitude(visit, visit.exposures[0]), found, found.guider)
    assert position == pytest.approx((found.x, found.y), abs=1e-4)
    assert (found.ra, found.dec) != (0.0, 0.0)


def test_a_visit_without_exposures_keeps_its_guide_star(visit):
    skipped = replace(visit, exposures=(), guide_star=None)
    assert with_guide_star(skipped) == skipped
