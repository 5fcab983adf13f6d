"""Messages to the neighbours: written down with the act that they tell of, then laid into the folder that the neighbour empties.

A message is a row first, in the transaction of its act; so none is lost and none is made twice. `post` writes the
documents that are not there yet; given again after a kill it writes the same bytes under the same name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.core.clock import Clock, iso
from dmsops.core.db import UtcTime, metadata, reading, transact
from dmsops.core.files import in_words, make_folder, write_bytes
from dmsops.core.names import safe_file_name

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("neighbour", sa.String(16), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False, index=True),
    sa.Column("document", sa.JSON, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("posted_at", UtcTime),
    sa.Column("collected_at", UtcTime),
    sa.UniqueConstraint("neighbour", "name"),
)
"""One row per message: ``posted_at`` when its document lay in the outbox, ``collected_at`` when it was seen to be gone from it."""

_m = message.c


def put(c: sa.Connection, clock: Clock, neighbour: str, name: str, *, kind: str, subject: str, document: Mapping[str, Any]) -> bool:
    """Write a message down in the caller's write transaction; says whether it is new: one name is one message.

    Parameters
    ----------
    neighbour : str
        Folder in the outbox: ``fos``, ``pps``.
    name : str
        File name of the document, with its extension.
    kind : str
        ``acknowledgement``, ``re-request``, ``visit-status``.
    subject : str
        The delivery or visit that it is about.
    """
    if c.execute(sa.select(_m.id).where(_m.neighbour == neighbour, _m.name == safe_file_name(name))).scalar() is not None:
        return False
    now = clock.now()
    whole = {"message": kind, "at": iso(now), **document}
    c.execute(sa.insert(message).values(neighbour=neighbour, name=name, kind=kind, subject=subject[:200], document=whole, made_at=now))
    return True


def last(c: sa.Connection, neighbour: str, kind: str, subject: str) -> sa.Row[Any] | None:
    """Give the newest message of a kind about a subject, with its ``number`` among them (from 1); None when there is none."""
    mine = (_m.neighbour == neighbour, _m.kind == kind, _m.subject == subject[:200])
    number = sa.func.count().over().label("number")
    return c.execute(sa.select(message, number).where(*mine).order_by(_m.id.desc()).limit(1)).one_or_none()


def post(engine: sa.Engine, clock: Clock, outbox: Path) -> int:
    """Lay every message that has not been posted into its neighbour's folder; give their number.

    Raises
    ------
    FilesRefused
        The file system refused; what was not posted is posted by the next call.
    """
    with reading(engine) as c:
        waiting = c.execute(sa.select(message).where(_m.posted_at.is_(None)).order_by(_m.id)).all()
    for row in waiting:
        folder = outbox / safe_file_name(row.neighbour)
        with in_words(f"the message '{row.name}' cannot be laid into {folder}", file=row.name):
            make_folder(folder)
            write_bytes(folder / safe_file_name(row.name), (json.dumps(row.document, indent=2, sort_keys=True) + "\n").encode())
    if waiting:
        posted = sa.update(message).where(_m.id.in_([row.id for row in waiting]), _m.posted_at.is_(None))
        now = clock.now()
        transact(engine, lambda c: c.execute(posted.values(posted_at=now)))
    return len(waiting)


def notice_collected(engine: sa.Engine, clock: Clock, outbox: Path) -> int:
    """Note which posted messages their neighbours have taken out of the folder; give their number."""
    with reading(engine) as c:
        lying = c.execute(sa.select(_m.id, _m.neighbour, _m.name).where(_m.posted_at.is_not(None), _m.collected_at.is_(None))).all()
    gone = [row.id for row in lying if not (outbox / row.neighbour / row.name).exists()]
    if gone:
        now = clock.now()
        transact(engine, lambda c: c.execute(sa.update(message).where(_m.id.in_(gone)).values(collected_at=now)))
    return len(gone)


def messages(engine: sa.Engine, *, subject: str | None = None, neighbour: str | None = None) -> list[dict[str, Any]]:
    """Give messages, newest first: neighbour, name, kind, subject, document, made_at, posted_at, collected_at."""
    query = sa.select(message).order_by(_m.id.desc())
    query = query if subject is None else query.where(_m.subject == subject)
    query = query if neighbour is None else query.where(_m.neighbour == neighbour)
    with reading(engine) as c:
        return [dict(row) for row in c.execute(query).mappings()]
