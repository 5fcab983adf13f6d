"""Leases: how an engine takes steps, keeps them and ends them.

The pair (owner, attempt) fences: an engine that was declared dead cannot end a step that another one has.
"""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow import blackboard, fleet, pick
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import Diagnosis, StepKind, StepSpec, kind_named
from dmsops.workflow.tables import attempt, make, need, product, step, use, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A step that an engine has taken: everything its process needs, as plain data.

    ``params`` are the planned ones with a person's changes; ``memory_mb`` and ``timeout_seconds`` are the limits
    that its engine holds it to (None: no limit).
    """

    step_id: int
    attempt: int
    kind: str
    dataset: str
    params: dict[str, Any]
    inputs: dict[str, str]
    makes: tuple[str, ...]
    content_key: str
    fresh: bool
    cls: str = "science"
    memory_mb: int | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended, as its process wrote it down; ``uses`` None leaves on record what an earlier attempt used."""

    products: tuple[tuple[str, str, int], ...] = ()
    metrics: dict[str, Any] | None = None
    spawn: tuple[StepSpec, ...] = ()
    uses: tuple[str, ...] | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    reused: bool = False


def build() -> str:
    """Name the software that does the work: part of what makes two attempts the same."""
    return f"dmsops {metadata.version('dmsops')} jwst {metadata.version('jwst')}"


def claim(c: sa.Connection, ops: Ops, owner: str, count: int, log_of: Any, *, others: int | None = None) -> list[Claim]:
    """Take up to ``count`` ready steps that are not paused, most urgent first; at most ``others`` that are no wavefront work."""
    taken = [_take(c, ops, owner, row, log_of) for row in pick.ready(c, ops, count, others)]
    return [item for item in taken if item is not None]


def claim_step(c: sa.Connection, ops: Ops, owner: str, step_id: int, log_of: Any) -> Claim | None:
    """Take one given step that is ready, or that an engine's pool has queued; None when it is neither."""
    free = step.c.state.in_([StepState.READY.value, StepState.LEASED.value])
    query = sa.select(step, workflow.c.cls).join(workflow, workflow.c.id == step.c.workflow_id)
    row = c.execute(query.where(step.c.id == step_id, free)).one_or_none()
    return None if row is None else _take(c, ops, owner, row, log_of)


def _take(c: sa.Connection, ops: Ops, owner: str, row: Any, log_of: Any) -> Claim | None:
    now = ops.clock.now()
    lease = now + timedelta(seconds=ops.settings.lease_seconds)
    n = row.attempt + 1
    if not blackboard.move(c, ops, "claim", row, actor=owner, owner=owner, lease_until=lease, started_at=now, ended_at=None, attempt=n):
        return None
    item = _claim_of(c, ops, row, n)
    c.execute(
        sa.insert(attempt).values(
            step_id=row.id, n=n, owner=owner, host=socket.gethostname(), build=build(), crds_context=ops.settings.crds_context,
            content_key=item.content_key, inputs=item.inputs, log=str(log_of(item)), started_at=now, outcome="running",
            kind=item.kind, params=item.params, memory_mb=item.memory_mb,
        )
    )  # fmt: skip
    return item


def _claim_of(c: sa.Connection, ops: Ops, row: Any, n: int) -> Claim:
    joined = need.join(product, sa.and_(product.c.name == need.c.product, product.c.current))
    query = sa.select(product.c.name, product.c.sha256).select_from(joined).where(need.c.step_id == row.id).order_by(product.c.name)
    inputs = {r.name: r.sha256 for r in c.execute(query)}
    makes = tuple(c.execute(sa.select(make.c.product).where(make.c.step_id == row.id).order_by(make.c.product)).scalars())
    kind, params = kind_named(row.kind), {**row.params, **(row.changes or {})}
    identity = [row.kind, kind.version, row.dataset, params, inputs, makes, ops.settings.crds_context, build()]
    content_key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return Claim(
        step_id=row.id, attempt=n, kind=row.kind, dataset=row.dataset, params=params, inputs=inputs, makes=makes,
        content_key=content_key, fresh=row.fresh, cls=row.cls, memory_mb=memory_limit(ops, kind, row.memory_mb),
        timeout_seconds=kind.timeout_seconds or ops.settings.step_timeout_seconds,
    )  # fmt: skip


def memory_limit(ops: Ops, kind: StepKind, raised: int | None) -> int:
    """Give the memory in MB at which a step is stopped: as a person raised it, else what its kind declares with room above."""
    return raised or int(max(kind.memory_mb, ops.settings.memory_floor_mb) * ops.settings.memory_factor)


