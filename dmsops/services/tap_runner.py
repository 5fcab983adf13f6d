"""Runs asynchronous queries in threads of the service: as many as there are jobs, two at most, none when there is nothing to do."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from dmsops.core.errors import DmsError
from dmsops.core.files import make_folder, whole_file
from dmsops.distribution import accounts, uws, uws_running
from dmsops.distribution.access import ANONYMOUS, Requester
from dmsops.distribution.uws import Job
from dmsops.services import tap_seen
from dmsops.services.vo_answers import asked_of, capitals, filled, written

if TYPE_CHECKING:
    from dmsops.ops import Ops

RUNNERS = 2
BEAT = 2.0
"""Seconds between two signs of life."""


@dataclass(slots=True)
class Runner:
    """The runners of one site in this process."""

    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wake(self, ops: Ops, base: str) -> None:
        """Start a runner, if a job waits and one more may run."""
        if not uws_running.waiting(ops):
            return
        with self.lock:
            if self.running >= RUNNERS:
                return
            self.running += 1
        threading.Thread(target=self._work, args=(ops, base), name="tap runner", daemon=True).start()

    def _work(self, ops: Ops, base: str) -> None:
        try:
            while (job := uws_running.claim(ops)) is not None:
                carry_out(ops, job, base)
        except sa.exc.SQLAlchemyError:
            ops.log.exception("tap.runner")  # the database went away; the job is run again by whoever wakes next
        finally:
            with self.lock:
                self.running -= 1


_RUNNERS: WeakKeyDictionary[sa.Engine, Runner] = WeakKeyDictionary()
_LOCK = threading.Lock()


def wake(ops: Ops, base: str) -> None:
    """Look after the site's jobs: sweep, and start a runner where one is wanted."""
    with _LOCK:
        first = ops.db not in _RUNNERS
        runner = _RUNNERS.setdefault(ops.db, Runner())
    if first:
        uws_running.tidy(ops)
    uws_running.sweep(ops)
    runner.wake(ops, base)


def carry_out(ops: Ops, job: Job, base: str) -> None:
    """Run a claimed job to its end; its result is whole or not there."""
    stop, ended = threading.Event(), threading.Event()
    beats = threading.Thread(target=_beat, args=(ops, job, stop, ended), name="tap beat", daemon=True)
    beats.start()
    path, asker = uws.result_path(ops, job.id), _asker(ops, job)
    try:
        asked = asked_of(capitals(job.parameters))
        make_folder(path.parent)
        with whole_file(path) as file:
            ask = partial(written, ops, asker, asked, base, seconds=job.seconds, wanted=lambda: not stop.is_set())
            filled(file, ask(), partial(ask, apart=True))
        tap_seen.keep(ops, job.id, asker)
        if not uws_running.complete(ops, job, asked.form.type) and not uws_running.is_complete(ops, job):
            uws.discard(ops, job.id)
    except DmsError as error:
        uws_running.fail(ops, job, f"{error.message}. {error.remedy}")
    except Exception:
        ops.log.exception("tap.failed", job=job.id)
        uws_running.fail(ops, job, "the service failed on this query; its log says why (procedure P17)")
    finally:
        ended.set()
        beats.join()


def _asker(ops: Ops, job: Job) -> Requester:
    """Give a job's owner as of now: what was granted or ended since counts."""
    kind, _, name = job.owner.partition(":")
    return (accounts.named(ops, name, kind) or ANONYMOUS) if name else ANONYMOUS


def _beat(ops: Ops, job: Job, stop: threading.Event, ended: threading.Event) -> None:
    while not ended.wait(BEAT):
        try:
            if not uws_running.beat(ops, job):
                stop.set()
        except sa.exc.SQLAlchemyError:
            ops.log.warning("tap.beat", job=job.id)
