"""A delivery whose manifest cannot be used: all of it is kept apart, listed, and asked for again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import transact
from dmsops.core.errors import BadName
from dmsops.core.files import make_folder
from dmsops.core.names import safe_file_name
from dmsops.interfaces.fos import manifest as fos
from dmsops.receipt import register
from dmsops.receipt.examine import EXTRA, Finding, Wanted
from dmsops.receipt.quarantine import keep_apart
from dmsops.receipt.states import DeliveryState
from dmsops.receipt.tables import delivered_file, rerequest

if TYPE_CHECKING:
    from dmsops.ops import Ops

_UNKNOWN = "unknown"


def refuse_whole(ops: Ops, folder: Path, why: str, *, reason: str) -> str:
    """Keep a whole delivery apart; given again for the same manifest it changes nothing.

    Returns
    -------
    str
        The id under which it is listed: ``unreadable-<folder>-<first digits of the manifest's sum>``.
    """
    delivery_id = _id_of(folder)
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.is_symlink() and p.name.isprintable())
    blank = Wanted(name=fos.MANIFEST, kind=_UNKNOWN, size=None, sha256=None)
    for name in {fos.MANIFEST, *names}:
        keep_apart(ops, delivery_id, folder, Finding(wanted=replace(blank, name=name), fault="manifest", reason=why))

    def note(c: sa.Connection) -> None:
        head = {"sender": "FOS", "folder": str(folder), "reason": why}
        if not register.open_delivery(c, ops, delivery_id, DeliveryState.QUARANTINED, **head):
            return
        for name in names:
            register.announce(c, ops, delivery_id, [replace(blank, name=name, kind=EXTRA)])
            register.move(c, ops, "stage", [delivered_file.c.delivery_id == delivery_id])
            register.settle(c, ops, delivery_id, Finding(wanted=replace(blank, name=name, kind=EXTRA), fault="manifest", reason=why))
        register.ask_again(c, ops, delivery_id, fos.MANIFEST, why)
        c.execute(sa.update(rerequest).where(rerequest.c.delivery_id == delivery_id).values(number=1, sent_at=ops.clock.now()))
        journal.write(
            c, ops.clock, "delivery.quarantined", delivery_id, actor=ops.operator.name, reason=reason or why, outcome="failed", why=why
        )  # fmt: skip

    outbox = ops.settings.folder("outbox") / "fos"
    make_folder(outbox)
    fos.rerequest(outbox, delivery_id, at=ops.clock.now(), number=1, files=[fos.MANIFEST], reason=why)
    transact(ops.db, note)
    return delivery_id


def _id_of(folder: Path) -> str:
    path = folder / fos.MANIFEST
    content = path.read_bytes() if path.is_file() else b""
    digits = hashlib.sha256(content).hexdigest()[:8]
    try:
        return f"unreadable-{safe_file_name(folder.name)}-{digits}"[:180]
    except BadName:
        return f"unreadable-delivery-{digits}"
