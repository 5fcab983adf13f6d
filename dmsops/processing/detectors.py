"""What the headers must say about each detector.

``FASTAXIS`` and ``SLOWAXIS`` give the direction of the fast and slow readout in science orientation: those of the near
infrared detectors are the ones that the jwst package's own tests of reference pixels state (held to them by a test), MIRI is
read as it lies (SIAF: no turn, no flip). SCA numbers: NIRCam and the guiders as in flight headers; the ones between follow
the same order (assumed).
"""

from __future__ import annotations

from dataclasses import dataclass

from dmsops.core.errors import BadVisit


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector: readout axes, SCA number, module and channel (NIRCam), outputs of a full frame and of a subarray."""

    fastaxis: int
    slowaxis: int
    sca: int
    module: str = ""
    channel: str = ""
    outputs: int = 4
    subarray_outputs: int = 1


DETECTORS = {
    "NRCA1": Detector(-1, 2, 481, "A", "SHORT"),
    "NRCA2": Detector(1, -2, 482, "A", "SHORT"),
    "NRCA3": Detector(-1, 2, 483, "A", "SHORT"),
    "NRCA4": Detector(1, -2, 484, "A", "SHORT"),
    "NRCALONG": Detector(-1, 2, 485, "A", "LONG"),
    "NRCB1": Detector(1, -2, 486, "B", "SHORT"),
    "NRCB2": Detector(-1, 2, 487, "B", "SHORT"),
    "NRCB3": Detector(1, -2, 488, "B", "SHORT"),
    "NRCB4": Detector(-1, 2, 489, "B", "SHORT"),
    "NRCBLONG": Detector(1, -2, 490, "B", "LONG"),
    "NRS1": Detector(2, 1, 491),
    "NRS2": Detector(-2, -1, 492),
    "MIRIMAGE": Detector(1, 2, 493, subarray_outputs=4),
    "MIRIFULONG": Detector(1, 2, 494, subarray_outputs=4),
    "MIRIFUSHORT": Detector(1, 2, 495, subarray_outputs=4),
    "NIS": Detector(-2, -1, 496),
    "GUIDER1": Detector(-2, -1, 497),
    "GUIDER2": Detector(2, -1, 498),
}


def detector(name: str) -> Detector:
    """Find a detector by its header name (``NRCA3``, ``MIRIMAGE``).

    Raises
    ------
    BadVisit
        It is none of the observatory's eighteen.
    """
    if name not in DETECTORS:
        raise BadVisit(f"level 1b cannot be made for detector {name}: the observatory has no such detector", detector=name)
    return DETECTORS[name]
