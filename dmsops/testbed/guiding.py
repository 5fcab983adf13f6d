"""The simulated guiders: what they read while they find and hold the guide star, from identification to fine guide.

One chain before the visit's first exposure, when the visit asks for it (``guide_readings``). Sizes and times are those of
flight headers (``core/modes/fgs.toml``); identification reads two strips around the star instead of thirty-six, track and
fine guide as few readings as asked for, and the guider has no bad pixels (ours).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core import modes
from dmsops.core.names import GuideStarName
from dmsops.core.records import GuideStar, Readout, Visit
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter
from dmsops.testbed import focal_plane
from dmsops.testbed.detector import seed_of
from dmsops.testbed.nircam import MODEL

BEFORE = timedelta(minutes=6)
BETWEEN = timedelta(seconds=20)
FUNCTIONS = ("gs-id", "gs-acq1", "gs-acq2", "gs-track", "gs-fg")
STRIPS, OVERLAP = 2, 8
STAR_ELECTRONS = 2.0e5  # e-/s
SPOT_PIXELS = 1.5  # width at half maximum
COUNTS = 1000.0  # DN of an empty pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Guiding:
    """One function as it was carried out; times UTC; ``geometry`` of what is read, strips side by side in identification."""

    name: GuideStarName
    detector: str
    exp_type: str
    readpatt: str
    subarray: str
    nints: int
    ngroups: int
    nframes: int
    groupgap: int
    frame_seconds: float
    geometry: Geometry
    start: datetime
    end: datetime

    def read_at(self, integration: int, group: int) -> float:
        """Give seconds from the function's start to the end of a group (0-based), one reset frame before each integration."""
        per_integration = 1 + (self.ngroups - 1) * (self.nframes + self.groupgap) + self.nframes
        return self.frame_seconds * (integration * per_integration + 1 + group * (self.nframes + self.groupgap) + self.nframes)


def functions(visit: Visit) -> list[Guiding]:
    """Give the functions of a visit's guide star, in the order of time; none unless the visit asks for their readings."""
    star = visit.guide_star
    if not visit.guide_readings or star is None or not visit.exposures:
        return []
    found, at = [], min(e.start for e in visit.exposures) - BEFORE
    for word in FUNCTIONS:
        found.append(_carried_out(visit, star, modes.guide_function(word), at))
        at = found[-1].end + BETWEEN
    return found


def _carried_out(visit: Visit, star: GuideStar, function: modes.GuideFunction, start: datetime) -> Guiding:
    pattern, part = modes.readout_pattern(function.readpatt, "FGS"), modes.subarray(function.subarray, "FGS")
    nints = function.nints or visit.guide_readings
    frames = nints * (1 + (function.ngroups - 1) * (pattern.nframes + pattern.groupgap) + pattern.nframes)
    end = start + timedelta(seconds=round(frames * part.frame_seconds, 3))
    stamp = "1" if function.name == "gs-id" else (end + timedelta(seconds=1)).strftime("%Y%j%H%M%S")
    return Guiding(
        name=GuideStarName(visit.id, function.name, stamp),
        detector=f"GUIDER{star.guider}",
        exp_type=function.exp_type,
        readpatt=function.readpatt,
        subarray=function.subarray,
        nints=nints,
        ngroups=function.ngroups,
        nframes=pattern.nframes,
        groupgap=pattern.groupgap,
        frame_seconds=part.frame_seconds,
        geometry=_box(star, function),
        start=start,
        end=end,
    )


def star_pixel(star: GuideStar) -> tuple[float, float]:
    """Give where the guide star falls on its guider: 1-based column and row, science frame."""
    guider = focal_plane.siaf("FGS")
    x, y = guider[f"FGS{star.guider}_FULL"].tel_to_sci(*guider[f"FGS{star.guider}_FULL_OSS"].idl_to_tel(star.x, star.y))
    return float(x), float(y)


def _box(star: GuideStar, function: modes.GuideFunction) -> Geometry:
    x, y = star_pixel(star)
    part = modes.subarray(function.subarray, "FGS")
    if function.name == "gs-id":  # strips run along the rows of the science frame: the fast axis is its second
        return Geometry(round(x) - part.rows + OVERLAP, 1, STRIPS * part.rows, part.columns)
    return Geometry(round(x) - part.columns // 2, round(y) - part.rows // 2, part.columns, part.rows)


def readings(star: GuideStar, function: Guiding, seed: int) -> NDArray[np.uint16]:
    """Draw what the guider reads: the star's light climbing up each ramp, with the noise of a read.

    Returns
    -------
    ndarray of uint16, shape (nints, ngroups, rows, columns)
    """
    rng = np.random.default_rng(seed_of("guiding", seed, function.name))
    spot = _spot(star, function)
    shape = (function.nints, function.ngroups, *spot.shape)
    seconds = np.array([function.read_at(0, group) for group in range(function.ngroups)]) - function.frame_seconds
    light = (STAR_ELECTRONS / MODEL.gain) * seconds[:, None, None] * spot
    noise = rng.normal(0.0, MODEL.read_noise / MODEL.gain / function.nframes**0.5, shape)
    return np.clip(np.rint(COUNTS + light + noise), 0, 65535).astype(np.uint16)


def _spot(star: GuideStar, function: Guiding) -> NDArray[np.float64]:
    """Give the share of the star's light in each pixel that is read; in strips the overlap is seen twice."""
    x, y = star_pixel(star)
    g = function.geometry
    columns = g.xstart + np.arange(g.xsize, dtype=float)
    if function.name.function == "gs-id":
        columns -= OVERLAP * (np.arange(g.xsize) // (g.xsize // STRIPS))
    rows = g.ystart + np.arange(g.ysize, dtype=float)
    across, along = (np.exp(-4 * np.log(2) * ((places - at) / SPOT_PIXELS) ** 2) for places, at in ((columns, x), (rows, y)))
    normal = np.pi * SPOT_PIXELS**2 / (4 * np.log(2))
    return np.asarray(np.outer(along, across) / normal)


def record(visit: Visit, path: Path, seed: int) -> int:
    """Write the packets of a visit's guide-star functions into one recorder file; gives the number of frames."""
    count, star = 0, visit.guide_star
    assert star is not None
    with RecorderWriter(path) as recorder:
        for function in functions(visit):
            readout = Readout(detector=function.detector, filter="", pupil="")
            pixels = readings(star, function, seed)
            recorder.exposure_header(function, readout, function.geometry, function.start)
            for integration, group, at in _reads(function):
                recorder.frame(function, readout, function.geometry, integration + 1, group + 1, pixels[integration, group], at)
                count += 1
            recorder.exposure_header(function, readout, function.geometry, function.end)
    return count


def _reads(function: Guiding) -> Iterator[tuple[int, int, datetime]]:
    for integration in range(function.nints):
        for group in range(function.ngroups):
            yield integration, group, function.start + timedelta(seconds=function.read_at(integration, group))
