"""The dispatcher of the embedded engine: gives ready steps to processes and writes down how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import db
from dmsops.workflow import acting, execute, fleet, lease, pick
from dmsops.workflow.acting import Post
from dmsops.workflow.chores import Chores
from dmsops.workflow.engines import process
from dmsops.workflow.engines.process import Running
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.states import StepState
from dmsops.workflow.tables import step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_LOOK_SECONDS = 0.5
"""How often a running process is looked at; its end is noticed at once."""


@dataclass(slots=True)
class Tally:
    """What one run of the engine did."""

    done: int = 0
    failed: int = 0
    reused: int = 0
    stopped: int = 0
    lost_before: int = 0
    peak_mb: float = 0.0
    cpu_seconds: float = 0.0
    seconds: float = 0.0


Progress = Callable[["Ops", Tally, list[Claim]], None]


@dataclass(slots=True)
class Dispatcher:
    """Gives ready steps to processes and writes down how they end, while its engine has the post."""

    ops: Ops
    post: Post
    progress: Progress | None = None
    running: list[Running] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    _beat: float = 0.0
    _chores: Chores = field(init=False)
    _gone: bool = False
    _silent: bool = False

    def __post_init__(self) -> None:
        self._chores = Chores(self.ops, self._write)

    def begin(self) -> None:
        """Give back what dead engines had."""
        self.tally.lost_before = len(self._write(lambda c: fleet.reclaim(c, self.ops, self.post.owner)))

    def turn(self) -> bool:
        """Do one round; False when there is nothing left to do or to wait for."""
        self._keep()
        self._chores.turn()
        self._notice()
        self._take()
        if not self.running:
            return self._write(lambda c: pick.anything(c, self.ops))
        wait([r.process.sentinel for r in self.running], timeout=_LOOK_SECONDS)
        self._collect()
        return True

    def rest(self) -> None:
        """Pause when nothing runs."""
        if not self.running:
            time.sleep(0.2)

    def _write[T](self, work: Callable[[sa.Connection], T]) -> T:
        """Do work in a transaction of the acting engine; wait while the database does not answer."""

        def once() -> T:
            with acting.writing(self.ops, self.post) as c:
                return work(c)

        done = db.patiently(once, seconds=self.ops.settings.database_patience_seconds, waiting=self._say_silent)
        self._silent = False
        return done

    def _say_silent(self, error: BaseException) -> None:
        if not self._silent:
            self.ops.log.warning("database.silent", engine=self.post.owner, error=str(error).splitlines()[0][:200])
        self._silent = True

    def _keep(self) -> None:
        """Give signs of life, and see which engines no longer do."""
        if time.monotonic() - self._beat < self.ops.settings.lease_seconds / fleet.BEATS:
            return
        alive = [r.item.step_id for r in self.running if r.process.is_alive()]
        self._write(lambda c: self._keep_all(c, alive))
        self._beat = time.monotonic()

    def _keep_all(self, c: sa.Connection, alive: list[int]) -> None:
        acting.renew(c, self.ops)
        lease.heartbeat(c, self.ops, self.post.owner, alive)
        fleet.reclaim(c, self.ops, self.post.owner)

    def _notice(self) -> None:
        """Kill what is no longer ours; give back what is ours by a lost answer of the database and has no process."""
        ours = self._write(self._ours)
        for one in [r for r in self.running if (r.item.step_id, r.item.attempt) not in ours]:
            self._drop(one)
        strays = ours - {(r.item.step_id, r.item.attempt) for r in self.running}
        if strays:
            self._write(lambda c: self._give_back(c, [step_id for step_id, _ in strays], "it was taken and never started"))

    def _drop(self, one: Running) -> None:
        one.kill()
        self.running.remove(one)
        self.tally.stopped += 1
        self._write(lambda c: fleet.close(c, self.ops, one.item.step_id, one.item.attempt, "stopped", "it was stopped while it ran"))
        self._tell()

    def _ours(self, c: sa.Connection) -> set[tuple[int, int]]:
        query = sa.select(step.c.id, step.c.attempt).where(step.c.owner == self.post.owner, step.c.state == StepState.RUNNING.value)
        return {(r.id, r.attempt) for r in c.execute(query)}

    def _give_back(self, c: sa.Connection, ids: list[int], reason: str) -> None:
        query = sa.select(step).where(step.c.id.in_(ids), step.c.owner == self.post.owner, step.c.state == StepState.RUNNING.value)
        for row in c.execute(query).all():
            fleet.give_back(c, self.ops, row, reason, "lost", reason)

    def _take(self) -> None:
        free = self.ops.settings.workers - len(self.running)
        if free <= 0:
            return
        items = self._write(lambda c: self._claim(c, free))
        for item in items:
            earlier = execute.finished_before(self.ops, item)
            if earlier is not None:
                self._end_well(item, earlier)
            else:
                self.running.append(process.start(self.ops, item))
        if items:
            self._tell()

    def _claim(self, c: sa.Connection, free: int) -> list[Claim]:
        """Take steps; those whose work an earlier attempt has done are over at once."""
        others = sum(r.item.cls != pick.URGENT for r in self.running)
        room = self.ops.settings.workers - pick.kept(self.ops) - others
        items = lease.claim(c, self.ops, self.post.owner, free, lambda item: execute.log_of(self.ops, item), others=max(room, 0))
        left = [item for item in items if not lease.reuse(c, self.ops, self.post.owner, item)]
        self.tally.reused += len(items) - len(left)
        return left

    def _collect(self) -> None:
        for one in list(self.running):
            one.watch()
            if not one.process.is_alive():
                one.process.join()
                self._end(one)
                self.running.remove(one)
                self._tell()

    def _end(self, one: Running) -> None:
        found = one.ending(self.ops)
        if isinstance(found, Ending):
            self._end_well(one.item, found)
            return
        why, fingerprint, end = found
        failed = self._write(lambda c: lease.fail(c, self.ops, self.post.owner, one.item, why, fingerprint, end))
        self.tally.failed += failed
        self._count(end)

    def _end_well(self, item: Claim, end: Ending) -> None:
        if self._write(lambda c: lease.finish(c, self.ops, self.post.owner, item, end)):
            execute.tidy(self.ops, item)
            self.tally.reused += end.reused
            self.tally.done += not end.reused
        self._count(end)

    def _count(self, end: Ending) -> None:
        self.tally.peak_mb = max(self.tally.peak_mb, end.peak_mb or 0.0)
        self.tally.cpu_seconds += end.cpu_seconds or 0.0

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.ops, self.tally, [r.item for r in self.running])

    def abandon(self) -> None:
        """Kill what runs and write nothing: another engine has the post now."""
        self._gone = True
        for one in self.running:
            one.kill()
        self.running.clear()

    def stop(self) -> None:
        """Stop what runs, make its steps ready again, and let the post go."""
        if self._gone:
            return
        for one in self.running:
            one.kill()
        ids = [r.item.step_id for r in self.running]
        self.running.clear()
        with acting.writing(self.ops, self.post) as c:
            self._give_back(c, ids, "the engine was stopped")
            acting.leave(c, self.ops)
