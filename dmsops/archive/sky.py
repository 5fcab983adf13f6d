"""The index of the sky and of times: which planes may lie there, quickly, on both databases.

A footprint stands in its bounding circle. What is asked gives candidates, a few too many, never one too few; `search` then looks
exactly. SQLite keeps two R*trees beside the table ``plane`` (`write` and `remove` keep them in step); PostgreSQL keeps GiST indexes
of expressions, by itself: of pgsphere's circles where that extension is there, of boxes over unit vectors otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from dmsops.archive.tables import plane
from dmsops.catalogue.polygon import apart, middle_of

_X, _Y, _Z = (
    "cos(radians(plane.dec)) * cos(radians(plane.ra))",
    "cos(radians(plane.dec)) * sin(radians(plane.ra))",
    "sin(radians(plane.dec))",
)
_R = "radians(plane.radius)"
_CIRCLE = "scircle(spoint(radians(plane.ra), radians(plane.dec)), radians(least(greatest(plane.radius, 0), 90)))"
_BOX_XY = f"box(point({_X} - {_R}, {_Y} - {_R}), point({_X} + {_R}, {_Y} + {_R}))"
_BOX_Z = f"box(point({_Z} - {_R}, 0), point({_Z} + {_R}, 0))"
_BOX_TIME = "box(point(plane.time_min, 0), point(plane.time_max, 0))"


def _of_row(expression: str) -> str:
    return expression.replace("plane.", "")


BOXES = f"CREATE INDEX ix_plane_sky ON plane USING gist ({_of_row(_BOX_XY)}, {_of_row(_BOX_Z)})"
"""PostgreSQL's index of the sky without pgsphere."""

CREATE: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "CREATE VIRTUAL TABLE plane_sky USING rtree(id, x0, x1, y0, y1, z0, z1)",
        "CREATE VIRTUAL TABLE plane_span USING rtree(id, t0, t1)",
    ),
    "sqlite without rtree": (
        "CREATE TABLE plane_sky (id INTEGER PRIMARY KEY, x0 REAL, x1 REAL, y0 REAL, y1 REAL, z0 REAL, z1 REAL)",
        "CREATE TABLE plane_span (id INTEGER PRIMARY KEY, t0 REAL, t1 REAL)",
    ),
    "postgresql": (
        f"CREATE INDEX ix_plane_span ON plane USING gist ({_of_row(_BOX_TIME)})",
        f"""
        DO $$ BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_sphere;
            CREATE INDEX ix_plane_circle ON plane USING gist ({_of_row(_CIRCLE)});
        EXCEPTION WHEN OTHERS THEN
            {BOXES};
        END $$
        """,
    ),
}
"""What makes the index, by dialect. A SQLite without its R*tree module gets ordinary tables of the same names: the same questions,
answered by reading them through. On PostgreSQL pgsphere is tried; where it is not there, or we may not make it, the boxes stand in."""
DROP: dict[str, tuple[str, ...]] = {
    "sqlite": ("DROP TABLE plane_span", "DROP TABLE plane_sky"),
    "postgresql": ("DROP INDEX ix_plane_span", "DROP INDEX IF EXISTS ix_plane_circle", "DROP INDEX IF EXISTS ix_plane_sky"),
}
HAS_RTREE = "SELECT count(*) FROM pragma_module_list WHERE name = 'rtree'"
"""On SQLite: 0 where ``sqlite without rtree`` is what to make."""

