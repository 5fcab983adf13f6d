"""The blackboard: every move of a step, with its journal line, in one transaction.

All functions take an open write transaction; an engine or a verb decides when to commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import db, journal
from dmsops.workflow.states import GOOD, StepState, target
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import edge, make, need, product, step, step_counter, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

RANKS = {"wfsc": 0, "science": 100, "reprocessing": 200}
"""Rank of a class; lower runs first. A step's priority is taken off its rank: it orders within the class."""
_GOOD = [s.value for s in GOOD]
Cell = tuple[int, str, str]
"""Workflow, kind, state."""


def submit(
    c: sa.Connection,
    ops: Ops,
    name: str,
    dataset: str,
    specs: Iterable[StepSpec],
    *,
    cls: str = "science",
    due: datetime | None = None,
) -> list[int]:
    """Plan steps of a workflow; steps that are planned already are left as they are.

    Parameters
    ----------
    name, dataset : str
        The workflow: ``SCIENCE`` of visit ``02726402001``.
    cls : {'wfsc', 'science', 'reprocessing'}
        Priority class of the workflow when it is new.

    Returns
    -------
    list of int
        Ids of the steps that are new.
    """
    row = c.execute(sa.select(workflow).where(workflow.c.name == name, workflow.c.dataset == dataset)).one_or_none()
    if row is None:
        now = ops.clock.now()
        result = c.execute(sa.insert(workflow).values(name=name, dataset=dataset, cls=cls, due=due, created_at=now))
        workflow_id, rank = int(result.inserted_primary_key[0]), RANKS[cls]  # type: ignore[index]
    else:
        workflow_id, rank, due = row.id, RANKS[row.cls], row.due
    new = [_insert(c, ops, workflow_id, f"{name}/{dataset}", spec, rank, due) for spec in specs]
    ids = [i for i in new if i is not None]
    if ids:
        wake(c, ops, ids)
        journal.write(c, ops.clock, "workflow.planned", f"{name}/{dataset}", actor=ops.operator.name, steps=len(ids))
    return ids


def _insert(c: sa.Connection, ops: Ops, workflow_id: int, root: str, spec: StepSpec, rank: int, due: datetime | None) -> int | None:
    key = spec.key_of(root)
    if c.execute(sa.select(step.c.id).where(step.c.key == key)).scalar() is not None:
        return None
    values = {
        "workflow_id": workflow_id, "kind": spec.kind, "dataset": spec.dataset, "key": key, "params": spec.params, "rank": rank,
        "due": due, "state": StepState.WAITING.value, "waits": 1, "attempt": 0, "fresh": False, "rev": 0, "priority": 0, "retries": 0,
        "created_at": ops.clock.now(),
    }  # fmt: skip
    result = c.execute(sa.insert(step).values(values))
    step_id = int(result.inserted_primary_key[0])  # type: ignore[index]
    count(c, {(workflow_id, spec.kind, StepState.WAITING.value): 1})
    if spec.needs:
        there = set(_current(c, spec.needs))
        c.execute(sa.insert(need), [{"step_id": step_id, "product": p, "got": p in there} for p in dict.fromkeys(spec.needs)])
    if spec.makes:
        c.execute(sa.insert(make), [{"step_id": step_id, "product": p} for p in dict.fromkeys(spec.makes)])
    if spec.after:
        parents = c.execute(sa.select(step.c.id).where(step.c.key.in_(spec.after))).scalars().all()
        c.execute(sa.insert(edge), [{"parent": p, "child": step_id} for p in parents])
    return step_id


def _current(c: sa.Connection, names: Collection[str]) -> list[str]:
    query = sa.select(product.c.name).where(product.c.name.in_(names), product.c.current)
    return list(c.execute(query).scalars())


def wake(c: sa.Connection, ops: Ops, ids: Collection[int]) -> list[int]:
    """Count again what the given steps wait for; those that wait for nothing become ready."""
    if not ids:
        return []
    missing = sa.select(sa.func.count()).where(need.c.step_id == step.c.id, sa.not_(need.c.got)).scalar_subquery()
    before = step.alias("before")
    parents = (
        sa.select(sa.func.count())
        .select_from(edge.join(before, before.c.id == edge.c.parent))
        .where(edge.c.child == step.c.id, before.c.state.not_in(_GOOD))
        .scalar_subquery()
    )
    here = (step.c.id.in_(ids), step.c.state == StepState.WAITING.value)
    c.execute(sa.update(step).where(*here).values(waits=missing + parents))
    moved = sa.update(step).where(*here, step.c.waits == 0).values(state=StepState.READY.value, rev=step.c.rev + 1)
    ready = c.execute(moved.returning(step.c.id, step.c.workflow_id, step.c.kind)).all()
    changes: Counter[Cell] = Counter()
    for row in ready:
        changes[row.workflow_id, row.kind, StepState.READY.value] += 1
        changes[row.workflow_id, row.kind, StepState.WAITING.value] -= 1
    count(c, changes)
    return [r.id for r in ready]


