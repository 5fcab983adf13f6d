"""Footprints on the sky: reading S_REGION, turning it the right way round, and saying what is wrong with it.

CAOM 2.4 and DALI 1.1 (section 3.3.7) want the vertices counter-clockwise as seen from the origin, the sky above:
north, east, south, west. Footprints here are small (a detector), so a tangent plane at their middle serves.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

Vertex = tuple[float, float]
"""Right ascension and declination, degrees."""

_LARGEST_RADIUS = 30.0
"""Degrees; nothing we describe reaches that far, and a tangent plane would not serve it."""
_SMALLEST_AREA = 1e-12
"""Square degrees: a thousandth of the smallest pixel."""


def unit(ra: float, dec: float) -> tuple[float, float, float]:
    """Give the unit vector to a place on the sky (degrees)."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def apart(one: Vertex, other: Vertex) -> float:
    """Give the angle between two places, degrees; right also for very near ones."""
    return math.degrees(2 * math.asin(min(math.dist(unit(*one), unit(*other)) / 2, 1.0)))


def middle_of(vertices: Sequence[Vertex]) -> Vertex:
    """Give the middle of places near each other, degrees."""
    x, y, z = (sum(axis) for axis in zip(*(unit(*vertex) for vertex in vertices), strict=True))
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def read_region(text: str) -> list[Vertex] | None:
    """Read an S_REGION polygon as written (``POLYGON ICRS  ra dec ra dec ...``); None when it is no polygon of numbers.

    A last vertex that repeats the first is left out.
    """
    match = re.fullmatch(r"\s*POLYGON\s+(?:ICRS\s+)?([-+0-9.eE\s]+)", text or "", flags=re.IGNORECASE)
    if match is None:
        return None
    try:
        numbers = [float(word) for word in match[1].split()]
    except ValueError:
        return None
    if len(numbers) % 2:
        return None
    vertices = list(zip(numbers[::2], numbers[1::2], strict=True))
    return vertices[:-1] if len(vertices) > 1 and vertices[0] == vertices[-1] else vertices


def counter_clockwise(vertices: list[Vertex]) -> list[Vertex]:
    """Give the same polygon turned counter-clockwise as seen from the origin; one without a sense is left alone."""
    plane = _tangent_plane(vertices)
    return vertices if plane is None or _area(plane) >= 0 else vertices[::-1]


def fault_of(vertices: list[Vertex]) -> str | None:
    """Say in words what is wrong with a polygon; None when it is sound."""
    if len(vertices) < 3 or len(set(vertices)) != len(vertices):
        return f"has {len(set(vertices))} different vertices of {len(vertices)}; at least 3, none twice"
    if not all(0 <= ra <= 360 and -90 <= dec <= 90 for ra, dec in vertices):
        return "has a vertex outside 0 <= RA <= 360, -90 <= Dec <= 90"
    plane = _tangent_plane(vertices)
    if plane is None:
        return f"reaches further than {_LARGEST_RADIUS:.0f} degrees from its middle"
    if _crosses_itself(plane):
        return "crosses itself"
    area = _area(plane)
    if abs(area) < _SMALLEST_AREA:
        return "has no area"
    return "runs clockwise as seen from the origin" if area < 0 else None


def _tangent_plane(vertices: list[Vertex]) -> list[Vertex] | None:
    """Project (gnomonic) about the middle: x to the west (right, as seen from the origin), y to the north, degrees."""
    units = [unit(*vertex) for vertex in vertices]
    middle = [sum(axis) for axis in zip(*units, strict=True)]
    length = math.hypot(*middle)
    if length == 0 or not math.isfinite(length):
        return None
    middle = [m / length for m in middle]
    equatorial = math.hypot(middle[0], middle[1])
    east = (-middle[1] / equatorial, middle[0] / equatorial, 0.0) if equatorial > 0 else (0.0, 1.0, 0.0)
    north = _cross(middle, east)
    plane = []
    for vector in units:
        depth = _dot(vector, middle)
        if depth < math.cos(math.radians(_LARGEST_RADIUS)):
            return None
        plane.append((-math.degrees(_dot(vector, east) / depth), math.degrees(_dot(vector, north) / depth)))
    return plane


def _dot(a: tuple[float, ...] | list[float], b: tuple[float, ...] | list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cross(a: list[float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _area(plane: list[Vertex]) -> float:
    """Signed area (shoelace), square degrees; positive when counter-clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise([*plane, plane[0]])) / 2


def _crosses_itself(plane: list[Vertex]) -> bool:
    edges = list(itertools.pairwise([*plane, plane[0]]))
    pairs = itertools.combinations(range(len(edges)), 2)
    return any(_cross_each_other(edges[i], edges[j]) for i, j in pairs if 1 < j - i < len(edges) - 1)


def _cross_each_other(first: tuple[Vertex, Vertex], second: tuple[Vertex, Vertex]) -> bool:
    def side(edge: tuple[Vertex, Vertex], point: Vertex) -> float:
        (ax, ay), (bx, by) = edge
        return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)

    return side(first, second[0]) * side(first, second[1]) <= 0 and side(second, first[0]) * side(second, first[1]) <= 0
