"""Rules of world coordinates: the axes of chunks, where a description has them (FITS WCS papers I to IV; CAOM 2.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import artifacts

_ENERGY = frozenset(("WAVE", "FREQ", "ENER", "AWAV", "VELO", "VRAD"))
_TIME = frozenset(("TIME", "UTC", "TAI"))
_LENGTHS = frozenset(("m", "um", "nm", "Angstrom", "Hz", "GHz", "eV", "keV", "m/s", "km/s"))
Wrong = tuple[str, str]


@rule("C34", "error", "Describe the observation again from its products (P16).", source="header", fix="describe")
def has_sound_axes(case: Case) -> Iterator[Seen]:
    """Find world coordinates whose axes, units or matrix cannot be."""
    for _, artifact in artifacts(case.observation):
        for part in artifact.parts.values():
            for chunk in part.chunks:
                for expected, found in _wrong(chunk):
                    yield f"{artifact.uri}[{part.name}]", expected, found


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
