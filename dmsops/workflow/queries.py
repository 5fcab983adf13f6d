"""Reading for eyes: plain rows about workflows, steps, attempts and products. Looking is never logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings, reading
from dmsops.core.errors import NotFound
from dmsops.core.journal import journal
from dmsops.workflow.choose import parts
from dmsops.workflow.page import matching, steps
from dmsops.workflow.pulse import engines
from dmsops.workflow.states import GOOD, OPEN, SENTENCES, StepState
from dmsops.workflow.steps import kind_or_stand_in
from dmsops.workflow.tables import attempt, make, need, note, product, step, step_counter, workflow
from dmsops.workflow.triage import failures

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = [
    "attempts",
    "counts",
    "counts_by_kind",
    "engines",
    "failures",
    "last_change",
    "log_tail",
    "matching",
    "notes",
    "products",
    "rescues",
    "step_row",
    "steps",
    "story",
    "versions",
    "waiting_for",
    "workflows",
]
Row = dict[str, Any]
_GOOD = [s.value for s in GOOD]


def counts(ops: Ops, workflow_dataset: str | None = None) -> dict[str, int]:
    """Count steps by state; every state is there, zeros too."""
    query = sa.select(step_counter.c.state, sa.func.sum(step_counter.c.n).label("n")).group_by(step_counter.c.state)
    if workflow_dataset is not None:
        mine = sa.select(workflow.c.id).where(workflow.c.dataset == workflow_dataset)
        query = query.where(step_counter.c.workflow_id.in_(mine))
    found = {r["state"]: int(r["n"]) for r in mappings(ops.db, query)}
    return {s.value: found.get(s.value, 0) for s in StepState}


def counts_by_kind(ops: Ops) -> list[Row]:
    """Count steps by kind and state: ``{"kind", "state", "n"}``; none without steps."""
    n = sa.func.sum(step_counter.c.n)
    query = sa.select(step_counter.c.kind, step_counter.c.state, n.label("n")).group_by(step_counter.c.kind, step_counter.c.state)
    return [{**r, "n": int(r["n"])} for r in mappings(ops.db, query.having(n > 0).order_by(step_counter.c.kind, step_counter.c.state))]


_COLUMNS = {
    "good": GOOD,
    "running": {StepState.RUNNING},
    "failed": {StepState.FAILED},
    "held": {StepState.HELD},
    "cancelled": {StepState.CANCELLED},
    "open": OPEN - {StepState.RUNNING},
}
"""Columns of `workflows`: which states each one counts."""


def workflows(ops: Ops, *, text: str = "", limit: int = 500, offset: int = 0) -> list[Row]:
    """Give workflows with their counts (total, good, running, failed, held, cancelled, open), the newest first.

    ``text`` filters by dataset.
    """
    query = sa.select(workflow).order_by(workflow.c.id.desc())
    if text:
        query = query.where(workflow.c.dataset.contains(text, autoescape=True))
    rows = mappings(ops.db, query.limit(limit).offset(offset))
    zero = {"total": 0, **dict.fromkeys(_COLUMNS, 0)}
    found = {row["id"]: {**row, **zero} for row in rows}
    counted = sa.select(step_counter.c.workflow_id, step_counter.c.state, sa.func.sum(step_counter.c.n).label("n"))
    span = step_counter.c.workflow_id.between(min(found, default=0), max(found, default=-1))
    for cell in mappings(ops.db, counted.where(span).group_by(step_counter.c.workflow_id, step_counter.c.state)):
        row = found.get(cell["workflow_id"], {**zero})
        row["total"] += int(cell["n"])
        for column, states in _COLUMNS.items():
            row[column] += int(cell["n"]) if cell["state"] in states else 0
    return list(found.values())


def step_row(ops: Ops, step_id: int) -> Row:
    """Give one step with the sentence of its state, its needs, its products, its title.

    Raises
    ------
    NotFound
        No such step.
    """
    query = sa.select(step, workflow.c.name.label("workflow"), workflow.c.dataset.label("workflow_dataset"), workflow.c.cls)
    found = mappings(ops.db, query.join(workflow, workflow.c.id == step.c.workflow_id).where(step.c.id == step_id))
    if not found:
        raise NotFound(f"there is no step {step_id} on this site", step=step_id)
    row = found[0]
    row["sentence"] = SENTENCES[StepState(row["state"])]
    row["title"] = kind_or_stand_in(row["kind"]).title
    makes = sa.select(make.c.product).where(make.c.step_id == step_id).order_by(make.c.product)
    row["needs"] = mappings(ops.db, sa.select(need.c.product, need.c.got).where(need.c.step_id == step_id).order_by(need.c.product))
    row["makes"] = [r["product"] for r in mappings(ops.db, makes)]
    row["waiting_for"] = waiting_for(ops, step_id)
    return row


def waiting_for(ops: Ops, step_id: int) -> list[Row]:
    """Say what a step waits for: each missing product, the step that makes it and where that stands."""
    maker = step.alias("maker")
    query = (
        sa.select(need.c.product, maker.c.id.label("maker"), maker.c.kind, maker.c.dataset, maker.c.state)
        .select_from(need.outerjoin(make, make.c.product == need.c.product).outerjoin(maker, maker.c.id == make.c.step_id))
        .where(need.c.step_id == step_id, sa.not_(need.c.got))
        .order_by(need.c.product)
    )
    return mappings(ops.db, query)


def attempts(ops: Ops, step_id: int) -> list[Row]:
    """Give every attempt of a step, newest first."""
    return mappings(ops.db, sa.select(attempt).where(attempt.c.step_id == step_id).order_by(attempt.c.n.desc()))


def log_tail(ops: Ops, step_id: int, lines: int = 40, *, n: int | None = None) -> str:
    """Give the end of the log of attempt ``n``, without it of the newest one; empty when there is none."""
    if n is None:
        n = next((t["n"] for t in attempts(ops, step_id)), 0)
    path = ops.settings.folder("logs") / "steps" / f"{step_id:06d}" / f"{n}.log"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 200 * lines))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def notes(ops: Ops, step_id: int, fingerprint: str | None) -> list[Row]:
    """Give the notes on a step and on its kind of failure, oldest first."""
    about = note.c.step_id == step_id
    if fingerprint:
        about = sa.or_(about, note.c.fingerprint == fingerprint)
    return mappings(ops.db, sa.select(note).where(about).order_by(note.c.id))


def versions(ops: Ops, names: Sequence[str]) -> dict[str, list[Row]]:
    """Give the versions of products by name, the newest first; of a name that was never published none."""
    found: dict[str, list[Row]] = {name: [] for name in names}
    query = sa.select(product).order_by(product.c.name, product.c.version.desc())
    for part in parts(list(found)):
        for row in mappings(ops.db, query.where(product.c.name.in_(part))):
            found[row["name"]].append(row)
    return found


def story(ops: Ops, step_id: int) -> list[Row]:
    """Give the journal's lines about a step, oldest first."""
    return mappings(ops.db, sa.select(journal).where(journal.c.target == f"step {step_id}").order_by(journal.c.seq))


def rescues(ops: Ops, limit: int = 50) -> list[Row]:
    """Give the journal's lines about rescues, newest first: who, when, why, and which plan."""
    query = sa.select(journal).where(journal.c.event == "workflow.rescued").order_by(journal.c.seq.desc())
    return mappings(ops.db, query.limit(limit))


def products(ops: Ops, *, text: str = "", current: bool = True) -> list[Row]:
    """Give published products by name: version, sha256, size, origin."""
    query = sa.select(product).order_by(product.c.name, product.c.version)
    if current:
        query = query.where(product.c.current)
    if text:
        query = query.where(product.c.name.contains(text, autoescape=True))
    return mappings(ops.db, query)


def last_change(ops: Ops) -> int:
    """Give the number of the newest journal line: a cursor for those who poll."""
    with reading(ops.db) as c:
        return int(c.execute(sa.select(sa.func.max(journal.c.seq))).scalar() or 0)
