"""What an act means for deadlines: the forecast of each workflow that it touches, as it would be after the act."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.clock import iso
from dmsops.workflow import forecast
from dmsops.workflow.forecast import Standing
from dmsops.workflow.plan import ClockEffect
from dmsops.workflow.queue import Queue
from dmsops.workflow.remaining import After
from dmsops.workflow.tables import workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

SHOWN = 20
"""As many deadlines are worked out for a preview, the soonest first."""


def effects(
    c: sa.Connection, ops: Ops, flows: Collection[int], *, again: Collection[int] = (), stopped: Collection[int] = ()
) -> tuple[ClockEffect, ...]:  # fmt: skip
    """Say for each workflow with a deadline when it would end after the act, and whether that is a risk.

    Parameters
    ----------
    again, stopped : collection of int
        Steps that the act runs again, or keeps from going on.
    """
    query = sa.select(workflow).where(workflow.c.id.in_(sorted(flows)[:500]), workflow.c.due.is_not(None)).order_by(workflow.c.due)
    found, queue, act = [], Queue(c), After(c, again, stopped)
    for row in c.execute(query.limit(SHOWN)).all():
        seen = forecast.predict(c, ops, row, act=act, queue=queue)
        if seen is None:
            words = f"{row.dataset}: everything has been handed over"
            found.append(ClockEffect(visit=row.dataset, due=iso(row.due), at_risk=False, words=words))
            continue
        risk = seen.standing is not Standing.ON_TIME
        found.append(
            ClockEffect(visit=row.dataset, due=iso(row.due), at_risk=risk, words=f"{row.dataset} {seen.words}", predicted=iso(seen.p90))
        )
    return tuple(found)
