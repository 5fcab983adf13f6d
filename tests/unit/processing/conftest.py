"""Visits, telemetry and ephemerides small enough to work on in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from dmsops.core.config import Settings, enter_runtime
from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import Dither, Exposure, GuideStar, Readout, Target, Visit
from dmsops.processing.header import Frame, Pedigree
from dmsops.processing.level1b import Telemetry

START = datetime(2022, 12, 4, 3, 52, 0, tzinfo=UTC)
FRAME_SECONDS = (320 + 12) * (320 + 2) * 1e-5


@pytest.fixture(autouse=True, scope="session")
def _runtime(tmp_path_factory):
    enter_runtime(Settings(site=tmp_path_factory.mktemp("site")))


@dataclass(frozen=True)
class Oem:
    """An ephemeris as interfaces.fdf gives it."""

    kind: str
    frame: str
    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray


def make_exposure(activity="04", number=1, *, at=0.0, exp_type="NRC_IMAGE", detectors=("NRCA3", "NRCALONG"), index=1, total=2, **more):
    """One exposure of the test visit, `at` seconds after its first."""
    readouts = tuple(
        Readout(detector=d, filter="F356W" if d.endswith("LONG") else "F212N", pupil="CLEAR" if d.endswith("LONG") else "WLM8")
        for d in detectors
    )
    nints, ngroups = more.pop("nints", 2), more.pop("ngroups", 4)
    elapsed = (nints * ngroups + nints - 1) * FRAME_SECONDS
    return Exposure(
        name=ExposureName(VisitId("02726", "402", "001"), "03", "1", activity, number),
        exp_type=exp_type,
        readouts=readouts,
        readpatt="RAPID",
        nints=nints,
        ngroups=ngroups,
        subarray=more.pop("subarray", "SUB320"),
        start=START + timedelta(seconds=at),
        end=START + timedelta(seconds=at + elapsed),
        exposure_seconds=elapsed,
        photon_seconds=nints * ngroups * FRAME_SECONDS,
        dither=more.pop("dither", Dither(pattern="WFSC", index=index, total=total, x=float(index), y=0.0)),
        **more,
    )


def make_visit(exposures=None, **more):
    """A wavefront visit of one pair."""
    values = {
        "id": VisitId("02726", "402", "001"),
        "visit_type": "PRIME_WFSC_SENSING_ONLY",
        "template": "WFSC NIRCam Fine Phasing",
        "title": "Wavefront maintenance",
        "category": "COM",
        "pi_name": "Nobody",
        "priority": "HIGH",
        "start": START - timedelta(hours=1),
        "end": START + timedelta(minutes=20),
        "target": Target(name="SIM-STAR", ra=80.0, dec=-69.5, magnitude=9.0),
        "position_angle": 35.0,
        "guide_star": GuideStar(guider=1, x=12.0, y=-20.0, ra=80.2, dec=-69.4),
        "exposures": exposures or (make_exposure(index=1), make_exposure(number=2, index=2, at=60.0)),
    }
    return Visit(**{**values, **more})


@pytest.fixture(scope="session")
def build():
    """Give the builders, for tests that want something else than the fixtures."""
    return SimpleNamespace(exposure=make_exposure, visit=make_visit, telemetry=make_telemetry, start=START, frame_seconds=FRAME_SECONDS)


@pytest.fixture
def visit():
    """The wavefront visit of one pair."""
    return make_visit()


@pytest.fixture(scope="session")
def oem():
    """A day of an observatory 1.5 million km out, moving at 0.2 km/s."""
    minutes = np.arange(-720, 720)
    first = START.timestamp() / 86400 + 40587
    positions = np.column_stack([np.full(1440, 1.0e6), 1.1e6 + minutes * 6.0, np.full(1440, 2.0e5)])
    return Oem("Predicted", "EME2000", np.floor(first * 1440) / 1440 + minutes / 1440, positions, np.tile([0.0, 0.1, 0.0], (1440, 1)))


@pytest.fixture(scope="session")
def pedigree():
    """Versions for the header."""
    return Pedigree(software="DMSOps 0.1.0", osf_file="2022338042704786_001_osf.xml", made=START, prd="PRDOPSSOC-075", rehearsal=True)


@pytest.fixture
def telemetry():
    """Complete pixels of one small exposure on NRCA3."""
    return make_telemetry()


def make_telemetry(nints=2, ngroups=4, size=8):
    """Pixels that climb, all rows arrived."""
    ramp = 10000 + 500 * np.arange(ngroups, dtype=np.uint16)
    pixels = np.broadcast_to(ramp[None, :, None, None], (nints, ngroups, size, size)).astype(np.uint16)
    frame = Frame(subarray="SUB320", xstart=865, ystart=865, xsize=size, ysize=size, aperture="NRCA3_SUB320")
    return Telemetry(pixels=pixels, filled=np.ones((nints, ngroups, size), dtype=bool), frame=frame)
