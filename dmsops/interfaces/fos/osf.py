"""Observatory Status Files: what FOS reports of a visit after it (XML, ours: ``osf.xsd``, docs/reference/osf.md).

The file's real schema is not published; the content is what the observatory's event log states and what the
products' headers show to come from it: times and status of visit and exposures, guide star and how guiding went, target
acquisitions, dithers, mirror and antenna moves. Layout 2 added how guiding went and the acquisitions one by one; layout
1 is still read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from dmsops.core.clock import parse_iso
from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.files import write_bytes
from dmsops.core.names import ExposureName, StatusFileName, VisitId
from dmsops.core.records import (
    Acquisition,
    AcquisitionOutcome,
    AntennaMove,
    Dither,
    Exposure,
    ExposureStatus,
    GuideStar,
    Guiding,
    GuidingOutcome,
    MirrorMove,
    Visit,
    VisitStatus,
)
from dmsops.core.xml_schemas import first_fault
from dmsops.interfaces.documents import load_xml
from dmsops.interfaces.fos.osfxml import document

if TYPE_CHECKING:
    from lxml.etree import _Element

SCHEMA = Path(__file__).with_name("osf.xsd")
LAG = timedelta(minutes=23)
"""From the end of a visit to the writing of its status file, as flight headers show for jw01075001001."""
EXECUTED = ("completed", "aborted", "failed")
LARGEST = 4_000_000
"""Bytes; a visit of a thousand exposures on ten detectors takes under 1 MB."""

TargetAcquisition = Literal["NONE", "SUCCESSFUL", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureRecord:
    """One exposure as executed; times UTC, detectors upper case."""

    name: ExposureName
    exp_type: str
    status: ExposureStatus
    start: datetime
    end: datetime
    detectors: tuple[str, ...]
    dither: Dither


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusFile:
    """What a status file says of its visit; ``issue`` 2 replaces 1."""

    visit_id: VisitId
    visit_type: str
    status: VisitStatus
    end_reason: str
    start: datetime
    end: datetime
    target_acquisition: TargetAcquisition
    guide_star: GuideStar | None
    exposures: tuple[ExposureRecord, ...]
    mirror_moves: tuple[MirrorMove, ...]
    antenna_moves: tuple[AntennaMove, ...]
    written: datetime
    issue: int
    guiding: Guiding | None = None
    acquisitions: tuple[Acquisition, ...] = ()

    def exposure(self, name: ExposureName) -> ExposureRecord | None:
        """Find one exposure by name."""
        return next((e for e in self.exposures if e.name == name), None)


def status_file_name(written: datetime, issue: int = 1) -> StatusFileName:
    """Name a status file: year, day of year, time of writing to the millisecond, issue."""
    return StatusFileName(written.strftime("%Y%j%H%M%S") + f"{written.microsecond // 1000:03d}", f"{issue:03d}")


def write_osf(visit: Visit, folder: Path, issue: int = 1, *, antenna_moves: Iterable[AntennaMove] = ()) -> Path:
    """Write the status file of a visit as flown, stamped 23 minutes after the visit's end.

    Parameters
    ----------
    visit : Visit
        The visit as flown; exposures that were planned or are missing are not reported.
    issue : int
        1, or higher for a file that replaces an earlier one.

    Returns
    -------
    Path
        ``2022338043004786_001_osf.xml`` in ``folder``.

    Raises
    ------
    BadInput
        The visit holds something that the schema does not take.
    """
    return write_report(report_of(visit, issue, antenna_moves=antenna_moves), folder)


def report_of(visit: Visit, issue: int = 1, *, antenna_moves: Iterable[AntennaMove] = ()) -> StatusFile:
    """Say of a visit as flown what its status file says."""
    return StatusFile(
        visit_id=visit.id,
        visit_type=visit.visit_type,
        status=visit.status,
        end_reason=visit.end_reason,
        start=visit.start,
        end=visit.end,
        target_acquisition=_acquired(visit),
        guide_star=visit.guide_star,
        exposures=tuple(_record(e) for e in visit.exposures if e.status in EXECUTED),
        mirror_moves=visit.moves,
        antenna_moves=(*visit.antenna_moves, *antenna_moves),
        written=visit.end + LAG,
        issue=issue,
        guiding=visit.guiding or (Guiding(outcome="ACQUIRED") if visit.guide_star else None),
        acquisitions=visit.acquisitions,
    )


def _record(exposure: Exposure) -> ExposureRecord:
    return ExposureRecord(
        name=exposure.name,
        exp_type=exposure.exp_type,
        status=exposure.status,
        start=exposure.start,
        end=exposure.end,
        detectors=tuple(readout.detector for readout in exposure.readouts),
        dither=exposure.dither,
    )


def _acquired(visit: Visit) -> TargetAcquisition:
    if visit.acquisitions:
        return visit.acquisitions[-1].outcome
    attempts = [e for e in visit.exposures if e.exp_type.endswith("_TACQ") and e.status in EXECUTED]
    if not attempts:
        return "NONE"
    return "FAILED" if "target locate failed" in visit.end_reason or attempts[-1].status != "completed" else "SUCCESSFUL"


def write_report(report: StatusFile, folder: Path) -> Path:
    """Write a status file under its own name; raises as `write_osf`."""
    from lxml import etree

    try:
        root = document(report)
        fault = first_fault(root, SCHEMA)
    except ValueError as error:
        fault = str(error)
    if fault is not None:
        raise BadInput(f"the status file of {report.visit_id.v} breaks its schema: {fault}", field="visit")
    path = folder / str(status_file_name(report.written, report.issue))
    write_bytes(path, etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))
    return path


def read_osf(path: Path) -> StatusFile:
    """Read a status file.

    Raises
    ------
    BadDelivery
        The file is no XML, breaks the schema, or holds an impossible time; the message names file and line or field.
    """
    _check_size(path)
    root = load_xml(path, SCHEMA)
    element = root.find("visit")
    assert element is not None
    facts = _Facts(path.name, element)
    guide, guiding = element.find("guide_star"), element.find("guiding")
    if root.attrib["layout"] == "1" and (guiding is not None or element.find("acquisition") is not None):
        raise BadDelivery(f"{path.name}: layout 1 has no elements 'guiding' and 'acquisition'", file=path.name, field="layout")
    return StatusFile(
        visit_id=VisitId.parse(facts["id"]),
        visit_type=facts["visit_type"],
        status=cast("VisitStatus", facts["status"]),
        end_reason=facts["end_reason"],
        start=facts.time("start"),
        end=facts.time("end"),
        target_acquisition=cast("TargetAcquisition", facts["target_acquisition"]),
        guide_star=None if guide is None else _guide_star(_Facts(path.name, guide)),
        exposures=tuple(_exposure(path.name, e) for e in element.iterfind("exposure")),
        mirror_moves=tuple(_mirror_move(_Facts(path.name, e)) for e in element.iterfind("mirror_move")),
        antenna_moves=tuple(_antenna_move(_Facts(path.name, e)) for e in element.iterfind("hga_move")),
        written=_Facts(path.name, root).time("written"),
        issue=int(root.attrib["issue"]),
        guiding=None if guiding is None else _guiding(_Facts(path.name, guiding)),
        acquisitions=tuple(_acquisition(_Facts(path.name, e)) for e in element.iterfind("acquisition")),
    )


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadDelivery(f"{path.name}: cannot be read: {error.strerror}", file=path.name) from None
    if size > LARGEST:
        raise BadDelivery(f"{path.name}: has {size} bytes; a status file has at most {LARGEST}", file=path.name, size=size)


class _Facts:
    """The attributes of one element, with times read and mistakes named."""

    def __init__(self, file: str, element: _Element) -> None:
        self._file = file
        self._element = element

    def __getitem__(self, field: str) -> str:
        return str(self._element.attrib[field])

    def has(self, field: str) -> bool:
        return field in self._element.attrib

    def number(self, field: str) -> float | None:
        return float(self[field]) if self.has(field) else None

    def get(self, field: str, default: str) -> str:
        return str(self._element.attrib.get(field, default))

    def time(self, field: str) -> datetime:
        try:
            return parse_iso(self[field])
        except (ValueError, OverflowError):
            where = f"line {self._element.sourceline}: field '{field}'"
            raise BadDelivery(f"{self._file}: {where} is no time: {self[field]}", file=self._file, field=field) from None


def _exposure(file: str, element: _Element) -> ExposureRecord:
    facts = _Facts(file, element)
    dither = element.find("dither")
    assert dither is not None
    return ExposureRecord(
        name=ExposureName.parse(facts["name"]),
        exp_type=facts["exp_type"],
        status=cast("ExposureStatus", facts["status"]),
        start=facts.time("start"),
        end=facts.time("end"),
        detectors=tuple(str(d.text) for d in element.iterfind("detector")),
        dither=_dither(_Facts(file, dither)),
    )


def _dither(a: _Facts) -> Dither:
    return Dither(pattern=a["pattern"], index=int(a["index"]), total=int(a["total"]), x=float(a["x"]), y=float(a["y"]))


def _guide_star(a: _Facts) -> GuideStar:
    numbers = {field: float(a[field]) for field in ("x", "y", "ra", "dec", "magnitude")}
    control = cast("Any", a.get("control", "FINEGUIDE"))
    return GuideStar(guider=int(a["guider"]), catalogue_id=a["catalogue_id"], control=control, **numbers)


def _guiding(a: _Facts) -> Guiding:
    return Guiding(outcome=cast("GuidingOutcome", a["outcome"]), attempt=int(a["attempt"]))


def _acquisition(a: _Facts) -> Acquisition:
    return Acquisition(
        detector=a["detector"],
        outcome=cast("AcquisitionOutcome", a["outcome"]),
        exposure=ExposureName.parse(a["exposure"]) if a.has("exposure") else None,
        **{field: a.number(field) for field in ("column", "row", "sam_x", "sam_y")},
    )


def _mirror_move(facts: _Facts) -> MirrorMove:
    return MirrorMove(at=facts.time("at"), group=int(facts["group"]))


def _antenna_move(facts: _Facts) -> AntennaMove:
    return AntennaMove(start=facts.time("start"), end=facts.time("end"))
