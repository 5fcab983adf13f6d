"""Which engine acts on the site: one at a time, fenced by an epoch; the others stand by.

The row in the database is the truth on one machine and on several. An engine that was taken for dead and comes
back finds a higher epoch, and every transaction that it tries is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.errors import NotActing
from dmsops.workflow import fleet
from dmsops.workflow.tables import dispatcher, engine

if TYPE_CHECKING:
    from dmsops.ops import Ops

_THE_ROW = 1


@dataclass(frozen=True, slots=True)
class Post:
    """The right to act: whose it is and since which change of hands."""

    owner: str
    epoch: int


def take(c: sa.Connection, ops: Ops, owner: str) -> Post | None:
    """Begin to act, where nobody does: the last one left, its lease ran out, or its process on this machine is dead.

    Returns
    -------
    Post or None
        None while another engine acts.
    """
    row = _row(c)
    if row is not None and not _is_free(c, ops, row):
        return None
    post = Post(owner, 1 if row is None else row.epoch + 1)
    values = {"owner": owner, "epoch": post.epoch, "until": _until(ops)}
    if row is None:
        c.execute(sa.insert(dispatcher).values(id=_THE_ROW, **values))
    else:
        c.execute(sa.update(dispatcher).where(dispatcher.c.id == _THE_ROW).values(**values))
    journal.write(c, ops.clock, "engine.acting", owner, actor="engine", epoch=post.epoch, before=row.owner if row else "")
    return post


def _is_free(c: sa.Connection, ops: Ops, row: Any) -> bool:
    if not row.owner or row.until < ops.clock.now():
        return True
    holder = c.execute(sa.select(engine).where(engine.c.id == row.owner)).one_or_none()
    return holder is None or holder.ended_at is not None or fleet.is_dead(holder)


def _row(c: sa.Connection) -> Any:
    return c.execute(sa.select(dispatcher).where(dispatcher.c.id == _THE_ROW)).one_or_none()


def _until(ops: Ops) -> Any:
    return ops.clock.now() + timedelta(seconds=ops.settings.lease_seconds)


@contextmanager
def writing(ops: Ops, post: Post) -> Iterator[sa.Connection]:
    """Open a write transaction of the acting engine; with the write lock held, nobody can take over before its end.

    Raises
    ------
    NotActing
        Another engine has taken over.
    """
    with ops.db.begin() as c:
        row = _row(c)
        if row is None or (row.owner, row.epoch) != (post.owner, post.epoch):
            raise NotActing(f"engine {post.owner} no longer acts on this site: another has taken over", engine=post.owner)
        yield c


def renew(c: sa.Connection, ops: Ops) -> None:
    """Keep the post, in a transaction of `writing`."""
    c.execute(sa.update(dispatcher).where(dispatcher.c.id == _THE_ROW).values(until=_until(ops)))


def leave(c: sa.Connection, ops: Ops) -> None:
    """Let the post go, in a transaction of `writing`: another can take it at once."""
    c.execute(sa.update(dispatcher).where(dispatcher.c.id == _THE_ROW).values(owner="", until=ops.clock.now()))
