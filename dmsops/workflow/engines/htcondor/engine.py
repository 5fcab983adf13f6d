"""The HTCondor engine: batches of ready steps go to DAGMan; what comes back is settled in the database.

It may be killed at any moment: everything it knows is in the database, in the batches' folders and in the pool.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import db
from dmsops.core.config import enter_runtime
from dmsops.core.errors import Failed, NotActing
from dmsops.workflow import acting, fleet, pick
from dmsops.workflow.acting import Post
from dmsops.workflow.chores import Chores
from dmsops.workflow.engines.dispatch import Progress, Tally
from dmsops.workflow.engines.htcondor import batches, closure, folder, intake, reconcile, tallies
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.pool import Pool
from dmsops.workflow.engines.htcondor.supervise import Supervisor
from dmsops.workflow.steps import load_kinds
from dmsops.workflow.tables import condor_batch

if TYPE_CHECKING:
    from dmsops.ops import Ops

_TURN_SECONDS = 0.3
_LIVE_LIMIT = 8
"""Batches at once: each has a DAGMan of its own, some 10 MB."""
_DAGMAN_RESTARTS = 3
"""DAGMan's exit code when it wants to be started again."""
_OUTCOMES = {0: "done", 1: "failed", 2: "removed"}


@dataclass(slots=True)
class Dispatcher:
    """Turns while its engine has the post."""

    ops: Ops
    post: Post
    pool: Pool
    progress: Progress | None = None
    tally: Tally = field(default_factory=Tally)
    _ended: list[Tally] = field(default_factory=list)
    _beat: float = 0.0
    _reconciled: float = 0.0
    _shown: Any = None
    _chores: Chores = field(init=False)

    def __post_init__(self) -> None:
        self._chores = Chores(self.ops, self.write)

    def turn(self) -> bool:
        """Do one round; False when there is nothing left to do or to wait for."""
        self._keep()
        self._chores.turn()
        for batch in self._read(batches.live):
            self._follow(batch)
        self._ask_pool(self._take_back)
        if time.monotonic() - self._reconciled > self.ops.settings.reconcile_seconds or not self._reconciled:
            self._reconciled = time.monotonic()
            self._ask_pool(lambda: reconcile.reconcile(self.ops, self.pool, self.write, self._follow))
        self._begin()
        self._tell()
        return bool(self._read(batches.live))

    def _read[T](self, work: Callable[[sa.Connection], T]) -> T:
        def once() -> T:
            with db.reading(self.ops.db) as c:
                return work(c)

        return db.patiently(once, seconds=self.ops.settings.database_patience_seconds)

    def write[T](self, work: Callable[[sa.Connection], T]) -> T:
        """Do work in a transaction of the acting engine; wait while the database does not answer."""

        def once() -> T:
            with acting.writing(self.ops, self.post) as c:
                return work(c)

        return db.patiently(once, seconds=self.ops.settings.database_patience_seconds)

    def _keep(self) -> None:
        if time.monotonic() - self._beat > self.ops.settings.lease_seconds / fleet.BEATS:
            self.write(self._keep_post)
            self._beat = time.monotonic()

    def _keep_post(self, c: sa.Connection) -> None:
        acting.renew(c, self.ops)
        fleet.beat(c, self.ops, self.post.owner)
        self.tally.lost_before += len(fleet.reclaim(c, self.ops, self.post.owner))

    def _ask_pool(self, work: Callable[[], None]) -> None:
        """Do something with the pool; one that does not answer now is asked again later."""
        try:
            work()
        except Failed as error:
            self.ops.log.warning("pool.silent", engine=self.post.owner, error=error.message)

    def _follow(self, batch: Any) -> bool:
        """Take in what DAGMan has written of a batch; True when it has ended."""
        row = self._read(lambda c: c.execute(sa.select(condor_batch).where(condor_batch.c.id == batch.id)).one())
        if row.ended_at is not None:
            return True
        news = intake.look(Path(row.folder), row.cursor, row.event_cursor)
        return bool(news) and self.write(lambda c: self._take_in(c, row.id, news))

    def _take_in(self, c: sa.Connection, batch: int, news: intake.News) -> bool:
        code = intake.take_in(c, self.ops, batch, news)
        if code is None or code == _DAGMAN_RESTARTS:
            return False
        batches.end(c, self.ops, batch, _OUTCOMES.get(code, f"exit {code}"))
        self._ended.append(tallies.count(c, [batch]))
        return True

    def _take_back(self) -> None:
        for batch in self._read(batches.live):
            gone = self._read(lambda c, batch=batch: batches.withdrawn(c, batch.id))  # type: ignore[misc]
            reconcile.take_back(self.ops, self.pool, self.write, batch, gone)

    def _begin(self) -> None:
        """Write the next batch down, then submit it."""
        if len(self._read(batches.live)) >= _LIVE_LIMIT or not self._read(lambda c: pick.anything(c, self.ops)):
            return
        batch, nodes = self.write(self._record)
        if batch is not None:
            self._ask_pool(lambda: self._submit(batch, nodes))

    def _record(self, c: sa.Connection) -> tuple[int | None, list[Node]]:
        nodes = closure.choose(c, self.ops)
        return (batches.record(c, self.ops, self.post.owner, folder.home(self.ops), nodes) if nodes else None), nodes

    def _submit(self, batch: int, nodes: list[Node]) -> None:
        place = folder.home(self.ops) / f"{batch:06d}"
        folder.write(self.ops, batch, place, nodes, self.pool.attributes(batch))
        cluster = self.pool.submit(place, batch)
        self.write(lambda c: batches.submitted(c, batch, cluster))

    def _tell(self) -> None:
        lost = self.tally.lost_before
        live, now = self._read(lambda c: (tallies.count(c, [b.id for b in batches.live(c)]), tallies.running(c)))
        self.tally = tallies.together([*self._ended, live])
        self.tally.lost_before = lost
        shown = (self.tally.done, self.tally.failed, self.tally.reused, [item.step_id for item in now])
        if self.progress is not None and shown != self._shown:
            self.progress(self.ops, self.tally, now)
            self._shown = shown

    def stop(self) -> None:
        """Let the post go; the pool goes on with what it has, and the next engine takes it up."""
        with acting.writing(self.ops, self.post) as c:
            acting.leave(c, self.ops)


