"""Rules of world coordinates: the axes of chunks, where a description has them (FITS WCS papers I to IV; CAOM 2.4).

A chunk says again, pixel by pixel, what its plane says as a whole: where, when, in what light. The two must agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.chunks import corners_of, ends_of
from dmsops.catalogue.polygon import apart
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts, vertices

_ENERGY = frozenset(("WAVE", "FREQ", "ENER", "AWAV", "VELO", "VRAD"))
_TIME = frozenset(("TIME", "UTC", "TAI"))
_LENGTHS = frozenset(("m", "um", "nm", "Angstrom", "Hz", "GHz", "eV", "keV", "m/s", "km/s"))
_NEAR = 0.05
"""Part of an image's diagonal that distortion may move a corner by."""
_SAME = 1e-12
"""Relative: an interval goes through its steps and back."""
_CORNERS = 4
Wrong = tuple[str, str]


@rule("C34", "error", "Describe the observation again from its products (P16).", source="header", fix="describe")
def has_sound_axes(case: Case) -> Iterator[Seen]:
    """Find world coordinates whose axes, units or matrix cannot be."""
    for _, uri, chunk in _chunks(case.observation):
        for expected, found in _wrong(chunk):
            yield uri, expected, found


@rule(
    "C53", "warning", "Compare the products' headers (P15), then describe the observation again (P16).", source="siblings", fix="describe"
)
def agrees_with_its_plane(case: Case) -> Iterator[Seen]:
    """Find an image whose place, time or light is not that of its plane."""
    for plane, uri, chunk in _chunks(case.observation):
        if next(_wrong(chunk), None) is None:
            for expected, found in _unlike(chunk, plane):
                yield uri, expected, found


def _chunks(observation: Any) -> Iterator[tuple[Any, str, Any]]:
    for plane, artifact in artifacts(observation):
        for part in artifact.parts.values():
            for chunk in part.chunks:
                yield plane, f"{artifact.uri}[{part.name}]", chunk


def _wrong(chunk: Any) -> Iterator[Wrong]:
    if chunk.position is not None:
        yield from _sky(chunk.position)
    if chunk.energy is not None:
        yield from _axis(chunk.energy.axis, _ENERGY, _LENGTHS, "energy")
    if chunk.time is not None:
        yield from _axis(chunk.time.axis, _TIME, frozenset(("d", "s")), "time")
    yield from _numbers(chunk)


def _sky(position: Any) -> Iterator[Wrong]:
    first, second = position.axis.axis1, position.axis.axis2
    names = (first.ctype or "")[:4], (second.ctype or "")[:4]
    if names not in (("RA--", "DEC-"), ("RA", "DEC"), ("GLON", "GLAT")):
        yield "axes of right ascension and declination", f"{first.ctype} and {second.ctype}"
    odd = {axis.cunit for axis in (first, second)} - {"deg", None}
    if odd:
        yield "degrees", ", ".join(sorted(odd))
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
    function = axis.function
    if function is not None and (function.delta == 0 or function.naxis < 1):
        yield f"a {what} axis with steps", f"{function.naxis} steps of {function.delta:g}"


def _numbers(chunk: Any) -> Iterator[Wrong]:
    """Find axis numbers that are outside of the chunk's, or used twice."""
    names = ("position_axis_1", "position_axis_2", "energy_axis", "time_axis", "polarization_axis", "custom_axis", "observable_axis")
    used = [number for name in names if (number := getattr(chunk, name, None)) is not None]
    if len(used) != len(set(used)):
        yield "every axis number once", ", ".join(map(str, used))
    if chunk.naxis is not None and used and max(used) > chunk.naxis:
        yield f"axis numbers up to {chunk.naxis}", str(max(used))
    elif chunk.naxis is not None and chunk.naxis > len(used):
        yield f"a meaning of each of {chunk.naxis} axes", f"of {len(used)}"


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
    near = _NEAR * apart(drawn[0], drawn[2])
    farthest = max(min(apart(corner, point) for point in points) for corner in drawn)
    if farthest > near:
        yield f"corners within {near * 3600:.2f} arc seconds of the footprint's", f"one {farthest * 3600:.2f} arc seconds away"


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
