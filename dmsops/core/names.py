"""File and dataset names: patterns as data, one parser, one writer, round trip guaranteed.

Grammar: JWST file naming rules (jwst documentation, *File Naming Schemes*) and, where those are not
public, our reconstruction of the operations names (docs/reference/names).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from dmsops.core.errors import BadInput, BadName
from dmsops.core.exposure_names import BASE36, ExposureName, GuideStarName, Name, VisitId

__all__ = [
    "DETECTORS", "FAMILIES", "INSTRUMENTS", "AssociationName", "CombinedProduct", "EphemerisName", "ExposureName", "ExposureProduct",
    "GuideStarName", "GuideStarProduct", "Name", "PoolName", "RecorderFileName", "StatusFileName", "VisitId",
    "need_program", "parse_any", "safe_file_name",
]  # fmt: skip

DETECTORS = (
    "nrca1", "nrca2", "nrca3", "nrca4", "nrcalong", "nrcb1", "nrcb2", "nrcb3", "nrcb4", "nrcblong",
    "nrs1", "nrs2", "mirimage", "mirifulong", "mirifushort", "nis", "guider1", "guider2",
)  # fmt: skip
INSTRUMENTS = ("nircam", "nirspec", "miri", "niriss", "fgs")
MAX_STAGE3 = 70

_AC_ID = r"o[0-9]{3}|[ca][0-9]{4}|r[0-9]{4}"
_SUFFIX = r"[a-z0-9]+"


@dataclass(frozen=True, slots=True, order=True)
class ExposureProduct(Name):
    """A file of one exposure and detector: ``jw02726402001_03104_00001_nrca3_cal.fits``."""

    exposure: ExposureName
    detector: str
    suffix: str
    segment: int | None = None
    extension: str = "fits"

    PATTERN: ClassVar[str] = (
        rf"(?P<exposure>{re.sub(r'\?P<[a-z]+>', '?:', ExposureName.PATTERN)})(?:-seg(?P<segment>[0-9]{{3}}))?"
        rf"_(?P<detector>{'|'.join(DETECTORS)})_(?P<suffix>{_SUFFIX})\.(?P<extension>fits|jpg|json)"
    )
    KIND: ClassVar[str] = "exposure product name"

    @classmethod
    def _from_parts(cls, parts: dict[str, str]) -> Self:
        segment = int(parts["segment"]) if "segment" in parts else None
        return cls(ExposureName.parse(parts["exposure"]), parts["detector"], parts["suffix"], segment, parts["extension"])

    def __str__(self) -> str:
        return f"{self.root}_{self.suffix}.{self.extension}"

    @property
    def root(self) -> str:
        """The name without suffix: the archive's observation id."""
        segment = "" if self.segment is None else f"-seg{self.segment:03d}"
        return f"{self.exposure}{segment}_{self.detector}"

    def with_suffix(self, suffix: str) -> ExposureProduct:
        """Give the sibling file with another suffix."""
        return ExposureProduct(self.exposure, self.detector, suffix, self.segment, self.extension)


@dataclass(frozen=True, slots=True, order=True)
class GuideStarProduct(Name):
    """A file of one guide-star function: ``jw04556001001_gs-fg_2024060040644-seg001_uncal.fits``, ``..._gs-id_1_stacked-uncal.fits``."""

    name: GuideStarName
    suffix: str
    segment: int | None = None
    extension: str = "fits"

    PATTERN: ClassVar[str] = (
        rf"(?P<name>{re.sub(r'\?P<[a-z]+>', '?:', GuideStarName.PATTERN)})(?:-seg(?P<segment>[0-9]{{3}}))?"
        r"_(?P<suffix>(?:(?:image|stacked)-)?[a-z0-9]+)\.(?P<extension>fits|jpg|json)"
    )
    KIND: ClassVar[str] = "guide-star product name"

    @classmethod
    def _from_parts(cls, parts: dict[str, str]) -> Self:
        segment = int(parts["segment"]) if "segment" in parts else None
        return cls(GuideStarName.parse(parts["name"]), parts["suffix"], segment, parts["extension"])

    def __str__(self) -> str:
        return f"{self.root}_{self.suffix}.{self.extension}"

    @property
    def root(self) -> str:
        """The name without suffix."""
        segment = "" if self.segment is None else f"-seg{self.segment:03d}"
        return f"{self.name}{segment}"

    def with_suffix(self, suffix: str) -> GuideStarProduct:
        """Give the sibling file with another suffix."""
        return GuideStarProduct(self.name, suffix, self.segment, self.extension)


@dataclass(frozen=True, slots=True, order=True)
class CombinedProduct(Name):
    """A stage-3 file: ``jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits``."""

    program: str
    candidate: str
    source: str
    instrument: str
    optics: str
    suffix: str
    activity: str | None = None
    epoch: str | None = None
    extension: str = "fits"

    PATTERN: ClassVar[str] = (
        rf"jw(?P<program>[0-9]{{5}})-(?P<candidate>{_AC_ID})_(?P<source>[tbv][0-9]{{3,9}}|s[0-9]{{5,9}})(?:-epoch(?P<epoch>[0-9]+))?"
        rf"_(?P<instrument>{'|'.join(INSTRUMENTS)})_(?P<optics>[a-z0-9]+(?:-[a-z0-9]+)*)_(?P<suffix>{_SUFFIX})"
        rf"(?:-(?P<activity>{BASE36}))?\.(?P<extension>fits|ecsv|jpg|asdf)"
    )
    KIND: ClassVar[str] = "stage-3 product name"

    def __str__(self) -> str:
        tail = "" if self.activity is None else f"-{self.activity}"
        return f"{self.root}_{self.suffix}{tail}.{self.extension}"

    @property
    def root(self) -> str:
        """The name up to the optical elements, without suffix."""
        epoch = "" if self.epoch is None else f"-epoch{self.epoch}"
        return f"jw{self.program}-{self.candidate}_{self.source}{epoch}_{self.instrument}_{self.optics}"

    @property
    def observation_id(self) -> str:
        """The archive's observation id: activities of one root stay apart."""
        return self.root if self.activity is None else f"{self.root}-{self.activity}"


