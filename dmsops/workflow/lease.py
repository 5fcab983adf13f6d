"""Leases: how an engine takes steps, keeps them and ends them.

The pair (owner, attempt) fences: an engine that was declared dead cannot end a step that another one has.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.workflow import blackboard, fleet, pick
from dmsops.workflow.moves import Moves
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import Diagnosis, StepKind, StepSpec, kind_or_stand_in
from dmsops.workflow.tables import attempt, make, need, product, step, use, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops


Held = Mapping[tuple[int, int], Any]
"""Rows of steps by step and attempt."""


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


_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_HELD = sa.select(step).where(step.c.owner == sa.bindparam("owner"), step.c.state == StepState.RUNNING.value)
_INPUTS = (
    sa.select(need.c.step_id, product.c.name, product.c.sha256)
    .select_from(need.join(product, sa.and_(product.c.name == need.c.product, product.c.current)))
    .where(need.c.step_id.in_(_IDS))
    .order_by(need.c.step_id, product.c.name)
)
_MAKES = sa.select(make.c.step_id, make.c.product).where(make.c.step_id.in_(_IDS)).order_by(make.c.step_id, make.c.product)
_TRY = sa.insert(attempt)
_END = sa.update(attempt).where(attempt.c.step_id == sa.bindparam("the_step"), attempt.c.n == sa.bindparam("the_n"))
_FORGET_USES = sa.delete(use).where(use.c.step_id.in_(_IDS))
_LET_GO: dict[str, Any] = {"owner": None, "lease_until": None}
_CLEARED: dict[str, Any] = {"fault_class": None, "fault": None, "remedy": None, "fingerprint": None, "fresh": False}


@cache
def build() -> str:
    """Name the software that does the work: part of what makes two attempts the same."""
    return f"dmsops {metadata.version('dmsops')} jwst {metadata.version('jwst')}"


@cache
def _host() -> str:
    return socket.gethostname()


def claim(
    c: sa.Connection, ops: Ops, owner: str, count: int, log_of: Any, *, others: int | None = None, kinds: tuple[str, ...] = ()
) -> list[Claim]:
    """Take up to ``count`` ready steps that are not paused (of these kinds), most urgent first; at most ``others`` no wavefront work."""
    return _take(c, ops, owner, pick.ready(c, ops, count, others, kinds), log_of)


def claim_step(c: sa.Connection, ops: Ops, owner: str, step_id: int, log_of: Any) -> Claim | None:
    """Take one given step that is ready, or that an engine's pool has queued; None when it is neither."""
    free = step.c.state.in_([StepState.READY.value, StepState.LEASED.value])
    query = sa.select(step, workflow.c.cls).join(workflow, workflow.c.id == step.c.workflow_id)
    row = c.execute(query.where(step.c.id == step_id, free)).one_or_none()
    return next(iter(_take(c, ops, owner, [] if row is None else [row], log_of)), None)


def _take(c: sa.Connection, ops: Ops, owner: str, rows: Sequence[Any], log_of: Any) -> list[Claim]:
    """Take steps as one group: one look at their needs, one insertion of their attempts, one of their lines."""
    if not rows:
        return []
    now = ops.clock.now()
    values: dict[str, Any] = {
        "owner": owner,
        "lease_until": now + timedelta(seconds=ops.settings.lease_seconds),
        "started_at": now,
        "ended_at": None,
    }
    moves = Moves(ops)
    ours = [row for row in rows if moves.make(c, "claim", row, actor=owner, **values, attempt=row.attempt + 1)]
    moves.write(c)
    inputs, makes = _inputs(c, ours), _makes(c, ours)
    items = [_claim_of(ops, row, inputs[row.id], tuple(makes[row.id])) for row in ours]
    same = {"owner": owner, "host": _host(), "build": build(), "crds_context": ops.settings.crds_context, "started_at": now}
    attempts = [
        {
            **same, "step_id": item.step_id, "n": item.attempt, "content_key": item.content_key, "inputs": item.inputs,
            "log": str(log_of(item)), "outcome": "running", "kind": item.kind, "params": item.params, "memory_mb": item.memory_mb,
        }
        for item in items
    ]  # fmt: skip
    if attempts:
        c.execute(_TRY, attempts)
    return items


