"""Rules of world coordinates: the axes of chunks, where a description has them (FITS WCS papers I to IV; CAOM 2.4).

A chunk says again, pixel by pixel, what its plane says as a whole: where, when, in what light. The two must agree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.chunks import PART, corners_of, ends_of
from dmsops.catalogue.polygon import unit
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, vertices

_ENERGY = frozenset(("WAVE", "FREQ", "ENER", "AWAV", "VELO", "VRAD"))
_TIME = frozenset(("TIME", "UTC", "TAI"))
_LENGTHS = frozenset(("m", "um", "nm", "Angstrom", "Hz", "GHz", "eV", "keV", "m/s", "km/s"))
_NEAR = 0.05
"""Part of an image's diagonal that distortion may move a corner by."""
_ONE_PIXEL = (0.5, 1.5)
"""Where an axis begins and ends that is not one of the image's."""
_PROJECTIONS = frozenset(
    ("AZP", "SZP", "TAN", "STG", "SIN", "ARC", "ZPN", "ZEA", "AIR", "CYP", "CEA", "CAR", "MER", "SFL", "PAR", "MOL", "AIT", "COP", "COE",
     "COD", "COO", "BON", "PCO", "TSC", "CSC", "QSC", "HPX", "XPH")
)  # fmt: skip
"""FITS WCS paper II, table 13, and its extensions."""
_RESAMPLED = ("_i2d.fits", "_s2d.fits", "_s3d.fits")
_SAME = 1e-12
"""Relative: an interval goes through its steps and back."""
_CORNERS = 4
Wrong = tuple[str, str]


@rule("C34", "error", "Describe the observation again from its products (P16).", source="header", fix="describe")
def has_sound_axes(case: Case) -> Iterator[Seen]:
    """Find world coordinates whose axes, units or matrix cannot be."""
    for _, artifact, part, chunk in _chunks(case.observation):
        for expected, found in _wrong(part, chunk):
            yield _named(artifact, part), expected, found


@rule(
    "C53", "warning", "Compare the products' headers (P15), then describe the observation again (P16).", source="siblings", fix="describe"
)
def agrees_with_its_plane(case: Case) -> Iterator[Seen]:
    """Find an image whose place, time or light is not that of its plane."""
    images = list(_chunks(case.observation))
    sizes = [_size(artifact, chunk) for _, artifact, _, chunk in images]
    usual = next((size for size, _ in Counter(size for size in sizes if size is not None).most_common(1)), None)
    for (plane, artifact, part, chunk), size in zip(images, sizes, strict=True):
        if next(_wrong(part, chunk), None) is None:
            for expected, found in (*_unlike(chunk, plane), *_other_size(size, usual)):
                yield _named(artifact, part), expected, found


