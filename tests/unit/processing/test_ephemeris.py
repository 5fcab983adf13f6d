"""The arithmetic of the ephemeris keywords, against other arithmetic: the pipeline's, the standards library's, and our own here."""

from __future__ import annotations

import math
from types import SimpleNamespace

import erfa
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from stcal.velocity_aberration import compute_va_effects

from dmsops.core.errors import StepFailed
from dmsops.interfaces.fdf import Ephemeris, interpolate
from dmsops.processing.ephemeris import Observer, observer
from dmsops.testbed import orbit

LIGHT_KM_S = 299792.458
HEADER_VA_SCALE, HEADER_VELOSYS = 1.00000399112588, -1195.03
"""What one flight header has (reference facts of the project, section ephemeris)."""
EARTH_SPEEDS = (29.29, 30.29)
speeds = st.floats(-31, 31, allow_nan=False)
angles = st.tuples(st.floats(0, 360, exclude_max=True), st.floats(-89, 89))


def toward(ra, dec):
    a, d = math.radians(ra), math.radians(dec)
    return np.array([math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)])


def aberrated(velocity, ra, dec):
    """Aberration from the Lorentz boost of a light ray's four-vector: apparent direction, and the stretch of small angles."""
    beta = np.asarray(velocity) / LIGHT_KM_S
    gamma = 1 / math.sqrt(1 - beta @ beta)
    light = np.array([1.0, *(-toward(ra, dec))])  # it travels away from its source
    boost = np.eye(4)
    boost[0, 0], boost[0, 1:], boost[1:, 0] = gamma, -gamma * beta, -gamma * beta
    boost[1:, 1:] += (gamma - 1) * np.outer(beta, beta) / (beta @ beta)
    seen = boost @ light
    return -seen[1:] / seen[0], seen[0]


@settings(max_examples=200)
@given(velocity=st.tuples(speeds, speeds, speeds).filter(lambda v: np.linalg.norm(v) > 1e-3), place=angles)
def test_aberration_is_that_of_a_boosted_light_ray(velocity, place):
    scale, ra, dec = compute_va_effects(*velocity, *place)
    direction, stretch = aberrated(velocity, *place)
    assert scale == pytest.approx(stretch, abs=1e-12)
    assert toward(ra, dec) == pytest.approx(direction, abs=1e-12)


def at_rest(velocity, position=(0.0, 0.0, 0.0)):
    zero = np.zeros(3)
    return Observer(
        mjd=59917.0, position=np.array(position), velocity=np.array(velocity), earth_position=zero, earth_velocity=zero, sun=zero,
        tdb_minus_utc=69.184, kind="Definitive", frame="EME2000",
    )  # fmt: skip


@pytest.mark.parametrize("speed", np.linspace(*EARTH_SPEEDS, 5))
def test_the_velocity_and_the_scale_of_a_flight_header_belong_together(speed):
    """From VA_SCALE and the Earth's range of speeds follows VELOSYS, by the arithmetic that fills ours."""
    approaching = (HEADER_VA_SCALE * math.sqrt(1 - (speed / LIGHT_KM_S) ** 2) - 1) * LIGHT_KM_S
    velocity = np.array([approaching, math.sqrt(speed**2 - approaching**2), 0.0])
    scale, _, _ = compute_va_effects(*velocity, 0.0, 0.0)
    assert scale == pytest.approx(HEADER_VA_SCALE, abs=1e-13)
    assert at_rest(velocity).receding(0.0, 0.0) == pytest.approx(HEADER_VELOSYS, abs=0.06)


@given(velocity=st.tuples(speeds, speeds, speeds), place=angles)
def test_moving_towards_a_star_is_a_negative_speed_away(velocity, place):
    ours = at_rest(velocity).receding(*place)
    assert ours == pytest.approx(-1000 * sum(a * b for a, b in zip(velocity, toward(*place), strict=True)), abs=1e-6)


@pytest.fixture(scope="module")
def ten_days():
    times = np.datetime64("2022-12-01T00:00:00", "ms") + np.arange(10 * 1440) * np.timedelta64(60_000, "ms")
    positions, velocities = orbit.geocentric(times)
    return Ephemeris(kind="Definitive", times=times, positions=positions, velocities=velocities)


MIDDLES = [59917.1604166 + day for day in (-2.5, 0.0, 1.3, 2.77)]