def run(ops: Ops, *, forever: bool = False, progress: Progress | None = None) -> Tally:
    """Run the site's steps in the HTCondor pool that this machine's configuration names.

    Parameters
    ----------
    forever : bool
        Wait for new steps when there are none, and stand by while another engine acts; else come back when nothing
        is ready and no batch is in the pool.
    progress : callable, optional
        Called with (ops, tally, running) whenever a step starts or ends.

    Raises
    ------
    BadSetting
        The client library of HTCondor is not installed.
    Failed
        The pool does not answer.
    NotActing
        Another engine acts on this site, or has taken over (not with ``forever``).
    """
    pool = Pool(ops)
    pool.jobs()
    owner = fleet.sign_on(ops, ops.settings.workers, "htcondor")
    try:
        tally = _act(ops, _take_post(ops, owner, wait=forever), pool, forever, progress)
        while forever:
            tally = _act(ops, _take_post(ops, owner, wait=True), pool, forever, progress)
    finally:
        fleet.sign_off(ops, owner)
    return tally


def _act(ops: Ops, post: Post, pool: Pool, forever: bool, progress: Progress | None) -> Tally:
    """Act until there is nothing to do, or (``forever``) until another engine has taken over."""
    enter_runtime(ops.settings)
    load_kinds()
    begun = time.monotonic()
    dispatcher = Dispatcher(ops, post, pool, progress)
    try:
        with Supervisor(ops) as server:
            while dispatcher.turn() or forever:
                server.keep()
                time.sleep(_TURN_SECONDS)
        dispatcher.stop()
    except NotActing:
        if not forever:
            raise
    dispatcher.tally.seconds = time.monotonic() - begun
    return dispatcher.tally


def _take_post(ops: Ops, owner: str, *, wait: bool) -> Post:
    while True:
        post = db.patiently(lambda: _try(ops, owner), seconds=ops.settings.database_patience_seconds)
        if post is not None:
            return post
        if not wait:
            raise NotActing("another engine is already running on this site")
        time.sleep(min(1.0, ops.settings.lease_seconds / 10))


def _try(ops: Ops, owner: str) -> Post | None:
    with ops.db.begin() as c:
        fleet.beat(c, ops, owner)
        return acting.take(c, ops, owner)
