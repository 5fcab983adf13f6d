"""The blackboard: every move of a step, with its journal line, in one transaction.

All functions take an open write transaction; an engine or a verb decides when to commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow.choose import parts
from dmsops.workflow.moves import Cell, Moves, count
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import edge, make, need, product, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

RANKS = {"wfsc": 0, "science": 100, "reprocessing": 200}
"""Rank of a class; lower runs first. A step's priority is taken off its rank: it orders within the class."""
_GOOD = [s.value for s in GOOD]
_CHILDREN = sa.select(edge.c.child).distinct().where(edge.c.parent.in_(sa.bindparam("ids", expanding=True)))


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
    ids = _insert(c, ops, workflow_id, {spec.key_of(f"{name}/{dataset}"): spec for spec in specs}, rank, due)
    if ids:
        wake(c, ops, ids)
        journal.write(c, ops.clock, "workflow.planned", f"{name}/{dataset}", actor=ops.operator.name, steps=len(ids))
    return ids


def _insert(c: sa.Connection, ops: Ops, workflow_id: int, specs: dict[str, StepSpec], rank: int, due: datetime | None) -> list[int]:
    """Insert the steps that are not there yet, by key, as one group."""
    there = _ids(c, [*specs, *(key for spec in specs.values() for key in spec.after)])
    new = {key: spec for key, spec in specs.items() if key not in there}
    if not new:
        return []
    same = {
        "workflow_id": workflow_id, "rank": rank, "due": due, "state": StepState.WAITING.value, "waits": 1, "attempt": 0, "fresh": False,
        "rev": 0, "priority": 0, "retries": 0, "created_at": ops.clock.now(),
    }  # fmt: skip
    rows = [{**same, "key": key, "kind": spec.kind, "dataset": spec.dataset, "params": spec.params} for key, spec in new.items()]
    inserted = c.execute(sa.insert(step).returning(step.c.id, sort_by_parameter_order=True), rows).scalars().all()
    ids = there | dict(zip(new, inserted, strict=True))
    there_now = current(c, {name for spec in new.values() for name in spec.needs})
    mine = [(ids[key], spec) for key, spec in new.items()]
    _insert_all(c, need, [{"step_id": i, "product": p, "got": p in there_now} for i, s in mine for p in dict.fromkeys(s.needs)])
    _insert_all(c, make, [{"step_id": i, "product": p} for i, s in mine for p in dict.fromkeys(s.makes)])
    _insert_all(c, edge, [{"parent": ids[key], "child": i} for i, s in mine for key in dict.fromkeys(s.after) if key in ids])
    count(c, Counter((workflow_id, spec.kind, StepState.WAITING.value) for spec in new.values()))
    return list(inserted)


def _insert_all(c: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        c.execute(sa.insert(table), rows)


def _ids(c: sa.Connection, keys: Iterable[str]) -> dict[str, int]:
    query = sa.select(step.c.key, step.c.id)
    return {row.key: row.id for some in parts(list(dict.fromkeys(keys))) for row in c.execute(query.where(step.c.key.in_(some)))}


def current(c: sa.Connection, names: Collection[str]) -> set[str]:
    """Give those of the names that are published products now."""
    query = sa.select(product.c.name).where(product.c.current)
    return {name for some in parts(list(names)) for name in c.execute(query.where(product.c.name.in_(some))).scalars()}


def still_open(c: sa.Connection, ids: Collection[int]) -> list[int]:
    """Give those of the steps that have not ended well and were not given up."""
    over = [*_GOOD, StepState.CANCELLED.value]
    query = sa.select(step.c.id).where(step.c.state.not_in(over)).order_by(step.c.id)
    return [i for some in parts(list(ids)) for i in c.execute(query.where(step.c.id.in_(some))).scalars()]


def wake(c: sa.Connection, ops: Ops, ids: Collection[int], changes: Counter[Cell] | None = None) -> list[int]:
    """Count again what the given steps wait for; those that wait for nothing become ready.

    ``changes`` takes the change of the counters, to be written with those of a group of moves; else it is written here.
    """
    ready: list[Any] = []
    for some in parts(list(ids)):
        c.execute(_RECOUNT, {"ids": some})
        ready += c.execute(_COMPLETE, {"ids": some}).all()
    mine: Counter[Cell] = Counter() if changes is None else changes
    for row in ready:
        mine[row.workflow_id, row.kind, StepState.READY.value] += 1
        mine[row.workflow_id, row.kind, StepState.WAITING.value] -= 1
    if changes is None:
        count(c, mine)
    return [r.id for r in ready]


def _waking() -> tuple[sa.Update, Any]:
    """Make the two statements of `wake`, once."""
    missing = sa.select(sa.func.count()).where(need.c.step_id == step.c.id, sa.not_(need.c.got)).scalar_subquery()
    before = step.alias("before")
    parents = (
        sa.select(sa.func.count())
        .select_from(edge.join(before, before.c.id == edge.c.parent))
        .where(edge.c.child == step.c.id, before.c.state.not_in(_GOOD))
        .scalar_subquery()
    )
    here = (step.c.id.in_(sa.bindparam("ids", expanding=True)), step.c.state == StepState.WAITING.value)
    moved = sa.update(step).where(*here, step.c.waits == 0).values(state=StepState.READY.value, rev=step.c.rev + 1)
    return sa.update(step).where(*here).values(waits=missing + parents), moved.returning(step.c.id, step.c.workflow_id, step.c.kind)


_RECOUNT, _COMPLETE = _waking()


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


def after_end(c: sa.Connection, ops: Ops, *step_ids: int, changes: Counter[Cell] | None = None) -> None:
    """Wake the children of steps that ended well."""
    wake(c, ops, c.execute(_CHILDREN, {"ids": step_ids}).scalars().all(), changes)


def move(c: sa.Connection, ops: Ops, verb: str, row: Any, *, reason: str | None = None, actor: str | None = None, **values: object) -> bool:
    """Move one step by a verb of the transition table, and write its line.

    Returns
    -------
    bool
        False when somebody else moved it first (nothing is written then).
    """
    moves = Moves(ops)
    moved = moves.make(c, verb, row, reason=reason, actor=actor, **values)
    moves.write(c)
    return moved


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
