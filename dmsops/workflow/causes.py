"""Causes that any step may meet, told from the exception itself: memory, disk, files, a network that broke off, a lock."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import sqlalchemy as sa

from dmsops.core.errors import DmsError
from dmsops.workflow.steps import Diagnosis, diagnoser

_MEMORY = "Rescue with more memory with procedure P08, or run fewer steps at once."
_SPACE = "Free space on the work disk, then rescue with procedure P08."
_AGAIN = "Rescue as it is with procedure P08; if it comes back, hold the flow with P09."

RESOURCE = {
    errno.ENOMEM: ("the step ran out of memory", _MEMORY),
    errno.ENOSPC: ("the disk is full", _SPACE),
    errno.EDQUOT: ("the disk quota is used up", _SPACE),
    errno.EMFILE: ("the process has too many files open", _AGAIN),
    errno.ENFILE: ("the machine has too many files open", _AGAIN),
}
TRANSIENT = {
    errno.EIO: "a disk or network file system failed for a moment",
    errno.ESTALE: "a network file system lost the file for a moment",
    errno.EAGAIN: "a resource was busy for a moment",
    errno.EBUSY: "a resource was busy for a moment",
    errno.ENOLCK: "no file lock was to be had",
    errno.ECONNRESET: "the other side broke the connection off",
    errno.ECONNREFUSED: "the other side did not answer",
    errno.ECONNABORTED: "the connection was broken off",
    errno.EPIPE: "the other side broke the connection off",
    errno.ENETUNREACH: "the network was not to be reached",
    errno.EHOSTUNREACH: "the other machine was not to be reached",
    errno.ETIMEDOUT: "the other side took too long to answer",
}
_LOCKED = ("database is locked", "could not obtain lock", "deadlock detected", "lock timeout")


@diagnoser
def diagnose(error: BaseException, log_tail: str) -> Diagnosis | None:
    """Put the machine's own failures into words; None when it is not one of them (the log is not looked at)."""
    del log_tail
    for cause in _causes(error):
        found = _one(cause)
        if found is not None:
            text = f"{type(cause).__name__}: {cause}".splitlines()[0][:200]
            return Diagnosis(fault_class=found[0], sentence=f"{found[1]} ({text})", remedy=found[2])
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and what it was raised from; our own errors keep their own words."""
    seen: BaseException | None = error
    for _ in range(5):
        if seen is None or isinstance(seen, DmsError):
            return
        yield seen
        seen = seen.__cause__


def _one(error: BaseException) -> tuple[str, str, str] | None:
    if isinstance(error, MemoryError):
        return "resource", "the step ran out of memory", _MEMORY
    if isinstance(error, sa.exc.OperationalError):
        locked = any(words in str(error) for words in _LOCKED)
        return ("transient", "the database was locked too long", _AGAIN) if locked else None
    if isinstance(error, OSError):
        return _of_system(error)
    return None


def _of_system(error: OSError) -> tuple[str, str, str] | None:
    number = error.errno or 0
    if number in RESOURCE:
        return "resource", *RESOURCE[number]
    if number in TRANSIENT:
        return "transient", TRANSIENT[number], _AGAIN
    if isinstance(error, TimeoutError):
        return "transient", "something took longer than it may", _AGAIN
    if isinstance(error, ConnectionError):
        return "transient", "the connection was broken off", _AGAIN
    return None