_SKY = sa.table("plane_sky", *map(sa.column, ("id", "x0", "x1", "y0", "y1", "z0", "z1")))
_SPAN = sa.table("plane_span", *map(sa.column, ("id", "t0", "t1")))
_WRITE_SKY = "INSERT INTO plane_sky VALUES (?, ?, ?, ?, ?, ?, ?)"
_WRITE_SPAN = "INSERT INTO plane_span VALUES (?, ?, ?)"
_REMOVE = ("DELETE FROM plane_sky WHERE id = ?", "DELETE FROM plane_span WHERE id = ?")
_MARGIN = 1e-9
"""Radians (0.2 milliarcseconds): more than rounding ever costs, so that no candidate is lost to it."""
_MANY = 64
"""Rows from which on numpy pays."""
_VALUES = ("x0", "x1", "y0", "y1", "z0", "z1", "a", "d", "r")
_NAMES = tuple(f"sky_{name}" for name in _VALUES)
_HAS_SPHERE: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def box(ra: float, dec: float, radius: float) -> tuple[float, float, float, float, float, float]:
    """Give the box (x0, x1, y0, y1, z0, z1) of unit vectors round a circle on the sky, a hair too large; degrees."""
    a, d = math.radians(ra), math.radians(dec)
    r = min(max(math.radians(radius), 0.0) + _MARGIN, math.pi)
    cos_r, sin_r, flat = math.cos(r), math.sin(r), math.cos(d)
    x0, x1 = _edges(flat * math.cos(a), cos_r, sin_r)
    y0, y1 = _edges(flat * math.sin(a), cos_r, sin_r)
    z0, z1 = _edges(math.sin(d), cos_r, sin_r)
    return x0, x1, y0, y1, z0, z1


def _edges(middle: float, cos_r: float, sin_r: float) -> tuple[float, float]:
    """Give how far a circle of radius r reaches along an axis: cos(angle of its middle + r), cos(angle - r), no further than the axis."""
    side = math.sqrt(max(1.0 - middle * middle, 0.0)) * sin_r
    least = -1.0 if middle <= -cos_r else middle * cos_r - side
    return least - _MARGIN, (1.0 if middle >= cos_r else middle * cos_r + side) + _MARGIN


def cone(c: sa.Connection, ra: float, dec: float, radius: float) -> sa.ColumnElement[bool]:
    """Give the clause on ``plane`` whose bounding circle may touch a cone (degrees): every one that does, and a few more.

    A plane without a circle is never one.
    """
    values = cone_values(ra, dec, radius)
    return _cone_clause(cone_kind(c, radius), {name: sa.literal(values[f"sky_{name}"], sa.Float()) for name in _VALUES})


def cone_kind(c: sa.Connection, radius: float) -> str:
    """Say which index answers: ``rtree``, ``circle`` (pgsphere, up to 90 degrees) or ``boxes``."""
    if c.dialect.name != "postgresql":
        return "rtree"
    return "circle" if radius < 90 and _has_sphere(c) else "boxes"


@cache
def cone_clause(kind: str) -> sa.ColumnElement[bool]:
    """Give the clause of `cone` with its values left open, so that a statement can be made once; `cone_values` fills it."""
    return _cone_clause(kind, {name: sa.bindparam(f"sky_{name}", type_=sa.Float()) for name in _VALUES})


