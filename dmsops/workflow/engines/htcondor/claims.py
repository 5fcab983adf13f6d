"""May this node have its step? The database says: taken, done already, or not to be run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow import execute, fleet, lease, pick
from dmsops.workflow.engines.htcondor.logs import FINAL
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import Diagnosis
from dmsops.workflow.tables import condor_batch, condor_node, edge, need, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_GOOD = [s.value for s in GOOD]
MAY_RUN = (
    sa.select(condor_node.c.step_id)
    .select_from(condor_node.join(condor_batch, condor_batch.c.id == condor_node.c.batch_id))
    .where(condor_batch.c.ended_at.is_(None), condor_node.c.status.not_in(FINAL))
)
"""The steps that live batches may still run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a node asks for: a step, by the batch it is in and the job it is now."""

    batch: int
    step: int
    cluster: int

    @property
    def owner(self) -> str:
        """Who has the step while this node runs it."""
        return f"{batch_owner(self.batch)}:{self.cluster}"


def batch_owner(batch: int) -> str:
    """Who has a step while it waits in a batch."""
    return f"condor:{batch}"


def take(c: sa.Connection, ops: Ops, request: Request) -> Claim | bool:
    """Take the step; True when it is done already, False when it is not to be run.

    It is not when it was dropped, is held, another's or not ready, or when the node comes late: what a node of an ended
    batch took, no engine would wait for.
    """
    row = _look(c, request.step)
    if row is not None and row.state == StepState.RUNNING.value and row.owner == request.owner:
        why = "its job was started again by the pool"  # so the process before is gone
        fleet.give_back(c, ops, row, why, "lost", why)
        row = _look(c, request.step)
    elif row is not None and row.state == StepState.LEASED.value and row.owner != batch_owner(request.batch):
        return False
    if row is None or row.state not in {StepState.LEASED.value, StepState.READY.value}:
        return row is not None and row.state in _GOOD
    if not _may_run(c, request) or unmet(c, row.id) or paused(c, ops, row):
        return False
    return lease.claim_step(c, ops, request.owner, row.id, lambda item: execute.log_of(ops, item)) or False


def _may_run(c: sa.Connection, request: Request) -> bool:
    here = (condor_node.c.batch_id == request.batch, condor_node.c.step_id == request.step)
    return c.execute(MAY_RUN.where(*here)).first() is not None


def _look(c: sa.Connection, step_id: int) -> Any:
    return c.execute(sa.select(step).where(step.c.id == step_id)).one_or_none()


def unmet(c: sa.Connection, step_id: int) -> int:
    """Count the products and steps that a step still waits for."""
    missing = sa.select(sa.func.count()).select_from(need).where(need.c.step_id == step_id, sa.not_(need.c.got))
    before = edge.join(step, step.c.id == edge.c.parent)
    parents = sa.select(sa.func.count()).select_from(before).where(edge.c.child == step_id, step.c.state.not_in(_GOOD))
    return int(c.execute(missing).scalar_one()) + int(c.execute(parents).scalar_one())


def paused(c: sa.Connection, ops: Ops, row: Any) -> bool:
    """Say whether a pause of the engine, of the step's workflow or of its kind stands."""
    places = {("engine", "all"), ("workflow", str(row.workflow_id)), ("kind", row.kind)}
    return any((p.scope, p.target) in places for p in pick.pauses(c, ops))


def give_up(c: sa.Connection, ops: Ops, request: Request, what: str, *, passing: bool = False) -> bool:
    """Fail a running step whose job is gone without an ending; False when it is no longer this request's.

    With ``passing`` the job was taken away (removed, or held for long): nothing is wrong with the step, so it runs again,
    as often as the site tries what fails for a passing reason.
    """
    row = _look(c, request.step)
    if row is None or row.owner != request.owner or row.state != StepState.RUNNING.value:
        return False
    item = Claim(
        step_id=row.id, attempt=row.attempt, kind=row.kind, dataset=row.dataset, params={}, inputs={}, makes=(), content_key="", fresh=False
    )
    why = Diagnosis(
        fault_class="transient" if passing else "resource",
        sentence=f"{what}: no ending was written",
        remedy="Look at the machine and at the pool (docs/howto/use-htcondor), then rescue the step as is with procedure P08.",
    )
    return lease.fail(c, ops, request.owner, item, why, f"{row.kind} | job gone", Ending())
