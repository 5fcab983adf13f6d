"""Shapes on the sky: laws of the exact tests, and that PostgreSQL's functions are the same as ours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dmsops.archive import shapes
from dmsops.distribution.adql import sphere
from dmsops.distribution.adql.plpgsql import FUNCTIONS
from dmsops.distribution.adql.sphere import Shape, area, circle, contains, intersects, polygon, read

SOME = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
ras, decs = st.floats(0, 360, exclude_max=True), st.floats(-85, 85)
circles = st.builds(circle, ras, decs, st.floats(0, 80))


@st.composite
def polygons(draw: Any) -> Shape:
    """Draw convex polygons up to 20 degrees across, anywhere."""
    ra, dec, radius = draw(ras), draw(decs), draw(st.floats(0.01, 10))
    angles = sorted(draw(st.lists(st.floats(0, 2 * math.pi - 0.01), min_size=3, max_size=7)))
    assume(all(b - a > 0.1 for a, b in zip(angles, [*angles[1:], angles[0] + 2 * math.pi], strict=True)))
    assume(max(b - a for a, b in zip(angles, [*angles[1:], angles[0] + 2 * math.pi], strict=True)) < 3.0)
    return polygon([offset(ra, dec, radius, angle) for angle in angles])


def offset(ra: float, dec: float, apart: float, angle: float) -> tuple[float, float]:
    """Give the place so far from another, in a direction counted from north by east."""
    a, d, r = map(math.radians, (ra, dec, apart))
    sin_dec = math.sin(d) * math.cos(r) + math.cos(d) * math.sin(r) * math.cos(angle)
    turn = math.atan2(math.sin(angle) * math.sin(r) * math.cos(d), math.cos(r) - math.sin(d) * sin_dec)
    return math.degrees(a + turn) % 360, math.degrees(math.asin(max(-1.0, min(1.0, sin_dec))))


any_shape = st.one_of(circles, polygons(), st.builds(circle, ras, decs, st.just(0.0)))


@SOME
@given(one=any_shape, other=any_shape)
def test_touching_is_mutual_and_what_lies_within_touches(one: Shape, other: Shape) -> None:
    assert intersects(one, other) == intersects(other, one)
    assert intersects(one, other) or not contains(one, other)


@SOME
@given(one=any_shape)
def test_a_shape_lies_in_itself_and_reads_back_as_it_was_written(one: Shape) -> None:
    assert contains(one, one)
    assert read(one.text) == one


@SOME
@given(one=polygons(), other=polygons(), at=circles)
def test_the_tests_are_those_of_the_archives_search(one: Shape, other: Shape, at: Shape) -> None:
    packed, asked = np.array([one.vertices]), np.array(other.vertices)
    assert intersects(one, other) == bool(shapes.overlap(packed, asked)[0])
    assert at.radius is not None
    assert intersects(one, at) == bool(shapes.touches(packed, np.array(at.vertices[0]), at.radius + shapes.TOUCH)[0])


@SOME
@given(one=polygons())
def test_a_polygon_lies_in_a_circle_round_it_and_its_area_is_less(one: Shape) -> None:
    middle = np.sum(one.vertices, axis=0)
    middle /= np.linalg.norm(middle)
    reach = max(sphere.angle(tuple(middle), vertex) for vertex in one.vertices)
    around = Shape(vertices=(tuple(middle),), radius=reach)
    assert contains(one, around)
    assert 0 < area(one) < area(around) + 1e-12


def test_areas_are_those_of_the_book() -> None:
    assert area(polygon([(0, 0), (90, 0), (0, 90)])) == pytest.approx(4 * math.pi / 8 * math.degrees(1) ** 2)
    assert area(circle(10, 20, 180)) == pytest.approx(4 * math.pi * math.degrees(1) ** 2)


@pytest.mark.parametrize("text", ["", "x", "POLYGON", "POLYGON ICRS 1 2 3", "POLYGON ICRS 1 2 3 4", "1 2", "0.1 1 0", "CIRCLE 1 2 3"])
def test_what_is_no_shape_is_none(text: str) -> None:
    assert read(text) is None


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    """Open a session of PostgreSQL with our functions."""
    engine = sa.create_engine(request.getfixturevalue("postgresql").new_database())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        for function in FUNCTIONS:
            c.exec_driver_sql(function.replace("%", "%%"))
        yield c
    engine.dispose()


_BOTH = sa.text("SELECT pg_temp.dms_intersects(:a, :b), pg_temp.dms_contains(:a, :b), pg_temp.dms_area(:a)")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(one=any_shape, other=any_shape)
def test_postgresql_says_the_same(server: sa.Connection, one: Shape, other: Shape) -> None:
    touch, within, size = server.execute(_BOTH, {"a": one.text, "b": other.text}).one()
    assert (touch, within) == (int(intersects(one, other)), int(contains(one, other)))
    assert size == pytest.approx(area(one), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("text", ["", "x", "POLYGON", "POLYGON ICRS 1 2 3", "POLYGON ICRS 1 2 3 4"])
def test_postgresql_knows_no_shape_in_it_either(server: sa.Connection, text: str) -> None:
    assert server.execute(_BOTH, {"a": text, "b": "POLYGON ICRS 0 0 1 0 1 1"}).one() == (None, None, None)
