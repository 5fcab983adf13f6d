"""What the workers are busy with, and what goes before a workflow's steps: one look at the site, asked for many workflows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from dmsops.workflow.runtimes import Runtimes
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import step

_TAKEN = [StepState.READY.value, StepState.LEASED.value, StepState.RUNNING.value]


class Queue:
    """Steps that run or are ready, as the tables stood when it was made; ``usual`` tells how long steps take."""

    def __init__(self, c: sa.Connection) -> None:
        self.usual = Runtimes(c)
        running = (step.c.state == StepState.RUNNING.value).label("running")
        columns = (step.c.workflow_id, step.c.kind, step.c.rank, step.c.due, running)
        query = sa.select(*columns, sa.func.count().label("n")).where(step.c.state.in_(_TAKEN)).group_by(*columns)
        self._rows = c.execute(query).all()
        self._c = c

    def before(self, flow: Any) -> Counter[str]:
        """Count, by kind, the steps of other workflows that run now or that an engine takes before those of this one."""
        rank = self._c.execute(sa.select(sa.func.min(step.c.rank)).where(step.c.workflow_id == flow.id)).scalar() or 0
        found: Counter[str] = Counter()
        for row in self._rows:
            sooner = row.rank == rank and flow.due is not None and row.due is not None and row.due < flow.due
            if row.workflow_id != flow.id and (row.running or row.rank < rank or sooner):
                found[row.kind] += row.n
        return found
