"""Exact tests of shapes on the sky, one pair at a time: what SQLite's user functions do, and PostgreSQL's (`plpgsql`) after them.

A shape is unit vectors of its vertices, and a radius: a circle has one vertex, a point is a circle of radius 0, a polygon has no radius.
Edges are great circles; no polygon may reach 90 degrees from its middle. Shapes within `TOUCH` of each other touch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from dmsops.catalogue.polygon import apart, middle_of, read_region, unit

Vector = tuple[float, float, float]
TOUCH = 1e-10
"""Radians (20 microarcseconds), as the archive's own search has it."""
_NO_EDGE = 1e-15
_ON_IT = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A place, a circle or a polygon; the radius in radians."""

    vertices: tuple[Vector, ...]
    radius: float | None

    @property
    def text(self) -> str:
        """Write it as the databases' functions read it: vertices as unit vectors, the radius before them (-1: a polygon)."""
        numbers = (-1.0 if self.radius is None else self.radius, *(x for vertex in self.vertices for x in vertex))
        return " ".join(map(repr, numbers))


def circle(ra: float, dec: float, radius: float) -> Shape:
    """Make a circle (degrees)."""
    return Shape(vertices=(unit(ra, dec),), radius=math.radians(radius))


def polygon(vertices: Sequence[tuple[float, float]]) -> Shape:
    """Make a polygon of right ascensions and declinations (degrees)."""
    return Shape(vertices=tuple(unit(*vertex) for vertex in vertices), radius=None)


