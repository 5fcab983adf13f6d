"""Plan, current status file and received telemetry of visits, side by side; nothing here changes anything.

Everything is read from the index tables: no XML and no packet is opened, so thousands of visits take moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.core.names import ExposureName, VisitId
from dmsops.receipt import reports
from dmsops.receipt.holdings import in_doubt
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file, planned_exposure, reconciliation, reported_exposure, science_part
from dmsops.receipt.verdicts import Found, Verdict, counted, differences, judge

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_NO_ROWS: dict[str, Row] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is known of one visit.

    Attributes
    ----------
    plan, report : str or None
        File names of the plan and of the current status file; ``issue`` and ``report_sha256`` are that file's.
    status, end_reason, guiding, target_acquisition : str
        As reported; empty without a status file. ``guiding`` is in words: ``acquired at attempt 1``.
    found : tuple of Found
        A verdict for each exposure and detector.
    differences : tuple of str
        What was otherwise than planned, in sentences.
    counts : dict
        Number of exposures and detectors by verdict.
    outcome : str
        ``complete``, ``partial``, ``skipped``, ``failed`` (nothing was executed), or ``unreported`` (no status file).
    """

    visit: str
    plan: str | None
    report: str | None
    issue: int | None = None
    report_sha256: str | None = None
    status: str = ""
    end_reason: str = ""
    guiding: str = ""
    target_acquisition: str = ""
    acquisitions: tuple[Row, ...] = ()
    planned_end: datetime | None = None
    end: datetime | None = None
    exposures_planned: int = 0
    found: tuple[Found, ...] = ()
    differences: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    outcome: str = "unreported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the index says of the visits asked for."""

    plans: dict[str, Row]
    reports: dict[str, Row]
    planned: dict[str, dict[str, Row]]
    reported: dict[str, dict[str, Row]]
    came: dict[str, dict[tuple[str, str], bool]]
    last: dict[str, Row]
    arrived: dict[str, datetime]


def compare(ops: Ops, visit: str) -> Comparison:
    """Bring plan, current status file and telemetry of one visit together.

    Parameters
    ----------
    visit : str
        Eleven digits, with or without ``V``.

    Raises
    ------
    BadName
        That is no visit id.
    NotFound
        Neither plan, status file nor packets of that visit have been received.
    """
    number = str(VisitId.parse(visit))
    with reading(ops.db) as c:
        return compared(look(c, number), number)


def look(c: sa.Connection, visit: str | None = None) -> Known:
    """Read what there is of one visit (11 digits), or of all."""
    plans, current = reports.current_plans(c, visit), reports.current_reports(c, visit)
    return Known(
        plans=plans,
        reports=current,
        planned=reports.exposures(c, planned_exposure, plans.values(), visit),
        reported=reports.exposures(c, reported_exposure, current.values(), visit),
        came=_came(c, visit),
        last=_last(c, visit),
        arrived=reports.last_arrivals(c, visit),
    )


def _came(c: sa.Connection, visit: str | None) -> dict[str, dict[tuple[str, str], bool]]:
    """Say which packets came, and whether those of an exposure and detector are complete over all files.

    What the guiders read is in no plan and in no status file's list of exposures: it is left out.
    """
    p, f = science_part.c, delivered_file.c
    query = (
        sa.select(p.visit, p.exposure, p.detector, sa.func.max(sa.cast(p.complete, sa.Integer)).label("complete"))
        .join(delivered_file, f.sha256 == p.sha256)
        .where(f.state == FileState.RELEASED)
        .group_by(p.visit, p.exposure, p.detector)
    )
    found: dict[str, dict[tuple[str, str], bool]] = {}
    for row in c.execute(query if visit is None else query.where(p.visit == visit)):
        found.setdefault(row.visit, {})[row.exposure, row.detector] = bool(row.complete)
    for held in in_doubt(c, visit):
        found[held.visit][held.exposure, held.detector] = held.complete
    return {number: {key: whole for key, whole in came.items() if ExposureName.matches(key[0])} for number, came in found.items()}


def _last(c: sa.Connection, visit: str | None) -> dict[str, Row]:
    """Give the last reconciliation of each visit."""
    query = sa.select(reconciliation).order_by(reconciliation.c.id)
    rows = c.execute(query if visit is None else query.where(reconciliation.c.visit == visit)).mappings()
    return {row["visit"]: dict(row) for row in rows}


