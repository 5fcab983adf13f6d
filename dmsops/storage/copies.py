"""Private copies on the way into a store: read once, summed, synced; a dead writer's can be told from a living one's."""

from __future__ import annotations

import hashlib
import itertools
import mmap
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dmsops.core.errors import StoreDamaged
from dmsops.core.files import copy_into, in_words, locked

THREADS = 8
_READ_ONLY = 0o444


def refusing(path: Path) -> AbstractContextManager[None]:
    """Say in words that the store could not take a file."""
    return in_words(f"the store could not take '{path.name}'", file=str(path))


def copied(source: Path, copy: str) -> str:
    """Copy a file under a new name, read-only and synced; gives the sha256 of what was written."""
    with refusing(source):
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
        try:
            os.fchmod(descriptor, _READ_ONLY)
            return copy_into(source, descriptor)
        finally:
            os.close(descriptor)


def need_sum(path: Path, *, expected: str | None, found: str) -> None:
    """Refuse a file with another sum than the expected one; raises `StoreDamaged`."""
    if expected is not None and found != expected:
        raise StoreDamaged(
            f"'{path.name}' has sha256 {found[:12]}..., expected {expected[:12]}...", file=str(path), expected=expected, found=found
        )


def shared_out[T](pool: ThreadPoolExecutor, call: Callable[..., T], given: Sequence[tuple[Any, ...]]) -> list[T]:
    """Make many short calls in as many pieces as there are threads: to hand over each for itself costs more than the call."""
    pieces = itertools.batched(given, -(-len(given) // THREADS) or 1)
    return [result for results in pool.map(lambda piece: [call(*one) for one in piece], pieces) for result in results]


def unfinished(incoming: Path) -> int:
    """Give the number of copies whose writer is dead."""
    return sum(len(list(own.iterdir())) for own in _dead(incoming))


def sweep(incoming: Path) -> int:
    """Remove copies whose writer died, and give their number; a living writer's are left alone."""
    swept = 0
    for own in _dead(incoming):
        swept += len(list(own.iterdir()))
        shutil.rmtree(own, ignore_errors=True)
    return swept


def _dead(incoming: Path) -> Iterator[Path]:
    """Give the folders of dead writers, each locked while it is looked at."""
    for own in incoming.glob("*/"):
        with locked(own, wait=False) as dead:
            if dead:
                yield own


def written(pieces: Iterable[bytes], copy: str) -> str:
    """Write bytes under a new name, read-only and synced; gives their sha256."""
    digest = hashlib.sha256()
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, _READ_ONLY)
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(descriptor)
    return digest.hexdigest()


@contextmanager
def mapped(copy: str) -> Iterator[Any]:
    """Give a private copy's bytes without reading them into memory; nobody else can shorten it meanwhile."""
    with Path(copy).open("rb") as file:
        if not Path(copy).stat().st_size:  # an empty file cannot be mapped
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content