def bounding(vertices: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Give a circle round a polygon (degrees)."""
    middle = middle_of(vertices)
    return *middle, max(apart(middle, vertex) for vertex in vertices)


@lru_cache(maxsize=4096)
def read(text: str) -> Shape | None:
    """Read a shape as `Shape.text` writes it, or a footprint as the catalogue keeps it (``POLYGON ICRS ...``); None for anything else."""
    if text.startswith("POLYGON"):
        drawn = read_region(text) or ()
        return polygon(drawn) if len(drawn) > 2 else None
    try:
        radius, *numbers = map(float, text.split())
        vertices = tuple(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
    except ValueError:
        return None
    return Shape(vertices=vertices, radius=None if radius < 0 else radius) if vertices else None


def intersects(first: Shape, second: Shape) -> bool:
    """Say whether two shapes share a point."""
    if first.radius is not None and second.radius is not None:
        return angle(first.vertices[0], second.vertices[0]) <= first.radius + second.radius + TOUCH
    if first.radius is None and second.radius is None:
        return _polygons_touch(first.vertices, second.vertices)
    outline, round_one = (first, second) if first.radius is None else (second, first)
    place, radius = round_one.vertices[0], round_one.radius or 0.0
    return holds(outline.vertices, place) or edge_distance(outline.vertices, place) <= radius + TOUCH


def contains(inner: Shape, outer: Shape) -> bool:
    """Say whether the first shape lies wholly in the second."""
    if outer.radius is not None:
        if inner.radius is not None:
            return angle(inner.vertices[0], outer.vertices[0]) + inner.radius <= outer.radius + TOUCH
        return _in_circle(inner.vertices, outer.vertices[0], outer.radius)
    if inner.radius is not None:
        place = inner.vertices[0]
        nearest = edge_distance(outer.vertices, place)
        return (holds(outer.vertices, place) and nearest >= inner.radius - TOUCH) or (inner.radius <= TOUCH and nearest <= TOUCH)
    inside = all(holds(outer.vertices, vertex) or edge_distance(outer.vertices, vertex) <= TOUCH for vertex in inner.vertices)
    return inside and not _edges_cross(inner.vertices, outer.vertices)


def _in_circle(vertices: Sequence[Vector], place: Vector, radius: float) -> bool:
    if radius <= math.pi / 2:
        return all(angle(vertex, place) <= radius + TOUCH for vertex in vertices)
    x, y, z = place
    opposite = (-x, -y, -z)  # beyond 90 degrees: it must keep away from the circle that is left out
    return not holds(vertices, opposite) and edge_distance(vertices, opposite) >= math.pi - radius - TOUCH


def area(shape: Shape) -> float:
    """Give the area of a shape in square degrees; a polygon's by the angles at its vertices."""
    if shape.radius is not None:
        return 2 * math.pi * (1 - math.cos(min(shape.radius, math.pi))) * math.degrees(1) ** 2
    total, vertices = 0.0, shape.vertices
    for one, two in pairwise(vertices[1:]):
        total += _triangle(vertices[0], one, two)
    return abs(total) * math.degrees(1) ** 2


def _triangle(a: Vector, b: Vector, c: Vector) -> float:
    """Give the signed solid angle of a triangle (van Oosterom and Strackee 1983, IEEE Trans. Biomed. Eng. 30, 125)."""
    return 2 * math.atan2(_dot(a, _cross(b, c)), 1 + _dot(a, b) + _dot(b, c) + _dot(c, a))


def angle(a: Vector, b: Vector) -> float:
    """Give the angle between two unit vectors, radians; right also for very near ones."""
    return 2 * math.asin(min(math.dist(a, b) / 2, 1.0))


def holds(vertices: Sequence[Vector], place: Vector) -> bool:
    """Say whether a polygon holds a place: crossings in the tangent plane about its middle, where great circles are straight."""
    east, north, middle = axes(vertices)
    ahead = _dot(place, middle)
    if ahead <= 0:
        return False
    px, py = _dot(place, east) / ahead, _dot(place, north) / ahead
    odd, previous = False, _flat(vertices[-1], east, north, middle)
    for vertex in vertices:
        x, y = _flat(vertex, east, north, middle)
        x0, y0 = previous
        if (y > py) != (y0 > py) and px < (x0 - x) * (py - y) / (y0 - y) + x:
            odd = not odd
        previous = x, y
    return odd


def axes(vertices: Sequence[Vector]) -> tuple[Vector, Vector, Vector]:
    """Give two axes of the tangent plane at a polygon's middle, and its middle."""
    middle = _unit(tuple(map(sum, zip(*vertices, strict=True))))  # type: ignore[arg-type]
    east = _unit(_cross((0.0, 0.0, 1.0) if abs(middle[2]) < 0.9 else (1.0, 0.0, 0.0), middle))
    return east, _cross(middle, east), middle


def _flat(vector: Vector, east: Vector, north: Vector, middle: Vector) -> tuple[float, float]:
    depth = _dot(vector, middle) or _NO_EDGE
    return _dot(vector, east) / depth, _dot(vector, north) / depth


def edge_distance(vertices: Sequence[Vector], place: Vector) -> float:
    """Give how far a place is from a polygon's outline, radians."""
    nearest, previous = math.pi, vertices[-1]
    for vertex in vertices:
        pole = _cross(previous, vertex)
        length = math.hypot(*pole)
        if length > _NO_EDGE and _dot(_cross(pole, previous), place) >= 0 and _dot(_cross(pole, vertex), place) <= 0:
            found = math.asin(min(abs(_dot(pole, place)) / length, 1.0))
        else:
            found = angle(vertex, place)
        nearest = min(nearest, found, angle(previous, place))
        previous = vertex
    return nearest


def _polygons_touch(one: Sequence[Vector], other: Sequence[Vector]) -> bool:
    for outline, corners in ((one, other), (other, one)):
        if any(holds(outline, corner) or edge_distance(outline, corner) <= TOUCH for corner in corners):
            return True
    return _edges_cross(one, other)


def _edges_cross(one: Sequence[Vector], other: Sequence[Vector]) -> bool:
    """Say whether an edge of one properly crosses an edge of the other."""
    for a, b in _edges(one):
        pole = _cross(a, b)
        for c, d in _edges(other):
            across = _cross(c, d)
            parted = _parts(pole, c, d) and _parts(across, a, b)
            if parted and _dot(tuple(map(sum, zip(a, b, strict=True))), tuple(map(sum, zip(c, d, strict=True)))) > 0:  # type: ignore[arg-type]
                return True
    return False


def _parts(pole: Vector, one: Vector, other: Vector) -> bool:
    """Say whether two places lie on different sides of a great circle, and neither on it."""
    a, b = _dot(pole, one), _dot(pole, other)
    return a * b < 0 and min(abs(a), abs(b)) > _ON_IT


def _edges(vertices: Sequence[Vector]) -> list[tuple[Vector, Vector]]:
    return list(zip(vertices, (*vertices[1:], vertices[0]), strict=True))


def _unit(v: Vector) -> Vector:
    length = math.hypot(*v) or 1.0
    return v[0] / length, v[1] / length, v[2] / length


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
