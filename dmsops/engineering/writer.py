"""One writer at a time: the site's lock, a working folder, and a revision that two writers cannot both make."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading, transact
from dmsops.core.errors import Failed
from dmsops.core.files import in_words, locked, make_folder, own_folder
from dmsops.engineering.tables import engineering_revision

if TYPE_CHECKING:
    from dmsops.ops import Ops

_r = engineering_revision.c
TRIES = 5


class _Raced(Exception):
    """Another writer made a revision since this one looked."""


def head(c: sa.Connection) -> int:
    """Give the newest revision; 0 when nothing is held yet."""
    return int(c.execute(sa.select(sa.func.max(_r.revision))).scalar() or 0)


@contextmanager
def writing(ops: Ops) -> Iterator[Path]:
    """Be the only writer, and have an empty working folder; waits for the one who is at it.

    Raises
    ------
    FilesRefused
        The file system refused something in the block; nothing of it is held, and it can be done again.
    """
    with in_words("the engineering database could not be written"):
        folder = make_folder(ops.settings.folder("work") / "engineering")
        with locked(folder), own_folder(folder) as own:
            _remove_dead(folder)
            yield own


def _remove_dead(folder: Path) -> None:
    """Remove the working folders of writers that died."""
    for path in folder.glob("*/"):
        with locked(path, wait=False) as dead:
            if dead:
                shutil.rmtree(path, ignore_errors=True)


def revise[T](ops: Ops, what: str, subject: str, work: Callable[[int], Callable[[sa.Connection, int], T]]) -> T:
    """Make a revision.

    The lock keeps writers apart; where it does not hold (another machine's file system), the revision's number does, and the
    work is done again on what the other writer left.

    Parameters
    ----------
    what, subject : str
        ``ingest``, ``compact`` or ``resolve``, and of what.
    work : callable
        Is given the newest revision, looks and prepares; gives what is to be written in the transaction of the next one.

    Raises
    ------
    Failed
        Others were quicker every time.
    """
    for _ in range(TRIES):
        with reading(ops.db) as c:
            seen = head(c)
        with contextlib.suppress(_Raced):
            return transact(ops.db, partial(_next, ops=ops, row={"what": what, "subject": subject[:255]}, seen=seen, put=work(seen)))
    raise Failed(
        f"the engineering database was changed by another writer {TRIES} times while this one worked on {subject}",
        remedy="See that one engine acts on the site (procedure P07), then rescue with P08.",
    )


def _next[T](c: sa.Connection, *, ops: Ops, row: dict[str, Any], seen: int, put: Callable[[sa.Connection, int], T]) -> T:
    if head(c) != seen:
        raise _Raced
    c.execute(sa.insert(engineering_revision).values(**row, revision=seen + 1, actor=ops.operator.name, at=ops.clock.now()))
    return put(c, seen + 1)
