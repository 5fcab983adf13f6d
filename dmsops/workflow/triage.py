"""Failures for a person: grouped by what went wrong, with what is known of it, and what fails but is tried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.workflow.states import OPEN, StepState
from dmsops.workflow.tables import attempt, note, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SHOWN = 5
"""Datasets named of a group."""
_FAILED = StepState.FAILED.value
_BAD = ("failed", "lost")


def failures(ops: Ops) -> list[Row]:
    """Group failed steps by fingerprint, those with the most steps that need a person first.

    Returns
    -------
    list of dict
        ``fingerprint``, ``kind``, ``fault_class``; ``n`` steps that need a person and ``handled`` ones that somebody
        marked as handled; ``tries`` that ended so, ever; ``first`` and ``last`` time seen over all attempts; ``fault``
        and ``remedy`` of one of them; ``datasets`` and ``steps`` (the first few); ``assigned`` (people); ``note``,
        ``note_by``, ``note_at``: the newest word on a known problem.
    """
    with reading(ops.db) as c:
        groups = [dict(r) for r in c.execute(_groups()).mappings()]
        prints = [g["fingerprint"] for g in groups]
        some, people, seen, notes = _some(c), _people(c), _seen(c, groups), _notes(c, prints)
    nothing = {"note": None, "note_by": None, "note_at": None}
    return [_group(g, some, people, seen) | notes.get(g["fingerprint"], nothing) for g in groups]


def _group(group: Row, some: dict[str | None, list[Any]], people: dict[str | None, list[str]], seen: dict[str, Any]) -> Row:
    text = group["fingerprint"]
    first, last, tries = seen.get(text, (None, None, group["n"] + group["handled"]))
    return {
        **group,
        "first": min((t for t in (first, group["first"]) if t is not None), default=None),
        "last": max((t for t in (last, group["last"]) if t is not None), default=None),
        "tries": tries,
        "datasets": [r.dataset for r in some[text]],
        "steps": [r.id for r in some[text]],
        "assigned": people.get(text, []),
    }


def _groups() -> Any:
    number = sa.func.sum(sa.case((step.c.handled_by.is_(None), 1), else_=0))
    return (
        sa.select(
            step.c.fingerprint,
            sa.func.min(step.c.kind).label("kind"),
            sa.func.min(step.c.fault_class).label("fault_class"),
            number.label("n"),
            (sa.func.count() - number).label("handled"),
            sa.func.min(step.c.ended_at).label("first"),
            sa.func.max(step.c.ended_at).label("last"),
            sa.func.min(step.c.fault).label("fault"),
            sa.func.min(step.c.remedy).label("remedy"),
        )
        .where(step.c.state == _FAILED)
        .group_by(step.c.fingerprint)
        .order_by(sa.desc("n"), sa.desc("handled"), step.c.fingerprint)
    )


def _some(c: sa.Connection) -> dict[str | None, list[Any]]:
    place = sa.func.row_number().over(partition_by=step.c.fingerprint, order_by=(step.c.handled_by.is_not(None), step.c.id)).label("place")
    ranked = sa.select(step.c.id, step.c.dataset, step.c.fingerprint, place).where(step.c.state == _FAILED).subquery()
    found = defaultdict(list)
    for row in c.execute(sa.select(ranked).where(ranked.c.place <= SHOWN).order_by(ranked.c.place)):
        found[row.fingerprint].append(row)
    return found


def _people(c: sa.Connection) -> dict[str | None, list[str]]:
    query = sa.select(step.c.fingerprint, step.c.assigned_to).where(step.c.state == _FAILED, step.c.assigned_to.is_not(None)).distinct()
    found = defaultdict(list)
    for row in c.execute(query.order_by(step.c.assigned_to)):
        found[row.fingerprint].append(row.assigned_to)
    return found


def _seen(c: sa.Connection, groups: Iterable[Row]) -> dict[str, tuple[Any, Any, int]]:
    """Give when each fingerprint was first and last seen in any attempt, and how often."""
    kinds = {g["kind"] for g in groups} | {""}
    prints = [g["fingerprint"] for g in groups]
    query = (
        sa.select(attempt.c.fingerprint, sa.func.min(attempt.c.ended_at), sa.func.max(attempt.c.ended_at), sa.func.count())
        .where(attempt.c.kind.in_(kinds), attempt.c.outcome == _FAILED, attempt.c.fingerprint.in_(prints))
        .group_by(attempt.c.fingerprint)
    )
    return {text: (first, last, n) for text, first, last, n in c.execute(query)}


def _notes(c: sa.Connection, prints: Collection[str]) -> dict[str, Row]:
    query = sa.select(note).where(note.c.fingerprint.in_(prints)).order_by(note.c.id)
    return {r.fingerprint: {"note": r.text, "note_by": r.actor, "note_at": r.at} for r in c.execute(query)}


def retrying(ops: Ops, limit: int = 500) -> list[Row]:
    """Give open steps whose last ended attempt failed or was lost: they would be called fine by their state alone.

    Returns
    -------
    list of dict
        ``id``, ``kind``, ``dataset``, ``workflow``, ``workflow_dataset``, ``state``, ``attempt``, ``retries`` of the
        step; ``outcome``, ``fault``, ``fault_class``, ``fingerprint``, ``failed_at``, ``host`` of that attempt.
    """
    running = sa.case((step.c.state == StepState.RUNNING.value, 1), else_=0)
    columns = (step.c.id, step.c.kind, step.c.dataset, step.c.state, step.c.attempt, step.c.retries)
    last = (attempt.c.outcome, attempt.c.fault, attempt.c.fault_class, attempt.c.fingerprint, attempt.c.host)
    query = (
        sa.select(*columns, workflow.c.name.label("workflow"), workflow.c.dataset.label("workflow_dataset"), *last)
        .add_columns(attempt.c.ended_at.label("failed_at"))
        .join(workflow, workflow.c.id == step.c.workflow_id)
        .join(attempt, sa.and_(attempt.c.step_id == step.c.id, attempt.c.n == step.c.attempt - running))
        .where(step.c.state.in_([s.value for s in OPEN]), step.c.attempt > 0, attempt.c.outcome.in_(_BAD))
        .order_by(step.c.rank, step.c.id)
    )
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(query.limit(limit)).mappings()]
