"""Which candidates of a search really touch what was asked: circles first, polygons where circles do not decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dmsops.archive import shapes
from dmsops.catalogue.polygon import Vertex, read_region

Row = dict[str, Any]
_MARGIN = 1e-9
"""Degrees: circles that are nearer than this to touching are left to the polygons."""


def touching(rows: Sequence[Row], cone: tuple[float, float, float] | None, region: Sequence[Vertex] | None) -> list[Row]:
    """Give the rows whose footprint touches the cone (degrees) and the polygon, in their order; a row without a footprint never does."""
    if cone is not None:
        rows = _in_cone(rows, *cone)
    return list(rows) if region is None else _in_region(rows, region)


def _in_cone(rows: Sequence[Row], ra: float, dec: float, radius: float) -> list[Row]:
    verdicts = [_by_circles(row, ra, dec, radius) for row in rows]
    doubtful = [row for row, verdict in zip(rows, verdicts, strict=True) if verdict is None]
    kept = {id(row) for row in doubtful if _by_corners(row, ra, dec, radius)}
    kept |= _exactly([row for row in doubtful if id(row) not in kept], lambda polygons: _touched(polygons, ra, dec, radius))
    return [row for row, verdict in zip(rows, verdicts, strict=True) if verdict or id(row) in kept]


def _touched(polygons: Any, ra: float, dec: float, radius: float) -> Any:
    return shapes.touches(polygons, shapes.units((ra, dec)), math.radians(radius) + shapes.TOUCH)


def _by_circles(row: Row, ra: float, dec: float, radius: float) -> bool | None:
    """Say yes when the bounding circle lies in the cone, no when it misses it, None when the polygon must tell."""
    if not row["region"] or row["ra"] is None or row["radius"] is None:
        return False
    apart, around = distance(ra, dec, row["ra"], row["dec"]), row["radius"]
    if apart > radius + around + _MARGIN:
        return False
    return True if apart + around < radius - _MARGIN else None


def _by_corners(row: Row, ra: float, dec: float, radius: float) -> bool:
    """Say yes when a corner lies in the cone: most that stand on its rim have one there, and need no more looking."""
    polygon = read_region(row["region"]) or ()
    return len(polygon) >= 3 and any(distance(ra, dec, *corner) < radius - _MARGIN for corner in polygon)


def distance(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """Give the angle between two places (haversine), degrees."""
    d, e = math.radians(dec), math.radians(other_dec)
    half = math.sin((e - d) / 2) ** 2 + math.cos(d) * math.cos(e) * math.sin(math.radians(other_ra - ra) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))


def _in_region(rows: Sequence[Row], region: Sequence[Vertex]) -> list[Row]:
    asked = shapes.units(region)
    kept = _exactly([row for row in rows if row["region"]], lambda polygons: shapes.overlap(polygons, asked))
    return [row for row in rows if id(row) in kept]


def _exactly(rows: Sequence[Row], look: Any) -> set[int]:
    """Give the rows (by `id`) whose polygon passes; what is no polygon of three vertices passes nothing."""
    drawn = [(row, polygon) for row in rows if (polygon := read_region(row["region"])) and len(polygon) >= 3]
    if not drawn:
        return set()
    passed = look(shapes.pack([polygon for _, polygon in drawn]))
    return {id(row) for (row, _), yes in zip(drawn, passed, strict=True) if yes}
