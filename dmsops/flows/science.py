"""New science data: a visit's released files become the steps LEVEL_1 to LEVEL_3, archive and delivery.

Planning may be done again at any time: what is planned already stays, what has arrived since is added.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import NotFound
from dmsops.core.names import VisitId
from dmsops.core.people import Role, require
from dmsops.core.records import Exposure, Visit
from dmsops.interfaces import pps
from dmsops.interfaces.fos.osf import StatusFile, read_osf
from dmsops.prediction.products import STAGE_1
from dmsops.processing.reported import reported
from dmsops.receipt import queries as received
from dmsops.receipt import reconcile, reports
from dmsops.wfsc import clock
from dmsops.workflow import blackboard, replan
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.ops import Ops

WORKFLOW = "SCIENCE"
LEVEL1B = "processing.level1b"
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
    """Plan every visit that has both its plan and its Observatory Status File; note those whose file is overdue."""
    reconcile.note_overdue(ops)
    visits = sorted({row["visit"] for row in received.files_released(ops, "osf") if row["visit"]})
    return [plan_visit(ops, visit) for visit in visits]


def plan_visit(ops: Ops, visit_id: str) -> Planned:
    """Plan the work for one visit.

    Level 1b that was planned from an earlier status file, which said something else of the exposure, is left as it is and
    named: making it again is an act of its own (`dmsops.flows.status_files`).

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
    files = released(ops, visit)
    report = Planned(visit=str(visit))
    specs = steps_of(files, report)
    with ops.db.begin() as c:
        publish(c, ops, files)
        other = {s.dataset for s in differing(replan.standing(c, WORKFLOW, str(visit), LEVEL1B), specs).values()}
        report.steps = len(submit(c, ops, files, [s for s in specs if s.kind != LEVEL1B or s.dataset not in other]))
    words = f"{files.osf_name} says something else than it was made from: make it again (procedure P05)"
    report.problems += [f"{name}: {words}" for name in sorted(other)]
    report.exposures = len({s.params["exposure"] for s in specs if s.kind == LEVEL1B})
    return report


def steps_of(files: Released, report: Planned) -> list[StepSpec]:
    """Give the steps of everything that can be worked on now; what cannot is named in the report."""
    ready = _ready_exposures(files, report)
    specs = [spec for exposure, detector in ready for spec in _exposure_steps(files, exposure, detector)]
    if any(not exposure.is_jitter for exposure, _ in ready):
        specs.append(_associate_step(files, ready, report.awaited))
    return specs


def differing(standing: dict[str, Any], specs: list[StepSpec]) -> dict[int, StepSpec]:
    """Give the level 1b steps, by number, of whose exposure the status file says something else than they were planned from."""
    found = ((standing.get(s.dataset), s) for s in specs if s.kind == LEVEL1B)
    return {row.id: s for row, s in found if row is not None and row.params.get("reported") != s.params["reported"]}


def publish(c: sa.Connection, ops: Ops, files: Released) -> None:
    """Put the visit's released files onto the blackboard."""
    for row in files.rows:
        blackboard.publish(c, ops, row["name"], row["sha256"], row["size"], origin="receipt")


def submit(c: sa.Connection, ops: Ops, files: Released, specs: list[StepSpec]) -> list[int]:
    """Plan steps of a visit; a wavefront visit's clock starts with its first packets. Gives the new steps' numbers."""
    wavefront, visit = files.visit.is_wavefront, str(files.visit.id)
    due = clock.start_clock(c, ops, visit, files.received_at) if wavefront and files.science else None
    return blackboard.submit(c, ops, WORKFLOW, visit, specs, cls="wfsc" if wavefront else "science", due=due)


def released(ops: Ops, visit: VisitId) -> Released:
    """Give the released files of a visit; raises `NotFound` when its plan, status file or ephemeris is not among them."""
    by_kind = {kind: received.files_released(ops, kind, str(visit)) for kind in KINDS}
    for kind, words in NEEDED.items():
        if not by_kind[kind]:
            remedy = "Procedure P05 for a missing status file, else P04."
            raise NotFound(f"visit {visit.v} has no released {words}", remedy=remedy, visit=str(visit))
    plan, oem = (max(by_kind[k], key=lambda r: (r["name"], r["version"])) for k in ("plan", "ephemeris"))
    osf = reports.current_report(ops, str(visit)) or by_kind["osf"][-1]
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


def _exposure_steps(files: Released, exposure: Exposure, detector: str) -> list[StepSpec]:
    """Plan one detector up to its rate. Level 1b is the same step as long as it is made from the same: the status file's name is not."""
    names = {suffix: str(exposure.product(detector, suffix)) for suffix in ("uncal", "rate", "rateints", "cal")}
    root = exposure.product(detector, "uncal").root
    science = tuple(sorted(set(files.science[str(exposure.name), detector])))
    made_from = {
        "visit": pps.visit_to_dict(files.visit), "oem": files.oem_name, "science": list(science),
        "engineering": list(files.engineering), "exposure": str(exposure.name), "detector": detector,
        "reported": reported(files.visit, files.osf, exposure.name),
    }  # fmt: skip
    level1b = StepSpec(
        kind=LEVEL1B,
        dataset=root,
        needs=(*science, files.osf_name, files.oem_name, *files.engineering),
        makes=(names["uncal"],),
        params={**made_from, "osf": files.osf_name},
        identity=json.dumps(made_from, sort_keys=True),
    )
    if exposure.is_jitter:
        return [level1b, _ingest(root, (names["uncal"],))]
    made = tuple(names[s] for s in STAGE_1)
    return [level1b, StepSpec(kind="processing.detector1", dataset=root, needs=(names["uncal"],), makes=made)]


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
