"""A step that is planned anew because its inputs are others now: what an older step made of them is made again, with all that follows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow import blackboard, reach
from dmsops.workflow.choose import rows
from dmsops.workflow.plan import Plan, touched
from dmsops.workflow.rescue import RESCUE
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import make, product, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_TAKEN = frozenset({StepState.LEASED, StepState.RUNNING})
_AGAIN = frozenset({StepState.READY, StepState.WAITING, StepState.FAILED, *GOOD})
_UNRUN = frozenset({StepState.READY, StepState.WAITING, StepState.FAILED, StepState.HELD})
_WHY = "it uses a product that is made again"


def in_the_way(c: sa.Connection, workflow: str, specs: Collection[StepSpec]) -> dict[str, list[int]]:
    """Say which of these steps cannot be planned now, by their key: an older one, or one that uses what it made, is running.

    A step that is planned already, or that makes what nothing made before, is never in the way.
    """
    keys = {spec.key_of(workflow): spec for spec in specs}
    there = set(c.execute(sa.select(step.c.key).where(step.c.key.in_(list(keys)))).scalars())
    found: dict[str, list[int]] = {}
    for key, spec in keys.items():
        older = _makers(c, spec.makes) if key not in there else set()
        if older:
            touched_steps = rows(c, [*older, *reach.following(c, older)])
            running = [r.id for r in touched_steps if StepState(r.state) in _TAKEN]
            found |= {key: running} if running else {}
    return found


def renew(c: sa.Connection, ops: Ops, new: Collection[int], *, reason: str) -> list[int]:
    """Let new steps take the place of older ones that make the same products.

    What the older ones made is withdrawn until the new ones have made it again; their versions stay on record. Older steps
    that have not run are dropped, steps that used their products run again. To be called in the transaction that plans the
    new steps, after `in_the_way`.

    Returns
    -------
    list of int
        Steps that run again.
    """
    made = reach.products_of(c, new)
    older = _makers(c, made) - set(new)
    if not older:
        return []
    for row in rows(c, older):
        if StepState(row.state) in _UNRUN:
            blackboard.move(c, ops, "drop", row, reason=f"a newer step makes the same: {reason}")
    again = [r for r in rows(c, set(reach.following(c, older)) - older - set(new)) if StepState(r.state) in _AGAIN]
    planned = Plan(
        verb="rescue", again=tuple(touched(r, _WHY) for r in again), supersedes=tuple(sorted({*made, *_current(c, [r.id for r in again])}))
    )
    RESCUE.do(c, ops, planned, reason)
    # The older steps no longer count as makers: a later rescue of "what came before" would bring the older products back.
    c.execute(sa.delete(make).where(make.c.step_id.in_(older), make.c.product.in_(made)))
    journal.write(
        c, ops.clock, "workflow.renewed", f"{len(new)} steps", actor=ops.operator.name, reason=reason, steps=sorted(new),
        older=sorted(older), again=[r.id for r in again],
    )  # fmt: skip
    return [int(r.id) for r in again]


def _makers(c: sa.Connection, products: Collection[str]) -> set[int]:
    """Give the steps that make some products, dropped ones left out."""
    query = sa.select(make.c.step_id).join(step, step.c.id == make.c.step_id)
    return set(c.execute(query.where(make.c.product.in_(list(products)), step.c.state != StepState.CANCELLED.value)).scalars())


def _current(c: sa.Connection, ids: list[Any]) -> list[str]:
    return list(c.execute(sa.select(product.c.name).where(product.c.current, product.c.step_id.in_(ids))).scalars())
