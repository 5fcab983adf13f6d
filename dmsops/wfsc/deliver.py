"""Hand a visit's products over to WSS, once, and wait for the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.core.db import transact
from dmsops.core.errors import BadInput, DeliveryRefused
from dmsops.core.files import sha256_of
from dmsops.interfaces.wss_answers import Acknowledgement
from dmsops.wfsc.answers import address_of, await_answer, forget_refusal
from dmsops.wfsc.bundle import Bundle, place
from dmsops.wfsc.clock import stop_clock
from dmsops.wfsc.tables import wfsc_clock, wfsc_delivery

if TYPE_CHECKING:
    from dmsops.ops import Ops

_d = wfsc_delivery.c


def deliver(
    ops: Ops,
    visit: str,
    products: Mapping[str, Path],
    *,
    due: datetime | None = None,
    missing: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Hand products over to WSS and give the hand-over's record; the same products are handed over once.

    May be run again after a kill at any moment: what is placed stays placed, an answer that was given stays given.
    It counts as delivered when the wavefront team has said so, and not before (setting ``wss_answers`` says who answers).

    Parameters
    ----------
    visit : str
        11 digits.
    products : mapping
        Product name to file.
    due : datetime, optional
        When it must be there; default from the visit's clock.
    missing : sequence of str
        What the visit still lacks, in words: such a hand-over is a first part, and the clock runs on.
    notes : sequence of str
        What else the wavefront team should know of it: exposures that were given up or broken off, or used with gaps.

    Raises
    ------
    BadInput
        There are no products to hand over.
    DeliveryRefused
        WSS did not take it, has not answered in time, or its address cannot be written.
    """
    if not products:
        raise BadInput(f"visit {visit} has no products to hand over to WSS", visit=visit)
    sums = {name: sha256_of(path) for name, path in products.items()}
    bundle, refused = transact(ops.db, lambda c: _prepare(c, ops, visit, products, sums, due, (*missing, *notes)))
    row = hand_over(ops, bundle, again=refused, whole=not missing)
    return {**_record(row, bundle), "missing": list(missing), "notes": list(notes)}


def hand_over(ops: Ops, bundle: Bundle, *, again: bool, whole: bool) -> sa.Row[Any]:
    """Place a bundle whose row is there, wait for the answer and write it down; gives the hand-over's row.

    Parameters
    ----------
    again : bool
        Build it anew, and ask for a new answer.
    whole : bool
        It is all that the visit is to give: its clock stops.

    Raises
    ------
    DeliveryRefused
        As `deliver`.
    """
    address = address_of(ops)
    if again:
        forget_refusal(address, bundle.id)
    placed = place(bundle, address, again=again)
    transact(ops.db, lambda c: _sent(c, ops, bundle, placed))
    answer = await_answer(ops, placed)
    row = transact(ops.db, lambda c: _answered(c, ops, bundle, answer, whole=whole))
    if answer.state == "refused":
        raise DeliveryRefused(f"WSS refused hand-over {bundle.id}: {row.reason}", delivery=bundle.id, reasons=list(answer.reasons))
    return row


def _prepare(
    c: sa.Connection, ops: Ops, visit: str, products: Mapping[str, Path], sums: dict[str, str], due: datetime | None, notes: tuple[str, ...]
) -> tuple[Bundle, bool]:  # fmt: skip
    """Make the hand-over's row if it is new, and say whether WSS had refused it before."""
    due = due or c.execute(sa.select(wfsc_clock.c.due).where(wfsc_clock.c.visit == visit)).scalar()
    now = ops.clock.now()
    operational = ops.settings.mode == "live"
    bundle = Bundle(visit=visit, products=products, sums=sums, created=now, due=due, operational=operational, notes=notes)
    state = c.execute(sa.select(_d.state).where(_d.id == bundle.id)).scalar()
    if state is None:
        values = {"id": bundle.id, "visit": visit, "state": "prepared", "files": sums, "place": "", "prepared_at": now}
        c.execute(sa.insert(wfsc_delivery).values(**values))
        journal.write(c, ops.clock, "handover.prepared", bundle.id, actor=ops.operator.name, visit=visit, files=len(sums))
    return bundle, state == "refused"


def _sent(c: sa.Connection, ops: Ops, bundle: Bundle, placed: Path) -> None:
    sent = {"state": "sent", "sent_at": ops.clock.now(), "place": str(placed)}
    if c.execute(sa.update(wfsc_delivery).where(_d.id == bundle.id, _d.sent_at.is_(None)).values(**sent)).rowcount:
        journal.write(c, ops.clock, "handover.sent", bundle.id, actor=ops.operator.name, place=str(placed))


def _answered(c: sa.Connection, ops: Ops, bundle: Bundle, answer: Acknowledgement, *, whole: bool) -> sa.Row[Any]:
    if answer.state == "accepted":
        _acknowledge(c, ops, bundle, answer, whole=whole)
    else:
        why = "; ".join(answer.reasons)
        c.execute(sa.update(wfsc_delivery).where(_d.id == bundle.id).values(state="refused", reason=why, answered_by=answer.answered_by))
        journal.write(c, ops.clock, "handover.refused", bundle.id, actor=ops.operator.name, reason=why, outcome="failed")
    return c.execute(sa.select(wfsc_delivery).where(_d.id == bundle.id)).one()


def _acknowledge(c: sa.Connection, ops: Ops, bundle: Bundle, answer: Acknowledgement, *, whole: bool) -> None:
    now = ops.clock.now()
    taken = {"state": "acknowledged", "acknowledged_at": now, "answered_by": answer.answered_by, "reason": None}
    if c.execute(sa.update(wfsc_delivery).where(_d.id == bundle.id, _d.acknowledged_at.is_(None)).values(**taken)).rowcount:
        journal.write(c, ops.clock, "handover.acknowledged", bundle.id, actor=ops.operator.name, by=answer.answered_by)
    if whole:
        stop_clock(c, ops, bundle.visit, now)


def _record(row: sa.Row[Any], bundle: Bundle) -> dict[str, Any]:
    met = None if bundle.due is None else row.acknowledged_at <= bundle.due
    return {
        "delivery_id": row.id,
        "visit": row.visit,
        "state": row.state,
        "files": row.files,
        "prepared_at": iso(row.prepared_at),
        "sent_at": iso(row.sent_at),
        "acknowledged_at": iso(row.acknowledged_at),
        "answered_by": row.answered_by,
        "due": None if bundle.due is None else iso(bundle.due),
        "within_limit": met,
    }
