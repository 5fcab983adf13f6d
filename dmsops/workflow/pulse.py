"""Signs of life, for eyes: which engine acts, which stand by, and which running steps have gone silent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.workflow.fleet import BEATS
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import dispatcher, engine, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_GRACE = 1.5
"""A sign of life may come half an interval late before it counts as missing."""


def liveness(now: datetime, last: datetime, lease_seconds: float) -> str:
    """Say what a silence means: ``alive``, ``suspect`` when a sign of life is missing, ``lost`` when three are.

    Parameters
    ----------
    last : datetime
        The last sign of life; the start, when there was none yet.
    """
    silence = (now - last).total_seconds()
    if silence > lease_seconds:
        return "lost"
    return "suspect" if silence > _GRACE * lease_seconds / BEATS else "alive"


def running(ops: Ops) -> list[Row]:
    """Give the running steps with their ``liveness``, the most silent first."""
    lease = timedelta(seconds=ops.settings.lease_seconds)
    columns = (step.c.id, step.c.kind, step.c.dataset, step.c.owner, step.c.attempt, step.c.started_at, step.c.lease_until)
    with reading(ops.db) as c:
        rows = [dict(r) for r in c.execute(sa.select(*columns).where(step.c.state == StepState.RUNNING.value)).mappings()]
    for row in rows:
        row["last_sign"] = row["lease_until"] - lease if row["lease_until"] else row["started_at"]
        row["liveness"] = liveness(ops.clock.now(), row["last_sign"], ops.settings.lease_seconds)
    return sorted(rows, key=lambda r: r["last_sign"])


def engines(ops: Ops) -> list[Row]:
    """Give the engines that are signed on, with ``role`` (acting, standing by) and ``liveness``; the acting one first."""
    with reading(ops.db) as c:
        rows = [dict(r) for r in c.execute(sa.select(engine).where(engine.c.ended_at.is_(None)).order_by(engine.c.started_at)).mappings()]
        acting = c.execute(sa.select(dispatcher.c.owner)).scalar()
    for row in rows:
        row["role"] = "acting" if row["id"] == acting else "standing by"
        row["liveness"] = liveness(ops.clock.now(), row["heartbeat_at"], ops.settings.lease_seconds)
    return sorted(rows, key=lambda r: r["role"])
