"""The dispatcher of the embedded engine: gives ready steps to processes and writes down how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import db
from dmsops.workflow import acting, execute, fleet, lease, pick, warm
from dmsops.workflow.acting import Post
from dmsops.workflow.chores import Chores
from dmsops.workflow.engines.process import Running
from dmsops.workflow.engines.workers import AHEAD, Workers
from dmsops.workflow.execute import Found
from dmsops.workflow.lease import Claim, Ending

if TYPE_CHECKING:
    from dmsops.ops import Ops

_LOOK_SECONDS = 0.5
"""How often a running process is looked at; its end is noticed at once."""

_NEVER_STARTED = "it was taken and never started"
_STOPPED = "the engine was stopped"


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


Over = tuple[Running, Found]
"""A step that is over, and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one transaction of the dispatcher has written: what was lost to others, ended well, taken, found done before."""

    gone: list[Running]
    done: list[Claim]
    failed: int
    taken: list[Claim]
    reused: list[Claim]
    ends: list[Ending]


Progress = Callable[["Ops", Tally, list[Claim]], None]


@dataclass(slots=True)
class Dispatcher:
    """Gives ready steps to processes and writes down how they end, while its engine has the post."""

    ops: Ops
    post: Post
    progress: Progress | None = None
    tally: Tally = field(default_factory=Tally)
    workers: Workers = field(init=False)
    _beat: float = 0.0
    _chores: Chores = field(init=False)
    _gone: bool = False
    _silent: bool = False
    _looked: float = 0.0
    _moved: bool = False

    def __post_init__(self) -> None:
        self.workers = Workers(self.ops)
        self._chores = Chores(self.ops, self._write)

    def begin(self) -> None:
        """Give back what dead engines had and what one of another kind had queued; find what dead processes did."""
        self.tally.lost_before = len(self._write(lambda c: fleet.reclaim(c, self.ops, self.post.owner)))
        self._write(lambda c: fleet.unqueue(c, self.ops))
        self.workers.left = warm.left_over(self.ops)

    def turn(self) -> bool:
        """Do one round; False when there is nothing left to do or to wait for."""
        self._keep()
        self._chores.turn()
        over = self.workers.over()
        self._follow(self._write(lambda c: self._round(c, over)))
        if not self.workers.running():
            return self._write(lambda c: pick.anything(c, self.ops))
        wait(self.workers.signs(), timeout=_LOOK_SECONDS)
        self._look()
        return True

    def rest(self) -> None:
        """Pause when nothing runs and nothing has changed."""
        if not self._moved and not self.workers.running():
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
        alive = [r.item.step_id for r in self.workers.running() if r.process.is_alive()]
        self._write(lambda c: self._keep_all(c, alive))
        self._beat = time.monotonic()

    def _keep_all(self, c: sa.Connection, alive: list[int]) -> None:
        acting.renew(c, self.ops)
        lease.heartbeat(c, self.ops, self.post.owner, alive)
        fleet.reclaim(c, self.ops, self.post.owner)

    def _round(self, c: sa.Connection, over: list[Over]) -> Round:
        """Write down what ended and take what comes next, all in one transaction; it may be done twice, so it changes only the database."""
        owner, mine, running = self.post.owner, lease.held(c, self.post.owner), self.workers.running()
        for key in mine.keys() - {one.key for one in running} - {one.key for one, _ in over}:
            fleet.give_back(c, self.ops, mine[key], _NEVER_STARTED, "lost", _NEVER_STARTED)
        gone = [one for one in (*running, *(one for one, _ in over)) if one.key not in mine]
        for one in gone:
            fleet.close(c, self.ops, *one.key, "stopped", "it was stopped while it ran")
        good = [(one.item, end) for one, end in over if isinstance(end, Ending)]
        done = lease.finish_all(c, self.ops, owner, good, mine)
        bad = [(one.item, *end) for one, end in over if not isinstance(end, Ending)]
        failed = sum(lease.fail(c, self.ops, owner, *words) for words in bad)
        taken, reused = self._claim(c, running)
        ends = [end if isinstance(end, Ending) else end[2] for _, end in over]
        return Round(
            gone=gone, done=[item for item, _ in good if item.step_id in done], failed=failed, taken=taken, reused=reused, ends=ends
        )

    def _claim(self, c: sa.Connection, running: list[Running]) -> tuple[list[Claim], list[Claim]]:
        """Take steps for free processes, and light ones to be handed ahead.

        Gives those to start, and those whose work an earlier attempt has done.
        """
        workers, free = self.ops.settings.workers, self.workers.free()
        busy = {one.process.pid for one in running if one.item.cls != pick.URGENT}
        items = self._take(c, free, max(workers - pick.kept(self.ops) - len(busy), 0)) if free > 0 else []
        begun = sum(item.kind in self.workers.light for item in items)
        ahead = self.workers.room_ahead() + begun * (AHEAD - 1)
        if ahead > 0:
            items += self._take(c, ahead, ahead, tuple(self.workers.light))
        reused = [item for item in items if self._was_done(c, item)]
        return [item for item in items if item not in reused], reused

    def _take(self, c: sa.Connection, count: int, others: int, kinds: tuple[str, ...] = ()) -> list[Claim]:
        log_of = partial(execute.log_of, self.ops)
        return lease.claim(c, self.ops, self.post.owner, count, log_of, others=others, kinds=kinds)

    def _was_done(self, c: sa.Connection, item: Claim) -> bool:
        if lease.reuse(c, self.ops, self.post.owner, item):
            return True
        earlier = execute.finished_before(self.ops, item, self.workers.left.get(item.content_key))
        return earlier is not None and lease.finish(c, self.ops, self.post.owner, item, earlier)

    def _follow(self, done: Round) -> None:
        """Do what a round has written: kill what is no longer ours, start what was taken."""
        for one in done.gone:
            self.workers.stop(one)
        for item in done.taken:
            self.workers.start(item)
        for item in done.reused + done.done:
            execute.tidy(self.ops, item)
        self.workers.sweep()
        for end in done.ends:
            self.tally.peak_mb = max(self.tally.peak_mb, end.peak_mb or 0.0)
            self.tally.cpu_seconds += end.cpu_seconds or 0.0
        self.tally.done += len(done.done)
        self.tally.failed += done.failed
        self.tally.reused += len(done.reused)
        self.tally.stopped += len(done.gone)
        self._moved = bool(done.gone or done.ends or done.taken or done.reused)
        if self._moved:
            self._tell()

    def _look(self) -> None:
        """Look at the time and memory of what runs, every so often."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self.workers.watch()
        self._looked = time.monotonic()

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.ops, self.tally, [one.item for one in self.workers.running()])

    def abandon(self) -> None:
        """Kill what runs and write nothing: another engine has the post now."""
        self._gone = True
        self.workers.kill_all()

    def stop(self) -> None:
        """Stop what runs, make its steps ready again, and let the post go."""
        if self._gone:
            return
        self.workers.kill_all()
        with acting.writing(self.ops, self.post) as c:
            left = lease.held(c, self.post.owner)
            for row in left.values():
                fleet.give_back(c, self.ops, row, _STOPPED, "lost", _STOPPED)
            acting.leave(c, self.ops)
        if not left:  # else an ending may not be in the database yet: the next engine finds its line
            self.workers.sweep()
