"""Resend: hand the same products over to WSS once more, because they were lost or spoilt there; shown first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import reading, transact
from dmsops.core.errors import NotFound, StoreDamaged
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.interfaces.wss_answers import put_aside
from dmsops.wfsc.answers import address_of
from dmsops.wfsc.bundle import Bundle
from dmsops.wfsc.deliver import hand_over
from dmsops.wfsc.tables import wfsc_clock, wfsc_delivery

if TYPE_CHECKING:
    from dmsops.ops import Ops

_d = wfsc_delivery.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """What would be handed over again: files (name to sha256), those whose bytes the store lacks, and whether it was acknowledged."""

    delivery_id: str
    visit: str
    state: str
    files: dict[str, str]
    lacking: tuple[str, ...]
    hash: str = ""


def preview(ops: Ops, delivery_id: str) -> Resend:
    """Say what would be handed over again; nothing changes.

    Raises
    ------
    NotFound
        There is no such hand-over.
    """
    with reading(ops.db) as c:
        row = c.execute(sa.select(wfsc_delivery).where(_d.id == delivery_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no hand-over '{delivery_id[:80]}'", remedy="`dmsops wfsc deliveries` lists them (procedures P10, P17).")
    lacking = tuple(sorted(name for name, sha256 in row.files.items() if not ops.store.has(sha256)))
    seen = Resend(delivery_id=row.id, visit=row.visit, state=row.state, files=dict(row.files), lacking=lacking)
    return replace(seen, hash=ticket_of([row.id, row.state, row.sent_at, sorted(row.files.items())]))


def resend(ops: Ops, delivery_id: str, *, ticket: str, reason: str) -> dict[str, Any]:
    """Hand the products over again, from the store; it counts as sent, and not as delivered, until WSS answers anew.

    May be given again after a kill. Gives the hand-over's row.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        The hand-over has changed since the preview.
    StoreDamaged
        The store lacks bytes of it.
    DeliveryRefused
        The answer before cannot be put aside, WSS did not take it, or has not answered in time.
    """
    require(ops.operator, Role.OPERATOR, "wfsc resend")
    need_reason("wfsc resend", reason)
    seen = preview(ops, delivery_id)
    need_ticket(
        ticket, seen.hash, f"hand-over {delivery_id} has changed since the preview", remedy="Make the preview again (procedure P17)."
    )
    if seen.lacking:
        raise StoreDamaged(
            f"the store lacks {counted(len(seen.lacking), 'file')} of hand-over {delivery_id}, as {seen.lacking[0]}", delivery=delivery_id
        )
    products = {name: ops.store.path(sha256) for name, sha256 in seen.files.items()}
    put_aside(address_of(ops), delivery_id)
    bundle = transact(ops.db, lambda c: _open_again(c, ops, seen, products, reason))
    return dict(hand_over(ops, bundle, again=True, whole=False)._asdict())


def _open_again(c: sa.Connection, ops: Ops, seen: Resend, products: dict[str, Path], reason: str) -> Bundle:
    opened = {"state": "prepared", "sent_at": None, "acknowledged_at": None, "answered_by": None, "reason": None}
    row = c.execute(sa.update(wfsc_delivery).where(_d.id == seen.delivery_id).values(**opened).returning(_d.prepared_at)).one()
    due = c.execute(sa.select(wfsc_clock.c.due).where(wfsc_clock.c.visit == seen.visit)).scalar()
    journal.write(c, ops.clock, "handover.resent", seen.delivery_id, actor=ops.operator.name, reason=reason, was=seen.state)
    return Bundle(
        visit=seen.visit, products=products, sums=seen.files, created=row.prepared_at, due=due,
        operational=ops.settings.mode == "live",
    )  # fmt: skip