def count(c: sa.Connection, changes: Mapping[Cell, int]) -> None:
    """Keep the counters: how many steps each workflow has of each kind in each state; in the order of the key (no deadlocks)."""
    for (flow, kind, state), by in sorted(changes.items()):
        if by:
            db.add_to(c, step_counter, {"workflow_id": flow, "kind": kind, "state": state}, "n", by)


def publish(c: sa.Connection, ops: Ops, name: str, sha256: str, size: int, *, origin: str, step_id: int | None = None) -> int:
    """Make bytes the current version of a product and tell those who wait for it; the same bytes again change nothing.

    Returns
    -------
    int
        The product's version: 1, or one more than before when the bytes are new.
    """
    rows = c.execute(sa.select(product).where(product.c.name == name).order_by(product.c.version)).all()
    current = next((r for r in rows if r.current), None)
    version = rows[-1].version if rows else 0
    if current is None and rows and rows[-1].sha256 == sha256:
        c.execute(sa.update(product).where(product.c.id == rows[-1].id).values(current=True))
    elif current is None or current.sha256 != sha256:
        version += 1
        c.execute(sa.update(product).where(product.c.name == name, product.c.current).values(current=False))
        values = {"name": name, "version": version, "sha256": sha256, "size": size, "step_id": step_id, "origin": origin}
        c.execute(sa.insert(product).values(**values, current=True, created_at=ops.clock.now()))
    waiting = c.execute(sa.update(need).where(need.c.product == name, sa.not_(need.c.got)).values(got=True).returning(need.c.step_id))
    wake(c, ops, [r.step_id for r in waiting])
    return version


def withdraw(c: sa.Connection, names: Collection[str]) -> None:
    """Take products out of the current set (before they are made again); their versions stay on record."""
    c.execute(sa.update(product).where(product.c.name.in_(names), product.c.current).values(current=False))
    c.execute(sa.update(need).where(need.c.product.in_(names)).values(got=False))


def after_end(c: sa.Connection, ops: Ops, step_id: int) -> None:
    """Wake the children of a step that ended well."""
    kids = c.execute(sa.select(edge.c.child).where(edge.c.parent == step_id)).scalars().all()
    wake(c, ops, kids)


def move(c: sa.Connection, ops: Ops, verb: str, row: Any, *, reason: str | None = None, actor: str | None = None, **values: object) -> bool:
    """Move one step by a verb of the transition table, and write its line.

    Returns
    -------
    bool
        False when somebody else moved it first (nothing is written then).
    """
    to = target(verb, StepState(row.state), f"{row.id} ({row.kind} {row.dataset})")
    fence = (step.c.id == row.id, step.c.state == row.state, step.c.attempt == row.attempt)
    hit = c.execute(sa.update(step).where(*fence).values(state=to.value, rev=step.c.rev + 1, **values)).rowcount
    if hit:
        if to.value != row.state:
            count(c, {(row.workflow_id, row.kind, row.state): -1, (row.workflow_id, row.kind, to.value): 1})
        journal.write(
            c, ops.clock, f"step.{verb}", f"step {row.id}", actor=actor or ops.operator.name, reason=reason,
            kind=row.kind, dataset=row.dataset, before=row.state, after=to.value, attempt=row.attempt,
        )  # fmt: skip
    return bool(hit)


def touch(c: sa.Connection, ops: Ops, what: str, row: Any, *, reason: str, **values: Any) -> None:
    """Change something of a step other than its state, and write its line ``step.<what>``."""
    c.execute(sa.update(step).where(step.c.id == row.id).values(rev=step.c.rev + 1, **values))
    journal.write(
        c, ops.clock, f"step.{what}", f"step {row.id}", actor=ops.operator.name, reason=reason, kind=row.kind, dataset=row.dataset, **values
    )


def release(c: sa.Connection, ops: Ops, held: Iterable[Any], *, reason: str, actor: str | None = None) -> None:
    """Let held steps go on: what had failed is failed again, the rest waits or is ready."""
    ids = []
    for row in held:
        verb = "release-failed" if row.held_from == StepState.FAILED.value else "release"
        move(c, ops, verb, row, reason=reason, actor=actor, held_from=None, held_reason=None, held_until=None)
        ids.append(row.id)
    wake(c, ops, ids)


def release_due(c: sa.Connection, ops: Ops) -> int:
    """Release what was held until a time that has come; gives how many."""
    due = (step.c.state == StepState.HELD.value, step.c.held_until <= ops.clock.now())
    found = c.execute(sa.select(step).where(*due)).all()
    release(c, ops, found, reason="the time of the hold is over", actor="engine")
    return len(found)
