"""Asynchronous jobs (IVOA UWS 1.1): who made them sees them, any process of the site may run them, each change is one transaction.

An anonymous job is whoever's knows its name, which nobody can guess; a list of jobs names only the asker's own, and none to anonymous.
A job whose runner died is run again, and if that dies too it ends in ERROR.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading, transact
from dmsops.core.errors import NotFound, Refused, TooMany
from dmsops.distribution.access import Requester, Scope
from dmsops.distribution.tables import uws_job

if TYPE_CHECKING:
    from dmsops.ops import Ops

PENDING, QUEUED, EXECUTING, COMPLETED, ERROR, ABORTED = "PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR", "ABORTED"
ACTIVE = frozenset({PENDING, QUEUED, EXECUTING})
PHASES = frozenset({PENDING, QUEUED, EXECUTING, COMPLETED, ERROR, ABORTED, "UNKNOWN", "HELD", "SUSPENDED", "ARCHIVED"})
SECONDS, MOST_SECONDS = 600, 3600
"""How long a job may execute: unless it says otherwise, and at most."""
KEPT, LONGEST_KEPT = timedelta(days=7), timedelta(days=30)
DEAD = timedelta(seconds=60)
"""Without a sign of life for so long, whoever ran a job is dead."""
MOST_JOBS, MOST_ANONYMOUS = 500, 5000
REMEDY = "`/tap/async` lists the jobs of who asks (procedure P17)."
_j = uws_job.c
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is now; ``parameters`` in the order in which they were given."""

    id: str
    owner: str
    phase: str
    run_id: str
    parameters: tuple[tuple[str, str], ...]
    made_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    seconds: int
    destruction: datetime
    error: str
    content_type: str

    @property
    def owner_name(self) -> str:
        """Whose it is; empty of an anonymous one."""
        return self.owner.partition(":")[2]


def owner_of(asker: Requester) -> str:
    """Give how a job names its owner: ``kind:name``, or ``anonymous``; with ``kind-`` where the token has not the scope ``read``.

    Such a token neither makes jobs that show more than it may see, nor reads the results of those that its account's others made.
    """
    less = "" if Scope.READ in asker.scopes else "-"
    return "anonymous" if asker.is_anonymous else f"{asker.kind}{less}:{asker.name}"[:64]


def result_path(ops: Ops, job_id: str) -> Path:
    """Give where a job's result lies."""
    return ops.settings.folder("work") / "tap" / f"{job_id}.result"


def seen_path(ops: Ops, job_id: str) -> Path:
    """Give where it lies what was its owner's when a job ran: its result is given only while no less is."""
    return result_path(ops, job_id).with_suffix(".seen")


def discard(ops: Ops, job_id: str) -> None:
    """Delete a job's result, and what lies beside it."""
    for path in (result_path(ops, job_id), seen_path(ops, job_id)):
        path.unlink(missing_ok=True)


def create(ops: Ops, asker: Requester, parameters: Sequence[tuple[str, str]], *, run_id: str = "") -> str:
    """Make a job, which waits to be started; gives its name.

    Raises
    ------
    TooMany
        The asker has too many jobs.
    """
    now, owner, name = ops.clock.now(), owner_of(asker), secrets.token_hex(16)
    values = {
        "id": name, "owner": owner, "phase": PENDING, "run_id": run_id[:64], "parameters": [list(pair) for pair in parameters],
        "made_at": now, "seconds": SECONDS, "destruction": now + KEPT,
    }  # fmt: skip

    def work(c: sa.Connection) -> None:
        held = c.execute(sa.select(sa.func.count()).where(_j.owner == owner)).scalar_one()
        if held >= (MOST_ANONYMOUS if asker.is_anonymous else MOST_JOBS):
            raise TooMany(f"there are {held} jobs of {owner} already: delete some that have ended", after=60)
        c.execute(sa.insert(uws_job).values(**values))

    transact(ops.db, work)
    return name


def get(ops: Ops, asker: Requester, job_id: str) -> Job:
    """Give a job.

    Raises
    ------
    NotFound
        There is none of that name, or it is somebody else's.
    """
    with reading(ops.db) as c:
        return _own(c, ops, asker, job_id)


