"""Steps that are to be made from something else than they were planned from: planned anew where they stand, with what follows.

A step keeps its number and its story; its key, parameters and needs become those of the new plan. So no product has two makers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import Refused
from dmsops.workflow import blackboard, reach
from dmsops.workflow.choose import Selection, rows
from dmsops.workflow.plan import Plan
from dmsops.workflow.rescue import RESCUE
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import need, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

_BUSY = (StepState.RUNNING.value, StepState.LEASED.value)


def standing(c: sa.Connection, name: str, dataset: str, kind: str) -> dict[str, Any]:
    """Give the newest step of a kind for each dataset of one workflow."""
    mine = (workflow.c.name == name, workflow.c.dataset == dataset, step.c.kind == kind)
    query = sa.select(step).join(workflow, workflow.c.id == step.c.workflow_id).where(*mine).order_by(step.c.id)
    return {row.dataset: row for row in c.execute(query)}


def look(c: sa.Connection, ops: Ops, changed: Mapping[int, StepSpec]) -> Plan:
    """Say what planning steps anew would run again, as a rescue says it: steps that ended, and all that follows from them."""
    if not changed:
        return Plan(verb="replan").signed()
    found = RESCUE.plan(c, ops, Selection(steps=tuple(changed)), {"remake": True})
    return found.signed()


def replan(c: sa.Connection, ops: Ops, planned: Plan, changed: Mapping[int, StepSpec], *, reason: str) -> None:
    """Plan steps anew, by number, in the caller's write transaction.

    Parameters
    ----------
    planned : Plan
        What `look` gave in the same transaction.

    Raises
    ------
    Refused
        One of them, or of what follows from them, is running: it would end with what it began with.
    """
    for row in rows(c, [*changed, *reach.following(c, changed)]):
        if row.state == StepState.RUNNING.value or (row.id in changed and row.state in _BUSY):
            raise Refused(
                f"step {row.id} ({row.kind} {row.dataset}) is {row.state}",
                remedy="Wait for its end, or stop it with procedure P09; then look again (procedure P05).",
                step=row.id,
            )
    for row in rows(c, changed):
        _rewrite(c, row, changed[row.id])
    RESCUE.do(c, ops, planned, reason)
    blackboard.wake(c, ops, list(changed))


def _rewrite(c: sa.Connection, row: Any, spec: StepSpec) -> None:
    values = {"key": spec.key_of(f"{row.workflow}/{row.workflow_dataset}"), "params": spec.params, "rev": step.c.rev + 1}
    c.execute(sa.update(step).where(step.c.id == row.id).values(values))
    c.execute(sa.delete(need).where(need.c.step_id == row.id))
    there = blackboard.current(c, spec.needs)
    c.execute(sa.insert(need), [{"step_id": row.id, "product": p, "got": p in there} for p in dict.fromkeys(spec.needs)])
