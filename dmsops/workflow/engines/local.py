"""The embedded engine: one dispatcher, processes forked from a server that has `jwst` loaded: one a step, or warm for light steps.

One engine acts on a site at a time (`dmsops.workflow.acting` says which). It alone writes; workers only leave endings.
"""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

from dmsops.core import db
from dmsops.core.config import enter_runtime
from dmsops.core.errors import NotActing
from dmsops.workflow import acting, fleet
from dmsops.workflow.acting import Post
from dmsops.workflow.engines.dispatch import Dispatcher, Progress, Tally
from dmsops.workflow.steps import load_kinds

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = ["Dispatcher", "Progress", "Tally", "run"]
PRELOADED = "dmsops.workflow.engines.preloaded"


def run(ops: Ops, *, forever: bool = False, progress: Progress | None = None) -> Tally:
    """Run the site's steps.

    Parameters
    ----------
    forever : bool
        Wait for new steps when there are none, and stand by while another engine acts; else come back when nothing
        is ready or running.
    progress : callable, optional
        Called with (ops, tally, running) whenever a step starts or ends.

    Raises
    ------
    NotActing
        Another engine acts on this site, or has taken over (not with ``forever``).
    """
    owner = fleet.sign_on(ops, ops.settings.workers)
    try:
        tally = _act(ops, _take_post(ops, owner, wait=forever), forever, progress)
        while forever:
            tally = _act(ops, _take_post(ops, owner, wait=True), forever, progress)
    finally:
        fleet.sign_off(ops, owner)
    return tally


def _act(ops: Ops, post: Post, forever: bool, progress: Progress | None) -> Tally:
    """Act until there is nothing to do, or (``forever``) until another engine has taken over."""
    enter_runtime(ops.settings)
    load_kinds()
    multiprocessing.get_context("forkserver").set_forkserver_preload([ops.settings.preload, PRELOADED])
    begun = time.monotonic()
    dispatcher = Dispatcher(ops, post, progress)
    try:
        dispatcher.begin()
        while dispatcher.turn() or forever:
            dispatcher.rest()
    except NotActing:
        dispatcher.abandon()
        if not forever:
            raise
    finally:
        dispatcher.stop()
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
