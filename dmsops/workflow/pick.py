"""Which ready steps an engine takes next: most urgent first, nothing that is paused, slots kept for wavefront work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow.states import StepState
from dmsops.workflow.tables import pause, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

URGENT = "wfsc"
"""The class that the kept slots are for."""


def kept(ops: Ops) -> int:
    """Give the number of workers that only urgent work may take; at least one is left to the rest."""
    return min(ops.settings.kept_slots, ops.settings.workers - 1)


def ready(c: sa.Connection, ops: Ops, count: int, others: int | None = None) -> list[Any]:
    """Give the step rows to take, with their class as ``cls``.

    Parameters
    ----------
    count : int
        How many at most.
    others : int, optional
        How many of them at most may be of another class than wavefront work; None: all.
    """
    urgent = _rows(c, ops, workflow.c.cls == URGENT, count)
    room = count - len(urgent) if others is None else min(count - len(urgent), others)
    return sorted(urgent + _rows(c, ops, workflow.c.cls != URGENT, room), key=lambda r: r.rank)


def _rows(c: sa.Connection, ops: Ops, of_class: Any, count: int) -> list[Any]:
    if count <= 0:
        return []
    query = sa.select(step, workflow.c.cls).join(workflow, workflow.c.id == step.c.workflow_id)
    query = query.where(step.c.state == StepState.READY.value, of_class, *_allowed(c, ops))
    order = (step.c.rank, step.c.due.is_(None), step.c.due, step.c.id)
    return list(c.execute(query.order_by(*order).limit(count)))


def pauses(c: sa.Connection, ops: Ops) -> list[Any]:
    """Give the pauses in force; one whose time has passed is none."""
    return list(c.execute(sa.select(pause).where(sa.or_(pause.c.until.is_(None), pause.c.until > ops.clock.now()))))


def _allowed(c: sa.Connection, ops: Ops) -> list[Any]:
    found = pauses(c, ops)
    if any(p.scope == "engine" for p in found):
        return [sa.false()]
    flows = [int(p.target) for p in found if p.scope == "workflow"]
    return [step.c.workflow_id.not_in(flows), step.c.kind.not_in([p.target for p in found if p.scope == "kind"])]


def anything(c: sa.Connection, ops: Ops) -> bool:
    """Tell whether some step is ready and not paused."""
    return c.execute(sa.select(step.c.id).where(step.c.state == StepState.READY.value, *_allowed(c, ops)).limit(1)).scalar() is not None
