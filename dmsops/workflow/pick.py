"""Which ready steps an engine takes next: most urgent first, nothing that is paused, slots kept for wavefront work."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow.states import StepState
from dmsops.workflow.tables import pause, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

URGENT = "wfsc"
"""The class that the kept slots are for."""
Paused = tuple[tuple[int, ...], tuple[str, ...]]
"""Workflows and kinds that start nothing new."""
_PAUSES = sa.select(pause).where(sa.or_(pause.c.until.is_(None), pause.c.until > sa.bindparam("now", type_=pause.c.until.type)))


def kept(ops: Ops) -> int:
    """Give the number of workers that only urgent work may take; at least one is left to the rest."""
    return min(ops.settings.kept_slots, ops.settings.workers - 1)


def ready(c: sa.Connection, ops: Ops, count: int, others: int | None = None, kinds: tuple[str, ...] = ()) -> list[Any]:
    """Give the step rows to take, with their class as ``cls``.

    Parameters
    ----------
    count : int
        How many at most.
    others : int, optional
        How many of them at most may be of another class than wavefront work; None: all.
    kinds : tuple of str, optional
        Only steps of these kinds.
    """
    paused = _paused(c, ops)
    if paused is None:
        return []
    urgent = _rows(c, count, _ready(paused, kinds, urgent=True))
    room = count - len(urgent) if others is None else min(count - len(urgent), others)
    return sorted(urgent + _rows(c, room, _ready(paused, kinds, urgent=False)), key=lambda r: r.rank)


def _rows(c: sa.Connection, count: int, query: sa.Select[Any]) -> list[Any]:
    return list(c.execute(query, {"count": count})) if count > 0 else []


@lru_cache(maxsize=32)
def _ready(paused: Paused, kinds: tuple[str, ...], *, urgent: bool) -> sa.Select[Any]:
    query = sa.select(step, workflow.c.cls).join(workflow, workflow.c.id == step.c.workflow_id)
    of_class = workflow.c.cls == URGENT if urgent else workflow.c.cls != URGENT
    query = query.where(step.c.state == StepState.READY.value, of_class, *_allowed(paused))
    if kinds:
        query = query.where(step.c.kind.in_(kinds))
    order = (step.c.rank, step.c.due.is_(None), step.c.due, step.c.id)
    return query.order_by(*order).limit(sa.bindparam("count", type_=sa.Integer))


def pauses(c: sa.Connection, ops: Ops) -> list[Any]:
    """Give the pauses in force; one whose time has passed is none."""
    return list(c.execute(_PAUSES, {"now": ops.clock.now()}))


def _paused(c: sa.Connection, ops: Ops) -> Paused | None:
    """Give the paused workflows and kinds; None when the whole engine is paused."""
    found = pauses(c, ops)
    if any(p.scope == "engine" for p in found):
        return None
    flows = tuple(sorted(int(p.target) for p in found if p.scope == "workflow"))
    return flows, tuple(sorted(p.target for p in found if p.scope == "kind"))


def _allowed(paused: Paused) -> list[Any]:
    flows, kinds = paused
    return [step.c.workflow_id.not_in(flows), step.c.kind.not_in(kinds)]


def anything(c: sa.Connection, ops: Ops) -> bool:
    """Tell whether some step is ready and not paused."""
    paused = _paused(c, ops)
    if paused is None:
        return False
    return c.execute(sa.select(step.c.id).where(step.c.state == StepState.READY.value, *_allowed(paused)).limit(1)).scalar() is not None
