"""Take a delivery: everything that is good goes on, everything else is kept apart and asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.db import transact
from dmsops.core.errors import BadDelivery
from dmsops.core.files import in_words
from dmsops.core.people import Role, require
from dmsops.interfaces.fos import manifest as fos
from dmsops.receipt import answers, ephemerides, register, requests, versions
from dmsops.receipt.announced import is_worth_a_look, read_announced, wanted_files
from dmsops.receipt.batches import take_files
from dmsops.receipt.examine import Wanted
from dmsops.receipt.queries import Receipt, receipt_of
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery, rerequest
from dmsops.receipt.unreadable import refuse_whole

if TYPE_CHECKING:
    from dmsops.ops import Ops


def accept(ops: Ops, folder: Path, *, reason: str = "") -> Receipt:
    """Take a delivery folder; given again, it goes on where it stopped, or counts a replay.

    Parameters
    ----------
    folder : Path
        The delivery: ``manifest.json`` and the files it names. Nothing in it is changed or removed.
    reason : str, optional
        Why, for the journal.

    Returns
    -------
    Receipt
        What became of every file. A file with a fault is in quarantine and asked for again; the others are released.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadDelivery
        The manifest cannot be used: the whole delivery is in quarantine and asked for again.
    FilesRefused
        The site's file system refused; give the command again after repair.
    """
    require(ops.operator, Role.OPERATOR, "receipt accept")
    with in_words(f"the delivery at {folder} cannot be taken", folder=str(folder)):
        manifest = _manifest_of(ops, folder, reason)
        _take(ops, folder, manifest, reason)
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return receipt_of(ops, manifest.delivery_id)


def _manifest_of(ops: Ops, folder: Path, reason: str) -> fos.Manifest:
    try:
        return read_announced(ops, folder)
    except BadDelivery as error:
        refuse_whole(ops, folder, error.message, reason=reason)
        raise


def _take(ops: Ops, folder: Path, manifest: fos.Manifest, reason: str) -> None:
    delivery_id = manifest.delivery_id
    wanted = transact(ops.db, lambda c: _announce(c, ops, folder, manifest, reason))
    if wanted is None:
        outbox.notice_collected(ops.db, ops.clock, ops.settings.folder("outbox"))
        transact(ops.db, lambda c: answers.acknowledge(c, ops, delivery_id, again=True))
        return
    take_files(ops, delivery_id, folder, wanted)
    ephemerides.check_received(ops)
    transact(ops.db, lambda c: _release(c, ops, delivery_id, reason))


def _announce(c: sa.Connection, ops: Ops, folder: Path, manifest: fos.Manifest, reason: str) -> list[Wanted] | None:
    """Make the rows and give the files to look at; None for a replay, which is counted here."""
    delivery_id, actor = manifest.delivery_id, ops.operator.name
    head = {"sender": manifest.sender, "sequence": manifest.sequence}
    new = register.open_delivery(c, ops, delivery_id, DeliveryState.ANNOUNCED, str(folder), **head)
    register.announce(c, ops, delivery_id, wanted_files(folder, manifest))
    rows = register.rows_of(c, delivery_id)
    worth = [r for r in rows if is_worth_a_look(folder, r)]
    if new:
        requests.readable_now(c, ops, delivery_id, str(folder))
        journal.write(c, ops.clock, "delivery.announced", delivery_id, actor=actor, reason=reason, folder=str(folder), files=len(rows))
    acknowledged = c.execute(sa.select(delivery.c.acknowledged_at).where(delivery.c.id == delivery_id)).scalar()
    if not worth and acknowledged is not None and not any(r.state in (FileState.VERIFIED, FileState.PROMOTED) for r in rows):
        c.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(replays=delivery.c.replays + 1))
        journal.write(c, ops.clock, "delivery.replayed", delivery_id, actor=actor, reason=reason, folder=str(folder))
        return None
    register.stage(c, ops, delivery_id, [r.name for r in worth])
    return [Wanted(name=r.name, kind=r.kind, size=r.announced_size, sha256=r.announced_sha256) for r in worth]


def _release(c: sa.Connection, ops: Ops, delivery_id: str, reason: str) -> None:
    """Give versions, acknowledge, ask again and release: all or nothing."""
    now, actor = ops.clock.now(), ops.operator.name
    before = c.execute(sa.select(delivered_file.c.id).where(delivered_file.c.delivery_id == delivery_id, _fresh())).first()
    versions.promote(c, ops, delivery_id)
    released = register.move(c, ops, "release", [delivered_file.c.delivery_id == delivery_id])
    first = c.execute(
        sa.update(delivery).where(delivery.c.id == delivery_id, delivery.c.acknowledged_at.is_(None)).values(acknowledged_at=now)
    ).rowcount
    if first or before is not None:
        answers.acknowledge(c, ops, delivery_id)
    answers.send(c, ops, rerequest.c.delivery_id == delivery_id)
    requests.refresh(c, [delivery_id])
    if first or released:
        bad = (delivered_file.c.delivery_id == delivery_id, delivered_file.c.state == FileState.QUARANTINED)
        faulty = c.execute(sa.select(sa.func.count()).where(*bad)).scalar()
        journal.write(
            c, ops.clock, "delivery.accepted", delivery_id, actor=actor, reason=reason, released=released, quarantined=faulty
        )  # fmt: skip


def _fresh() -> sa.ColumnElement[bool]:
    return delivered_file.c.state.in_((FileState.VERIFIED, FileState.PROMOTED))
