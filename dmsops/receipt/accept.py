"""Take a delivery: everything that is good goes on, everything else is kept apart and asked for again."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadDelivery, Failed
from dmsops.core.files import make_folder
from dmsops.core.people import Role, require
from dmsops.interfaces.fos import manifest as fos
from dmsops.receipt import ephemerides, register
from dmsops.receipt.announced import is_worth_a_look, read_announced, wanted_files
from dmsops.receipt.examine import Finding, Wanted, examine
from dmsops.receipt.quarantine import keep_apart
from dmsops.receipt.queries import Receipt, receipt_of
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery, rerequest
from dmsops.receipt.unreadable import refuse_whole

if TYPE_CHECKING:
    from dmsops.ops import Ops

_BATCH = 32
"""Files per transaction: what a killed receiver may have to look at again."""


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
    Failed
        The site's file system refused; give the command again after repair.
    """
    require(ops.operator, Role.OPERATOR, "receipt accept")
    try:
        manifest = read_announced(ops, folder)
    except BadDelivery as error:
        refuse_whole(ops, folder, error.message, reason=reason)
        raise
    return take(ops, folder, manifest, reason=reason)


def take(ops: Ops, folder: Path, manifest: fos.Manifest, *, reason: str) -> Receipt:
    """Take a delivery whose manifest is read."""
    open_rows = transact(ops.db, lambda c: _announce(c, ops, folder, manifest, reason))
    if open_rows is None:
        return receipt_of(ops, manifest.delivery_id)
    for batch in itertools.batched(open_rows, _BATCH):
        _take_batch(ops, folder, manifest.delivery_id, batch)
    ephemerides.check_received(ops)
    transact(ops.db, lambda c: register.promote(c, ops, manifest.delivery_id))
    _answer(ops, manifest)
    transact(ops.db, lambda c: _release(c, ops, manifest.delivery_id, reason))
    return receipt_of(ops, manifest.delivery_id)


def _announce(c: sa.Connection, ops: Ops, folder: Path, manifest: fos.Manifest, reason: str) -> list[Wanted] | None:
    """Make the rows and give the files to look at; None for a replay, which is counted here."""
    delivery_id = manifest.delivery_id
    head = {"sender": manifest.sender, "sequence": manifest.sequence, "folder": str(folder)}
    new = register.open_delivery(c, ops, delivery_id, DeliveryState.ANNOUNCED, **head)
    register.announce(c, ops, delivery_id, wanted_files(folder, manifest))
    rows = register.rows_of(c, delivery_id)
    worth = [r for r in rows if is_worth_a_look(folder, r)]
    actor = ops.operator.name
    if new:
        journal.write(c, ops.clock, "delivery.announced", delivery_id, actor=actor, reason=reason, folder=str(folder), files=len(rows))
    acknowledged = c.execute(sa.select(delivery.c.acknowledged_at).where(delivery.c.id == delivery_id)).scalar()
    if not worth and acknowledged is not None and not any(r.state in (FileState.VERIFIED, FileState.PROMOTED) for r in rows):
        c.execute(sa.update(delivery).where(delivery.c.id == delivery_id).values(replays=delivery.c.replays + 1))
        journal.write(c, ops.clock, "delivery.replayed", delivery_id, actor=actor, reason=reason)
        return None
    return [Wanted(name=r.name, kind=r.kind, size=r.announced_size, sha256=r.announced_sha256) for r in worth]


def _take_batch(ops: Ops, folder: Path, delivery_id: str, batch: tuple[Wanted, ...]) -> None:
    here = [delivered_file.c.delivery_id == delivery_id, delivered_file.c.name.in_([w.name for w in batch])]
    with ops.db.begin() as c:
        register.move(c, ops, "stage", here)
    findings = [_look(ops, folder, wanted) for wanted in batch]
    for finding in findings:
        if finding.fault is not None:
            keep_apart(ops, delivery_id, folder, finding)

    def settle(c: sa.Connection) -> None:
        for finding in findings:
            register.settle(c, ops, delivery_id, finding)

    transact(ops.db, settle)


def _look(ops: Ops, folder: Path, wanted: Wanted) -> Finding:
    """Examine a file; its bytes go into the store, and its content is read from there under the delivered name."""
    with tempfile.TemporaryDirectory(prefix="receipt-", dir=ops.settings.folder("work")) as view:

        def keep(path: Path, sha256: str) -> Path:
            link = Path(view) / path.name
            link.symlink_to(ops.store.path(ops.store.put(path, sha256=sha256)))
            return link

        return examine(folder, wanted, keep)


def _answer(ops: Ops, manifest: fos.Manifest) -> None:
    """Write the acknowledgement and the re-requests for FOS; written again after a kill, they say the same."""
    r = rerequest.c
    with reading(ops.db) as c:
        rows = register.rows_of(c, manifest.delivery_id)
        numbered = (r.delivery_id == manifest.delivery_id, r.sent_at.is_(None), r.number.is_not(None))
        asked = c.execute(sa.select(rerequest).where(*numbered).order_by(r.number, r.name)).all()
    good = {row.name for row in rows if row.state in register.GOOD}
    taken = replace(manifest, files=tuple(f for f in manifest.files if f.name in good))
    outbox = ops.settings.folder("outbox") / "fos"
    try:
        make_folder(outbox)
        for number, group in itertools.groupby(asked, lambda row: int(row.number)):
            _ask(ops, outbox, manifest.delivery_id, number, list(group))
        fos.acknowledgement(outbox, taken, at=ops.clock.now(), receipt=f"{ops.settings.name}:{manifest.delivery_id}")
    except OSError as error:
        raise Failed(f"delivery '{manifest.delivery_id}' cannot be acknowledged: {error.strerror}", folder=str(outbox)) from error


def _ask(ops: Ops, outbox: Path, delivery_id: str, number: int, rows: list[sa.Row[Any]]) -> None:
    why = "; ".join(f"{row.name} {row.reason}" for row in rows)
    wanted_by = iso(min(row.due for row in rows))
    names = [row.name for row in rows]
    fos.rerequest(outbox, delivery_id, at=ops.clock.now(), number=number, files=names, reason=f"{why} (wanted by {wanted_by})")


def _release(c: sa.Connection, ops: Ops, delivery_id: str, reason: str) -> None:
    now, actor = ops.clock.now(), ops.operator.name
    released = register.move(c, ops, "release", [delivered_file.c.delivery_id == delivery_id])
    r = rerequest.c
    c.execute(sa.update(rerequest).where(r.delivery_id == delivery_id, r.number.is_not(None), r.sent_at.is_(None)).values(sent_at=now))
    first = c.execute(
        sa.update(delivery).where(delivery.c.id == delivery_id, delivery.c.acknowledged_at.is_(None)).values(acknowledged_at=now)
    ).rowcount
    register.refresh(c, delivery_id)
    if first or released:
        faulty = sum(row.state == FileState.QUARANTINED for row in register.rows_of(c, delivery_id))
        journal.write(
            c, ops.clock, "delivery.accepted", delivery_id, actor=actor, reason=reason, released=released, quarantined=faulty
        )  # fmt: skip
