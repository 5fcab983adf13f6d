"""New science data: a visit's released files become the steps LEVEL_1 to LEVEL_3, archive and delivery.

Planning may be done again at any time: what is planned already stays, what has arrived since is added.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.errors import NotFound
from dmsops.core.names import VisitId
from dmsops.core.people import Role, require
from dmsops.core.plain import to_plain
from dmsops.core.records import Exposure, Visit
from dmsops.core.segments import Segment, segments
from dmsops.flows import guiding
from dmsops.interfaces import pps
from dmsops.interfaces.fos.osf import StatusFile, read_osf
from dmsops.prediction.products import is_associated, stage_1
from dmsops.receipt import queries as received
from dmsops.wfsc import clock
from dmsops.workflow import blackboard
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.ops import Ops

WORKFLOW = "SCIENCE"
KINDS = ("plan", "osf", "ephemeris", "engineering", "science")
NEEDED = {"plan": "plan (PPS)", "osf": "Observatory Status File (FOS)", "ephemeris": "ephemeris (FDF)"}


@dataclass(slots=True)
class Planned:
    """What planning a visit came to: ``problems`` are all that a person should know, ``awaited`` those that more data will mend."""

    visit: str
    steps: int = 0
    exposures: int = 0
    problems: list[str] = field(default_factory=list)
    awaited: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """The released files of one visit."""

    visit: Visit
    osf: StatusFile
    osf_name: str
    oem_name: str
    engineering: tuple[str, ...]
    science: dict[tuple[str, str], list[str]]
    complete: frozenset[tuple[str, str]]
    received_at: datetime
    rows: tuple[dict[str, Any], ...]


def plan_received(ops: Ops) -> list[Planned]:
    """Plan every visit that has both its plan and its Observatory Status File."""
    visits = sorted({row["visit"] for row in received.files_released(ops, "osf") if row["visit"]})
    return [plan_visit(ops, visit) for visit in visits]


def plan_visit(ops: Ops, visit_id: str) -> Planned:
    """Plan the work for one visit.

    Parameters
    ----------
    visit_id : str
        Eleven digits, with or without ``V``.

    Raises
    ------
    NotFound
        The visit's plan, status file or ephemeris has not been released.
    NotAllowed
        The person may only look.
    """
    require(ops.operator, Role.OPERATOR, "flow plan")
    visit = VisitId.parse(visit_id)
    files = _released(ops, visit)
    report = Planned(visit=str(visit))
    ready = _ready_exposures(files, report)
    limit = ops.settings.segment_bytes
    pieces = [(exposure, detector, part) for exposure, detector in ready for part in segments(exposure, limit)]
    specs = [spec for exposure, detector, part in pieces for spec in _exposure_steps(files, exposure, detector, part)]
    specs += guiding.guide_steps(files, report.problems)
    if any(is_associated(exposure) for exposure, _ in ready):
        specs.append(_associate_step(files, [(e, d) for e, d in ready if is_associated(e) or e.is_jitter], report.awaited))
    due = None
    with ops.db.begin() as c:
        if files.visit.is_wavefront and files.science:
            due = clock.start_clock(c, ops, str(visit), files.received_at)
        for row in files.rows:
            blackboard.publish(c, ops, row["name"], row["sha256"], row["size"], origin="receipt")
        cls = "wfsc" if files.visit.is_wavefront else "science"
        report.steps = len(blackboard.submit(c, ops, WORKFLOW, str(visit), specs, cls=cls, due=due))
    report.exposures = len({e.name for e, _ in ready})
    return report


def _released(ops: Ops, visit: VisitId) -> Released:
    by_kind = {kind: received.files_released(ops, kind, str(visit)) for kind in KINDS}
    for kind, words in NEEDED.items():
        if not by_kind[kind]:
            remedy = "Procedure P05 for a missing status file, else P04."
            raise NotFound(f"visit {visit.v} has no released {words}", remedy=remedy, visit=str(visit))
    plan, osf, oem = (max(by_kind[k], key=lambda r: (r["name"], r["version"])) for k in NEEDED)
    parts = received.parts_of(ops, str(visit))
    science: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        science.setdefault((part["exposure"], part["detector"]), []).append(part["name"])
    return Released(
        visit=pps.read_plan(ops.store.path(plan["sha256"])),
        osf=read_osf(ops.store.path(osf["sha256"])),
        osf_name=osf["name"],
        oem_name=oem["name"],
        engineering=tuple(sorted(r["name"] for r in by_kind["engineering"])),
        science=science,
        complete=frozenset((p["exposure"], p["detector"]) for p in parts if p["complete"]),
        received_at=received.arrival(ops, str(visit)) or ops.clock.now(),
        rows=tuple(row for rows in by_kind.values() for row in rows),
    )


def _ready_exposures(files: Released, report: Planned) -> list[tuple[Exposure, str]]:
    """Give exposures and detectors that the status file covers and whose packets are whole; name the others as problems."""
    ready = []
    for record in files.osf.exposures:
        exposure = files.visit.exposure(record.name)
        if exposure is None:
            report.problems.append(f"{record.name} was taken but is not in the plan: reconcile the visit (procedure P05)")
            continue
        if record.status != "completed":
            report.problems.append(f"{record.name} was {record.status}: nothing is made of it (procedure P05)")
            continue
        for readout in exposure.readouts:
            key = (str(record.name), readout.detector)
            if key in files.complete:
                ready.append((exposure, readout.detector))
            else:
                report.awaited.append(f"{record.name} {readout.detector}: packets are missing; it waits for them (procedure P04)")
    report.problems += report.awaited
    return ready


def _exposure_steps(files: Released, exposure: Exposure, detector: str, part: Segment) -> list[StepSpec]:
    """Plan what is made of one detector of an exposure, or of one segment of it, before associations.

    A dark, a lamp, and what has no stage 2 or no calibration references is archived at once; the rest with its stage-2 products.
    """
    uncal = exposure.product(detector, "uncal", part.label)
    level1b = _level1b_step(files, exposure, detector, part)
    made = tuple(str(uncal.with_suffix(s)) for s in stage_1(exposure))
    if not made:
        return [level1b, _ingest(uncal.root, (str(uncal),))]
    kind = f"processing.{modes.exposure_type(exposure.exp_type).stage1}"
    calibrated = StepSpec(kind=kind, dataset=uncal.root, needs=(str(uncal),), makes=made)
    if is_associated(exposure):
        return [level1b, calibrated]
    return [level1b, calibrated, _ingest(uncal.root, (str(uncal), *made))]


def _level1b_step(files: Released, exposure: Exposure, detector: str, part: Segment) -> StepSpec:
    uncal = exposure.product(detector, "uncal", part.label)
    science = tuple(sorted(set(files.science[str(exposure.name), detector])))
    params: dict[str, Any] = {
        "visit": pps.visit_to_dict(files.visit), "osf": files.osf_name, "oem": files.oem_name, "science": list(science),
        "engineering": list(files.engineering), "exposure": str(exposure.name), "detector": detector,
    }  # fmt: skip
    if part.label is not None:
        params["segment"] = to_plain(part)
    return StepSpec(
        kind="processing.level1b",
        dataset=uncal.root,
        needs=(*science, files.osf_name, files.oem_name, *files.engineering),
        makes=(str(uncal),),
        params=params,
    )


def _ingest(root: str, products: tuple[str, ...], members: tuple[str, ...] = ()) -> StepSpec:
    params = {"members": sorted(members)} if members else {}
    return StepSpec(kind="archive.ingest", dataset=root, needs=products, makes=(f"{root}_caom.xml",), params=params)


def _associate_step(files: Released, ready: list[tuple[Exposure, str]], awaited: list[str]) -> StepSpec:
    """Plan the associations of what is there now; planned again with more exposures it is another step.

    The stamp in the association names is the visit's end plus one second for each exposure and detector that is
    there: the same set gives the same names, another set other names.
    """
    stamp = files.visit.end + timedelta(seconds=len(ready))
    return StepSpec(
        kind="science.associate",
        dataset=f"{files.visit.id.v} ({len(ready)} files)",
        params={
            "visits": [pps.visit_to_dict(files.visit)],
            "exposures": [[str(e.name), d] for e, d in ready],
            "version_id": stamp.strftime("%Y%m%dt%H%M%S"),
            "missing": list(awaited),
        },
    )
