"""Where, when and in what light: a product's header as CAOM position, energy and time."""

from __future__ import annotations

from typing import Any

from dmsops.catalogue.bands import band_of, bandpass_name
from dmsops.catalogue.headers import Header
from dmsops.catalogue.polygon import counter_clockwise, read_region
from dmsops.core import modes

_MICROMETRE = 1e-6


def sees_the_sky(exp_type: str | None) -> bool:
    """Say whether an exposure of that type has a place on the sky; one that is not known is taken to have one.

    Darks and lamps have none; the boxes that a guider reads around its star have no footprint in their headers.
    """
    found = modes.exposure_type(exp_type or "")
    return not found.internal and found.stage1 != "guider"


def position_of(head: Header) -> Any:
    """Give the footprint, turned counter-clockwise; None without a readable S_REGION, and of what does not see the sky."""
    import caom2
    from caom2.shape import MultiPolygon, Polygon, SegmentType, Vertex

    vertices = read_region(head.region) if sees_the_sky(head.exp_type) else None
    if not vertices:
        return None
    vertices = counter_clockwise(vertices)
    kinds = [SegmentType.MOVE] + [SegmentType.LINE] * (len(vertices) - 1)
    drawn = [Vertex(ra, dec, kind) for (ra, dec), kind in zip(vertices, kinds, strict=True)]
    drawn.append(Vertex(*vertices[0], SegmentType.CLOSE))
    points = [caom2.Point(ra, dec) for ra, dec in vertices]
    return caom2.Position(bounds=Polygon(points, MultiPolygon(drawn)))


def metres_of(head: Header) -> tuple[float, float] | None:
    """Give the ends of the band in metres; None when filter and pupil are not known to us."""
    band = band_of(head.instrument, head.light, head.pupil)
    return None if band is None else (band[0] * _MICROMETRE, band[1] * _MICROMETRE)


def energy_of(head: Header) -> Any:
    """Give the band in metres; None when filter and pupil are not known to us."""
    import caom2
    from caom2.shape import SubInterval

    band = metres_of(head)
    if band is None:
        return None
    lower, upper = band
    energy = caom2.Energy(bounds=caom2.Interval(lower, upper, [SubInterval(lower, upper)]))
    energy.bandpass_name = bandpass_name(head.light, head.pupil) or None
    energy.energy_bands.add(caom2.EnergyBand.INFRARED)
    return energy


def time_of(head: Header) -> Any:
    """Give the time span in MJD and the exposure in seconds; None without start and end, or when they are reversed."""
    import caom2
    from caom2.shape import SubInterval

    if head.start is None or head.end is None or head.end < head.start:
        return None
    span = caom2.Interval(head.start, head.end, [SubInterval(head.start, head.end)])
    return caom2.Time(bounds=span, exposure=head.seconds)
