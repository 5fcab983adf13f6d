"""Recorder files of FOS: science (`RecorderWriter`, `scan`, `read_exposure`) and engineering (`scan_engineering`; more in `engineering`).

The layout is ours: docs/reference/packets.md gives it bit by bit.
"""

from dmsops.interfaces.fos.counters import Counted, counters
from dmsops.interfaces.fos.engineering import EngineeringPart, scan_engineering
from dmsops.interfaces.fos.layout import APIDS, POINTING_APID, ExposureHeader, Geometry, TakenName
from dmsops.interfaces.fos.parts import Part, scan
from dmsops.interfaces.fos.recorder import Recorded, RecorderWriter
from dmsops.interfaces.fos.science import RawExposure, read_exposure
from dmsops.interfaces.fos.telemetry import POINTING_MNEMONICS

__all__ = [
    "APIDS",
    "POINTING_APID",
    "POINTING_MNEMONICS",
    "Counted",
    "EngineeringPart",
    "ExposureHeader",
    "Geometry",
    "Part",
    "RawExposure",
    "Recorded",
    "RecorderWriter",
    "TakenName",
    "counters",
    "read_exposure",
    "scan",
    "scan_engineering",
]
