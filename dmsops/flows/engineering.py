"""Engineering: every released engineering file is ingested; products whose telemetry has changed since are found and made again.

An ingest is a step of the workflow ENGINEERING; level 1b waits for the reports of the files that overlap its visit. A product is
*affected* when samples of its time came, became contested or were settled after it was made, or are contested now; making it
again is a rescue of its level 1b step, with all that follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.people import Role, require
from dmsops.engineering.partitions import hour_of
from dmsops.engineering.pointing import pointing_container
from dmsops.engineering.queries import files, suspect_intervals
from dmsops.engineering.rules import moment
from dmsops.engineering.states import EngineeringState
from dmsops.engineering.steps import report_name
from dmsops.engineering.tables import engineering_change
from dmsops.flows.level1b import Used
from dmsops.receipt import queries as received
from dmsops.workflow import acts, blackboard, rescue
from dmsops.workflow.plan import Plan
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import attempt, make, step, use

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.ops import Ops

Row = dict[str, Any]
WORKFLOW = "ENGINEERING"
INGEST = "engineering.ingest"
URGENT = "wfsc"
"""An ingest takes seconds and a wavefront visit waits for it: behind a backlog of science it would cost that visit its 90 minutes."""
POINTED = ("processing.level1b", "processing.guidestar")
_KINDS = {
    "new": "came after it was made",
    "late": "came late, after it was made",
    "conflict": "became contested after it was made",
    "resolved": "were settled after it was made",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A level 1b step whose telemetry a person should think of.

    Attributes
    ----------
    dataset : str
        What it made: an exposure and detector, or a guide-star function.
    pointing : str
        How it was pointed (ENGQLPTG): ``CALCULATED...`` or ``PLANNED``; empty when it does not say.
    suspect : tuple of str
        Mnemonics that are contested within its time now, whatever they are of.
    why : tuple of str
        A sentence each.
    stale : bool
        Whether making it again would see other telemetry than it saw.
    """

    step: int
    visit: str
    dataset: str
    first_at: datetime | None
    last_at: datetime | None
    pointing: str
    suspect: tuple[str, ...]
    why: tuple[str, ...]
    stale: bool


def plan_received(ops: Ops) -> list[str]:
    """Plan the ingest of every released engineering file that has none, and of those that a person took after all; give their names."""
    require(ops.operator, Role.OPERATOR, "flow plan")
    rows = received.files_released(ops, "engineering")
    with reading(ops.db) as c:
        there = set(c.execute(sa.select(make.c.product).join(step, step.c.id == make.c.step_id).where(step.c.kind == INGEST)).scalars())
    new = [row for row in rows if report_name(row["name"], row["version"]) not in there]
    for row in new:
        with ops.db.begin() as c:
            blackboard.publish(c, ops, row["name"], row["sha256"], row["size"], origin="receipt")
            blackboard.submit(c, ops, WORKFLOW, _day(row), [_spec(row)], cls=URGENT)
    return [row["name"] for row in new] + _take_accepted(ops)


def _day(row: Row) -> str:
    """Name the day that a file's telemetry begins on: its ingest belongs to that day's workflow."""
    return f"{row['covers_from']:%Y-%m-%d}" if row["covers_from"] else "without a time"


def _spec(row: Row) -> StepSpec:
    report = report_name(row["name"], row["version"])
    params = {"file": row["name"], "sha256": row["sha256"]}
    return StepSpec(kind=INGEST, dataset=row["name"], needs=(row["name"],), makes=(report,), params=params, identity=report)


def _take_accepted(ops: Ops) -> list[str]:
    """Run the ingest of files again that were refused and that a person accepted since; level 1b that waited for them follows."""
    waiting = {row["name"]: row for row in files(ops, states=[EngineeringState.WAITING]) if row["decided_by"]}
    if not waiting:
        return []
    ended = sa.select(step.c.id, step.c.dataset).where(step.c.kind == INGEST, step.c.dataset.in_(waiting), step.c.state.in_(GOOD))
    with reading(ops.db) as c:
        steps = {row.id: row.dataset for row in c.execute(ended)}
    for number, name in steps.items():
        seen = rescue.plan(ops, steps=[number], remake=True)
        rescue.rescue(ops, steps=[number], remake=True, ticket=seen.hash, reason=f"accepted: {waiting[name]['decided_reason']}")
    return list(steps.values())