def _own(c: sa.Connection, ops: Ops, asker: Requester, job_id: str) -> Job:
    mine = (_j.owner == owner_of(asker), _j.destruction > ops.clock.now())
    row = c.execute(sa.select(uws_job).where(_j.id == job_id, *mine)).one_or_none() if _ID.fullmatch(job_id) else None
    if row is None:
        raise NotFound(f"there is no job '{job_id[:40]}' of yours", remedy=REMEDY)
    return _job(row)


def _job(row: sa.Row[Any]) -> Job:
    given = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    taken = {name: given[name] for name in Job.__slots__ if name != "parameters"}
    return Job(parameters=tuple((name, value) for name, value in row.parameters), **taken)


def jobs(ops: Ops, asker: Requester, *, phases: Sequence[str] = (), after: datetime | None = None, last: int | None = None) -> list[Job]:
    """Give the asker's jobs, oldest first; with ``last`` the newest so many, newest first."""
    if asker.is_anonymous:
        return []
    tests = [_j.owner == owner_of(asker), _j.destruction > ops.clock.now()]
    tests += [_j.phase.in_(list(phases))] if phases else []
    tests += [_j.made_at > after] if after is not None else []
    query = sa.select(uws_job).where(*tests)
    query = query.order_by(_j.made_at, _j.id) if last is None else query.order_by(_j.made_at.desc(), _j.id).limit(last)
    with reading(ops.db) as c:
        return [_job(row) for row in c.execute(query)]


def change(
    ops: Ops,
    asker: Requester,
    job_id: str,
    *,
    parameters: Sequence[tuple[str, str]] = (),
    seconds: int | None = None,
    destruction: datetime | None = None,
) -> None:
    """Change a job: parameters while it waits to be started, its bounds while it is there.

    Raises
    ------
    NotFound
        There is none of that name, or it is somebody else's.
    Refused
        It has been started, and its parameters cannot change any more.
    """

    def work(c: sa.Connection) -> None:
        job = _own(c, ops, asker, job_id)
        values: dict[str, Any] = {}
        if (parameters or seconds is not None) and job.phase != PENDING:
            raise Refused(f"job {job_id} is {job.phase}: only a PENDING one can be changed", remedy="Make a new job (procedure P17).")
        if parameters:
            new = {name.upper() for name, _ in parameters}
            kept = [[name, value] for name, value in job.parameters if name.upper() not in new]
            values["parameters"] = [*kept, *([name, value] for name, value in parameters)]
        if seconds is not None:
            values["seconds"] = min(seconds, MOST_SECONDS) or MOST_SECONDS
        if destruction is not None:
            values["destruction"] = min(destruction, ops.clock.now() + LONGEST_KEPT)
        if values:
            c.execute(sa.update(uws_job).where(_j.id == job_id).values(**values))

    transact(ops.db, work)


def run(ops: Ops, asker: Requester, job_id: str) -> None:
    """Let a job run; raises as `change`. One that runs already, or has ended, is left as it is."""
    _move(ops, asker, job_id, frozenset({PENDING}), {"phase": QUEUED})


def abort(ops: Ops, asker: Requester, job_id: str) -> None:
    """Stop a job; one that has ended is left as it is. Raises `NotFound` as `get`."""
    _move(ops, asker, job_id, ACTIVE, {"phase": ABORTED, "ended_at": ops.clock.now()})


def _move(ops: Ops, asker: Requester, job_id: str, before: frozenset[str], values: dict[str, Any]) -> None:
    def work(c: sa.Connection) -> None:
        _own(c, ops, asker, job_id)
        c.execute(sa.update(uws_job).where(_j.id == job_id, _j.phase.in_(before)).values(**values))

    transact(ops.db, work)


def delete(ops: Ops, asker: Requester, job_id: str) -> None:
    """Delete a job and its result; whoever runs it stops. Raises `NotFound` as `get`."""

    def work(c: sa.Connection) -> None:
        _own(c, ops, asker, job_id)
        c.execute(sa.delete(uws_job).where(_j.id == job_id))

    transact(ops.db, work)
    discard(ops, job_id)
