"""Sizes of a rehearsal: the visit as it was flown, or the same visit on subarrays, for small machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

from dmsops.core import modes
from dmsops.core.records import Exposure, Visit

Size = Literal["small", "real"]
SMALL_SUBARRAYS = {"NIRCAM": "SUB320", "NIRISS": "SUB64", "MIRI": "SUB64", "NIRSPEC": "SUB2048", "FGS": "SUB128CNTR"}
SMALL_JITTER_NINTS = 10


def as_size(visit: Visit, size: Size) -> Visit:
    """Give a visit the size of a rehearsal.

    ``real`` is the visit as given. ``small`` (ours) reads a small subarray of every detector (NIRCam: 320 x 320 pixels) in
    place of its full frame, and 10 integrations of a jitter exposure. Start times stay as they were; durations shrink with
    the time to read a frame.
    """
    if size == "real":
        return visit
    return replace(visit, exposures=tuple(_small(e) for e in visit.exposures))


def detector_frames(visit: Visit) -> int:
    """Count the frames of a visit's images: detectors x integrations x groups, without acquisition and jitter."""
    images = (e for e in visit.exposures if not e.exp_type.endswith("_TACQ") and not e.is_jitter)
    return sum(len(e.readouts) * e.nints * e.ngroups for e in images)


def _small(exposure: Exposure) -> Exposure:
    if exposure.subarray == "FULL":
        small = replace(exposure, subarray=SMALL_SUBARRAYS[modes.instrument_of(exposure.readouts[0].detector)])
        return _shortened(small, modes.subarray_of(small).frame_seconds / modes.subarray_of(exposure).frame_seconds)
    if exposure.is_jitter and exposure.nints > SMALL_JITTER_NINTS:
        return _shortened(replace(exposure, nints=SMALL_JITTER_NINTS), SMALL_JITTER_NINTS / exposure.nints)
    return exposure


def _shortened(exposure: Exposure, factor: float) -> Exposure:
    elapsed = round(exposure.exposure_seconds * factor, 3)
    photons = round(exposure.photon_seconds * factor, 3)
    return replace(exposure, exposure_seconds=elapsed, photon_seconds=photons, end=exposure.start + timedelta(seconds=elapsed))
