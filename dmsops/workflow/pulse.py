"""Signs of life, for eyes: which engine acts, which running steps are silent, what a pool has and where it disagrees."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.journal import journal
from dmsops.workflow.fleet import BEATS
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import condor_batch, condor_node, dispatcher, engine, step

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


def batches(ops: Ops) -> list[Row]:
    """Give the batches that an HTCondor pool has now, with their ``nodes`` counted by where they stand."""
    live = sa.select(condor_batch).where(condor_batch.c.ended_at.is_(None)).order_by(condor_batch.c.id)
    nodes = sa.select(condor_node.c.batch_id, condor_node.c.status, sa.func.count().label("n")).join(condor_batch)
    nodes = nodes.where(condor_batch.c.ended_at.is_(None)).group_by(condor_node.c.batch_id, condor_node.c.status)
    with reading(ops.db) as c:
        rows = [{**r, "nodes": {}} for r in c.execute(live).mappings()]
        by_id = {row["id"]: row for row in rows}
        for count in c.execute(nodes):
            by_id[count.batch_id]["nodes"][count.status] = count.n
    return rows


def disagreements(ops: Ops, hours: float = 24.0, limit: int = 20) -> list[Row]:
    """Give what a pool and the site did not agree on lately, newest first: ``at``, ``target`` (the step), ``words``."""
    since = ops.clock.now() - timedelta(hours=hours)
    query = sa.select(journal.c.seq, journal.c.at, journal.c.target, journal.c.reason.label("words"))
    query = query.where(journal.c.event == "engine.disagreed", journal.c.at >= since).order_by(journal.c.seq.desc())
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(query.limit(limit)).mappings()]
