"""What the batches of one run came to, counted from the attempts that they made."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow.engines.dispatch import Tally
from dmsops.workflow.engines.htcondor.claims import batch_owner
from dmsops.workflow.lease import Claim
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import attempt, condor_node, step

if TYPE_CHECKING:
    from collections.abc import Iterable


def count(c: sa.Connection, batches: Collection[int]) -> Tally:
    """Count the ended attempts of some batches."""
    tally = Tally()
    joined = condor_node.join(attempt, attempt.c.step_id == condor_node.c.step_id)
    columns = (condor_node.c.batch_id, attempt.c.owner, attempt.c.outcome, attempt.c.cpu_seconds, attempt.c.peak_mb)
    for row in c.execute(sa.select(*columns).select_from(joined).where(condor_node.c.batch_id.in_(batches))):
        if str(row.owner).startswith(f"{batch_owner(row.batch_id)}:"):
            _add(tally, row)
    return tally


def _add(tally: Tally, row: Any) -> None:
    tally.done += row.outcome == "done"
    tally.failed += row.outcome == "failed"
    tally.reused += row.outcome == "reused"
    tally.stopped += row.outcome == "stopped"
    tally.cpu_seconds += row.cpu_seconds or 0.0
    tally.peak_mb = max(tally.peak_mb, row.peak_mb or 0.0)


def together(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    whole = Tally()
    for one in tallies:
        for name in ("done", "failed", "reused", "stopped", "cpu_seconds"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
        whole.peak_mb = max(whole.peak_mb, one.peak_mb)
    return whole


def running(c: sa.Connection) -> list[Claim]:
    """Give the steps that nodes run now, as an engine's progress shows them."""
    query = sa.select(step).where(step.c.state == StepState.RUNNING.value, step.c.owner.like("condor:%"))
    return [
        Claim(
            step_id=row.id, attempt=row.attempt, kind=row.kind, dataset=row.dataset, params={}, inputs={}, makes=(), content_key="",
            fresh=row.fresh,
        )
        for row in c.execute(query)
    ]  # fmt: skip