@pytest.mark.parametrize("mid", MIDDLES)
def test_the_observatory_is_the_earth_of_the_standards_library_plus_the_ephemeris(ten_days, mid):
    where = observer(ten_days, mid)
    index = int((where.mjd - 59914.0) * 1440 + 0.5)
    time = Time(where.mjd, format="mjd", scale="utc")
    _, earth = erfa.epv00(time.tdb.jd1, time.tdb.jd2)
    au, day = 149597870.7, 86400.0
    assert where.position == pytest.approx(np.array(earth["p"]) * au + ten_days.positions[index], rel=1e-12)
    assert where.velocity == pytest.approx(np.array(earth["v"]) * au / day + ten_days.velocities[index], rel=1e-12)
    assert 0 <= mid - where.mjd < 1 / 1440


@pytest.mark.parametrize("mid", MIDDLES)
def test_earth_fixed_positions_are_turned_by_the_celestial_to_terrestrial_matrix(ten_days, mid):
    where = observer(ten_days, mid)
    index = int((where.mjd - 59914.0) * 1440 + 0.5)
    time = Time(where.mjd, format="mjd", scale="utc")
    from astropy.coordinates.builtin_frames.utils import get_polar_motion

    matrix = erfa.c2t06a(time.tt.jd1, time.tt.jd2, time.ut1.jd1, time.ut1.jd2, *get_polar_motion(time))
    assert where.earth_position / 1000 == pytest.approx(matrix @ ten_days.positions[index], rel=1e-9)
    assert where.earth_velocity / 1000 == pytest.approx(matrix @ ten_days.velocities[index], rel=1e-9)


@pytest.mark.parametrize("place", [(80.0, -69.5), (140.2, 21.5), (270.0, 66.5), (0.0, 0.0)])
def test_light_times_are_those_of_astropy_for_a_place_that_far_out(ten_days, place):
    """To a millisecond: astropy turns the observer's place by the Earth's aberration, 1e-4 of its distance, as if it were seen."""
    where = observer(ten_days, MIDDLES[1])
    there = EarthLocation.from_geocentric(*(where.earth_position * u.m))
    time = Time(where.mjd, format="mjd", scale="utc", location=there)
    star = SkyCoord(*place, unit="deg")
    for ours, kind in ((where.barycentric_seconds(*place), "barycentric"), (where.heliocentric_seconds(*place), "heliocentric")):
        theirs = time.light_travel_time(star, kind, ephemeris="builtin").to_value(u.s)
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert where.barycentric_seconds(*place) == pytest.approx(float(where.position @ toward(*place)) / LIGHT_KM_S, rel=1e-12)
    assert where.tdb_minus_utc == pytest.approx(69.184, abs=0.002)


def test_on_its_own_grid_an_ephemeris_gives_its_vectors_to_the_last_bit(ten_days):
    seconds = np.arange(len(ten_days.times)) * 60.0
    places, velocities = interpolate(seconds, ten_days.positions, ten_days.velocities, seconds)
    assert np.array_equal(places, ten_days.positions)
    assert np.array_equal(velocities, ten_days.velocities)


@pytest.mark.parametrize("step", [1, 10, 60])
def test_between_vectors_the_cubic_is_the_orbit_itself_and_a_straight_line_is_not(ten_days, step):
    """Measured against the simulated orbit: at most 0.1 mm up to an hour's step; a straight line is off by 6 cm, 7 m, 264 m."""
    seconds = np.arange(len(ten_days.times)) * 60.0
    knots = slice(None, None, step)
    at = seconds[: -60 * step] + 17.0
    truth = orbit.geocentric(ten_days.times[: -60 * step] + np.timedelta64(17_000, "ms"))
    places, velocities = interpolate(seconds[knots], ten_days.positions[knots], ten_days.velocities[knots], at)
    assert np.abs(places - truth[0]).max() < 1e-6
    assert np.abs(velocities - truth[1]).max() < 1e-8
    line = np.array([np.interp(at, seconds[knots], ten_days.positions[knots][:, i]) for i in range(3)]).T
    assert np.abs(line - truth[0]).max() > 100 * np.abs(places - truth[0]).max()


@pytest.mark.parametrize("mid", [59913.9, 59924.1])
def test_outside_its_times_an_ephemeris_says_nothing(ten_days, mid):
    with pytest.raises(StepFailed, match="covers MJD") as caught:
        observer(ten_days, mid, "JWST_D_20221201_20221210.OEM")
    assert "P06" in caught.value.remedy


def test_the_keywords_say_which_ephemeris_it_was(ten_days):
    where = observer(
        SimpleNamespace(**{f: getattr(ten_days, f) for f in ("times", "positions", "velocities", "frame")}, kind="Predicted"), MIDDLES[0]
    )
    assert (where.kind, where.frame) == ("Predicted", "EME2000")