def _chunks(observation: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    for plane, artifact in artifacts(observation):
        for part in artifact.parts.values():
            for chunk in part.chunks:
                yield plane, artifact, part, chunk


def _named(artifact: Any, part: Any) -> str:
    return f"{artifact.uri}[{part.name}]"


def _size(artifact: Any, chunk: Any) -> tuple[int, int] | None:
    """Give columns and rows of an image that has the detector's pixels; None of a resampled one, and where they are not told."""
    function = chunk.position.axis.function if chunk.position is not None else None
    if function is None or str(artifact.uri).endswith(_RESAMPLED):
        return None
    return function.dimension.naxis1, function.dimension.naxis2


def _other_size(size: tuple[int, int] | None, usual: tuple[int, int] | None) -> Iterator[Wrong]:
    if size is not None and usual is not None and size != usual:
        yield f"{usual[0]} by {usual[1]} pixels, as its siblings have", f"{size[0]} by {size[1]}"


def _wrong(part: Any, chunk: Any) -> Iterator[Wrong]:
    if part.name != PART:
        yield f"the image in part {PART}", f"in {part.name}"
    if chunk.position is not None:
        yield from _sky(chunk.position)
    if chunk.energy is not None:
        yield from _axis(chunk.energy.axis, _ENERGY, _LENGTHS, "energy")
    if chunk.time is not None:
        yield from _axis(chunk.time.axis, _TIME, frozenset(("d", "s")), "time")
    yield from _numbers(chunk)


def _sky(position: Any) -> Iterator[Wrong]:
    first, second = position.axis.axis1, position.axis.axis2
    projection = (first.ctype or "")[-3:]
    if projection not in _PROJECTIONS or (first.ctype, second.ctype) != (f"RA---{projection}", f"DEC--{projection}"):
        yield "axes of right ascension and declination", f"{first.ctype} and {second.ctype}"
    if (first.cunit, second.cunit, position.coordsys) != ("deg", "deg", "ICRS"):
        yield "degrees of ICRS", f"{first.cunit} and {second.cunit} of {position.coordsys}"
    function = position.axis.function
    if function is not None and abs(function.cd11 * function.cd22 - function.cd12 * function.cd21) < 1e-30:
        yield "a CD matrix that can be inverted", "a singular one"
    if function is not None and min(function.dimension.naxis1, function.dimension.naxis2) < 1:
        yield "a size of at least one pixel", f"{function.dimension.naxis1} by {function.dimension.naxis2}"


def _axis(axis: Any, names: frozenset[str], units: frozenset[str], what: str) -> Iterator[Wrong]:
    name = (axis.axis.ctype or "").partition("-")[0]
    if name not in names:
        yield f"a type of a {what} axis", axis.axis.ctype or "none"
    if axis.axis.cunit not in units:
        yield f"a unit of {what}", axis.axis.cunit or "none"
    pixels = (axis.range.start.pix, axis.range.end.pix) if axis.range is not None else _ONE_PIXEL
    if pixels != _ONE_PIXEL:
        yield f"a {what} axis of one pixel, 0.5 to 1.5", f"{pixels[0]:g} to {pixels[1]:g}"
    function = axis.function
    if function is not None and (function.delta == 0 or function.naxis < 1):
        yield f"a {what} axis with steps", f"{function.naxis} steps of {function.delta:g}"


def _numbers(chunk: Any) -> Iterator[Wrong]:
    """Find axis numbers that are not those of the chunk, each once."""
    names = ("position_axis_1", "position_axis_2", "energy_axis", "time_axis", "polarization_axis", "custom_axis", "observable_axis")
    used = [number for name in names if (number := getattr(chunk, name, None)) is not None]
    if sorted(used) != list(range(1, (chunk.naxis or 0) + 1)):
        yield f"each of {chunk.naxis or 'no'} axes once", ", ".join(map(str, used)) or "none"
    elif used and (chunk.position_axis_1, chunk.position_axis_2) != (1, 2):
        yield "columns and rows first", f"{chunk.position_axis_1} and {chunk.position_axis_2}"


def _unlike(chunk: Any, plane: Any) -> Iterator[Wrong]:
    """Say in what a chunk that is sound by itself differs from its plane."""
    yield from _elsewhere(chunk.position, plane)
    yield from _other_span(chunk.energy, plane.energy, ("bandpass_name", "specsys"), (None, "TOPOCENT"))
    yield from _other_span(chunk.time, plane.time, ("exposure", "timesys"), (None, "UTC"))


def _elsewhere(position: Any, plane: Any) -> Iterator[Wrong]:
    """Find a corner of an image that is near none of the footprint's: the linear part may miss it by what distortion does."""
    points, drawn = vertices(plane), corners_of(position) if position is not None else None
    if drawn is None or points is None or len(points) != _CORNERS:
        return
    corners, there = [unit(*corner) for corner in drawn], [unit(*point) for point in points]
    near = _NEAR * math.dist(corners[0], corners[2])
    farthest = max(min(math.dist(corner, point) for point in there) for corner in corners)
    if farthest > near:
        wanted, found = (math.degrees(chord) * 3600 for chord in (near, farthest))
        yield f"corners within {wanted:.2f} arc seconds of the footprint's", f"one {found:.2f} arc seconds away"


def _other_span(axis: Any, whole: Any, names: tuple[str, ...], fixed: tuple[str | None, ...]) -> Iterator[Wrong]:
    if axis is None:
        return
    ends = ends_of(axis.axis)
    if whole is None or whole.bounds is None:
        yield "only what the plane has too", "an axis that the plane has not"
        return
    if ends is not None and any(abs(a - b) > _SAME * abs(b) for a, b in zip(ends, (whole.bounds.lower, whole.bounds.upper), strict=True)):
        yield f"{whole.bounds.lower:.12g} to {whole.bounds.upper:.12g}, as the plane has it", f"{ends[0]:.12g} to {ends[1]:.12g}"
    for name, word in zip(names, fixed, strict=True):
        wanted, found = word or getattr(whole, name), getattr(axis, name)
        if wanted != found:
            yield f"{name} {wanted}", str(found)
