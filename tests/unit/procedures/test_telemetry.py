"""What scientists look at: the time of a mnemonic, and where an attitude looks."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, NotFound
from dmsops.engineering.trend import trend
from dmsops.procedures import telemetry
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, T0, named, seconds, take

ONE = FLOATS[0]


@pytest.fixture
def later(ops):
    ops.clock.advance(START + timedelta(days=1) - ops.clock.now())
    take(ops, seconds(0, 10))
    return ops


def shown(pair):
    return tuple(f"{when:%H:%M:%S}" for when in pair)


def test_without_a_time_all_that_is_held_of_a_mnemonic_is_looked_at(later):
    take(later, seconds(4000, 4010), named(2))
    assert shown(telemetry.span(later, ONE.lower())) == ("04:00:00", "05:06:49")
    assert shown(telemetry.span(later, ONE, stop="2022-12-04T04:00:05Z")) == ("04:00:00", "04:00:05")


def test_the_time_of_all_that_is_held_has_the_last_sample_in_it_to_the_microsecond(later):
    take(later, [("SA_ZATTEST3", T0 + 1_234_567, 0.5)], named(3))
    found = trend(later, "SA_ZATTEST3", *telemetry.span(later, "SA_ZATTEST3"))
    assert (found.time_us.tolist(), found.mean.tolist()) == ([T0 + 1_234_567], [0.5])


def test_what_cannot_be_looked_at_is_said(later):
    with pytest.raises(NotFound, match="no sample of SA_ZATTEST2 is held"):
        telemetry.span(later, "SA_ZATTEST2")
    with pytest.raises(NotFound, match="no mnemonic 'nope'"):
        telemetry.span(later, "nope")
    with pytest.raises(BadInput, match="'noon' is no time"):
        telemetry.span(later, ONE, start="noon")
    with pytest.raises(NotFound, match=r"no level 1b product 'x_uncal\.fits'"):
        telemetry.compare(later, "x_uncal.fits")
    assert telemetry.level1b(later) == []


def test_suspect_times_are_those_of_the_mnemonic(later):
    take(later, [*seconds(2, 4, value=7.0), *seconds(0, 3, "SA_ZATTEST2")], named(2))
    assert [shown(pair) for pair in telemetry.suspect_times(later, ONE.lower())] == [("04:00:02", "04:00:03")]
    assert telemetry.suspect_times(later, "SA_ZATTEST2") == []


@given(st.floats(0, 359.9), st.floats(-89, 89), st.floats(0, 359.9))
def test_the_angles_of_a_matrix_are_those_that_it_was_made_of(ra, dec, turned):
    a, d, p = np.radians([ra, dec, turned])
    first = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    third = np.cos(p) * north + np.sin(p) * east
    found = telemetry.angles(np.array([first, np.cross(third, first), third]))
    apart = [(x - y + 180.0) % 360.0 - 180.0 for x, y in zip(found, (ra, dec, turned), strict=True)]
    assert np.allclose(apart, 0.0, atol=1e-7)
