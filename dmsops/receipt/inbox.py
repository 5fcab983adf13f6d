"""The site's inbox: which deliveries are still to be received."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.interfaces.fos.manifest import MANIFEST
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery
from dmsops.receipt.unreadable import unreadable_id

if TYPE_CHECKING:
    from dmsops.ops import Ops


def waiting(ops: Ops, only: Path | None = None) -> list[Path]:
    """Give the delivery folders in the inbox that are to be received, oldest name first; with ``only``, that one if it is.

    A folder waits once its manifest is there (the sender writes it last) and while it was not received; a receipt that
    was cut short, a manifest that could not be used and has changed, and files that were missing and came later into
    the same folder make it wait again. A link is no folder.
    """
    d = delivery.c
    with reading(ops.db) as c:
        rows = c.execute(sa.select(d.id, d.state, d.folders).order_by(d.received_at)).all()
        late = _came_late(c)
    ids: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for folder in row.folders or ():
            ids.setdefault(folder, []).append((row.id, row.state))
    folders = ops.settings.folder("inbox").iterdir() if only is None else [only]
    there = sorted(p for p in folders if not p.is_symlink() and (p / MANIFEST).is_file())
    return [path for path in there if str(path) in late or _waits(path, ids.get(str(path), []))]


def _waits(path: Path, received: list[tuple[str, str]]) -> bool:
    states = {state for _, state in received}
    if DeliveryState.ANNOUNCED in states or not states:
        return True
    return states == {DeliveryState.QUARANTINED} and unreadable_id(path) not in {i for i, _ in received}


def _came_late(c: sa.Connection) -> set[str]:
    """Give the folders in which a file now lies, of the announced size, that was missing or cut short when they were received."""
    f, d = delivered_file.c, delivery.c
    faulty = (f.state == FileState.QUARANTINED, f.fault.in_(("missing", "size", "empty")), f.announced_size.is_not(None))
    query = sa.select(d.folder, f.name, f.announced_size).join(delivery, d.id == f.delivery_id).where(*faulty)
    return {row.folder for row in c.execute(query) if _size(Path(row.folder) / row.name) == row.announced_size}


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() and not path.is_symlink() else None
