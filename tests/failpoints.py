"""Failpoints: the nth file-system call that Python makes fails with an errno, or the process is killed there.

The calls of `os` that change or open something, and opening, reading, writing and flushing files. Not seen: what the
database's own library does; for that there are kills at random moments.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

ERRNOS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EMFILE)
_OS = (
    "open", "write", "fsync", "link", "rename", "replace", "unlink", "mkdir", "rmdir", "symlink", "utime", "chmod", "fchmod", "lstat",
    "listdir", "scandir",
)  # fmt: skip
_FILE = ("read", "readinto", "write", "flush")


def fails_with(number: int) -> Callable[[], None]:
    """Give a strike that raises this errno."""

    def strike() -> None:
        raise OSError(number, os.strerror(number))

    return strike


def is_killed() -> None:
    """Strike: the process ends here, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Calls:
    """Counts calls; at number ``at`` it strikes (0: never)."""

    at: int = 0
    strike: Callable[[], None] = is_killed
    made: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, name: str) -> None:
        with self.lock:
            self.made.append(name)
            mine = len(self.made) == self.at
        if mine:
            self.strike()

    def wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give a call that is counted first."""

        def counted(*given: Any, **named: Any) -> Any:
            self(name)
            return call(*given, **named)

        return counted

    def opened(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give an `open` that is counted, and whose files' calls are."""

        def counted(*given: Any, **named: Any) -> Any:
            self("file.open")
            return _File(call(*given, **named), self)

        return counted


class _File:
    """A file whose reads and writes are counted."""

    def __init__(self, file: Any, calls: Calls) -> None:
        self._file, self._calls = file, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        return self._calls.wrapped(f"file.{name}", found) if name in _FILE else found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)


@contextmanager
def watched(at: int = 0, strike: Callable[[], None] = is_killed) -> Iterator[Calls]:
    """Count the calls made in the block, and strike at one of them."""
    calls = Calls(at=at, strike=strike)
    kept = [(os, name, getattr(os, name)) for name in _OS] + [(module, "open", module.open) for module in (io, builtins)]
    for module, name, call in kept:
        setattr(module, name, calls.opened(call) if module is not os else calls.wrapped(name, call))
    try:
        yield calls
    finally:
        for module, name, call in kept:
            setattr(module, name, call)
