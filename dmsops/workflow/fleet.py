"""The fleet: which engines are signed on, which of them are dead, and how the steps of a dead one come back."""

from __future__ import annotations

import socket
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow import blackboard
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import attempt, engine, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

BEATS = 3
"""Signs of life in one lease: a step is suspect when one is missing, and lost when all are."""


def boot_id() -> str:
    """Give the id of this boot of the machine (process numbers repeat over boots)."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else str(psutil.boot_time())


def sign_on(ops: Ops, workers: int, kind: str = "local") -> str:
    """Write this process down as an engine and give its id."""
    me = psutil.Process()
    now = ops.clock.now()
    engine_id = f"{socket.gethostname()[:40]}:{me.pid}:{uuid.uuid4().hex[:12]}"
    values = {
        "id": engine_id, "kind": kind, "host": socket.gethostname(), "boot": boot_id(), "pid": me.pid, "pid_started": me.create_time(),
        "workers": workers, "started_at": now, "heartbeat_at": now, "ended_at": None,
    }  # fmt: skip
    with ops.db.begin() as c:
        c.execute(sa.insert(engine).values(values))
    return engine_id


def sign_off(ops: Ops, engine_id: str) -> None:
    """Write down that the engine ended by itself."""
    with ops.db.begin() as c:
        c.execute(sa.update(engine).where(engine.c.id == engine_id).values(ended_at=ops.clock.now()))


def beat(c: sa.Connection, ops: Ops, engine_id: str) -> None:
    """Say that an engine lives, acting or standing by."""
    c.execute(sa.update(engine).where(engine.c.id == engine_id).values(heartbeat_at=ops.clock.now()))


def reclaim(c: sa.Connection, ops: Ops, owner: str = "") -> list[int]:
    """Give back the steps of engines that are gone: at once on this machine, else when their lease has run out.

    Parameters
    ----------
    owner : str
        The engine that asks: its own steps are not touched.

    Returns
    -------
    list of int
        Steps that are ready again.
    """
    dead = [row.id for row in c.execute(sa.select(engine).where(engine.c.ended_at.is_(None), engine.c.id != owner)) if is_dead(row)]
    rows = c.execute(sa.select(step).where(step.c.state == StepState.RUNNING.value, step.c.owner != owner, _is_lost(ops, dead))).all()
    for row in rows:
        give_back(c, ops, row, "its engine is gone", "lost", "its engine was killed or the machine went down")
    if dead:
        c.execute(sa.update(engine).where(engine.c.id.in_(dead)).values(ended_at=ops.clock.now()))
        journal.write(c, ops.clock, "engine.lost", ", ".join(dead)[:200], actor="engine", steps=len(rows))
    return [row.id for row in rows]


def _is_lost(ops: Ops, dead: list[str]) -> Any:
    """Test a step's row; without any sign of life the lease counts from its start."""
    now = ops.clock.now()
    silent = now - timedelta(seconds=ops.settings.lease_seconds)
    never = sa.and_(step.c.lease_until.is_(None), step.c.started_at < silent)
    return sa.or_(step.c.owner.in_(dead), step.c.lease_until < now, never)


def unqueue(c: sa.Connection, ops: Ops) -> int:
    """Take back what an engine of another kind had queued in its pool; gives how many.

    Its nodes find out when they ask for their step: one that is done or that another has is not run again.
    """
    rows = c.execute(sa.select(step).where(step.c.state == StepState.LEASED.value)).all()
    for row in rows:
        blackboard.move(c, ops, "return", row, actor="engine", reason="an engine without that pool acts now", owner=None)
    blackboard.wake(c, ops, [row.id for row in rows])
    return len(rows)


def give_back(c: sa.Connection, ops: Ops, row: Any, reason: str, outcome: str, fault: str) -> None:
    """Make a taken step ready again, and close its attempt."""
    if blackboard.move(c, ops, "lose", row, actor="engine", reason=reason, owner=None, lease_until=None):
        close(c, ops, row.id, row.attempt, outcome, fault)


def close(c: sa.Connection, ops: Ops, step_id: int, n: int, outcome: str, fault: str) -> None:
    """Write down how an attempt ended that did not say so itself."""
    this = (attempt.c.step_id == step_id, attempt.c.n == n, attempt.c.outcome == "running")
    c.execute(sa.update(attempt).where(*this).values(outcome=outcome, ended_at=ops.clock.now(), fault=fault))


def is_dead(row: Any) -> bool:
    """Tell whether an engine ran on this machine and its process is gone; of other machines nothing is known here."""
    if row.host != socket.gethostname():
        return False
    if row.boot != boot_id():
        return True
    try:
        process = psutil.Process(row.pid)
        return bool(abs(process.create_time() - row.pid_started) > 1.0) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
