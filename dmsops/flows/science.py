"""New science data: a visit's released files become the steps LEVEL_1 to LEVEL_3, archive and delivery.

Planning may be done again at any time: what is planned already stays, what has arrived since is added. Level 1b of which
more packets have come is made again at once; one of which a later status file says something else is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from dmsops.core.errors import NotFound, Refused
from dmsops.core.names import VisitId
from dmsops.core.people import Role, require
from dmsops.flows import engineering, exposures, guiding
from dmsops.flows.exposures import LEVEL1B, Ready, Remarks
from dmsops.flows.released import Released, released
from dmsops.interfaces import pps
from dmsops.prediction.products import is_associated
from dmsops.receipt import ephemerides, gaps, reconcile
from dmsops.receipt import queries as received
from dmsops.wfsc import clock
from dmsops.workflow import blackboard, replan
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    import sqlalchemy as sa

    from dmsops.ops import Ops

WORKFLOW = "SCIENCE"


@dataclass(slots=True)
class Planned:
    """What planning a visit came to.

    ``problems`` are all that a person should know; among them ``awaited`` those that more data will mend, ``lost`` what no
    product of the visit will show, or not whole.
    """

    visit: str
    steps: int = 0
    exposures: int = 0
    again: int = 0
    problems: list[str] = field(default_factory=list)
    awaited: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def plan_received(ops: Ops) -> list[Planned]:
    """Plan every visit that has its Observatory Status File; note those whose file is overdue. One that lacks something is told."""
    reconcile.note_overdue(ops)
    engineering.plan_received(ops)
    visits = sorted({row["visit"] for row in received.files_released(ops, "osf") if row["visit"]})
    return [_plan_or_say(ops, visit) for visit in visits]


def _plan_or_say(ops: Ops, visit: str) -> Planned:
    try:
        return plan_visit(ops, visit)
    except NotFound as error:
        words = f"{error.message}. {error.remedy}"
        return Planned(visit=visit, problems=[words], awaited=[words])


def plan_visit(ops: Ops, visit_id: str) -> Planned:
    """Plan the work for one visit.

    Level 1b that was planned from an earlier status file, which said something else of the exposure, is left as it is and
    named: making it again is an act of its own (`dmsops.flows.status_files`). Level 1b that was made with gaps is made
    again when more of its packets have come.

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
    ephemerides.check_received(ops)
    engineering.plan_received(ops)
    visit = VisitId.parse(visit_id)
    gaps.decide_overdue(ops, str(visit))
    files = released(ops, visit)
    report = Planned(visit=str(visit))
    specs = steps_of(ops, files, report)
    with ops.db.begin() as c:
        publish(c, ops, files, specs)
        standing = replan.standing(c, WORKFLOW, str(visit), LEVEL1B)
        other = sorted(s.dataset for s in exposures.told_otherwise(standing, specs).values())
        better = exposures.of_more_packets(standing, specs)
        report.again = _make_better(c, ops, {n: s for n, s in better.items() if standing[s.dataset].state != StepState.CANCELLED}, report)
        report.steps = len(submit(c, ops, files, specs))
    words = f"{files.osf_name} says something else than it was made from: make it again (procedure P05)"
    report.problems += [f"{name}: {words}" for name in other]
    report.exposures = len({s.params["exposure"] for s in specs if s.kind == LEVEL1B})
    gaps.ask_for_gaps(ops, str(visit))
    return report


def _make_better(c: sa.Connection, ops: Ops, better: dict[int, StepSpec], report: Planned) -> int:
    """Plan level 1b anew, of more packets; what is in use at this moment has to wait for its end. Gives the number."""
    done = 0
    for number, spec in better.items():
        one = {number: spec}
        try:
            replan.replan(c, ops, replan.look(c, ops, one), one, reason="more of its packets have come")
        except Refused as error:
            when = f"when step {error.facts['step']} has ended: plan the visit again"
            report.problems.append(f"{spec.dataset} is made again of more than before {when}")
            continue
        done += 1
    return done


def steps_of(ops: Ops, files: Released, report: Planned) -> list[StepSpec]:
    """Give the steps of everything that can be worked on now; what cannot is named in the report."""
    taken = exposures.ready(files, Remarks(problems=report.problems, awaited=report.awaited, lost=report.lost))
    specs = exposures.specs(files, taken, ops.settings.segment_bytes) + guiding.guide_steps(files, report.problems)
    if any(is_associated(exposure) for exposure, _ in taken):
        specs.append(_associate(files, [(e, d) for e, d in taken if is_associated(e) or e.is_jitter], report))
    return specs


def publish(c: sa.Connection, ops: Ops, files: Released, specs: Iterable[StepSpec]) -> None:
    """Put the visit's released files, and the ephemerides that its steps use, onto the blackboard."""
    used = {spec.params["oem"] for spec in specs if "oem" in spec.params}
    for row in (*files.rows, *(e for e in files.ephemerides if e["name"] in used)):
        blackboard.publish(c, ops, row["name"], row["sha256"], row["size"], origin="receipt")


def submit(c: sa.Connection, ops: Ops, files: Released, specs: Iterable[StepSpec]) -> list[int]:
    """Plan steps of a visit; a wavefront visit's clock starts with its first packets. Gives the new steps' numbers.

    Level 1b of a product that has its step already is not planned a second time.
    """
    wavefront, visit = files.visit.is_wavefront, str(files.visit.id)
    due = clock.start_clock(c, ops, visit, files.received_at) if wavefront and files.science else None
    standing = replan.standing(c, WORKFLOW, visit, LEVEL1B)
    new = [spec for spec in specs if spec.kind != LEVEL1B or spec.dataset not in standing]
    return blackboard.submit(c, ops, WORKFLOW, visit, new, cls="wfsc" if wavefront else "science", due=due)


def _associate(files: Released, taken: Ready, report: Planned) -> StepSpec:
    """Plan the associations of what is there now; planned again with more exposures it is another step.

    The stamp in the association names is the visit's end plus one second for each exposure and detector that is
    there: the same set gives the same names, another set other names.
    """
    stamp = files.visit.end + timedelta(seconds=len(taken))
    return StepSpec(
        kind="science.associate",
        dataset=f"{files.visit.id.v} ({len(taken)} files)",
        params={
            "visits": [pps.visit_to_dict(files.visit)],
            "exposures": [[str(e.name), d] for e, d in taken],
            "version_id": stamp.strftime("%Y%m%dt%H%M%S"),
            "missing": list(report.awaited),
            "notes": list(report.lost),
        },
    )
