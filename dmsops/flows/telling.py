"""The round of telling: what happened is written down, what is due is told; once, or again and again beside something else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dmsops.core.db import is_passing
from dmsops.core.errors import DmsError
from dmsops.distribution import channels, dispatch
from dmsops.flows import notices

if TYPE_CHECKING:
    from dmsops.ops import Ops

PATIENCE_SECONDS = 30.0
"""How long a telling under way may go on when the process ends; what is cut off is told again."""
RECONSIDER = timedelta(hours=1)
"""How often it is looked whether all releases are as they were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one round did: notices written down, deliveries taken by their receivers."""

    notices: int
    deliveries: int


def tell(ops: Ops, *, send: dispatch.Send = channels.send, stopped: threading.Event | None = None) -> Told:
    """Do one round: write down what happened since the last one, and tell all that is due."""
    over = stopped.is_set if stopped is not None else lambda: False
    written = notices.gather(ops)
    return Told(notices=written, deliveries=dispatch.deliver(ops, notices.meta_releases, send=send, stopped=over))


def run(ops: Ops, stopped: threading.Event) -> None:
    """Do one round after another until it is told to stop; what fails is in the log, and tried again in the next round."""
    looked: datetime | None = None
    while not stopped.is_set():
        try:
            told = tell(ops, stopped=stopped)
            looked = _reconsidered(ops, looked)
        except Exception as error:  # noqa: BLE001 - a dispatcher that ended would be silent for ever
            _log_failure(ops, error)
        else:
            if told.notices or told.deliveries:
                ops.log.info("notify.told", notices=told.notices, deliveries=told.deliveries)
        stopped.wait(ops.settings.notify_seconds)


def _reconsidered(ops: Ops, looked: datetime | None) -> datetime:
    now = ops.clock.now()
    if looked is not None and now - looked < RECONSIDER:
        return looked
    if found := notices.reconsider(ops):
        ops.log.warning("notify.reconsidered", observations=found)
    return now


def _log_failure(ops: Ops, error: Exception) -> None:
    passing = isinstance(error, DmsError) or is_passing(error)
    ops.log.error("notify.failed", error=f"{type(error).__name__}: {str(error)[:500]}", passing=passing)


@contextmanager
def in_background(ops: Ops) -> Iterator[None]:
    """Tell subscribers in a thread of this process while something else goes on; not where the setting ``notify_in_site`` says no."""
    if not ops.settings.notify_in_site:
        yield
        return
    stopped = threading.Event()
    thread = threading.Thread(target=run, args=(ops, stopped), name="notify", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=PATIENCE_SECONDS)