def _inputs(c: sa.Connection, rows: Sequence[Any]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {row.id: {} for row in rows}
    for r in c.execute(_INPUTS, {"ids": list(found)}):
        found[r.step_id][r.name] = r.sha256
    return found


def _makes(c: sa.Connection, rows: Sequence[Any]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {row.id: [] for row in rows}
    for r in c.execute(_MAKES, {"ids": list(found)}):
        found[r.step_id].append(r.product)
    return found


def _claim_of(ops: Ops, row: Any, inputs: dict[str, str], makes: tuple[str, ...]) -> Claim:
    kind, params = kind_or_stand_in(row.kind), {**row.params, **(row.changes or {})}
    identity = [row.kind, kind.version, row.dataset, params, inputs, makes, ops.settings.crds_context, build()]
    content_key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return Claim(
        step_id=row.id, attempt=row.attempt + 1, kind=row.kind, dataset=row.dataset, params=params, inputs=inputs, makes=makes,
        content_key=content_key, fresh=row.fresh, cls=row.cls, memory_mb=memory_limit(ops, kind, row.memory_mb),
        timeout_seconds=kind.timeout_seconds or ops.settings.step_timeout_seconds,
    )  # fmt: skip


def memory_limit(ops: Ops, kind: StepKind, raised: int | None) -> int:
    """Give the memory in MB at which a step is stopped: as a person raised it, else what its kind declares with room above."""
    return raised or int(max(kind.memory_mb, ops.settings.memory_floor_mb) * ops.settings.memory_factor)


def reuse(c: sa.Connection, ops: Ops, owner: str, item: Claim) -> bool:
    """End a step at once when an earlier attempt of it did the same work and all that it made is still in the store."""
    if item.fresh or item.attempt == 1:
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


def held(c: sa.Connection, owner: str, step_id: int | None = None) -> Held:
    """Give the rows of the steps that an engine has (or of one of them), by step and attempt."""
    query = _HELD if step_id is None else _HELD.where(step.c.id == step_id)
    return {(r.id, r.attempt): r for r in c.execute(query, {"owner": owner})}


def finish(c: sa.Connection, ops: Ops, owner: str, item: Claim, end: Ending) -> bool:
    """Publish what an attempt made and end its step well; False when the step is no longer ours (nothing is published)."""
    return bool(finish_all(c, ops, owner, [(item, end)], held(c, owner, item.step_id)))


def finish_all(
    c: sa.Connection, ops: Ops, owner: str, ended: Sequence[tuple[Claim, Ending]], mine: Mapping[tuple[int, int], Any]
) -> set[int]:
    """End several attempts well as one group, as `finish` does each.

    Parameters
    ----------
    mine : dict
        What the engine has, as `held` gives it in the same transaction.

    Returns
    -------
    set of int
        The steps that were ours.
    """
    now = ops.clock.now()
    moves, ours = Moves(ops), []
    for item, end in ended:
        row = mine.get((item.step_id, item.attempt))
        verb = "reuse" if end.reused else "finish"
        if row is not None and moves.make(c, verb, row, actor=owner, ended_at=now, **_LET_GO, **_CLEARED):
            ours.append((item, end, row))
    for item, end, _ in ours:
        for name, sha256, size in end.products:
            blackboard.publish(c, ops, name, sha256, size, origin=item.kind, step_id=item.step_id)
        _end_attempt(c, item, now, "reused" if end.reused else "done", end)
    _note_uses(c, {item.step_id: end.uses for item, end, _ in ours if end.uses is not None})
    blackboard.after_end(c, ops, *(item.step_id for item, _, _ in ours), changes=moves.counts)
    moves.write(c)
    for _, end, row in [o for o in ours if o[1].spawn]:
        flow = c.execute(sa.select(workflow).where(workflow.c.id == row.workflow_id)).one()
        blackboard.submit(c, ops, flow.name, flow.dataset, end.spawn)
    return {item.step_id for item, _, _ in ours}


def _note_uses(c: sa.Connection, used: Mapping[int, tuple[str, ...]]) -> None:
    if used:
        c.execute(_FORGET_USES, {"ids": list(used)})
    rows = [{"step_id": step_id, "name": name} for step_id, names in used.items() for name in sorted(set(names))]
    if rows:
        c.execute(sa.insert(use), rows)


def fail(c: sa.Connection, ops: Ops, owner: str, item: Claim, why: Diagnosis, fingerprint: str, end: Ending | None = None) -> bool:
    """End an attempt badly, in words; False when the step is no longer ours.

    The step fails; what failed for a passing reason is made ready again so often as the site's settings say.
    """
    row = held(c, owner, item.step_id).get((item.step_id, item.attempt))
    if row is None:
        return False
    now = ops.clock.now()
    values: dict[str, Any] = {"fault_class": why.fault_class, "fault": why.sentence, "remedy": why.remedy, "fingerprint": fingerprint[:160]}
    again = why.fault_class == "transient" and row.retries < ops.settings.auto_retries
    if again:
        values["retries"] = row.retries + 1
    verb = "retry" if again else "fail"
    if not blackboard.move(c, ops, verb, row, reason=why.sentence, actor=owner, ended_at=now, **_LET_GO, **values):
        return False
    _end_attempt(c, item, now, "failed", end or Ending(), fault=why.sentence, fault_class=why.fault_class, fingerprint=fingerprint[:160])
    return True


def _end_attempt(c: sa.Connection, item: Claim, now: Any, outcome: str, end: Ending, **fault: str) -> None:
    values = {
        "the_step": item.step_id,
        "the_n": item.attempt,
        "ended_at": now,
        "outcome": outcome,
        "cpu_seconds": end.cpu_seconds,
        "peak_mb": end.peak_mb,
        "metrics": end.metrics,
        "products": [list(p) for p in end.products],
        **fault,
    }
    c.execute(_END, values)
