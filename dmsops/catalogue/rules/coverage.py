"""Rules of coverage: where, when and in what light."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from dmsops.catalogue.bands import band_of
from dmsops.catalogue.coverage import sees_the_sky
from dmsops.catalogue.polygon import apart, fault_of, middle_of
from dmsops.catalogue.registry import Case, Seen, rule
from dmsops.catalogue.rules.parts import is_derived, keywords, planes, uri, vertices, word

LAUNCH_MJD = 59573.0
"""25 December 2021."""
LAST_MJD = 70000.0
"""July 2050: no propellant lasts longer."""
FAR_DEGREES = 2400.0 / 3600.0
"""The whole field of view is within this of the target (2,400 arc seconds: the case of our list)."""
LARGEST_SQUARE_DEGREES = 1.0
"""No footprint of one observation is larger; a detector has 0.001."""
SHORTEST, LONGEST = 0.5e-6, 30e-6
"""Metres: the observatory's range."""
_AGREE = 1.001
_CLOSE, _LINE, _MOVE = 0, 1, 2
"""How CAOM 2.4 codes the segments of a drawn polygon."""


@rule("C27", "error", "Set the pointing (P12), make the product again, and ingest it again (P15).", source="header", fix="describe")
def has_a_footprint(case: Case) -> Iterator[Seen]:
    """Find a plane without a footprint on the sky, of an exposure that saw the sky."""
    if not sees_the_sky(case.observation.type):
        return
    for plane in planes(case.observation):
        if plane.position is None or plane.position.bounds is None:
            yield uri(case.observation, plane), "a polygon from S_REGION", "no position"


@rule("C28", "error", "Correct the footprint from the WCS and ingest again (P16).", source="header", fix="describe")
def has_a_sound_polygon(case: Case) -> Iterator[Seen]:
    """Find a footprint that is not a sound polygon."""
    for plane in planes(case.observation):
        points = vertices(plane)
        if points is None or not _on_the_sky(points):  # C29 names it
            continue
        fault = _unsound(tuple(points)) or _drawn_otherwise(plane, points)
        if fault is not None:
            yield uri(case.observation, plane), "a simple polygon, counter-clockwise, with area", fault


@lru_cache(maxsize=16)
def _unsound(points: tuple[tuple[float, float], ...]) -> str | None:
    """Say what is wrong with a polygon; kept for a moment, as the planes of an observation mostly have the same."""
    return fault_of(list(points)) or _too_large(list(points))


def _too_large(points: list[tuple[float, float]]) -> str | None:
    reach = max(apart(points[0], p) for p in points)
    return f"reaches over {reach:.1f} degrees" if reach**2 / 2 > LARGEST_SQUARE_DEGREES else None


def _drawn_otherwise(plane: Any, points: list[tuple[float, float]]) -> str | None:
    """Say whether the polygon's drawing (its samples) is not that of its points: move, lines, close."""
    drawn = plane.position.bounds.samples.vertices
    kinds = [word(v.type) for v in drawn]
    wanted = [str(k) for k in (_MOVE, *[_LINE] * (len(points) - 1), _CLOSE)]
    if [(v.cval1, v.cval2) for v in drawn] != [*points, points[0]] or kinds != wanted:
        return "is drawn otherwise than by its points"
    return None


def _on_the_sky(points: list[tuple[float, float]]) -> bool:
    return all(0 <= ra < 360.000001 and -90 <= dec <= 90 for ra, dec in points)


@rule("C29", "error", "Correct the pointing (P12) and describe it again (P16).", source="header", fix="describe")
def is_on_the_sky(case: Case) -> Iterator[Seen]:
    """Find a right ascension or declination that is none."""
    wanted = "0 <= RA < 360, -90 <= Dec <= 90"
    target = _target(case.observation)
    if target is not None and not _on_the_sky([target]):
        yield uri(case.observation), wanted, f"target at {target[0]:g}, {target[1]:g}"
    if target is not None and case.observation.target_position.coordsys != "ICRS":
        yield uri(case.observation), "a target in ICRS", str(case.observation.target_position.coordsys)
    for plane in planes(case.observation):
        odd = [p for p in vertices(plane) or () if not _on_the_sky([p])]
        if odd:
            yield uri(case.observation, plane), wanted, f"a vertex at {odd[0][0]:g}, {odd[0][1]:g}"


def _target(observation: Any) -> tuple[float, float] | None:
    where = observation.target_position.coordinates if observation.target_position else None
    return None if where is None else (where.cval1, where.cval2)


@rule(
    "C30",
    "error",
    "Compare pointing and target, correct one (P12), then describe it again (P16).",
    source="siblings",
    fix="describe",
)
def is_where_its_siblings_are(case: Case) -> Iterator[Seen]:
    """Find a footprint far from the target or from that of another plane."""
    middles = {p.product_id: middle_of(points) for p in planes(case.observation) if (points := vertices(p)) and _on_the_sky(points)}
    target = _target(case.observation)
    first = next(iter(middles.values()), None)
    for plane in planes(case.observation):
        mine = middles.get(plane.product_id)
        if mine is None or first is None:
            continue
        for other, whose in ((first, "its siblings"), (target, "the target")):
            if other is not None and _on_the_sky([other]) and (degrees := apart(mine, other)) > FAR_DEGREES:
                yield uri(case.observation, plane), f"within {FAR_DEGREES:.2f} degrees of {whose}", f"{degrees:.2f} degrees away"
                break