def reuse(c: sa.Connection, ops: Ops, owner: str, item: Claim) -> bool:
    """End a step at once when an earlier attempt of it did the same work and all that it made is still in the store."""
    if item.fresh:
        return False
    same = (attempt.c.step_id == item.step_id, attempt.c.content_key == item.content_key, attempt.c.outcome.in_(("done", "reused")))
    query = sa.select(attempt.c.products).where(*same, attempt.c.n < item.attempt).order_by(attempt.c.n.desc()).limit(1)
    made = c.execute(query).scalar()
    if made is None or not all(ops.store.has(sha256) for _, sha256, _ in made):
        return False
    products = tuple((name, sha256, size) for name, sha256, size in made)
    return finish(c, ops, owner, item, Ending(products=products, reused=True))


def heartbeat(c: sa.Connection, ops: Ops, owner: str, running: list[int]) -> None:
    """Say that the engine lives, and keep the steps whose processes it sees alive."""
    fleet.beat(c, ops, owner)
    if running:
        lease = ops.clock.now() + timedelta(seconds=ops.settings.lease_seconds)
        c.execute(sa.update(step).where(step.c.id.in_(running), step.c.owner == owner).values(lease_until=lease))


def _held(c: sa.Connection, item: Claim, owner: str) -> Any:
    fence = (step.c.id == item.step_id, step.c.owner == owner, step.c.attempt == item.attempt, step.c.state == StepState.RUNNING.value)
    return c.execute(sa.select(step).where(*fence)).one_or_none()


def finish(c: sa.Connection, ops: Ops, owner: str, item: Claim, end: Ending) -> bool:
    """Publish what an attempt made and end its step well; False when the step is no longer ours (nothing is published)."""
    row = _held(c, item, owner)
    now = ops.clock.now()
    verb = "reuse" if end.reused else "finish"
    cleared: dict[str, Any] = {"fault_class": None, "fault": None, "remedy": None, "fingerprint": None, "fresh": False}
    if row is None or not blackboard.move(c, ops, verb, row, actor=owner, ended_at=now, lease_until=None, owner=None, **cleared):
        return False
    for name, sha256, size in end.products:
        blackboard.publish(c, ops, name, sha256, size, origin=item.kind, step_id=item.step_id)
    _end_attempt(c, item, now, "reused" if end.reused else "done", end)
    if end.uses is not None:
        _note_uses(c, item.step_id, end.uses)
    blackboard.after_end(c, ops, item.step_id)
    if end.spawn:
        flow = c.execute(sa.select(workflow).where(workflow.c.id == row.workflow_id)).one()
        blackboard.submit(c, ops, flow.name, flow.dataset, end.spawn)
    return True


def _note_uses(c: sa.Connection, step_id: int, names: tuple[str, ...]) -> None:
    c.execute(sa.delete(use).where(use.c.step_id == step_id))
    if names:
        c.execute(sa.insert(use), [{"step_id": step_id, "name": name} for name in sorted(set(names))])


def fail(c: sa.Connection, ops: Ops, owner: str, item: Claim, why: Diagnosis, fingerprint: str, end: Ending | None = None) -> bool:
    """End an attempt badly, in words; False when the step is no longer ours.

    The step fails; what failed for a passing reason is made ready again so often as the site's settings say.
    """
    row = _held(c, item, owner)
    if row is None:
        return False
    now = ops.clock.now()
    values: dict[str, Any] = {"fault_class": why.fault_class, "fault": why.sentence, "remedy": why.remedy, "fingerprint": fingerprint[:160]}
    again = why.fault_class == "transient" and row.retries < ops.settings.auto_retries
    if again:
        values["retries"] = row.retries + 1
    verb = "retry" if again else "fail"
    if not blackboard.move(c, ops, verb, row, reason=why.sentence, actor=owner, ended_at=now, lease_until=None, owner=None, **values):
        return False
    _end_attempt(c, item, now, "failed", end or Ending(), fault=why.sentence, fault_class=why.fault_class, fingerprint=fingerprint[:160])
    return True


def _end_attempt(c: sa.Connection, item: Claim, now: Any, outcome: str, end: Ending, **fault: str) -> None:
    values = {
        "ended_at": now,
        "outcome": outcome,
        "cpu_seconds": end.cpu_seconds,
        "peak_mb": end.peak_mb,
        "metrics": end.metrics,
        "products": [list(p) for p in end.products],
        **fault,
    }
    c.execute(sa.update(attempt).where(attempt.c.step_id == item.step_id, attempt.c.n == item.attempt).values(values))
