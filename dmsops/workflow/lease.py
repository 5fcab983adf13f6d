"""Leases: how an engine takes steps, keeps them, ends them, and how those of a dead engine come back.

The pair (owner, attempt) fences: an engine that was declared dead cannot end a step that another one has.
"""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow import blackboard
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import Diagnosis, StepSpec, kind_named
from dmsops.workflow.tables import attempt, engine, make, need, product, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A step that an engine has taken: everything its process needs, as plain data."""

    step_id: int
    attempt: int
    kind: str
    dataset: str
    params: dict[str, Any]
    inputs: dict[str, str]
    makes: tuple[str, ...]
    content_key: str
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended, as its process wrote it down."""

    products: tuple[tuple[str, str, int], ...] = ()
    metrics: dict[str, Any] | None = None
    spawn: tuple[StepSpec, ...] = ()
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    reused: bool = False


def build() -> str:
    """Name the software that does the work: part of what makes two attempts the same."""
    return f"dmsops {metadata.version('dmsops')} jwst {metadata.version('jwst')}"


def boot_id() -> str:
    """Give the id of this boot of the machine (process numbers repeat over boots)."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())


def sign_on(ops: Ops, workers: int) -> str:
    """Write this process down as an engine and give its id."""
    me = psutil.Process()
    now = ops.clock.now()
    engine_id = f"{socket.gethostname()}:{me.pid}:{int(me.create_time() * 1000)}"[-64:]
    values = {
        "id": engine_id, "kind": "local", "host": socket.gethostname(), "boot": boot_id(), "pid": me.pid, "pid_started": me.create_time(),
        "workers": workers, "started_at": now, "heartbeat_at": now, "ended_at": None,
    }  # fmt: skip
    with ops.db.begin() as c:
        c.execute(sa.delete(engine).where(engine.c.id == engine_id))
        c.execute(sa.insert(engine).values(values))
    return engine_id


def sign_off(ops: Ops, engine_id: str) -> None:
    """Write down that the engine ended by itself."""
    with ops.db.begin() as c:
        c.execute(sa.update(engine).where(engine.c.id == engine_id).values(ended_at=ops.clock.now()))


def claim(c: sa.Connection, ops: Ops, owner: str, count: int, log_of: Any) -> list[Claim]:
    """Take up to ``count`` ready steps, most urgent first."""
    pick = sa.select(step.c.id).where(step.c.state == StepState.READY.value)
    pick = pick.order_by(step.c.rank, step.c.due.is_(None), step.c.due, step.c.id).limit(count)
    if c.dialect.name == "postgresql":
        pick = pick.with_for_update(skip_locked=True)
    rows = [c.execute(sa.select(step).where(step.c.id == step_id)).one() for step_id in c.execute(pick).scalars().all()]
    taken = [_take(c, ops, owner, row, log_of) for row in rows]
    return [item for item in taken if item is not None]


def claim_step(c: sa.Connection, ops: Ops, owner: str, step_id: int, log_of: Any) -> Claim | None:
    """Take one given step that is ready, or that an engine's pool has queued; None when it is neither."""
    free = step.c.state.in_([StepState.READY.value, StepState.LEASED.value])
    row = c.execute(sa.select(step).where(step.c.id == step_id, free)).one_or_none()
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
        )
    )  # fmt: skip
    return item


def _claim_of(c: sa.Connection, ops: Ops, row: Any, n: int) -> Claim:
    joined = need.join(product, sa.and_(product.c.name == need.c.product, product.c.current))
    query = sa.select(product.c.name, product.c.sha256).select_from(joined).where(need.c.step_id == row.id).order_by(product.c.name)
    inputs = {r.name: r.sha256 for r in c.execute(query)}
    makes = tuple(c.execute(sa.select(make.c.product).where(make.c.step_id == row.id).order_by(make.c.product)).scalars())
    identity = [row.kind, kind_named(row.kind).version, row.dataset, row.params, inputs, makes, ops.settings.crds_context, build()]
    content_key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return Claim(
        step_id=row.id, attempt=n, kind=row.kind, dataset=row.dataset, params=row.params, inputs=inputs, makes=makes,
        content_key=content_key, fresh=row.fresh,
    )  # fmt: skip


def heartbeat(ops: Ops, owner: str, running: list[int]) -> None:
    """Say that the engine lives, and keep its steps."""
    now = ops.clock.now()
    with ops.db.begin() as c:
        c.execute(sa.update(engine).where(engine.c.id == owner).values(heartbeat_at=now))
        if running:
            lease = now + timedelta(seconds=ops.settings.lease_seconds)
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
    blackboard.after_end(c, ops, item.step_id)
    if end.spawn:
        flow = c.execute(sa.select(workflow).where(workflow.c.id == row.workflow_id)).one()
        blackboard.submit(c, ops, flow.name, flow.dataset, end.spawn)
    return True


def fail(c: sa.Connection, ops: Ops, owner: str, item: Claim, why: Diagnosis, fingerprint: str, end: Ending | None = None) -> bool:
    """End a step badly, in words; False when the step is no longer ours."""
    row = _held(c, item, owner)
    now = ops.clock.now()
    words: dict[str, Any] = {"fault_class": why.fault_class, "fault": why.sentence, "remedy": why.remedy, "fingerprint": fingerprint[:160]}
    if row is None or not blackboard.move(
        c, ops, "fail", row, reason=why.sentence, actor=owner, ended_at=now, lease_until=None, owner=None, **words
    ):
        return False
    _end_attempt(c, item, now, "failed", end or Ending(), why.sentence)
    return True


def _end_attempt(c: sa.Connection, item: Claim, now: Any, outcome: str, end: Ending, fault: str | None = None) -> None:
    values = {
        "ended_at": now,
        "outcome": outcome,
        "fault": fault,
        "cpu_seconds": end.cpu_seconds,
        "peak_mb": end.peak_mb,
        "metrics": end.metrics,
    }
    c.execute(sa.update(attempt).where(attempt.c.step_id == item.step_id, attempt.c.n == item.attempt).values(values))


def reclaim(ops: Ops) -> list[int]:
    """Give back the steps of engines that are gone: at once on this machine, else when their lease has run out.

    Returns
    -------
    list of int
        Steps that are ready again.
    """
    with ops.db.begin() as c:
        dead = [row.id for row in c.execute(sa.select(engine).where(engine.c.ended_at.is_(None))) if _is_dead(row)]
        now = ops.clock.now()
        lost = sa.or_(step.c.owner.in_(dead), step.c.lease_until < now)
        rows = c.execute(sa.select(step).where(step.c.state == StepState.RUNNING.value, lost)).all()
        for row in rows:
            blackboard.move(c, ops, "lose", row, actor="engine", reason="its engine is gone", owner=None, lease_until=None)
            c.execute(
                sa.update(attempt)
                .where(attempt.c.step_id == row.id, attempt.c.n == row.attempt, attempt.c.outcome == "running")
                .values(outcome="lost", ended_at=now, fault="its engine was killed or the machine went down")
            )
        if dead:
            c.execute(sa.update(engine).where(engine.c.id.in_(dead)).values(ended_at=now))
            journal.write(c, ops.clock, "engine.lost", ", ".join(dead)[:200], actor="engine", steps=len(rows))
        return [row.id for row in rows]


def _is_dead(row: Any) -> bool:
    if row.host != socket.gethostname():
        return False
    if row.boot != boot_id():
        return True
    try:
        return bool(abs(psutil.Process(row.pid).create_time() - row.pid_started) > 1.0)
    except psutil.NoSuchProcess:
        return True
