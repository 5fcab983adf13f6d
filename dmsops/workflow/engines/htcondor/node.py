"""One node's work: claim the step, run it in a child process, publish how it ended; fenced by owner and attempt."""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from enum import IntEnum
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.config import enter_runtime, load
from dmsops.core.db import reading, transact
from dmsops.workflow import execute, fleet, lease
from dmsops.workflow.engines.htcondor import claims
from dmsops.workflow.engines.htcondor.claims import Request
from dmsops.workflow.engines.process import Running
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 0.5


class Code(IntEnum):
    """How a node ends, as DAGMan sees it: nothing but 0 lets go on what follows."""

    GOOD = 0
    BAD = 1
    NOT_RUN = 3
    LOST = 4


def carry_out(ops: Ops, request: Request) -> Code:
    """Carry one step out, to the published end."""
    item = transact(ops.db, lambda c: claims.take(c, ops, request))
    if not isinstance(item, Claim):
        return Code.GOOD if item else Code.NOT_RUN
    if transact(ops.db, lambda c: lease.reuse(c, ops, request.owner, item)):
        return Code.GOOD
    earlier = execute.finished_before(ops, item)
    if earlier is not None:
        return _end_well(ops, request, item, earlier)
    running = _start(ops, item)
    if not _follow(ops, request, running):
        return Code.NOT_RUN
    found = running.ending(ops)
    if isinstance(found, Ending):
        return _end_well(ops, request, item, found)
    why, fingerprint, end = found
    with ops.db.begin() as c:
        lease.fail(c, ops, request.owner, item, why, fingerprint, end)
    return Code.BAD


def _start(ops: Ops, item: Claim) -> Running:
    ops.db.dispose()  # the child opens its own connection
    process: Any = multiprocessing.get_context("fork").Process(target=execute.attempt_main, args=(str(ops.settings.site), item))
    process.start()
    return Running(item, process, time.monotonic() + (item.timeout_seconds or ops.settings.step_timeout_seconds))


def _follow(ops: Ops, request: Request, running: Running) -> bool:
    """Watch the attempt to its end; False when it was killed because the step is no longer ours."""
    while not wait([running.process.sentinel], timeout=_LOOK_SECONDS):
        running.watch()
        if not _keep(ops, request, running.item):
            running.kill()
            with ops.db.begin() as c:
                fleet.close(c, ops, running.item.step_id, running.item.attempt, "stopped", "it was stopped while it ran")
            return False
    running.process.join()
    return True


def _keep(ops: Ops, request: Request, item: Claim) -> bool:
    """Keep the lease; False when the step is no longer ours (stopped, or given to another)."""
    ours = (step.c.id == item.step_id, step.c.owner == request.owner, step.c.attempt == item.attempt)
    running = (*ours, step.c.state == StepState.RUNNING.value)
    with reading(ops.db) as c:
        until = c.execute(sa.select(step.c.lease_until).where(*running)).scalar()
    if until is None:
        return False
    now = ops.clock.now()
    span = timedelta(seconds=ops.settings.lease_seconds)
    if until - now > span * 2 / 3:
        return True
    with ops.db.begin() as c:
        return bool(c.execute(sa.update(step).where(*running).values(lease_until=now + span)).rowcount)


def _end_well(ops: Ops, request: Request, item: Claim, end: Ending) -> Code:
    with ops.db.begin() as c:
        ours = lease.finish(c, ops, request.owner, item, end)
    if ours:
        execute.tidy(ops, item)
    return Code.GOOD if ours else Code.NOT_RUN


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def node_main(site: str, request: Request) -> None:
    """Carry a step out and exit with its code; the entry of a process forked by the warm server."""
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = _carry_out_alone(site, request)
    sys.stdout.flush()
    os._exit(code)


def settle_main(site: str, request: Request) -> None:
    """Put into words that the process which carried a step out is gone; the entry of a process forked by the warm server."""
    _give_up(site, request, "the process that watched the step was killed", passing=False)


def abandon_main(site: str, request: Request) -> None:
    """Send a step round again whose node went away and did not come back; the entry of a process forked by the warm server."""
    _give_up(site, request, "its job was removed from the pool, or held there", passing=True)


def _give_up(site: str, request: Request, what: str, *, passing: bool) -> None:
    ops = importlib.import_module("dmsops.ops").connect(site, operator=execute.ENGINE)
    with ops.db.begin() as c:
        claims.give_up(c, ops, request, what, passing=passing)
    os._exit(Code.BAD)


def _carry_out_alone(site: str, request: Request) -> Code:
    ops = importlib.import_module("dmsops.ops").connect(site, operator=execute.ENGINE)
    enter_runtime(ops.settings)
    return carry_out(ops, request)


def main(argv: list[str]) -> int:
    """Carry a step out in the node's own process: what `client` turns into where no warm server is."""
    site, batch, step_id, cluster = argv
    with _slot(Path(site) / "work" / "condor", load(Path(site)).workers):
        return _carry_out_alone(site, Request(batch=int(batch), step=int(step_id), cluster=int(cluster)))


@contextmanager
def _slot(place: Path, workers: int) -> Iterator[None]:
    """Wait for one of the site's slots: without the warm server nobody else counts."""
    files = [(place / f"slot-{n}").open("a") for n in range(workers)]
    try:
        while not any(_locked(file) for file in files):
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        for file in files:
            file.close()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
