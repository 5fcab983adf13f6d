"""The index's boxes hold their circles; the SQL is the newest schema's."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.archive import sky
from dmsops.core.db import open_engine, reading, upgrade

PLACES = st.tuples(st.floats(0, 360), st.floats(-90, 90))


@given(where=PLACES, radius=st.floats(0, 180), turn=st.floats(0, 2 * math.pi), part=st.floats(0, 1))
def test_the_box_of_a_circle_holds_every_place_in_it(where: tuple[float, float], radius: float, turn: float, part: float) -> None:
    a, d, r = *map(math.radians, where), math.radians(radius) * part
    out = (math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d))
    east = (-math.sin(a), math.cos(a), 0.0)
    north = (-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d))
    x0, x1, y0, y1, z0, z1 = sky.box(*where, radius)
    aside = [e * math.sin(turn) + n * math.cos(turn) for e, n in zip(east, north, strict=True)]
    x, y, z = (o * math.cos(r) + s * math.sin(r) for o, s in zip(out, aside, strict=True))
    assert x0 <= x <= x1
    assert y0 <= y <= y1
    assert z0 <= z <= z1


@given(st.lists(st.tuples(PLACES, st.floats(0, 200)), min_size=1))
def test_boxes_of_many_circles_are_those_of_each(circles: list[tuple[tuple[float, float], float]]) -> None:
    rows = [(n, *where, radius) for n, (where, radius) in enumerate(circles)]
    for (n, *many), (_, *circle) in zip(sky._boxes(rows), rows, strict=True):
        assert many == pytest.approx(sky.box(*circle), abs=1e-12), n


def test_a_small_circle_has_a_small_box() -> None:
    x0, x1, y0, y1, z0, z1 = sky.box(0.0, 0.0, 0.01)
    assert max(y1 - y0, z1 - z0) == pytest.approx(2 * math.radians(0.01), rel=1e-3)
    assert x1 - x0 < 1e-6


@given(st.lists(st.tuples(st.floats(0, 360), st.floats(60, 90)), min_size=3, max_size=8))
def test_the_circle_of_a_polygon_holds_its_corners(vertices: list[tuple[float, float]]) -> None:
    ra, dec, radius = sky.circle_of(vertices)
    for other in vertices:
        assert sky.circle_of([(ra, dec), other])[2] * 2 <= radius + 1e-6


def test_the_newest_schema_holds_the_index_that_is_written_here(tmp_path: Path) -> None:
    upgrade(url := f"sqlite:///{tmp_path / 'site.db'}")
    engine = open_engine(url)
    with reading(engine) as c:
        made = c.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name IN ('plane_sky', 'plane_span') ORDER BY name").scalars().all()
        assert c.exec_driver_sql(sky.HAS_RTREE).scalar() == 1
    engine.dispose()
    assert tuple(made) == sky.CREATE["sqlite"]


def test_postgresql_holds_one_of_the_two_indexes_of_the_sky(postgresql) -> None:
    engine = open_engine(postgresql.new_database())
    with reading(engine) as c:
        names = set(c.exec_driver_sql("SELECT indexname FROM pg_indexes WHERE tablename = 'plane'").scalars())
    engine.dispose()
    assert "ix_plane_span" in names
    assert len(names & {"ix_plane_circle", "ix_plane_sky"}) == 1
