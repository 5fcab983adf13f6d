"""The embedded engine: one dispatcher, one process per step, forked from a server that has `jwst` loaded and frozen.

One dispatcher acts on a site at a time (a file lock says which). It alone writes; workers only leave endings.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.config import enter_runtime
from dmsops.core.db import reading
from dmsops.core.errors import Refused
from dmsops.workflow import blackboard, execute, lease
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import Diagnosis, load_kinds
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_KILLED = Diagnosis(
    fault_class="resource",
    sentence="the step's process was killed (signal {signal}): the machine ran out of memory, or somebody killed it",
    remedy="Look at the machine's memory, then rescue the step as is with procedure P08.",
)
_SILENT = Diagnosis(
    fault_class="code", sentence="the step's process ended (exit {code}) without saying how", remedy="Read the log, then use procedure P08."
)
_SLOW = Diagnosis(
    fault_class="resource",
    sentence="the step ran longer than {limit:.0f} s and was stopped",
    remedy="Look at the machine's load; rescue the step with procedure P08.",
)


@dataclass(slots=True)
class Running:
    """A step that has a process now."""

    item: Claim
    process: ForkServerProcess
    deadline: float
    overdue: bool = False


@dataclass(slots=True)
class Tally:
    """What one run of the engine did."""

    done: int = 0
    failed: int = 0
    reused: int = 0
    lost_before: int = 0
    peak_mb: float = 0.0
    cpu_seconds: float = 0.0
    seconds: float = 0.0


Progress = Callable[["Ops", Tally, list[Claim]], None]


@dataclass(slots=True)
class Dispatcher:
    """Gives ready steps to processes and writes down how they end."""

    ops: Ops
    owner: str
    progress: Progress | None = None
    running: list[Running] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    _beat: float = 0.0

    def turn(self) -> bool:
        """Do one round; False when there is nothing left to do or to wait for."""
        self._keep_leases()
        self._take()
        if not self.running:
            return self._open_steps()
        wait([r.process.sentinel for r in self.running], timeout=0.5)
        self._collect()
        return True

    def _take(self) -> None:
        free = self.ops.settings.workers - len(self.running)
        if free <= 0:
            return
        with self.ops.db.begin() as c:
            items = lease.claim(c, self.ops, self.owner, free, lambda item: execute.log_of(self.ops, item))
        for item in items:
            earlier = execute.finished_before(self.ops, item)
            if earlier is not None:
                self._end_well(item, earlier)
            else:
                self._start(item)
        if items:
            self._tell()

    def _start(self, item: Claim) -> None:
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=execute.attempt_main, args=(str(self.ops.settings.site), item), daemon=True)
        process.start()
        limit = self.ops.settings.step_timeout_seconds
        self.running.append(Running(item, process, time.monotonic() + limit))

    def _collect(self) -> None:
        for one in list(self.running):
            if one.process.is_alive() and time.monotonic() > one.deadline:
                one.overdue = True
                one.process.kill()
            if not one.process.is_alive():
                one.process.join()
                self.running.remove(one)
                self._end(one)
                self._tell()

    def _end(self, one: Running) -> None:
        found = execute.read_ending(self.ops, one.item)
        if isinstance(found, Ending):
            self._end_well(one.item, found)
            return
        why, fingerprint, end = found or (self._why_silent(one), f"{one.item.kind} | process ended", Ending())
        with self.ops.db.begin() as c:
            lease.fail(c, self.ops, self.owner, one.item, why, fingerprint, end)
        self.tally.failed += 1
        self._count(end)

    def _why_silent(self, one: Running) -> Diagnosis:
        code = one.process.exitcode or 0
        pattern = _SLOW if one.overdue else _KILLED if code < 0 else _SILENT
        words = pattern.sentence.format(signal=-code, code=code, limit=self.ops.settings.step_timeout_seconds)
        return Diagnosis(fault_class=pattern.fault_class, sentence=words, remedy=pattern.remedy)

    def _end_well(self, item: Claim, end: Ending) -> None:
        with self.ops.db.begin() as c:
            ours = lease.finish(c, self.ops, self.owner, item, end)
        if ours:
            execute.tidy(self.ops, item)
        self.tally.reused += end.reused
        self.tally.done += not end.reused
        self._count(end)

    def _count(self, end: Ending) -> None:
        self.tally.peak_mb = max(self.tally.peak_mb, end.peak_mb or 0.0)
        self.tally.cpu_seconds += end.cpu_seconds or 0.0

    def _keep_leases(self) -> None:
        if time.monotonic() - self._beat > self.ops.settings.lease_seconds / 3:
            lease.heartbeat(self.ops, self.owner, [r.item.step_id for r in self.running])
            self._beat = time.monotonic()

    def _open_steps(self) -> bool:
        with reading(self.ops.db) as c:
            return c.execute(sa.select(step.c.id).where(step.c.state == StepState.READY.value).limit(1)).scalar() is not None

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.ops, self.tally, [r.item for r in self.running])

    def stop(self) -> None:
        """Stop what runs; its steps become ready again."""
        for one in self.running:
            one.process.kill()
            one.process.join()
        with self.ops.db.begin() as c:
            for one in self.running:
                row = c.execute(sa.select(step).where(step.c.id == one.item.step_id, step.c.owner == self.owner)).one_or_none()
                if row is not None:
                    blackboard.move(c, self.ops, "lose", row, actor="engine", reason="the engine was stopped", owner=None, lease_until=None)
        self.running.clear()


@contextmanager
def only_one(ops: Ops) -> Iterator[None]:
    """Hold the site's engine lock; the kernel lets it go when the process dies.

    Raises
    ------
    Refused
        Another engine acts on this site.
    """
    path = ops.settings.folder("work") / ".engine.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                "another engine is already running on this site", remedy="`dmsops engine status` shows it (procedure P07)."
            ) from None
        yield


def run(ops: Ops, *, forever: bool = False, progress: Progress | None = None) -> Tally:
    """Run the site's steps.

    Parameters
    ----------
    forever : bool
        Wait for new steps when there are none; else come back when nothing is ready or running.
    progress : callable, optional
        Called with (ops, tally, running) whenever a step starts or ends.
    """
    with only_one(ops):
        enter_runtime(ops.settings)
        load_kinds()
        multiprocessing.get_context("forkserver").set_forkserver_preload([ops.settings.preload])
        begun = time.monotonic()
        lost = lease.reclaim(ops)
        dispatcher = Dispatcher(ops, lease.sign_on(ops, ops.settings.workers), progress)
        dispatcher.tally.lost_before = len(lost)
        try:
            while dispatcher.turn() or forever:
                if not dispatcher.running:
                    time.sleep(0.2)
        finally:
            dispatcher.stop()
            lease.sign_off(ops, dispatcher.owner)
        dispatcher.tally.seconds = time.monotonic() - begun
        return dispatcher.tally
