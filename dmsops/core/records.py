"""Shared nouns: frozen records that several parts speak about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from dmsops.core.names import ExposureName, ExposureProduct, VisitId
from dmsops.core.plain import SPARSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """One detector of an exposure: what light it saw.

    ``detector`` upper case (``NRCA3``); ``filter`` and ``pupil`` as in the headers (``F212N``, ``WLM8``; ``N/A`` where the
    instrument has none). ``grating`` (NIRSpec), ``lamp`` (of a calibration unit) and ``slit`` are empty where there is none.
    """

    detector: str
    filter: str
    pupil: str
    grating: str = field(default="", metadata=SPARSE)
    lamp: str = field(default="", metadata=SPARSE)
    slit: str = field(default="", metadata=SPARSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dither:
    """Where in its pattern an exposure stands; offsets in arcsec in the ideal frame, relative to the target's nominal place."""

    pattern: str = "NONE"
    index: int = 1
    total: int = 1
    x: float = 0.0
    y: float = 0.0


JITTER_NOTE = "WFSC_LOS_JITTER"
"""DMS note of line-of-sight jitter exposures."""


class Ramps(Protocol):
    """What is read in integrations of groups: an `Exposure`, or a guide-star function."""

    @property
    def nints(self) -> int:
        """Integrations."""

    @property
    def ngroups(self) -> int:
        """Groups in an integration."""

    @property
    def nframes(self) -> int:
        """Frames averaged into a group."""

    @property
    def groupgap(self) -> int:
        """Frames dropped between groups."""

    @property
    def start(self) -> datetime:
        """Its start, UTC."""


ExposureStatus = Literal["planned", "completed", "aborted", "failed", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One exposure of a visit, all its detectors.

    Times are UTC; ``exposure_seconds`` is what the observatory calls *exptime* (resets included),
    ``photon_seconds`` is *pctime*, the time that photons were collected. With ``zero_frame`` the first read of every
    integration is kept beside the groups.
    """

    name: ExposureName
    exp_type: str
    readouts: tuple[Readout, ...]
    readpatt: str
    nints: int
    ngroups: int
    nframes: int = 1
    groupgap: int = 0
    subarray: str = "FULL"
    start: datetime
    end: datetime
    exposure_seconds: float
    photon_seconds: float
    dither: Dither = field(default_factory=Dither)
    dms_note: str = ""
    status: ExposureStatus = "completed"
    zero_frame: bool = field(default=False, metadata=SPARSE)

    @property
    def is_jitter(self) -> bool:
        """Whether it measures line-of-sight jitter: such an exposure stops at level 1b."""
        return self.dms_note.upper() == JITTER_NOTE

    def product(self, detector: str, suffix: str, segment: int | None = None) -> ExposureProduct:
        """Name a product of this exposure, or of one segment of it."""
        return ExposureProduct(self.name, detector.lower(), suffix, segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorMove:
    """A mirror move between exposures: the group of the ``.w`` file that was carried out."""

    at: datetime
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AntennaMove:
    """A move of the high-gain antenna, UTC."""

    start: datetime
    end: datetime


VisitStatus = Literal["SUCCESSFUL", "UNSUCCESSFUL", "SKIPPED"]
GuidingOutcome = Literal["ACQUIRED", "FAILED", "LOST"]
AcquisitionOutcome = Literal["SUCCESSFUL", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guiding:
    """How guiding went: acquired, failed on all attempts, or lost later; ``attempt`` is the last one that was made, from 1."""

    outcome: GuidingOutcome
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """One target acquisition as it went.

    ``column`` and ``row`` are the centroid in pixels of the detector, ``sam_x`` and ``sam_y`` the small angle
    manoeuvre that followed, arcsec; none of them is known of one that failed before it got there.
    """

    detector: str
    outcome: AcquisitionOutcome
    exposure: ExposureName | None = None
    column: float | None = None
    row: float | None = None
    sam_x: float | None = None
    sam_y: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What was looked at; degrees, ICRS; ``magnitude`` is AB in the short-wave filter."""

    name: str
    ra: float
    dec: float
    magnitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStar:
    """The star that held the observatory: which guider, where on it (arcsec, ideal frame), and where on the sky (degrees, ICRS).

    ``control`` is how closely it held (``PCS_MODE``).
    """

    guider: int = 1
    x: float = 0.0
    y: float = 0.0
    magnitude: float = 14.0
    catalogue_id: str = "S1HP000001"
    ra: float = 0.0
    dec: float = 0.0
    control: Literal["FINEGUIDE", "TRACK", "MOVING"] = field(default="FINEGUIDE", metadata=SPARSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit: as planned (PPS), as flown (test bed, event log) or as reported (OSF).

    ``guide_readings`` is how many readings of track and of fine guide the test bed sends beside the exposures; 0: none.
    """

    id: VisitId
    visit_type: str
    template: str
    title: str
    category: str
    pi_name: str
    priority: Literal["STANDARD", "ELEVATED", "HIGH"]
    start: datetime
    end: datetime
    target: Target
    position_angle: float
    guide_star: GuideStar | None
    exposures: tuple[Exposure, ...]
    moves: tuple[MirrorMove, ...] = ()
    antenna_moves: tuple[AntennaMove, ...] = field(default=(), metadata=SPARSE)
    guide_readings: int = field(default=0, metadata=SPARSE)
    status: VisitStatus = "SUCCESSFUL"
    end_reason: str = ""
    guiding: Guiding | None = None
    acquisitions: tuple[Acquisition, ...] = ()

    @property
    def is_wavefront(self) -> bool:
        """Whether the visit senses the wavefront (the association rule's own test: ``.+wfsc.+``)."""
        return "WFSC" in self.visit_type.upper()

    def exposure(self, name: ExposureName) -> Exposure | None:
        """Find one exposure by name."""
        return next((e for e in self.exposures if e.name == name), None)
