"""What an act means for deadlines: the workflows that it touches and that are due at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.clock import iso
from dmsops.workflow.plan import ClockEffect
from dmsops.workflow.tables import workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops


def effects(c: sa.Connection, ops: Ops, flows: Collection[int]) -> tuple[ClockEffect, ...]:
    """Say for each workflow with a deadline how much time is left."""
    query = sa.select(workflow).where(workflow.c.id.in_(list(flows)[:500]), workflow.c.due.is_not(None)).order_by(workflow.c.due)
    now = ops.clock.now()
    found = []
    for row in c.execute(query):
        minutes = int((row.due - now).total_seconds() // 60)
        words = f"{row.dataset} is due in {minutes} min" if minutes >= 0 else f"{row.dataset} was due {-minutes} min ago"
        found.append(ClockEffect(visit=row.dataset, due=iso(row.due), at_risk=minutes < 0, words=words))
    return tuple(found)
