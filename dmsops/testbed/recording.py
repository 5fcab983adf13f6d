"""The science recorder: a visit's exposures, simulated and written as packets."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from dmsops.core.names import RecorderFileName
from dmsops.core.records import Exposure, Readout, Visit
from dmsops.interfaces.fos import osf
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter
from dmsops.testbed import focal_plane
from dmsops.testbed.scene import field
from dmsops.testbed.shot import Shot, take, timing

Progress = Callable[[int, int, str], None]
MANY_PIXELS = 30_000_000  # from here on detectors are simulated side by side; below, starting processes costs more


def carried_out(visit: Visit) -> Iterable[Exposure]:
    """Give the exposures that were made at all, in the order of time."""
    return (e for e in sorted(visit.exposures, key=lambda e: e.start) if e.status in osf.EXECUTED)


def recorder_file(stream: str, at: datetime, serial: int) -> str:
    """Name a recorder file: stream S or E, time of its first packet, number in the visit."""
    return str(RecorderFileName(stream, at.strftime("%Y%j%H%M%S"), f"{serial:03d}"))


def record_science(visit: Visit, delivery: Path, truth: Path, seed: int, workers: int, progress: Progress) -> list[tuple[str, int]]:
    """Simulate and write every exposure; give the name of each uncal and the number of its frames that were sent."""
    exposures = list(carried_out(visit))
    scratch = delivery.parent / "scratch"
    scratch.mkdir()
    stars = field(visit, seed)
    make = partial(Shot, visit=visit, stars=stars, seed=seed, truth=truth)
    shots = [[make(exposure=e, readout=r, pixels=scratch / f"{e.name}_{r.detector}.npy") for r in e.readouts] for e in exposures]
    total, done = sum(map(len, shots)), 0
    counters: dict[int, int] = {}
    sent: list[tuple[str, int]] = []
    with _taking([shot for group in shots for shot in group], workers) as taken:
        for serial, (exposure, group) in enumerate(zip(exposures, shots, strict=True), start=1):
            for shot in group:
                next(taken)
                done += 1
                progress(done, total, f"{exposure.name} {shot.readout.detector}")
            with RecorderWriter(delivery / recorder_file("S", exposure.start, serial), counters) as recorder:
                sent += _record(recorder, exposure, [(s.readout, s.planes()) for s in group])
            for shot in group:
                shot.forget()
    scratch.rmdir()
    return sent


@contextmanager
def _taking(shots: list[Shot], workers: int) -> Iterator[Iterator[Path]]:
    """Take shots in their order: here if they are small, in processes of their own if they are large."""
    pixels = sum(s.exposure.nints * s.exposure.ngroups * _area(s) for s in shots)
    if workers == 1 or pixels < MANY_PIXELS:
        yield map(take, shots)
        return
    with ProcessPoolExecutor(min(workers, len(shots)), mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield pool.map(take, shots)
        finally:
            pool.shutdown(cancel_futures=True)


def _area(shot: Shot) -> int:
    where = focal_plane.cut(shot.readout.detector, shot.exposure.subarray)
    return where.xsize * where.ysize


def _record(recorder: RecorderWriter, exposure: Exposure, taken: Sequence[tuple[Readout, dict[str, np.ndarray]]]) -> list[tuple[str, int]]:
    """Write one exposure's packets, its detectors interleaved frame by frame."""
    sent = [_Sender(recorder, exposure, readout, planes) for readout, planes in taken]
    for sender in sent:
        sender.describe(exposure.start)
    count, last = 0, exposure.start
    for integration, group, last in _groups_read(exposure):
        for sender in sent:
            sender.send(integration, group, last)
        count += 1
    for sender in sent:
        sender.describe(last)
    return [(str(exposure.product(readout.detector, "uncal")), count) for readout, _ in taken]


class _Sender:
    """One detector of an exposure on its way into the recorder."""

    def __init__(self, recorder: RecorderWriter, exposure: Exposure, readout: Readout, planes: dict[str, np.ndarray]) -> None:
        where = focal_plane.cut(readout.detector, exposure.subarray)
        self._recorder, self._planes = recorder, planes
        self._what = (exposure, readout, Geometry(where.xstart, where.ystart, where.xsize, where.ysize))

    def describe(self, at: datetime) -> None:
        """Write the exposure header."""
        planes = self._planes
        self._recorder.exposure_header(*self._what, at, zero_frames="zero" in planes, reference_outputs="reference" in planes)

    def send(self, integration: int, group: int, at: datetime) -> None:
        """Write one group (0-based) and what was read beside it."""
        number = (integration + 1, group + 1)
        if "zero" in self._planes and group == 0:
            self._recorder.zero_frame(*self._what, number[0], np.asarray(self._planes["zero"][integration]), at)
        self._recorder.frame(*self._what, *number, np.asarray(self._planes["pixels"][integration, group]), at)
        if "reference" in self._planes:
            self._recorder.reference_output(*self._what, *number, np.asarray(self._planes["reference"][integration, group]), at)


def _groups_read(exposure: Exposure) -> Iterator[tuple[int, int, datetime]]:
    """Give (integration, group, time of its last frame), 0-based: all of them, or those that an aborted exposure got to."""
    readout, whole = timing(exposure), exposure.status == "completed"
    for integration in range(exposure.nints):
        for group in range(exposure.ngroups):
            at = exposure.start + timedelta(seconds=readout.group_end(integration, group))
            if not whole and at > exposure.end:
                return
            yield integration, group, at
