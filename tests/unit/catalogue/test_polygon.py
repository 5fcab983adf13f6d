"""Footprints: read, turned, and judged."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.catalogue.polygon import counter_clockwise, fault_of, read_region

NORTH_EAST_SOUTH_WEST = [(80.0, -69.4), (80.1, -69.5), (80.0, -69.6), (79.9, -69.5)]


def ring(ra: float, dec: float, radius: float, corners: int) -> list[tuple[float, float]]:
    """A regular polygon about a place, by position angle from north through east: counter-clockwise by definition."""
    places = []
    for i in range(corners):
        angle, r = 2 * math.pi * i / corners, math.radians(radius)
        d0 = math.radians(dec)
        d = math.asin(math.sin(d0) * math.cos(r) + math.cos(d0) * math.sin(r) * math.cos(angle))
        da = math.atan2(math.sin(angle) * math.sin(r), (math.cos(r) - math.sin(d0) * math.sin(d)) / math.cos(d0))
        places.append(((ra + math.degrees(da)) % 360, math.degrees(d)))
    return places


def test_north_through_east_is_counter_clockwise() -> None:
    assert fault_of(NORTH_EAST_SOUTH_WEST) is None
    assert fault_of(NORTH_EAST_SOUTH_WEST[::-1]) == "runs clockwise as seen from the origin"


@given(ra=st.floats(0, 359.99), dec=st.floats(-85, 85), radius=st.floats(1e-4, 3), corners=st.integers(3, 9), turned=st.booleans())
def test_any_small_ring_is_sound_once_it_is_turned(ra: float, dec: float, radius: float, corners: int, turned: bool) -> None:
    drawn = ring(ra, dec, radius, corners)
    given_ring = drawn[::-1] if turned else drawn
    assert fault_of(counter_clockwise(given_ring)) is None
    assert (fault_of(given_ring) is None) is not turned


@pytest.mark.parametrize(
    ("vertices", "fault"),
    [
        ([(80.0, 1.0), (80.1, 1.0)], "at least 3"),
        ([(80.0, 1.0), (80.1, 1.0), (80.0, 1.0)], "none twice"),
        ([(380.0, 1.0), (380.1, 1.0), (380.1, 1.1)], "outside"),
        ([(80.0, 1.0), (80.1, 1.1), (80.1, 1.0), (80.0, 1.1)], "crosses itself"),
        ([(80.0, 0.0), (80.1, 0.0), (80.2, 0.0)], "no area"),
        ([(0.0, 0.0), (120.0, 0.0), (240.0, 10.0)], "further than"),
    ],
)
def test_an_unsound_polygon_is_told_in_words(vertices: list[tuple[float, float]], fault: str) -> None:
    assert fault in str(fault_of(vertices))


@pytest.mark.parametrize("frame", ["ICRS ", "", "icrs   "])
def test_a_region_is_read_and_its_repeated_last_vertex_left_out(frame: str) -> None:
    assert read_region(f"POLYGON {frame} 80 -69.4 80.1 -69.5 80 -69.6 80 -69.4") == [(80, -69.4), (80.1, -69.5), (80, -69.6)]


@pytest.mark.parametrize("text", ["", "CIRCLE ICRS 1 2 3", "POLYGON ICRS 1 2 3", "POLYGON ICRS nan nan", "POLYGON ICRS 1e 2"])
def test_what_is_no_polygon_is_not_read(text: str) -> None:
    assert read_region(text) is None
