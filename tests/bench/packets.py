"""Recorder files: how many packets a second are found, checked, counted and put into place, against numpy's bare read of the same file.

The bare read is `numpy.fromfile` and one sum over its bytes: every byte comes into memory and is touched once. All
readings are of a file that the system has in its cache, the best of some turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dmsops.core.names import ExposureName
from dmsops.core.records import Exposure, Readout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter, read_exposure, scan
from tests.bench.row import Row

AT = datetime(2022, 12, 4, tzinfo=UTC)
TURNS = 5
FULL = ("full frames, 5 detectors", Geometry(1, 1, 2048, 2048), ("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG"), 1, 4)
CASES = (
    FULL,
    ("100,000 frames of 8 x 8", Geometry(1, 1, 8, 8), ("NRCA3",), 10_000, 10),
    ("100,000 frames of 64 x 64, 2 detectors interleaved", Geometry(1, 1, 64, 64), ("NRCA3", "NRCALONG"), 5_000, 10),
)
GOALS = {"100,000 frames of 8 x 8": 0.1}
GOAL = 0.5
"""Least ratios to the bare read (ours). A file of 18 MB lies in the processor's cache when it is read again: there the bare read is
quicker than any memory, and what is done for each of 100,000 packets shows."""


def rows(place: Path) -> Iterator[Row]:
    """Write each file, and read it the bare way and ours in turns."""
    for title, geometry, detectors, nints, ngroups in CASES:
        path, exposure = place / "packets.out", _exposure(detectors, nints, ngroups)
        write(path, exposure, geometry)
        packets = len(read_chain(path).starts)
        asked: dict[str, Callable[[], object]] = {
            "scan": lambda path=path: scan(path),
            "read_exposure": lambda path=path, e=exposure: [read_exposure([path], e.name, r.detector) for r in e.readouts],
        }
        for verb, ask in asked.items():
            ours, bare = _turns(ask, lambda path=path: int(np.fromfile(path, dtype=np.uint8).sum(dtype=np.uint64)))
            ratio = bare / ours
            yield Row(
                row=f"{verb} of {title} ({packets} packets, {path.stat().st_size / 1e6:.0f} MB)",
                ours=packets / ours / 1000,
                against=packets / bare / 1000,
                against_what="numpy.fromfile and a sum",
                ratio=ratio,
                goal=f">= {GOALS.get(title, GOAL)}",
                met=ratio >= GOALS.get(title, GOAL),
                unit="thousand packets/s",
            )
        path.unlink()


def _turns(*asked: Callable[[], object]) -> list[float]:
    """Give the best time of each, taken in turns."""
    times: list[list[float]] = [[] for _ in asked]
    for _ in range(TURNS):
        for ask, found in zip(asked, times, strict=True):
            begun = time.perf_counter()
            ask()
            found.append(time.perf_counter() - begun)
    return [min(found) for found in times]


def _exposure(detectors: tuple[str, ...], nints: int, ngroups: int) -> Exposure:
    return Exposure(
        name=ExposureName.parse("jw02726402001_03104_00001"),
        exp_type="NRC_IMAGE",
        readouts=tuple(Readout(detector=d, filter="F212N", pupil="CLEAR") for d in detectors),
        readpatt="RAPID",
        nints=nints,
        ngroups=ngroups,
        start=AT,
        end=AT,
        exposure_seconds=0.0,
        photon_seconds=0.0,
    )


def write(path: Path, exposure: Exposure, geometry: Geometry) -> None:
    """Write an exposure, its detectors interleaved frame by frame."""
    frames = np.random.default_rng(1).integers(0, 65536, (8, geometry.ysize, geometry.xsize)).astype(np.uint16)
    with RecorderWriter(path) as recorder:
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, geometry, AT)
        for i, g in np.ndindex(exposure.nints, exposure.ngroups):
            for n, readout in enumerate(exposure.readouts):
                recorder.frame(exposure, readout, geometry, i + 1, g + 1, frames[(i + g + n) % 8], AT)