def affected(ops: Ops, *, visit: str | None = None) -> list[Affected]:
    """Give the level 1b steps whose telemetry is contested, has changed since, or did not give them a pointing.

    Parameters
    ----------
    visit : str, optional
        Eleven digits: only this visit's.
    """
    rows = [row for row in _pointed(ops) if visit is None or row["visit"] == visit]
    changes, contested = _by_hour(_changes(ops)), _by_hour(suspect_intervals(ops))
    found = (_affected(row, _touching(contested, row["used"]), _touching(changes, row["used"])) for row in rows)
    return [item for item in found if item.why]


def _pointed(ops: Ops) -> list[Row]:
    """Give the level 1b steps that ended well, with what they used and how they were pointed."""
    query = (
        sa.select(step.c.id, step.c.dataset, use.c.name, attempt.c.metrics)
        .join(use, use.c.step_id == step.c.id)
        .join(attempt, sa.and_(attempt.c.step_id == step.c.id, attempt.c.n == step.c.attempt))
        .where(step.c.kind.in_(POINTED), step.c.state.in_(GOOD), use.c.name.like("engineering %"))
        .order_by(step.c.dataset)
    )
    with reading(ops.db) as c:
        rows = c.execute(query).all()
    parsed = ((row, Used.read(row.name)) for row in rows)
    return [
        {"id": r.id, "dataset": r.dataset, "visit": r.dataset[2:13], "used": used, "pointing": (r.metrics or {}).get("pointing", "")}
        for r, used in parsed
        if used is not None
    ]


def _changes(ops: Ops) -> list[Row]:
    """Give every change of the pointing telemetry."""
    e = engineering_change.c
    query = sa.select(e.kind, e.revision, e.first_us, e.last_us).where(e.container == pointing_container())
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query).mappings()]


def _by_hour(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Put what has a first and a last time under every hour that it touches."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        for hour in range(hour_of(row["first_us"]), hour_of(row["last_us"]) + 1):
            found.setdefault(hour, []).append(row)
    return found


def _touching(hours: Mapping[int, list[Row]], used: Used) -> list[Row]:
    near = (row for hour in range(hour_of(used.first_us), hour_of(used.last_us) + 1) for row in hours.get(hour, ()))
    return [row for row in near if row["first_us"] <= used.last_us and row["last_us"] >= used.first_us]


def _affected(row: Row, suspect: list[Row], touched: list[Row]) -> Affected:
    contested = sorted({interval["name"] for interval in suspect})
    changed = sorted({change["kind"] for change in touched if change["revision"] > row["used"].revision})
    why = [f"{name} is contested within its time (procedure P14)" for name in contested]
    why += [f"samples of its pointing {_KINDS[kind]}" for kind in changed]
    if row["pointing"] == "PLANNED":
        why.append("its pointing is the planned one: no good telemetry was there when it was made (procedure P12)")
    return Affected(
        step=row["id"], visit=row["visit"], dataset=row["dataset"], first_at=moment(row["used"].first_us),
        last_at=moment(row["used"].last_us), pointing=row["pointing"], suspect=tuple(contested), why=tuple(why), stale=bool(changed),
    )  # fmt: skip


def preview(ops: Ops, steps: list[int]) -> Plan:
    """Say what making affected products again would run and supersede; nothing changes (see `dmsops.workflow.rescue.plan`)."""
    return rescue.plan(ops, steps=steps, remake=True)


def remake(ops: Ops, steps: list[int], *, ticket: str, reason: str) -> acts.Receipt:
    """Make affected products again, with all that follows, as previewed (see `dmsops.workflow.rescue.rescue`)."""
    return rescue.receipt(ops, steps=steps, remake=True, ticket=ticket, reason=reason)


def open_ingests(ops: Ops) -> int:
    """Give the number of ingests that are planned and have not ended well."""
    over = [*(s.value for s in GOOD), StepState.CANCELLED.value]
    with reading(ops.db) as c:
        return int(c.execute(sa.select(sa.func.count()).where(step.c.kind == INGEST, step.c.state.not_in(over))).scalar() or 0)