def _cone_clause(kind: str, value: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    if kind == "circle":
        asked = sa.func.scircle(sa.func.spoint(value["a"], value["d"]), value["r"])
        return sa.literal_column(_CIRCLE).bool_op("&&")(asked)
    if kind == "boxes":
        flat, upright = _box(*(value[n] for n in ("x0", "y0", "x1", "y1"))), _box(value["z0"], 0.0, value["z1"], 0.0)
        return sa.literal_column(_BOX_XY).bool_op("&&")(flat) & sa.literal_column(_BOX_Z).bool_op("&&")(upright)
    s = _SKY.c
    upper = [s[f"{axis}1"] >= value[f"{axis}0"] for axis in "xyz"]
    return plane.c.id.in_(sa.select(s.id).where(*upper, *(s[f"{axis}0"] <= value[f"{axis}1"] for axis in "xyz")))


def cone_values(ra: float, dec: float, radius: float) -> dict[str, float]:
    """Give the values that `cone_clause` leaves open."""
    circle = (math.radians(ra), math.radians(dec), math.radians(max(radius, 0.0)) + _MARGIN)
    return dict(zip(_NAMES, (*box(ra, dec, radius), *circle), strict=True))


def _box(x0: Any, y0: Any, x1: Any, y1: Any) -> Any:
    return sa.func.box(sa.func.point(x0, y0), sa.func.point(x1, y1))


def _has_sphere(c: sa.Connection) -> bool:
    pool = c.engine.pool
    if pool not in _HAS_SPHERE:
        _HAS_SPHERE[pool] = c.exec_driver_sql("SELECT to_regclass('ix_plane_circle') IS NOT NULL").scalar_one()
    return _HAS_SPHERE[pool]


def span(c: sa.Connection, t0: float, t1: float) -> sa.ColumnElement[bool]:
    """Give the clause on ``plane`` whose time span overlaps ``t0`` to ``t1`` (MJD), the ends counted: these and no others."""
    return _span_clause(c.dialect.name, *(sa.literal(t, sa.Float()) for t in (t0, t1)))


@cache
def span_clause(dialect: str) -> sa.ColumnElement[bool]:
    """Give the clause of `span` with ``span_t0`` and ``span_t1`` left open."""
    return _span_clause(dialect, *(sa.bindparam(name, type_=sa.Float()) for name in ("span_t0", "span_t1")))


def _span_clause(dialect: str, t0: Any, t1: Any) -> sa.ColumnElement[bool]:
    exactly: sa.ColumnElement[bool] = (plane.c.time_max >= t0) & (plane.c.time_min <= t1)
    if dialect == "postgresql":
        exactly = (plane.c.time_max + 0.0 >= t0) & (plane.c.time_min + 0.0 <= t1)  # sums, so that no half-open index is read for them
        return sa.and_(sa.literal_column(_BOX_TIME).bool_op("&&")(_box(t0, 0.0, t1, 0.0)), exactly)
    return sa.and_(plane.c.id.in_(sa.select(_SPAN.c.id).where(_SPAN.c.t1 >= t0, _SPAN.c.t0 <= t1)), exactly)


def write(c: sa.Connection, rows: Iterable[tuple[int, float | None, float | None, float | None]]) -> None:
    """Enter planes' bounding circles (id, right ascension, declination, radius; degrees); one without a circle is left out."""
    if c.dialect.name == "sqlite":
        known: list[Any] = [row for row in rows if _numbers(row[1:])]
        boxes = _boxes(known) if len(known) > _MANY else [(row[0], *box(*row[1:])) for row in known]
        _many(c, _WRITE_SKY, boxes)


def _boxes(rows: Sequence[tuple[int, float, float, float]]) -> list[tuple[Any, ...]]:
    """Give the same as `box` for many rows at once, each after its id."""
    import numpy as np

    ids, ra, dec, radius = zip(*rows, strict=True)
    a, d = np.radians(ra), np.radians(dec)
    r = np.minimum(np.maximum(np.radians(radius), 0.0) + _MARGIN, math.pi)
    cos_r, sin_r = np.cos(r), np.sin(r)
    edges: list[Any] = []
    for middle in (np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)):
        side = np.sqrt(np.maximum(1.0 - middle * middle, 0.0)) * sin_r
        edges.append(np.where(middle <= -cos_r, -1.0, middle * cos_r - side) - _MARGIN)
        edges.append(np.where(middle >= cos_r, 1.0, middle * cos_r + side) + _MARGIN)
    return list(zip(ids, *(edge.tolist() for edge in edges), strict=True))


def write_spans(c: sa.Connection, rows: Iterable[tuple[int, float | None, float | None]]) -> None:
    """Enter planes' times (id, first, last; MJD); one without both, or with them reversed, is left out: it overlaps nothing."""
    if c.dialect.name == "sqlite":
        _many(c, _WRITE_SPAN, [row for row in rows if _numbers(row[1:]) and row[1] <= row[2]])  # type: ignore[operator]


def remove(c: sa.Connection, plane_ids: Iterable[int]) -> None:
    """Take planes out of both indexes; one that is not in them does no harm."""
    if c.dialect.name == "sqlite":
        ids = [(identity,) for identity in plane_ids]
        for statement in _REMOVE:
            _many(c, statement, ids)


def _numbers(values: Sequence[float | None]) -> bool:
    return None not in values and math.isfinite(sum(values))  # type: ignore[arg-type]


def _many(c: sa.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        c.exec_driver_sql(statement, list(rows))


def circle_of(vertices: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Give a circle round a polygon (right ascension, declination, radius; degrees), about the middle of its vertices.

    It holds the edges too (great circles), as no polygon here reaches 90 degrees from its middle.
    """
    middle = middle_of(vertices)
    return *middle, max(apart(middle, vertex) for vertex in vertices)
