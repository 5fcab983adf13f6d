"""Work whose process is killed, or whose file-system calls fail, held against a site on which it was left alone."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect
from tests.failpoints import ERRNOS, fails_with, is_killed, watched
from tests.receipts import swept_at_once

CONTEXT = multiprocessing.get_context("forkserver")
_loaded: list[str] = []
Do = Callable[[Ops, Any], None]


def preload(*modules: str) -> None:
    """Let the server that processes are forked from load modules, besides those that it was told before."""
    _loaded.extend(modules)
    CONTEXT.set_forkserver_preload(_loaded)


preload("dmsops.archive.withdraw", "dmsops.engineering.resolve", "dmsops.testing.sites", "caom2", "astropy.io.fits")


def site(folder: Path) -> Ops:
    """Give a site whose sweep gives no grace."""
    return swept_at_once(folder, hours=6)


@dataclass(frozen=True)
class Work:
    """A part's work and how it is looked at; ``do`` is a function of a module, as a process of its own finds it by its name."""

    do: Do
    """Does the work with what is given; given again it goes on where it stopped."""
    given: Callable[[Ops], Any]
    """Gives what is worked on, and puts into the fresh site what it needs."""
    state: Callable[[Ops], dict[str, Any]]
    """Gives everything that an undisturbed site has and a disturbed one must."""
    audit: Callable[[Ops, Any], None]
    """Looks at what else must hold when the work has come to its end."""
    site: Callable[[Path], Ops] = site
    """Makes the site in that folder; all that a process of its own needs to open it is in its ``site.toml``."""


@dataclass(frozen=True)
class Alone:
    """A work, what an undisturbed site has of it, how long it took, and how many file-system calls it made."""

    place: Path
    work: Work
    state: dict[str, Any]
    seconds: float
    calls: int

    @classmethod
    def made(cls, place: Path, work: Work) -> Alone:
        """Do the work undisturbed; other sites come beside this one."""
        ops = work.site(place / "alone")
        given = work.given(ops)
        began = time.monotonic()
        with watched() as calls:
            work.do(ops, given)
        found = cls(place, work, work.state(ops), time.monotonic() - began, len(calls.made))
        ops.db.dispose()
        return found


def kill_a_few(ops: Ops, alone: Alone, given: Any, chance: random.Random) -> int:
    """Start one worker or two at once, and kill them at a random moment; gives how many were killed before they had ended."""
    workers = [child(ops, alone.work.do, given) for _ in range(chance.randint(1, 2))]
    time.sleep(chance.uniform(0, 0.5) * alone.seconds)
    for worker in workers:
        worker.kill()
        worker.join()
    return sum(worker.exitcode == -signal.SIGKILL for worker in workers)


def strike_all_over(alone: Alone, turns: int) -> Counter[bool]:
    """Strike at calls all over the work: at odd turns it is killed, at even ones the call fails; counts whether it came to its end."""
    ended = Counter[bool]()
    for turn in range(turns):
        at = 1 + turn * alone.calls // turns + turn
        ended[strike_and_audit(alone, at, None if turn % 2 else ERRNOS[turn // 2 % 4])] += 1
    return ended


def strike_and_audit(alone: Alone, at: int, errno: int | None) -> bool:
    """Do the work struck at one file-system call, then to its end, and audit; says whether the struck one came to its end.

    Without an errno the process is killed there.
    """
    ops = alone.work.site(alone.place / f"site{at}")
    given = alone.work.given(ops)
    struck = child(ops, alone.work.do, given, at, errno)
    struck.join()
    end_and_audit(ops, alone, given)
    return struck.exitcode == 0


def end_and_audit(ops: Ops, alone: Alone, given: Any) -> None:
    """Let the work come to its end, and hold the site against the undisturbed one; then remove it."""
    last = child(ops, alone.work.do, given)
    last.join()
    assert last.exitcode == 0
    assert alone.work.state(ops) == alone.state
    alone.work.audit(ops, given)
    ops.db.dispose()
    shutil.rmtree(ops.settings.site)


def child(ops: Ops, do: Do, given: Any, at: int = 0, errno: int | None = None) -> ForkServerProcess:
    """Do the work in a process of its own, struck at one call; forked from a server, as this process has threads of libraries."""
    started = CONTEXT.Process(target=_in_child, args=(ops.settings.site, ops.clock.now(), do, given, at, errno))
    started.start()
    return started


def _in_child(folder: Path, now: datetime, do: Do, given: Any, at: int, errno: int | None) -> None:
    ops = connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(now))
    with watched(at, is_killed if errno is None else fails_with(errno)):
        do(ops, given)