@rule("C31", "warning", "Bring the pointing telemetry (P03), then make the exposure again (P12).", source="header")
def has_a_measured_pointing(case: Case) -> Iterator[Seen]:
    """Find a position that is the planned one: no pointing telemetry was there."""
    if not sees_the_sky(case.observation.type):
        return
    for plane in planes(case.observation):
        if keywords(plane.provenance).get("ENGQLPTG", "").startswith("PLANNED"):
            yield uri(case.observation, plane), "a pointing from telemetry (ENGQLPTG=CALCULATED...)", "ENGQLPTG=PLANNED"


@rule("C32", "error", "Describe the observation again from its products (P16).", source="filter", fix="describe")
def has_its_band(case: Case) -> Iterator[Seen]:
    """Find a wavelength range that is not in metres, or not that of the filter."""
    for plane in planes(case.observation):
        bounds = plane.energy.bounds if plane.energy is not None else None
        expected = _band(case.observation)
        if bounds is None:
            if expected is not None:
                yield uri(case.observation, plane), f"{expected[0]:.3e} to {expected[1]:.3e} m", "no wavelength range"
        elif not SHORTEST <= bounds.lower < bounds.upper <= LONGEST:
            yield uri(case.observation, plane), "metres, within 0.5e-6 to 30e-6", f"{bounds.lower:g} to {bounds.upper:g}"
        elif expected is not None and not _like(bounds, expected):
            yield uri(case.observation, plane), f"{expected[0]:.3e} to {expected[1]:.3e} m", f"{bounds.lower:.3e} to {bounds.upper:.3e} m"
        elif not _sampled(bounds):
            yield uri(case.observation, plane), "samples that cover the range", "others"
        elif not _named_by_optics(case.observation, plane):
            yield uri(case.observation, plane), "the filter and pupil of the instrument", str(plane.energy.bandpass_name)


def _sampled(bounds: Any) -> bool:
    """Say whether an interval's samples cover it, end to end."""
    return bool(bounds.samples) and (bounds.samples[0].lower, bounds.samples[-1].upper) == (bounds.lower, bounds.upper)


def _named_by_optics(observation: Any, plane: Any) -> bool:
    name = plane.energy.bandpass_name
    return name is None or set(name.split(";")) <= set(observation.instrument.keywords if observation.instrument else ())


def _like(bounds: Any, expected: tuple[float, float]) -> bool:
    return all(1 / _AGREE < found / wanted < _AGREE for found, wanted in zip((bounds.lower, bounds.upper), expected, strict=True))


def _band(observation: Any) -> tuple[float, float] | None:
    """Give the band (metres) that instrument and optics let through, where that is known and the same for the whole observation."""
    if observation.instrument is None:
        return None
    words = sorted(observation.instrument.keywords)
    bands = {b for light in words for pupil in (*words, "") if (b := band_of(observation.instrument.name, light, pupil)) is not None}
    narrowest = min(bands, key=lambda b: b[1] - b[0], default=None)
    return None if narrowest is None else (narrowest[0] * 1e-6, narrowest[1] * 1e-6)


@rule("C33", "error", "Look at the exposure's times in its header and in the status file (P05).", source="header", fix="describe")
def has_a_time(case: Case) -> Iterator[Seen]:
    """Find a plane without a time in MJD, with one that cannot be, or whose exposure is longer than its span."""
    spans = []
    for plane in planes(case.observation):
        bounds = plane.time.bounds if plane.time is not None else None
        if bounds is None:
            yield uri(case.observation, plane), "start and end (EXPSTART, EXPEND)", "no time"
            continue
        spans.append((plane, bounds.lower, bounds.upper))
        if not LAUNCH_MJD < bounds.lower <= bounds.upper < LAST_MJD:
            yield uri(case.observation, plane), "MJD after the launch, start before end", f"{bounds.lower:g} to {bounds.upper:g}"
        elif plane.time.exposure is not None and not 0 <= plane.time.exposure <= (bounds.upper - bounds.lower) * 86400.0 + 1.0:
            span = (bounds.upper - bounds.lower) * 86400.0
            yield uri(case.observation, plane), f"at most the span of {span:.1f} s", f"an exposure of {plane.time.exposure:.1f} s"
        elif not _sampled(bounds):
            yield uri(case.observation, plane), "samples that cover the span", "others"
    yield from _apart_in_time(case.observation, spans)


def _apart_in_time(observation: Any, spans: list[tuple[Any, float, float]]) -> Iterator[Seen]:
    """Find planes of one exposure with different times: they show the same photons."""
    if is_derived(observation):
        return
    for plane, lower, upper in spans[1:]:
        if upper < spans[0][1] or lower > spans[0][2]:
            yield uri(observation, plane), f"the time of its siblings, MJD {spans[0][1]:.5f}", f"MJD {lower:.5f}"
