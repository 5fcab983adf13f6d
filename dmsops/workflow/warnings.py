"""Warnings of deadlines: one line in the journal when a workflow comes to be at risk, and one when it is on time again.

They come while it can still be helped: from the forecast, not from the clock that has run out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.workflow.forecast import Forecast, Standing

if TYPE_CHECKING:
    from dmsops.ops import Ops

EVENTS = {Standing.ON_TIME: "workflow.on_time", Standing.AT_RISK: "workflow.at_risk", Standing.LATE: "workflow.late"}


def warn(c: sa.Connection, ops: Ops, seen: list[Forecast]) -> list[Forecast]:
    """Write down what has changed since the last warning, and give it."""
    changed = [f for f in seen if EVENTS[f.standing] != _last(c, _target(f))]
    for f in changed:
        facts: dict[str, Any] = {"due": iso(f.due) if f.due else "", "p90": iso(f.p90), "blocked": list(f.blocked)}
        journal.write(c, ops.clock, EVENTS[f.standing], _target(f), actor="engine", reason=f.words, **facts)
        say = ops.log.info if f.standing is Standing.ON_TIME else ops.log.warning
        say(EVENTS[f.standing], dataset=f.dataset, words=f.words)
    return changed


def _target(found: Forecast) -> str:
    return f"clock {found.workflow_id} {found.dataset}"


def _last(c: sa.Connection, target: str) -> str:
    """Give the newest warning about a workflow; before the first one it is on time."""
    table = journal.journal
    query = sa.select(table.c.event).where(table.c.target == target, table.c.event.in_(EVENTS.values()))
    return c.execute(query.order_by(table.c.seq.desc()).limit(1)).scalar() or EVENTS[Standing.ON_TIME]
