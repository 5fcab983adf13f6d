"""Footprints looked at exactly: many polygons at once against a cone or another polygon.

Edges are great circles. A polygon is an array of unit vectors; shorter ones repeat their last vertex, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dmsops.catalogue.polygon import Vertex

    Vectors = NDArray[np.float64]
    Flags = NDArray[np.bool_]

TOUCH = 1e-10
"""Radians (20 microarcseconds): polygons this near touch each other."""
_NO_EDGE = 1e-15


def units(vertices: Any) -> Vectors:
    """Give unit vectors (..., 3) of right ascensions and declinations (..., 2) in degrees."""
    a, d = np.moveaxis(np.radians(np.asarray(vertices, dtype=np.float64)), -1, 0)
    return np.stack((np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)), axis=-1)


def pack(polygons: Sequence[Sequence[Vertex]]) -> Vectors:
    """Give polygons as one array (polygon, vertex, 3); each has a vertex at least."""
    longest = max(map(len, polygons))
    return units([[*polygon, *[polygon[-1]] * (longest - len(polygon))] for polygon in polygons])


def touches(polygons: Vectors, points: Vectors, radius: float) -> Flags:
    """Say which polygons (n, v, 3) hold, or come within ``radius`` radians of, a point (3,) or their own point (n, 3).

    No polygon may reach 90 degrees from its middle.
    """
    points = np.broadcast_to(points, (len(polygons), 3))
    return _holds(polygons, points) | (_edge_distances(polygons, points).min(axis=1) <= radius)


def overlap(polygons: Vectors, asked: Vectors) -> Flags:
    """Say which polygons (n, v, 3) share a point with another (m, 3)."""
    others = np.broadcast_to(asked, (len(polygons), *asked.shape))
    found = _cross(polygons, asked)
    for corner in asked:
        found |= touches(polygons, corner, TOUCH)
    for k in range(polygons.shape[1]):
        found |= touches(others, polygons[:, k], TOUCH)
    return found


def _holds(polygons: Vectors, points: Vectors) -> Flags:
    """Count crossings in the tangent plane about each polygon's middle, where great circles are straight."""
    middle = polygons.sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    aside = np.where(np.abs(middle[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
    east = np.cross(aside, middle)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    axes = np.stack((east, np.cross(middle, east), middle), axis=2)
    x, y, depth = np.moveaxis(polygons @ axes, 2, 0)
    px, py, ahead = (points[:, None, :] @ axes)[:, 0].T[:, :, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y, px, py = x / depth, y / depth, px / ahead, py / ahead
        x2, y2 = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
        crossed = ((y > py) != (y2 > py)) & (px < (x2 - x) * (py - y) / (y2 - y) + x)
    odd: Flags = crossed.sum(axis=1) % 2 == 1
    odd &= ahead[:, 0] > 0
    return odd


def _edge_distances(polygons: Vectors, points: Vectors) -> Vectors:
    """Give the distance of each edge (n, v) from its polygon's point, radians."""
    p, following = points[:, None, :], np.roll(polygons, -1, axis=1)
    corner = 2 * np.arcsin(np.minimum(np.linalg.norm(polygons - p, axis=2) / 2, 1.0))
    pole = np.cross(polygons, following)
    length = np.linalg.norm(pole, axis=2)
    beside = ((np.cross(pole, polygons) * p).sum(axis=2) >= 0) & ((np.cross(pole, following) * p).sum(axis=2) <= 0) & (length > _NO_EDGE)
    across = np.abs((pole * p).sum(axis=2)) / np.maximum(length, _NO_EDGE)
    return np.where(beside, np.arcsin(np.minimum(across, 1.0)), corner)


def _cross(polygons: Vectors, asked: Vectors) -> Flags:
    """Say which polygons have an edge that properly crosses one of ``asked``."""
    ends, other_ends = np.roll(polygons, -1, axis=1), np.roll(asked, -1, axis=0)
    poles, other_poles = np.cross(polygons, ends), np.cross(asked, other_ends)
    parted = (poles @ asked.T) * (poles @ other_ends.T) < 0
    parted &= (polygons @ other_poles.T) * (ends @ other_poles.T) < 0
    parted &= (polygons + ends) @ (asked + other_ends).T > 0
    found: Flags = parted.any(axis=(1, 2))
    return found
