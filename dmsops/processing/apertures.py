"""Which SIAF aperture a detector reads in a subarray, and how long one frame takes."""

from __future__ import annotations

from dmsops.processing.detectors import detector

_FULL = 2048
_NAMED = {
    "SUB64FP1A": "NRCA3_FP1_SUB64",
    "SUB8FP1A": "NRCA3_FP1_SUB8",
    "SUB64FP1B": "NRCB4_FP1_SUB64",
    "SUB8FP1B": "NRCB4_FP1_SUB8",
}


def aperture(subarray: str, name: str) -> str:
    """Name the SIAF aperture: ``FULL`` on ``NRCALONG`` is ``NRCA5_FULL``."""
    return _NAMED.get(subarray, f"{detector(name).siaf}_{subarray}")


def frame_seconds(columns: int, rows: int) -> float:
    """Give the time to read one frame (NIRCam: 10 us a pixel, 12 pixels of overhead a row; JDox *NIRCam detector readout*)."""
    if columns == rows == _FULL:
        return (columns / 4 + 12) * (rows + 1) * 1e-5
    return (columns + 12) * (rows + (3 if columns <= 8 else 2)) * 1e-5
