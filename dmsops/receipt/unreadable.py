"""A delivery whose manifest cannot be used: all of it is kept apart, listed, and asked for again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.db import transact
from dmsops.core.errors import BadName
from dmsops.core.files import sha256_of
from dmsops.core.names import safe_file_name
from dmsops.interfaces.fos import manifest as fos
from dmsops.receipt import answers, register
from dmsops.receipt.examine import EXTRA, Finding, Wanted
from dmsops.receipt.quarantine import keep_apart
from dmsops.receipt.states import DeliveryState
from dmsops.receipt.tables import rerequest

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
    delivery_id = unreadable_id(folder)
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.is_symlink() and p.name.isprintable())
    blank = Wanted(name=fos.MANIFEST, kind=_UNKNOWN, size=None, sha256=None)
    for name in {fos.MANIFEST, *names}:
        keep_apart(ops, delivery_id, folder, Finding(wanted=replace(blank, name=name), fault="manifest", reason=why))

    transact(ops.db, lambda c: _note(c, ops, delivery_id, folder, names, why, reason))
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return delivery_id


def _note(c: sa.Connection, ops: Ops, delivery_id: str, folder: Path, names: list[str], why: str, reason: str) -> None:
    if not register.open_delivery(c, ops, delivery_id, DeliveryState.QUARANTINED, str(folder), sender="FOS", reason=why):
        return
    extra = [Wanted(name=name, kind=EXTRA, size=None, sha256=None) for name in names]
    register.announce(c, ops, delivery_id, extra)
    register.stage(c, ops, delivery_id, names)
    register.settle(c, ops, delivery_id, [Finding(wanted=wanted, fault="manifest", reason=why) for wanted in extra])
    answers.ask(c, ops, delivery_id, fos.MANIFEST, f"of folder {folder.name[:100]}: {why}")
    answers.send(c, ops, rerequest.c.delivery_id == delivery_id)
    journal.write(
        c, ops.clock, "delivery.quarantined", delivery_id, actor=ops.operator.name, reason=reason or why, outcome="failed", why=why
    )  # fmt: skip


def unreadable_id(folder: Path) -> str:
    """Give the id under which a delivery is listed whose manifest, as it is now, cannot be used."""
    path = folder / fos.MANIFEST
    digits = (sha256_of(path) if path.is_file() else hashlib.sha256().hexdigest())[:8]
    try:
        return f"unreadable-{safe_file_name(folder.name)}-{digits}"[:180]
    except BadName:
        return f"unreadable-delivery-{digits}"
