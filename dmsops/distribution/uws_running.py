"""How jobs are run: claimed by one of many runners, kept alive by its beats, ended once; and what is swept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading, transact
from dmsops.distribution.tables import uws_job
from dmsops.distribution.uws import COMPLETED, DEAD, ERROR, EXECUTING, QUEUED, Job, _job, discard, result_path

if TYPE_CHECKING:
    from dmsops.ops import Ops

AGAIN = "whoever ran it died; it is run again"
"""What stands in ``error`` of a job that is run for the second time."""
DIED_TWICE = "the service was stopped twice while the query ran, and it is not run again; ask for less, or ask again (procedure P17)"
LOOK = 100
"""Jobs that one sweep ends at most."""
_j = uws_job.c


def waiting(ops: Ops) -> bool:
    """Say whether a job waits for a runner."""
    with reading(ops.db) as c:
        return c.execute(sa.select(_j.id).where(_j.phase == QUEUED).limit(1)).first() is not None


def claim(ops: Ops) -> Job | None:
    """Take the job that has waited longest; None when there is none."""
    now = ops.clock.now()

    def work(c: sa.Connection) -> Job | None:
        row = c.execute(sa.select(uws_job).where(_j.phase == QUEUED).order_by(_j.made_at, _j.id).limit(1)).one_or_none()
        if row is None:
            return None
        c.execute(sa.update(uws_job).where(_j.id == row.id).values(phase=EXECUTING, started_at=now, beat_at=now))
        return _job(row)

    return transact(ops.db, work)


def beat(ops: Ops, job: Job) -> bool:
    """Give a sign of life; says whether the job is still to be run."""

    def work(c: sa.Connection) -> bool:
        mine = (_j.id == job.id, _j.phase == EXECUTING)
        return bool(c.execute(sa.update(uws_job).where(*mine).values(beat_at=ops.clock.now())).rowcount)

    return transact(ops.db, work)


def complete(ops: Ops, job: Job, content_type: str) -> bool:
    """End a job whose result is there; says whether it was still wanted."""
    return _end(ops, job, {"phase": COMPLETED, "content_type": content_type, "error": ""})


def fail(ops: Ops, job: Job, message: str) -> bool:
    """End a job that did not work, with a sentence."""
    return _end(ops, job, {"phase": ERROR, "error": message})


def _end(ops: Ops, job: Job, values: dict[str, Any]) -> bool:
    def work(c: sa.Connection) -> bool:
        mine = (_j.id == job.id, _j.phase == EXECUTING)
        return bool(c.execute(sa.update(uws_job).where(*mine).values(ended_at=ops.clock.now(), **values)).rowcount)

    return transact(ops.db, work)


def is_complete(ops: Ops, job: Job) -> bool:
    """Say whether a job has its result: another that ran it has ended it."""
    with reading(ops.db) as c:
        return c.execute(sa.select(_j.id).where(_j.id == job.id, _j.phase == COMPLETED)).first() is not None


def tidy(ops: Ops) -> None:
    """Delete results of which there is no job: whoever deleted the job was stopped before its file was gone."""
    found = {path.stem for end in ("result", "seen") for path in result_path(ops, "x").parent.glob(f"*.{end}")}
    if not found:
        return
    with reading(ops.db) as c:
        known = set(c.execute(sa.select(_j.id)).scalars())
    for job_id in found - known:
        discard(ops, job_id)


def sweep(ops: Ops) -> None:
    """Run again what a dead runner left, and delete what is past its time."""
    now = ops.clock.now()
    dead, past = (_j.phase == EXECUTING, _j.beat_at < now - DEAD), _j.destruction <= now
    with reading(ops.db) as c:
        needed = c.execute(sa.select(_j.id).where(sa.or_(sa.and_(*dead), past)).limit(1)).first() is not None
    if not needed:
        return

    def work(c: sa.Connection) -> list[str]:
        c.execute(sa.update(uws_job).where(*dead, _j.error != "").values(phase=ERROR, error=DIED_TWICE, ended_at=now))
        c.execute(sa.update(uws_job).where(*dead).values(phase=QUEUED, error=AGAIN, started_at=None, beat_at=None))
        gone = list(c.execute(sa.select(_j.id).where(past).limit(LOOK)).scalars())
        c.execute(sa.delete(uws_job).where(_j.id.in_(gone)))
        return gone

    for job_id in transact(ops.db, work):
        discard(ops, job_id)