@dataclass(frozen=True, slots=True, order=True)
class AssociationName(Name):
    """An association file: ``jw02726-o402_20221204t034202_wfs-image3_00001_asn.json``."""

    program: str
    candidate: str
    stamp: str
    kind: str
    sequence: str

    PATTERN: ClassVar[str] = (
        rf"jw(?P<program>[0-9]{{5}})-(?P<candidate>{_AC_ID})_(?P<stamp>[0-9]{{8}}t[0-9]{{6}})"
        r"_(?P<kind>[a-z0-9]+(?:-[a-z0-9]+)*)_(?P<sequence>[0-9]{3}(?:[0-9]{2})?)_asn\.json"
    )
    KIND: ClassVar[str] = "association name"

    def __str__(self) -> str:
        return f"jw{self.program}-{self.candidate}_{self.stamp}_{self.kind}_{self.sequence}_asn.json"


@dataclass(frozen=True, slots=True, order=True)
class PoolName(Name):
    """An association pool: ``jw02726_20221204t034202_pool.csv``."""

    program: str
    stamp: str

    PATTERN: ClassVar[str] = r"jw(?P<program>[0-9]{5})_(?P<stamp>[0-9]{8}t[0-9]{6})_pool\.csv"
    KIND: ClassVar[str] = "pool name"

    def __str__(self) -> str:
        return f"jw{self.program}_{self.stamp}_pool.csv"


@dataclass(frozen=True, slots=True, order=True)
class StatusFileName(Name):
    """An Observatory Status File: ``2022338042704786_001_osf.xml`` (year, day, time, issue)."""

    stamp: str
    issue: str

    PATTERN: ClassVar[str] = r"(?P<stamp>[0-9]{4}(?:[0-2][0-9]{2}|3[0-6][0-9])[0-9]{9})_(?P<issue>[0-9]{3})_osf\.xml"
    KIND: ClassVar[str] = "Observatory Status File name"

    def __str__(self) -> str:
        return f"{self.stamp}_{self.issue}_osf.xml"


@dataclass(frozen=True, slots=True, order=True)
class RecorderFileName(Name):
    """A recorder file: stream S science, E and C engineering, R replay; ``S0000_2022338035325_001.out`` (ours after the prefix).

    ``.out`` is packets; engineering may also come as HDF5, ``.h5``.
    """

    stream: str
    stamp: str
    serial: str
    extension: str = "out"

    PATTERN: ClassVar[str] = r"(?!S[^.]*\.h5)(?P<stream>[SECR])0000_(?P<stamp>[0-9]{13})_(?P<serial>[0-9]{3,5})\.(?P<extension>out|h5)"
    KIND: ClassVar[str] = "recorder file name"

    def __str__(self) -> str:
        return f"{self.stream}0000_{self.stamp}_{self.serial}.{self.extension}"


@dataclass(frozen=True, slots=True, order=True)
class EphemerisName(Name):
    """An ephemeris: ``JWST_P_20221203_20221206.OEM`` (P predicted, D definitive; ours after the prefix)."""

    kind: str
    start: str
    stop: str

    PATTERN: ClassVar[str] = r"JWST_(?P<kind>[PD])_(?P<start>[0-9]{8})_(?P<stop>[0-9]{8})\.OEM"
    KIND: ClassVar[str] = "ephemeris file name"

    def __str__(self) -> str:
        return f"JWST_{self.kind}_{self.start}_{self.stop}.OEM"


FAMILIES: tuple[type[Name], ...] = (
    ExposureProduct,
    GuideStarProduct,
    CombinedProduct,
    AssociationName,
    PoolName,
    StatusFileName,
    RecorderFileName,
    EphemerisName,
    ExposureName,
    GuideStarName,
    VisitId,
)


def parse_any(text: str) -> Any:
    """Find which family a name belongs to and parse it.

    Raises
    ------
    BadName
        No family knows it.
    """
    for family in FAMILIES:
        if family.matches(text):
            return family.parse(text)
    raise BadName(f"'{text}' follows none of the known naming rules", name=text)


def need_program(text: str) -> None:
    """Refuse what is not a program's five digits (`BadInput`)."""
    if re.fullmatch(r"[0-9]{5}", text) is None:
        raise BadInput(f"field 'program': '{text[:40]}' is not a program of five digits", field="program")


def safe_file_name(text: str) -> str:
    """Pass a bare file name through; refuse anything that could lead elsewhere.

    Raises
    ------
    BadName
        The name holds a path separator, starts with a dot, or has characters outside ``[A-Za-z0-9._+-]``.
    """
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}", text) is None:
        raise BadName(f"'{text}' is not a plain file name", name=text)
    return text
