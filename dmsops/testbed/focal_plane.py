"""The focal plane: where every detector and subarray sits, and what a visit's exposures are pointed by.

Positions and shapes come from the SIAF (``pysiaf``).
"""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.errors import BadVisit

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A subarray on its detector: 1-based corner in the science frame and size, as in ``SUBSTRT``/``SUBSIZE``."""

    xstart: int
    ystart: int
    xsize: int
    ysize: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Give (rows, columns) of the full frame."""
        y, x = self.ystart - 1, self.xstart - 1
        return slice(y, y + self.ysize), slice(x, x + self.xsize)


def rotations() -> Any:
    """Give ``pysiaf.utils.rotations``, imported without what pysiaf prints."""
    siaf()
    from pysiaf.utils import rotations as found

    return found


@cache
def siaf(instrument: str = modes.NIRCAM) -> Any:
    """Open an instrument's SIAF that comes with ``pysiaf`` (enter the runtime first: see `dmsops.core.config.enter_runtime`)."""
    with redirect_stdout(StringIO()):  # pysiaf prints, at import, that it could not ask the network for a newer edition
        import pysiaf

    return pysiaf.Siaf({"NIRCAM": "NIRCam", "NIRSPEC": "NIRSpec"}.get(instrument, instrument))


def aperture(detector: str, subarray: str) -> Any:
    """Find the SIAF aperture of a detector and header subarray name.

    Raises
    ------
    BadVisit
        The detector has no such subarray.
    """
    instrument = modes.instrument_of(detector)
    name = modes.subarray(subarray, instrument).aperture_of(detector)
    if name not in siaf(instrument).apernames:
        raise BadVisit(f"detector {detector} has no subarray {subarray} in the SIAF", detector=detector, subarray=subarray)
    return siaf(instrument)[name]


def full_size(detector: str) -> tuple[int, int]:
    """Give rows and columns of a whole detector."""
    whole = modes.subarray("FULL", modes.instrument_of(detector))
    return whole.rows, whole.columns


@cache
def cut(detector: str, subarray: str) -> Cut:
    """Find where a subarray sits, in 1-based science pixels of its full frame (where the SIAF does not say, the mode does).

    The SIAF's own ``dms_corner`` is wrong for detectors whose x axis is flipped, so the corner is carried through the sky.
    """
    size = modes.subarray(subarray, modes.instrument_of(detector))
    if subarray == "FULL":
        return Cut(xstart=1, ystart=1, xsize=size.columns, ysize=size.rows)
    if size.corner:
        return Cut(xstart=size.corner[0], ystart=size.corner[1], xsize=size.columns, ysize=size.rows)
    part, full = aperture(detector, subarray), aperture(detector, "FULL")
    x, y = full.tel_to_sci(*part.sci_to_tel(1, 1))
    return Cut(xstart=round(float(x)), ystart=round(float(y)), xsize=int(part.XSciSize), ysize=int(part.YSciSize))


def target_aperture(exposure: Exposure) -> Any:
    """Give the aperture at whose reference point an exposure's target falls.

    Module A wavefront work points at the focus point NRCA3_FP1 (its subarrays share it); small rehearsals point at the
    centre of NRCA3's SUB320 so that the star is inside (ours). Without NRCA3 (or NRCB4) it is the first detector's own.
    """
    detectors = [r.detector for r in exposure.readouts]
    main = next((d for d in ("NRCA3", "NRCB4") if d in detectors), detectors[0])
    if exposure.subarray == "FULL" and main in {"NRCA3", "NRCB4"}:
        return siaf()[f"{main}_FP1"]
    return aperture(main, exposure.subarray)


def steering(visit: Visit, exposure: Exposure) -> Exposure:
    """Give the exposure that the telescope was pointed for: a parallel one goes along with the prime one beside it."""
    if exposure.name.sequence == "1":
        return exposure
    prime = [e for e in visit.exposures if e.name.sequence == "1" and e.start < exposure.end and e.end > exposure.start]
    return prime[0] if prime else exposure
