"""What was asked for again: reminded when it is overdue, left to a person when it never comes, closed when it came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.counting import counted
from dmsops.core.db import transact
from dmsops.core.errors import BadTransition, NotFound
from dmsops.core.people import Role, require
from dmsops.receipt import answers
from dmsops.receipt.states import DeliveryState
from dmsops.receipt.tables import delivery, rerequest

if TYPE_CHECKING:
    from dmsops.ops import Ops

_r = rerequest.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """What a round of reminders did: files that were asked for again, and files that are left to a person now."""

    asked: tuple[str, ...]
    unanswered: tuple[str, ...]


def remind(ops: Ops) -> Reminded:
    """Ask again for every file whose request is overdue; one that was asked for often enough is left to a person.

    Given again before the new time has passed it changes nothing.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    Failed
        The file system refused a message; the next call lays it out.
    """
    require(ops.operator, Role.OPERATOR, "receipt remind")
    done = transact(ops.db, lambda c: _remind(c, ops))
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return done


def _remind(c: sa.Connection, ops: Ops) -> Reminded:
    overdue = (_r.closed_at.is_(None), _r.raised_at.is_(None), _r.sent_at.is_not(None), _r.due < ops.clock.now())
    rows = c.execute(sa.select(rerequest).where(*overdue).order_by(_r.delivery_id, _r.name)).all()
    again = [row for row in rows if row.times < ops.settings.rerequest_times]
    left = [row for row in rows if row.times >= ops.settings.rerequest_times]
    repeat(c, ops, again, reason=None)
    if left:
        c.execute(sa.update(rerequest).where(_r.id.in_([row.id for row in left])).values(raised_at=ops.clock.now()))
    for row in left:
        why = f"asked for {counted(row.times, 'time')} and it has not come: a person decides (procedure P04)"
        journal.write(
            c, ops.clock, "rerequest.unanswered", row.name[:200], actor=ops.operator.name, reason=why, outcome="failed",
            delivery=row.delivery_id, rerequest=row.id,
        )  # fmt: skip
    return Reminded(asked=tuple(row.name for row in again), unanswered=tuple(row.name for row in left))


def repeat(c: sa.Connection, ops: Ops, rows: Collection[sa.Row[Any]], *, reason: str | None) -> None:
    """Ask again for files: new messages with new numbers, wanted by a new time."""
    due = answers.due_from_now(ops)
    for row in rows:
        again = {"times": row.times + 1, "due": due, "sent_at": None, "raised_at": None}
        c.execute(sa.update(rerequest).where(_r.id == row.id).values(**again))
        journal.write(
            c, ops.clock, "rerequest.repeated", row.name[:200], actor=ops.operator.name, reason=reason,
            delivery=row.delivery_id, times=row.times + 1, due=due.isoformat(),
        )  # fmt: skip
    answers.send(c, ops, _r.id.in_([row.id for row in rows]))


def close(c: sa.Connection, ops: Ops, row: sa.Row[Any], reason: str) -> None:
    """Close one request by a person's word."""
    c.execute(sa.update(rerequest).where(_r.id == row.id).values(closed_at=ops.clock.now(), closed_by=ops.operator.name))
    journal.write(c, ops.clock, "rerequest.closed", row.name[:200], actor=ops.operator.name, reason=reason, delivery=row.delivery_id)
    refresh(c, [row.delivery_id])


def open_request(c: sa.Connection, rerequest_id: int) -> sa.Row[Any]:
    """Give the row of a request that is open; raises `NotFound`, or `BadTransition` when it is closed."""
    row = c.execute(sa.select(rerequest).where(_r.id == rerequest_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no re-request {rerequest_id}", rerequest=rerequest_id)
    if row.closed_at is not None:
        raise BadTransition(f"re-request {rerequest_id} for '{row.name}' is closed already, by {row.closed_by}", rerequest=rerequest_id)
    return row


def came(c: sa.Connection, ops: Ops, delivery_id: str, names: Collection[str]) -> None:
    """Close the open requests for files that a delivery brought, and bring their deliveries' states up to date."""
    waiting = [row for row in c.execute(sa.select(rerequest).where(_r.closed_at.is_(None))) if row.name in names]
    _close(c, ops, waiting, f"delivery {delivery_id}")


def readable_now(c: sa.Connection, ops: Ops, delivery_id: str, folder: str) -> None:
    """Close the requests for the manifest of this very folder: it can be used now."""
    d = delivery.c
    unreadable = sa.select(d.id).where(d.folder == folder, d.state == DeliveryState.QUARANTINED)
    _close(c, ops, c.execute(sa.select(rerequest).where(_r.closed_at.is_(None), _r.delivery_id.in_(unreadable))).all(),
           f"delivery {delivery_id}")  # fmt: skip


def _close(c: sa.Connection, ops: Ops, waiting: Collection[sa.Row[Any]], by: str) -> None:
    if not waiting:
        return
    ids = [row.id for row in waiting]
    c.execute(sa.update(rerequest).where(_r.id.in_(ids)).values(closed_at=ops.clock.now(), closed_by=by))
    for name in sorted({row.name for row in waiting}):
        journal.write(c, ops.clock, "rerequest.closed", name[:200], actor=ops.operator.name, by=by)
    refresh(c, {row.delivery_id for row in waiting})


def refresh(c: sa.Connection, delivery_ids: Collection[str]) -> None:
    """Set acknowledged deliveries' states from their open requests."""
    asked = sa.select(_r.id).where(_r.delivery_id == delivery.c.id, _r.closed_at.is_(None)).exists()
    state = sa.case((asked, DeliveryState.PARTIAL.value), else_=DeliveryState.COMPLETE.value)
    usable = (delivery.c.acknowledged_at.is_not(None), delivery.c.state != DeliveryState.QUARANTINED)
    c.execute(sa.update(delivery).where(delivery.c.id.in_(delivery_ids), *usable).values(state=state))
