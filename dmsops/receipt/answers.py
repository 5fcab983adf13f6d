"""What the sender is told: acknowledgements and re-requests, written down in the transaction of the act that they tell of.

`core.outbox.post` lays them out afterwards; after a kill the next receipt does.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.clock import iso
from dmsops.interfaces.fos import manifest as fos
from dmsops.receipt.states import GOOD
from dmsops.receipt.tables import delivered_file, delivery, rerequest

if TYPE_CHECKING:
    from dmsops.ops import Ops

_r = rerequest.c


def acknowledge(c: sa.Connection, ops: Ops, delivery_id: str, *, again: bool = False) -> None:
    """Tell the sender which of a delivery's files are stored and verified.

    ``again``: nothing is new; who sends a delivery twice has lost our answer, so it is told once more unless the last one
    still lies in the outbox.
    """
    said = outbox.last(c, fos.NEIGHBOUR, "acknowledgement", delivery_id)
    if again and (said is None or said.collected_at is None):
        return
    f = delivered_file.c
    good = sa.select(f.name, f.announced_sha256).where(f.delivery_id == delivery_id, f.state.in_(GOOD)).order_by(f.name)
    files = {row.name: row.announced_sha256 for row in c.execute(good)}
    sequence = c.execute(sa.select(delivery.c.sequence).where(delivery.c.id == delivery_id)).scalar()
    document = fos.acknowledgement(delivery_id, sequence, receipt=f"{ops.settings.name}:{delivery_id}", files=files)
    name = fos.acknowledgement_name(delivery_id, 1 if said is None else said.number + 1)
    outbox.put(c, ops.clock, fos.NEIGHBOUR, name, kind="acknowledgement", subject=delivery_id, document=document)


def ask(c: sa.Connection, ops: Ops, delivery_id: str, name: str, reason: str) -> None:
    """Note that a file is to be asked for; one request per file and delivery. `send` sends it."""
    if c.execute(sa.select(_r.id).where(_r.delivery_id == delivery_id, _r.name == name)).scalar() is not None:
        return
    now = ops.clock.now()
    due = due_from_now(ops)
    c.execute(sa.insert(rerequest).values(delivery_id=delivery_id, name=name, reason=reason, requested_at=now, due=due))
    journal.write(
        c, ops.clock, "rerequest.made", name[:200], actor=ops.operator.name, reason=reason, delivery=delivery_id, due=due.isoformat()
    )


def due_from_now(ops: Ops) -> Any:
    """Give the time by which what is asked for now is wanted."""
    return ops.clock.now() + timedelta(minutes=ops.settings.rerequest_minutes)


def send(c: sa.Connection, ops: Ops, *where: Any) -> int:
    """Send the open requests that match and have not been sent, one message per delivery; give the number of messages."""
    waiting = sa.select(rerequest).where(_r.sent_at.is_(None), _r.closed_at.is_(None), *where).order_by(_r.delivery_id, _r.name)
    groups = [(i, list(rows)) for i, rows in itertools.groupby(c.execute(waiting).all(), lambda row: str(row.delivery_id))]
    for delivery_id, rows in groups:
        _send_one(c, ops, delivery_id, rows)
    return len(groups)


def _send_one(c: sa.Connection, ops: Ops, delivery_id: str, rows: list[sa.Row[Any]]) -> None:
    number = int(c.execute(sa.select(sa.func.max(_r.number)).where(_r.delivery_id == delivery_id)).scalar() or 0) + 1
    why = "; ".join(f"{row.name} {row.reason}" for row in rows) + f" (wanted by {iso(min(row.due for row in rows))})"
    document = fos.rerequest(delivery_id, number=number, files=[row.name for row in rows], reason=why)
    name = fos.rerequest_name(delivery_id, number)
    outbox.put(c, ops.clock, fos.NEIGHBOUR, name, kind="re-request", subject=delivery_id, document=document)
    c.execute(sa.update(rerequest).where(_r.id.in_([row.id for row in rows])).values(number=number, sent_at=ops.clock.now()))
