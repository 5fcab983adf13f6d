"""What goes into the next batch: the steps that are ready, and those that nothing but these keeps waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow import pick
from dmsops.workflow.engines.htcondor.claims import MAY_RUN, paused
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.tables import edge, make, need, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

BATCH_LIMIT = 500
"""Ready steps that one batch starts from; DAGMan is quick with thousands of nodes, people are not."""


def choose(c: sa.Connection, ops: Ops) -> list[Node]:
    """Choose the next batch, with its order; empty when there is nothing to submit."""
    busy = set(c.execute(MAY_RUN).scalars())
    ready = [row for row in pick.ready(c, ops, BATCH_LIMIT) if row.id not in busy]
    rows = {row.id: row for row in ready}
    before: dict[int, frozenset[int]] = {row.id: frozenset() for row in ready}
    fresh = set(rows)
    while fresh:
        kids = _kids(c, fresh) - set(rows) - busy
        fresh = set()
        for kid in sorted(kids):
            row = c.execute(sa.select(step).where(step.c.id == kid, step.c.state == StepState.WAITING.value)).one_or_none()
            parents = None if row is None or paused(c, ops, row) else _parents(c, kid, set(rows))
            if parents is not None:
                rows[kid], before[kid] = row, parents
                fresh.add(kid)
    return [Node(step_id=i, kind=row.kind, rank=row.rank, before=before[i]) for i, row in rows.items()]


def _kids(c: sa.Connection, ids: Iterable[int]) -> set[int]:
    """Give the steps that need what the given ones make, or come after them."""
    listed = list(ids)
    through = make.join(need, need.c.product == make.c.product)
    by_product = sa.select(need.c.step_id).select_from(through).where(make.c.step_id.in_(listed), sa.not_(need.c.got))
    by_edge = sa.select(edge.c.child).where(edge.c.parent.in_(listed))
    return set(c.execute(by_product).scalars()) | set(c.execute(by_edge).scalars())


def _parents(c: sa.Connection, step_id: int, batch: set[int]) -> frozenset[int] | None:
    """Give the steps of the batch that must come first; None when something outside the batch is awaited too."""
    makers = defaultdict(set)
    through = need.outerjoin(make, make.c.product == need.c.product)
    missing: Any = sa.select(need.c.product, make.c.step_id).select_from(through).where(need.c.step_id == step_id, sa.not_(need.c.got))
    for name, maker in c.execute(missing):
        makers[name].update({maker} & batch)
    joined = edge.join(step, step.c.id == edge.c.parent)
    after = sa.select(edge.c.parent).select_from(joined).where(edge.c.child == step_id, step.c.state.not_in([s.value for s in GOOD]))
    parents = set(c.execute(after).scalars())
    if not parents <= batch or not all(makers.values()):
        return None
    return frozenset(parents.union(*makers.values()))
