"""The simulated detector: what goes in comes out, with the noise that it states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.testbed.detector import ADC_MAX, Timing, expose, maps, maps_of, respond, seed_of
from dmsops.testbed.nircam import MODEL

MIDDLE = (slice(1000, 1064), slice(1000, 1064))
BORDER = (slice(0, 64), slice(0, 64))
QUIET = {"rays_per_cm2_second": 0.0}


def scene(rate, shape=(64, 64)):
    return np.full(shape, rate, dtype=np.float32)


def ramp(**changes):
    return Timing(**{"nints": 1, "ngroups": 4, "frame_seconds": 10.0, **changes})


def linear(readings, area=MIDDLE):
    """Take bias and curvature out, as the calibration does: DN."""
    measured = readings.pixels.astype(np.float64) - maps("NRCA3").bias[area]
    return measured + MODEL.curvature * measured**2


def test_the_same_seed_gives_the_same_numbers():
    fixed = maps("NRCA3").cut(MIDDLE)
    one, two, other = (expose(scene(50.0), fixed, ramp(), seed) for seed in (7, 7, 8))
    assert np.array_equal(one.pixels, two.pixels)
    assert one.rays == two.rays
    assert not np.array_equal(one.pixels, other.pixels)


def test_seeds_made_from_words_do_not_depend_on_the_process():
    assert seed_of("noise", 1, "NRCA3") == 2853624721


def test_every_detector_has_its_own_maps():
    assert not np.array_equal(maps_of("NRCA1", "SUB160").bias, maps_of("NRCA2", "SUB160").bias)


def test_a_ramp_climbs_at_the_rate_of_the_scene():
    fixed = maps("NRCA3").cut(MIDDLE)
    steps = np.diff(linear(expose(scene(100.0), fixed, ramp(ngroups=6), 1, **QUIET))[0], axis=0)
    good = ~(fixed.dead | fixed.hot)
    assert steps.mean(axis=0)[good].mean() * MODEL.gain / 10.0 == pytest.approx(100.0 * fixed.flat[good].mean(), rel=0.003)


def test_dropped_frames_let_the_ramp_climb_all_the_same():
    fixed = maps("NRCA3").cut(MIDDLE)
    steps = np.diff(linear(expose(scene(20.0), fixed, ramp(frames=2, gap=3), 1, **QUIET))[0], axis=0)
    good = ~(fixed.dead | fixed.hot)
    assert steps[:, good].mean() * MODEL.gain / 50.0 == pytest.approx(20.0, rel=0.01)


def test_averaged_frames_have_less_noise():
    fixed = maps("NRCA3").cut(MIDDLE)
    one, eight = (
        np.diff(linear(expose(scene(0.0), fixed, ramp(frames=n, frame_seconds=1e-3), 1, **QUIET))[0], axis=0).std() for n in (1, 8)
    )
    assert eight < one / 2


def test_read_noise_is_what_the_model_states():
    fixed = maps("NRCA3").cut(MIDDLE)
    pixels = expose(scene(0.0), fixed, ramp(ngroups=20, frame_seconds=1e-3), 1, **QUIET).pixels[0].astype(float)
    assert np.diff(pixels, axis=0).std() == pytest.approx(2**0.5 * MODEL.read_noise / MODEL.gain, rel=0.03)


def test_dead_and_reference_pixels_see_no_light():
    whole = maps("NRCA3")
    fixed = whole.cut(BORDER)
    pixels = expose(scene(500.0), fixed, ramp(), 1).pixels[0].astype(float)
    blind = fixed.dead | fixed.reference
    assert fixed.reference.sum() == 4 * 64 + 4 * 60
    assert np.abs(pixels[-1] - pixels[0])[blind].max() < 60
    assert (pixels[-1] - pixels[0])[~blind].min() > 5000


def test_a_hot_pixel_leaks_in_the_dark():
    whole = maps("NRCA3")
    y, x = (int(v[0]) for v in np.nonzero(whole.hot))
    pixels = expose(scene(0.0, (1, 1)), whole.cut((slice(y, y + 1), slice(x, x + 1))), ramp(), 1, **QUIET).pixels
    assert int(pixels[0, -1, 0, 0]) - int(pixels[0, 0, 0, 0]) == pytest.approx(MODEL.hot * 30, abs=150)


def test_every_cosmic_ray_of_the_truth_is_in_the_numbers():
    fixed = maps("NRCA3").cut(MIDDLE)
    readings = expose(scene(1.0), fixed, ramp(nints=2, ngroups=5), 3, rays_per_cm2_second=30.0)
    steps = np.diff(linear(readings), axis=1)
    visible = [ray for ray in readings.rays if ray[1] > 0 and ray[4] > 400]
    assert len(visible) > 20
    assert all(steps[i, group - 1, y, x] > 0.6 * electrons / MODEL.gain for i, group, y, x, electrons in visible)


def test_nothing_jumps_where_the_truth_has_no_ray():
    fixed = maps("NRCA3").cut(MIDDLE)
    readings = expose(scene(1.0), fixed, ramp(ngroups=5), 3, rays_per_cm2_second=30.0)
    hit = np.zeros((64, 64), dtype=bool)
    hit[[r[2] for r in readings.rays], [r[3] for r in readings.rays]] = True
    steps = np.diff(linear(readings)[0], axis=0)
    assert steps[:, ~hit & ~fixed.hot].max() < 120


def test_too_much_light_ends_at_the_well_and_never_wraps():
    pixels = expose(scene(1e6), maps("NRCA3").cut(MIDDLE), ramp(), 1).pixels
    fixed = maps("NRCA3").cut(MIDDLE)
    assert pixels[0, -1][~fixed.dead].min() > MODEL.saturation
    assert pixels.max() <= ADC_MAX


def test_full_frames_have_an_offset_for_each_amplifier():
    fixed = maps("NRCA3")
    row = fixed.cut((slice(0, 4), slice(0, 2048)))
    pixels = expose(scene(0.0, (4, 2048)), row, ramp(ngroups=2), 1, full_frame=True, **QUIET).pixels[0].astype(float)
    offsets = (pixels[1] - pixels[0]).reshape(4, 4, 512).mean(axis=(0, 2))
    assert np.ptp(offsets) > 1.0


def test_many_short_integrations_are_each_their_own():
    readings = expose(scene(10.0, (8, 8)), maps("NRCA3").cut((slice(100, 108), slice(100, 108))), ramp(nints=300, ngroups=3), 1)
    assert readings.pixels.shape == (300, 3, 8, 8)
    assert len({integration.tobytes() for integration in readings.pixels}) == 300


@given(st.floats(0.0, 40_000.0))
def test_the_linearity_polynomial_undoes_the_response(level):
    measured = float(respond(np.array([level], dtype=np.float32))[0])
    assert measured + MODEL.curvature * measured**2 == pytest.approx(level, rel=1e-5, abs=1e-2)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8), st.integers(0, 12))
def test_groups_end_one_after_the_other(nints, ngroups, frames, gap):
    timing = Timing(nints=nints, ngroups=ngroups, frame_seconds=2.0, frames=frames, gap=gap)
    ends = [timing.group_end(i, g) for i in range(nints) for g in range(ngroups)]
    assert ends == sorted(set(ends))
    assert ends[0] == 2.0 * (1 + frames)
