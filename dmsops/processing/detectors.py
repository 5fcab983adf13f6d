"""What the headers must say about each NIRCam detector.

Axes and SCA numbers are those of the NIRCam detectors in flight headers: ``FASTAXIS`` and ``SLOWAXIS`` give the
direction of the fast and slow readout in science orientation.
"""

from __future__ import annotations

from dataclasses import dataclass

from dmsops.core.errors import BadVisit


@dataclass(frozen=True, slots=True)
class Detector:
    """One detector: module, channel, readout axes, SCA number."""

    module: str
    channel: str
    fastaxis: int
    slowaxis: int
    sca: int


DETECTORS = {
    "NRCA1": Detector("A", "SHORT", -1, 2, 481),
    "NRCA2": Detector("A", "SHORT", 1, -2, 482),
    "NRCA3": Detector("A", "SHORT", -1, 2, 483),
    "NRCA4": Detector("A", "SHORT", 1, -2, 484),
    "NRCALONG": Detector("A", "LONG", -1, 2, 485),
    "NRCB1": Detector("B", "SHORT", 1, -2, 486),
    "NRCB2": Detector("B", "SHORT", -1, 2, 487),
    "NRCB3": Detector("B", "SHORT", 1, -2, 488),
    "NRCB4": Detector("B", "SHORT", -1, 2, 489),
    "NRCBLONG": Detector("B", "LONG", 1, -2, 490),
}


def detector(name: str) -> Detector:
    """Find a detector by its header name (``NRCA3``, ``NRCALONG``).

    Raises
    ------
    BadVisit
        It is not one of NIRCam's ten: level 1b is made for NIRCam only, so far.
    """
    if name not in DETECTORS:
        raise BadVisit(f"level 1b cannot be made for detector {name}: only NIRCam's detectors are known", detector=name)
    return DETECTORS[name]
