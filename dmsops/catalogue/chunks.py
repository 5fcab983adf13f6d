"""The image of a product as a CAOM part: one chunk with the world coordinates of its axes.

Sky coordinates are the linear part of what the header says: CAOM has no distortion, the plane's footprint is exact. The axes of
integrations are axes of time; an image of groups has axes that CAOM has no words for, so its chunk tells where, when and in what light
without giving them numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.bands import bandpass_name
from dmsops.catalogue.coverage import metres_of, sees_the_sky
from dmsops.catalogue.polygon import Vertex

if TYPE_CHECKING:
    from caom2 import Part

    from dmsops.catalogue.headers import Header
    from dmsops.catalogue.images import Sky

PART = "SCI"
"""The extension that the pipeline keeps a product's image in."""
_FLAT, _CUBE = 2, 3
_TANGENT = "-TAN"


def part_of(head: Header) -> Part | None:
    """Describe a product's image; None when it has none, or nothing is known of where, when or in what light it was taken."""
    import caom2

    image = head.image
    if image is None:
        return None
    place = _position(image.sky, image.axes) if image.sky is not None and sees_the_sky(head.exp_type) else None
    light, when = _energy(head), _time(head, image.axes)
    if place is None and light is None and when is None:
        return None
    chunk = caom2.Chunk(position=place, energy=light, time=when)
    if place is not None and (len(image.axes) == _FLAT or (len(image.axes) == _CUBE and when is not None)):
        chunk.naxis, chunk.position_axis_1, chunk.position_axis_2 = len(image.axes), 1, 2
        chunk.time_axis = _CUBE if len(image.axes) == _CUBE else None
    part = caom2.Part(PART)
    part.chunks.append(chunk)
    return part


def _position(sky: Sky, axes: tuple[int, ...]) -> Any:
    from caom2 import chunk, wcs

    axis = wcs.CoordAxis2D(wcs.Axis(sky.types[0], "deg"), wcs.Axis(sky.types[1], "deg"))
    reference = wcs.Coord2D(wcs.RefCoord(sky.pixel[0], sky.place[0]), wcs.RefCoord(sky.pixel[1], sky.place[1]))
    axis.function = wcs.CoordFunction2D(wcs.Dimension2D(axes[0], axes[1]), reference, *sky.cd)
    return chunk.SpatialWCS(axis, coordsys="ICRS")


def _energy(head: Header) -> Any:
    from caom2 import chunk, wcs

    band = metres_of(head)
    if band is None:
        return None
    axis = wcs.CoordAxis1D(wcs.Axis("WAVE", "m"), range=_range(*band))
    return chunk.SpectralWCS(axis, "TOPOCENT", bandpass_name=bandpass_name(head.light, head.pupil) or None)


def _time(head: Header, axes: tuple[int, ...]) -> Any:
    from caom2 import chunk, wcs

    if head.start is None or head.end is None or head.end < head.start:
        return None
    axis = wcs.CoordAxis1D(wcs.Axis("TIME", "d"))
    if len(axes) == _CUBE and head.end > head.start:
        axis.function = wcs.CoordFunction1D(axes[2], (head.end - head.start) / axes[2], wcs.RefCoord(0.5, head.start))
    else:
        axis.range = _range(head.start, head.end)
    return chunk.TemporalWCS(axis, timesys="UTC", exposure=head.seconds)


def _range(low: float, high: float) -> Any:
    from caom2 import wcs

    return wcs.CoordRange1D(wcs.RefCoord(0.5, low), wcs.RefCoord(1.5, high))


def ends_of(axis: Any) -> tuple[float, float] | None:
    """Give where a one-dimensional axis begins and ends, in its unit; None when it says neither range nor steps."""
    if axis.range is not None:
        return axis.range.start.val, axis.range.end.val
    if axis.function is None:
        return None
    steps, at = axis.function, axis.function.ref_coord
    first, last = (at.val + (pixel - at.pix) * steps.delta for pixel in (0.5, steps.naxis + 0.5))
    return first, last


def corners_of(position: Any) -> list[Vertex] | None:
    """Give the corners of an image (degrees), from the linear part of its coordinates; None unless it is a tangent plane."""
    function = position.axis.function
    if function is None or not position.axis.axis1.ctype.endswith(_TANGENT):
        return None
    columns, rows = function.dimension.naxis1, function.dimension.naxis2
    return [_place(function, x, y) for x, y in ((0.5, 0.5), (columns + 0.5, 0.5), (columns + 0.5, rows + 0.5), (0.5, rows + 0.5))]


def _place(function: Any, column: float, row: float) -> Vertex:
    """Give the place of a pixel in a tangent plane (FITS WCS paper II, section 5.1.3)."""
    first, second = function.ref_coord.coord1, function.ref_coord.coord2
    dx, dy = column - first.pix, row - second.pix
    east = math.radians(function.cd11 * dx + function.cd12 * dy)
    north = math.radians(function.cd21 * dx + function.cd22 * dy)
    dec = math.radians(second.val)
    toward = math.cos(dec) - north * math.sin(dec)
    ra = math.degrees(math.atan2(east, toward)) + first.val
    return ra % 360.0, math.degrees(math.atan2(math.sin(dec) + north * math.cos(dec), math.hypot(east, toward)))
