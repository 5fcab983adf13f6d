"""The rows of receipt: every function works in the caller's write transaction and may be run again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.receipt.examine import EXTRA, Finding, Wanted
from dmsops.receipt.indexing import index
from dmsops.receipt.states import CURRENT, TRANSITIONS, VERSIONED, DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery, rerequest

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = delivered_file.c
GOOD = (FileState.VERIFIED, *VERSIONED, FileState.REPLAYED)


def move(c: sa.Connection, ops: Ops, verb: str, where: Sequence[Any], **values: Any) -> int:
    """Move the files that match and may make this move; give their number."""
    sources, to = TRANSITIONS[verb]
    move_ = sa.update(delivered_file).where(_f.state.in_(sources), *where)
    return c.execute(move_.values(state=to, changed_at=ops.clock.now(), **values)).rowcount


def rows_of(c: sa.Connection, delivery_id: str) -> list[sa.Row[Any]]:
    """Give a delivery's file rows, by name."""
    return list(c.execute(sa.select(delivered_file).where(_f.delivery_id == delivery_id).order_by(_f.name)))


def open_delivery(c: sa.Connection, ops: Ops, delivery_id: str, state: DeliveryState, **values: Any) -> bool:
    """Make a delivery's row if it is new; its receipt time is now. Says whether it was new."""
    if c.execute(sa.select(delivery.c.id).where(delivery.c.id == delivery_id)).scalar() is not None:
        return False
    c.execute(sa.insert(delivery).values(id=delivery_id, state=state, received_at=ops.clock.now(), replays=0, **values))
    return True


def announce(c: sa.Connection, ops: Ops, delivery_id: str, wanted: Iterable[Wanted]) -> None:
    """Make a row for every file that has none; a quarantined one that a manifest now names otherwise is announced again."""
    there = {r.name: r for r in rows_of(c, delivery_id)}
    for file in wanted:
        announced = {"kind": file.kind, "announced_size": file.size, "announced_sha256": file.sha256}
        row = there.get(file.name)
        if row is None:
            values = {"delivery_id": delivery_id, "name": file.name, "state": FileState.ANNOUNCED, "changed_at": ops.clock.now()}
            c.execute(sa.insert(delivered_file).values(**values, **announced))
        elif file.kind != EXTRA and (row.announced_size, row.announced_sha256) != (file.size, file.sha256):
            move(c, ops, "announce", [_f.id == row.id], **announced)


def settle(c: sa.Connection, ops: Ops, delivery_id: str, finding: Finding) -> None:
    """Write down what was found of one file; nothing happens if another receiver was first."""
    here = [_f.delivery_id == delivery_id, _f.name == finding.wanted.name]
    if finding.content is not None:
        content = finding.content
        covers = {"visit": content.visit, "covers_from": content.covers_from, "covers_to": content.covers_to}
        good = {"sha256": finding.sha256, "size": finding.size, "fault": None, "reason": None}
        if move(c, ops, "verify", here, **good, **covers):
            index(c, str(finding.sha256), content)
        return
    bad = {"sha256": finding.sha256, "size": finding.size, "fault": finding.fault, "reason": finding.reason}
    if not move(c, ops, "quarantine", here, **bad):
        return
    name = finding.wanted.name
    journal.write(
        c, ops.clock, "file.quarantined", name[:200], actor=ops.operator.name, reason=finding.reason,
        outcome="failed", delivery=delivery_id, fault=finding.fault,
    )  # fmt: skip
    if finding.wanted.kind != EXTRA:
        ask_again(c, ops, delivery_id, name, str(finding.reason))


def ask_again(c: sa.Connection, ops: Ops, delivery_id: str, name: str, reason: str) -> None:
    """Note that a file is to be asked for again; one request per file and delivery."""
    r = rerequest.c
    if c.execute(sa.select(r.id).where(r.delivery_id == delivery_id, r.name == name)).scalar() is not None:
        return
    now = ops.clock.now()
    due = now + timedelta(minutes=ops.settings.rerequest_minutes)
    c.execute(sa.insert(rerequest).values(delivery_id=delivery_id, name=name, reason=reason, requested_at=now, due=due))
    journal.write(
        c, ops.clock, "rerequest.made", name[:200], actor=ops.operator.name, reason=reason, delivery=delivery_id, due=due.isoformat()
    )


def promote(c: sa.Connection, ops: Ops, delivery_id: str) -> None:
    """Give versions to a delivery's verified files; supersede those before them; close and number requests."""
    for row in rows_of(c, delivery_id):
        if row.state == FileState.VERIFIED:
            _promote_file(c, ops, row)
    r = rerequest.c
    last = c.execute(sa.select(sa.func.max(r.number)).where(r.delivery_id == delivery_id)).scalar() or 0
    unnumbered = (r.delivery_id == delivery_id, r.number.is_(None), r.closed_at.is_(None))
    c.execute(sa.update(rerequest).where(*unnumbered).values(number=last + 1))


def _promote_file(c: sa.Connection, ops: Ops, row: sa.Row[Any]) -> None:
    before = c.execute(sa.select(delivered_file).where(_f.name == row.name, _f.state.in_(VERSIONED)).order_by(_f.version)).all()
    here = [_f.id == row.id]
    if any(b.sha256 == row.sha256 for b in before):
        move(c, ops, "replay", here)
        journal.write(c, ops.clock, "file.replayed", row.name, actor=ops.operator.name, delivery=row.delivery_id)
    else:
        version = before[-1].version + 1 if before else 1
        if before and move(c, ops, "supersede", [_f.name == row.name, _f.state.in_(CURRENT)]):
            facts = {"delivery": row.delivery_id, "version": version}
            journal.write(c, ops.clock, "file.superseded", row.name, actor=ops.operator.name, **facts)
        move(c, ops, "promote", here, version=version)
    close_requests(c, ops, row.name, f"delivery {row.delivery_id}")


def close_requests(c: sa.Connection, ops: Ops, name: str, by: str) -> None:
    """Close the open requests for a file, and bring their deliveries' states up to date."""
    r = rerequest.c
    waiting = list(c.execute(sa.select(r.delivery_id).where(r.name == name, r.closed_at.is_(None))).scalars())
    if not waiting:
        return
    c.execute(sa.update(rerequest).where(r.name == name, r.closed_at.is_(None)).values(closed_at=ops.clock.now(), closed_by=by))
    journal.write(c, ops.clock, "rerequest.closed", name[:200], actor=ops.operator.name, by=by)
    for delivery_id in waiting:
        refresh(c, delivery_id)


def refresh(c: sa.Connection, delivery_id: str) -> None:
    """Set an acknowledged delivery's state from its open requests."""
    asked = sa.select(rerequest.c.id).where(rerequest.c.delivery_id == delivery_id, rerequest.c.closed_at.is_(None)).exists()
    state = sa.case((asked, DeliveryState.PARTIAL.value), else_=DeliveryState.COMPLETE.value)
    usable = (delivery.c.acknowledged_at.is_not(None), delivery.c.state != DeliveryState.QUARANTINED)
    c.execute(sa.update(delivery).where(delivery.c.id == delivery_id, *usable).values(state=state))
