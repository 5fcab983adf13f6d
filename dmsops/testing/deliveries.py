"""A small delivery for tests: one short visit, every kind of file, a few tens of kB, written by the real interfaces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import Exposure, GuideStar, Readout, Target, Visit
from dmsops.interfaces.fdf import Ephemeris, write_oem
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.interfaces.fos.osf import write_osf
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS, Geometry, RecorderWriter
from dmsops.interfaces.pps import plan_name, write_plan
from dmsops.testing.telemetry import write_engineering

START = datetime(2022, 12, 4, 2, 51, 16, tzinfo=UTC)
GEOMETRY = Geometry(1, 1, 16, 16)


def small_visit(number: str = "02726402001", *, exposures: int = 2, detectors: tuple[str, ...] = ("NRCA3", "NRCA4")) -> Visit:
    """Describe a visit of some short exposures."""
    visit = VisitId.parse(number)
    return Visit(
        id=visit,
        visit_type="PRIME_WFSC_SENSING_ONLY",
        template="WFSC NIRCam Fine Phasing",
        title="Routine wavefront sensing",
        category="CAL",
        pi_name="Operations",
        priority="HIGH",
        start=START,
        end=START + timedelta(minutes=30),
        target=Target(name="STAR", ra=80.0, dec=-69.5, magnitude=9.0),
        position_angle=30.0,
        guide_star=GuideStar(),
        exposures=tuple(_exposure(visit, i + 1, detectors) for i in range(exposures)),
    )


def _exposure(visit: VisitId, number: int, detectors: tuple[str, ...]) -> Exposure:
    start = START + timedelta(minutes=5 * number)
    return Exposure(
        name=ExposureName(visit, "03", "1", "04", number),
        exp_type="NRC_IMAGE",
        readouts=tuple(Readout(detector=d, filter="F212N", pupil="WLM8") for d in detectors),
        readpatt="RAPID",
        nints=1,
        ngroups=2,
        subarray="SUB16",
        start=start,
        end=start + timedelta(seconds=30),
        exposure_seconds=30.0,
        photon_seconds=25.0,
    )


def write_delivery(folder: Path, visit: Visit, *, delivery_id: str = "D0001", sequence: int = 1, seed: int = 1) -> Path:
    """Write a delivery of a visit: science (one file per exposure), engineering, status file, ephemeris, plan, manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for exposure in visit.exposures:
        write_science(folder / f"S0000_{exposure.start:%Y%j%H%M%S}_{exposure.name.number:03d}.out", exposure, random)
    seconds = START.timestamp() + np.arange(0.0, 1800.0, 60.0)
    write_engineering(folder / f"E0000_{START:%Y%j%H%M%S}_001.out", {m: (seconds, np.zeros(30)) for m in POINTING_MNEMONICS})
    write_osf(visit, folder)
    write_oem(_ephemeris(), folder)
    write_plan(visit, folder / plan_name(visit.id))
    write_manifest(folder, delivery_id=delivery_id, sender="FOS", sequence=sequence, created=visit.end + timedelta(minutes=40))
    return folder


def write_science(path: Path, exposure: Exposure, random: np.random.Generator) -> None:
    """Write one exposure's recorder file, its detectors interleaved frame by frame."""
    with RecorderWriter(path) as recorder:
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, GEOMETRY, exposure.start)
        for group in range(1, exposure.ngroups + 1):
            for readout in exposure.readouts:
                pixels = random.integers(0, 60_000, (16, 16)).astype(np.uint16)
                recorder.frame(exposure, readout, GEOMETRY, 1, group, pixels, exposure.start + timedelta(seconds=10 * group))
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, GEOMETRY, exposure.end)


def _ephemeris() -> Ephemeris:
    midnight = np.datetime64(START.strftime("%Y-%m-%d"), "ms")
    times = midnight + np.arange(0, 6 * 60, dtype="timedelta64[m]").astype("timedelta64[ms]")
    velocity = np.array([0.1, 0.2, 0.05])
    places = np.array([1.4e6, 2.0e5, 1.0e5]) + np.arange(len(times))[:, None] * 60.0 * velocity
    return Ephemeris(kind="Predicted", times=times, positions=places, velocities=np.tile(velocity, (len(times), 1)))


def delivered_names(folder: Path) -> list[str]:
    """Give the names of a delivery's files, the manifest left out."""
    return sorted(p.name for p in folder.iterdir() if p.name != MANIFEST)
