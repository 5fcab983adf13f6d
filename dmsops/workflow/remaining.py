"""What is still to be done until a workflow's last hand-over: its open steps, what they need from others, and what they will plan.

The graph holds step numbers; work that a step will plan once it has run has negative ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dmsops.core.errors import DmsError
from dmsops.workflow import reach
from dmsops.workflow.choose import parts, rows
from dmsops.workflow.states import BLOCKING, GOOD, StepState
from dmsops.workflow.steps import StepKind, kind_or_stand_in
from dmsops.workflow.tables import edge, make, need, step


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A piece of work; ``started_at`` is given of one that runs."""

    kind: str
    dataset: str
    state: str
    started_at: datetime | None = None


@dataclass(slots=True)
class Remaining:
    """The work left of one workflow.

    Attributes
    ----------
    items : dict of int to Item
        Steps, and work to come under negative numbers.
    before : dict of int to set of int
        What each of them waits for.
    goals : set of int
        The hand-overs to neighbours; all items when there is none.
    blocked : list of int
        Steps among them that do not go on by themselves: failed, held, dropped.
    outside : list of str
        Products that nothing on this site makes: they have to arrive.
    """

    items: dict[int, Item] = field(default_factory=dict)
    before: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    goals: set[int] = field(default_factory=set)
    blocked: list[int] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def upstream(self, roots: Iterable[int]) -> set[int]:
        """Give the work that must end before these pieces can, themselves included."""
        seen: set[int] = set()
        todo = list(roots)
        while todo:
            item = todo.pop()
            if item not in seen:
                seen.add(item)
                todo += self.before[item]
        return seen

    def stopped_by(self, number: int) -> tuple[int, ...]:
        """Give the blocked steps that a step depends on, itself included."""
        return tuple(sorted(self.upstream([number]).intersection(self.blocked)))


class After:
    """An act that is looked at before it is done, looked up once for all the workflows that it touches.

    Parameters
    ----------
    again : collection of int
        Steps that the act would run again: they count as open, whatever state they are in.
    stopped : collection of int
        Steps that the act would keep from going on.
    """

    def __init__(self, c: sa.Connection, again: Collection[int] = (), stopped: Collection[int] = ()) -> None:
        self.again = frozenset(again)
        self.stopped = frozenset(stopped)
        self.redone = reach.products_of(c, again)
        self.rows: dict[int, dict[int, Any]] = defaultdict(dict)
        for row in rows(c, again):
            self.rows[row.workflow_id][row.id] = row


def remaining(c: sa.Connection, workflow_id: int, act: After | None = None) -> Remaining:
    """Look at what is left of a workflow, now or as it would be after an act."""
    act = act or After(c)
    work = Remaining()
    good = [s.value for s in GOOD]
    level = _open(c, sa.and_(step.c.workflow_id == workflow_id, step.c.state.not_in(good))) | act.rows[workflow_id]
    while level:
        for row in level.values():
            _take(work, row, act)
        links = _links(c, list(level), act.redone)
        for child, parent in links:
            work.before[child].add(parent)
        new = {parent for _, parent in links} - work.items.keys()
        level = {r.id: r for r in rows(c, new) if r.state not in good or r.id in act.again}
    _prune(work)
    _look_outside(c, work)
    return work


def _open(c: sa.Connection, here: Any) -> dict[int, Any]:
    columns = (step.c.id, step.c.kind, step.c.dataset, step.c.state, step.c.started_at, step.c.workflow_id, step.c.params, step.c.changes)
    return {r.id: r for r in c.execute(sa.select(*columns).where(here))}


def _take(work: Remaining, row: Any, act: After) -> None:
    state = StepState(row.state)
    running = state is StepState.RUNNING
    work.items[row.id] = Item(kind=row.kind, dataset=row.dataset, state=row.state, started_at=row.started_at if running else None)
    kind = kind_or_stand_in(row.kind)
    if kind.external:
        work.goals.add(row.id)
    if row.id in act.stopped or (state in BLOCKING and row.id not in act.again):
        work.blocked.append(row.id)
    last = {row.id}
    for stage, n in _foreseen(kind, {**row.params, **(row.changes or {})}):
        coming = {-len(work.items) - k for k in range(n)}
        for number in coming:
            work.items[number] = Item(kind=stage, dataset=row.dataset, state="to come")
            work.before[number] |= last
            work.goals |= {number} if kind_or_stand_in(stage).external else set()
        last = coming or last


def _foreseen(kind: StepKind, params: dict[str, Any]) -> Sequence[tuple[str, int]]:
    """Ask what a step will plan; one whose parameters cannot be read foresees nothing, and fails when it runs."""
    try:
        return kind.foresees(params) if kind.foresees else ()
    except (DmsError, KeyError, IndexError, TypeError, ValueError):
        return ()


def _links(c: sa.Connection, ids: list[int], redone: set[str]) -> list[tuple[int, int]]:
    """Give (child, parent): over edges, and over products that are not there yet or would be made again."""
    found: list[tuple[int, int]] = []
    for part in parts(sorted(ids)):
        found += [(r.child, r.parent) for r in c.execute(sa.select(edge.c.child, edge.c.parent).where(edge.c.child.in_(part)))]
        query = sa.select(need.c.step_id, need.c.product, need.c.got, make.c.step_id.label("maker"))
        for r in c.execute(query.join(make, make.c.product == need.c.product).where(need.c.step_id.in_(part))):
            if not r.got or r.product in redone:
                found.append((r.step_id, r.maker))
    return found


def _prune(work: Remaining) -> None:
    """Leave what is done out of the order, and what was dropped when nothing comes after it."""
    for child in work.items:
        work.before[child] &= work.items.keys()
    awaited = {parent for before in work.before.values() for parent in before}
    for number in [i for i, item in work.items.items() if item.state == StepState.CANCELLED.value and i not in awaited]:
        del work.items[number], work.before[number]
        work.goals.discard(number)
        work.blocked = [i for i in work.blocked if i != number]
    work.goals = work.goals or set(work.items)


def _look_outside(c: sa.Connection, work: Remaining) -> None:
    ids = sorted(i for i in work.items if i > 0)
    query = sa.select(need.c.product).outerjoin(make, make.c.product == need.c.product).where(sa.not_(need.c.got), make.c.step_id.is_(None))
    work.outside = sorted({p for part in parts(ids) for p in c.execute(query.where(need.c.step_id.in_(part))).scalars()})
