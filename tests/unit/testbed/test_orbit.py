"""The simulated orbit: about L2, and its velocities are those of its positions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from astropy.coordinates import get_sun
from astropy.time import Time

from dmsops.testbed import orbit
from dmsops.testing.deliveries import small_visit


def minutes(count=5, start="2022-12-04T03:00"):
    return np.datetime64(start, "ms") + np.arange(count) * np.timedelta64(60_000, "ms")


def test_the_grid_is_one_minute_and_covers_twelve_hours_around_the_visit():
    visit = small_visit()
    ephemeris = orbit.ephemeris(visit)
    first, last = (t.astype("datetime64[us]").item().replace(tzinfo=UTC) for t in (ephemeris.times[0], ephemeris.times[-1]))
    assert set(np.diff(ephemeris.times)) == {np.timedelta64(60_000, "ms")}
    assert first <= visit.start - timedelta(hours=12)
    assert last >= visit.end + timedelta(hours=12)
    assert (first.second, first.microsecond) == (0, 0)


@pytest.mark.parametrize("start", ["2022-03-01T00:00", "2022-06-15T12:00", "2022-12-04T03:00"])
def test_the_observatory_is_behind_the_earth_as_seen_from_the_sun(start):
    position, _ = orbit.geocentric(minutes(1, start))
    sun = get_sun(Time(start)).cartesian.xyz.value
    cosine = -position[0] @ sun / np.linalg.norm(position[0]) / np.linalg.norm(sun)
    assert 1.4e6 < np.linalg.norm(position) < 1.8e6
    assert np.degrees(np.arccos(cosine)) < 32


def test_velocities_are_the_change_of_position():
    positions, velocities = orbit.geocentric(minutes(5))
    change = (positions[2:] - positions[:-2]) / 120.0
    assert change == pytest.approx(velocities[1:-1], abs=1e-5)


def test_the_barycentric_velocity_is_the_earths_to_a_kilometre_a_second():
    speed = np.linalg.norm(orbit.velocity(datetime(2022, 12, 4, 3, 0, 30, tzinfo=UTC)))
    assert 29.0 < speed < 31.5


def test_the_velocity_is_that_of_the_minute_before():
    at = datetime(2022, 12, 4, 3, 0, tzinfo=UTC)
    assert np.array_equal(orbit.velocity(at), orbit.velocity(at + timedelta(seconds=59)))
    assert not np.array_equal(orbit.velocity(at), orbit.velocity(at + timedelta(seconds=60)))


def test_a_visit_of_a_day_is_covered_too():
    visit = small_visit()
    assert len(orbit.ephemeris(replace(visit, end=visit.start + timedelta(days=1))).times) > 48 * 60
