"""Telemetry around an exposure: what is taken, what is doubted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.processing.pointing import cut, doubts

QUATERNION = {f"SA_ZATTEST{i}": (np.arange(4.0), np.full(4, 0.5)) for i in (1, 2, 3, 4)}


def test_only_the_time_range_is_taken_in_order_and_once():
    times, values = np.array([5.0, 1.0, 3.0, 3.0, 9.0]), np.array([50.0, 10.0, 30.0, 30.0, 90.0])
    (found,) = cut({"sa_zattest1": (times, values)}, 1.0, 5.0).values()
    np.testing.assert_array_equal(found[0], [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(found[1], [10.0, 30.0, 50.0])


def test_samples_that_are_no_numbers_are_left_out():
    assert cut({"A": (np.array([1.0]), np.array([np.nan]))}, 0, 2) == {}


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-1e6, 1e6)), max_size=30))
def test_cutting_twice_is_cutting_once(points):
    table = np.array(points, dtype=float).reshape(-1, 2)
    once = cut({"A": (table[:, 0], table[:, 1])}, 20, 80)
    twice = cut(once, 20, 80)
    assert once.keys() == twice.keys()
    for name in once:
        np.testing.assert_array_equal(once[name], twice[name])


def test_a_unit_quaternion_is_believed():
    assert doubts(QUATERNION) == []


def test_a_quaternion_that_is_none_is_doubted():
    bad = {**QUATERNION, "SA_ZATTEST1": (np.arange(4.0), np.full(4, 7.0))}
    assert doubts(bad) == ["the attitude in the telemetry is not a unit quaternion"]


def test_a_missing_component_is_no_attitude():
    assert doubts({k: v for k, v in QUATERNION.items() if k != "SA_ZATTEST3"}) == ["no attitude in the telemetry"]


def test_two_values_at_one_time_are_a_conflict():
    clash = {**QUATERNION, "SA_ZADUCMDX": (np.array([1.0, 1.0]), np.array([0.0, 2.0]))}
    assert doubts(clash) == ["SA_ZADUCMDX has different values at the same time"]


@pytest.mark.parametrize("nothing", [{}, {"SA_ZADUCMDX": (np.arange(2.0), np.zeros(2))}])
def test_no_telemetry_is_no_attitude(nothing):
    assert doubts(nothing) == ["no attitude in the telemetry"]