def compared(known: Known, visit: str) -> Comparison:
    """Compare one of the visits that were looked at; raises `NotFound` when nothing is known of it."""
    plan, report = known.plans.get(visit), known.reports.get(visit)
    planned, reported = known.planned.get(visit, _NO_ROWS), known.reported.get(visit, _NO_ROWS)
    came = known.came.get(visit, {})
    if plan is None and report is None and not came:
        raise NotFound(f"neither plan, status file nor packets of visit V{visit} have been received", visit=visit)
    found = judge(planned, reported, came, has_report=report is not None, end_reason=report["end_reason"] if report else "")
    counts = counted(found)
    return Comparison(
        visit=visit,
        plan=plan["name"] if plan else None,
        report=report["name"] if report else None,
        planned_end=plan["end"] if plan else None,
        exposures_planned=len(planned),
        found=found,
        differences=differences(plan, report, planned, reported),
        counts=counts,
        outcome=_outcome(report, counts),
        **_reported(report),
    )


def _reported(report: Row | None) -> Row:
    if report is None:
        return {}
    outcome = report["guiding"].lower()
    return {
        "issue": report["issue"], "report_sha256": report["sha256"], "status": report["status"], "end_reason": report["end_reason"],
        "guiding": f"{outcome} at attempt {report['attempt']}" if outcome else "not said", "end": report["end"],
        "target_acquisition": report["target_acquisition"], "acquisitions": tuple(report["acquisitions"]),
    }  # fmt: skip


def _outcome(report: Row | None, counts: dict[str, int]) -> str:
    if report is None:
        return "unreported"
    if report["status"] == "SKIPPED":
        return "skipped"
    if report["status"] == "SUCCESSFUL" and not counts.keys() - {Verdict.EXECUTED.value}:
        return "complete"
    return "partial" if Verdict.EXECUTED.value in counts else "failed"


def visits(ops: Ops) -> list[Row]:
    """Give one row for each visit that a plan, a status file or packets speak of, the latest planned end first.

    Keys: visit, planned (exposures), status, end_reason, counts (by verdict), outcome, report (file), issue, plan_end,
    minutes_without_report, overdue, reconciled_at, reconciled_by, reconciled_outcome, needs_person.
    """
    with reading(ops.db) as c:
        known = look(c)
    now, limit = ops.clock.now(), timedelta(minutes=ops.settings.status_file_minutes)
    numbers = known.plans.keys() | known.reports.keys() | known.came.keys()
    rows = [row_of(known, compared(known, visit), now, limit) for visit in numbers]
    return sorted(rows, key=lambda row: (row["plan_end"] is not None, row["plan_end"] or now, row["visit"]), reverse=True)


def unreported(ops: Ops) -> list[Row]:
    """Give the rows of `visits` for those without a status file only: quick, however many visits have theirs."""
    now, limit = ops.clock.now(), timedelta(minutes=ops.settings.status_file_minutes)
    with reading(ops.db) as c:
        found = {visit: look(c, visit) for visit in sorted(reports.unreported(c))}
    return [row_of(known, compared(known, visit), now, limit) for visit, known in found.items()]


def row_of(known: Known, seen: Comparison, now: datetime, limit: timedelta) -> Row:
    """Give the row of one visit at a moment; ``limit`` is how long a status file may be waited for."""
    last = known.last.get(seen.visit)
    waited = _waited(known, seen, now)
    overdue = waited is not None and waited >= limit
    settled = last is not None and (last["status_sha256"], last["counts"], last["outcome"]) == (
        seen.report_sha256, seen.counts, seen.outcome,
    )  # fmt: skip
    return {
        "visit": seen.visit,
        "planned": seen.exposures_planned,
        "status": seen.status,
        "end_reason": seen.end_reason,
        "counts": seen.counts,
        "outcome": seen.outcome,
        "report": seen.report,
        "issue": seen.issue,
        "plan_end": seen.planned_end,
        "minutes_without_report": None if waited is None else int(waited.total_seconds() // 60),
        "overdue": overdue,
        "reconciled_at": last and last["at"],
        "reconciled_by": last and last["actor"],
        "reconciled_outcome": last and last["outcome"],
        "needs_person": not settled and (overdue or seen.outcome in ("partial", "skipped", "failed")),
    }


def _waited(known: Known, seen: Comparison, now: datetime) -> timedelta | None:
    """Say for how long the status file has been waited for: since the planned end, or the last delivery, whichever came later."""
    since = max((t for t in (seen.planned_end, known.arrived.get(seen.visit)) if t is not None), default=None)
    if seen.report is not None or since is None or now < since:
        return None
    return now - since
