"""Streams: notices that their reader comes for, one after another by a number that only rises, and what the reader said has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput
from dmsops.distribution import access
from dmsops.distribution.notices import Channel, Delivery, Standing, as_owner, document, happening, look_at
from dmsops.distribution.tables import notice, notice_delivery, subscription

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.distribution.dispatch import Releases
    from dmsops.ops import Ops

PAGE = 100
_LAID = (Delivery.READY, Delivery.DELIVERED)
_n, _d, _s = notice.c, notice_delivery.c, subscription.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a stream: events with their numbers, the number to go on after, and whether the stream goes on at all."""

    events: tuple[tuple[int, dict[str, Any]], ...]
    after: int
    open: bool


def need_stream(one: Any) -> None:
    """Refuse to read a subscription that is told by another channel, or has ended (`BadInput`)."""
    if one.channel != Channel.STREAM or one.state == Standing.ENDED:
        how = "has ended" if one.state == Standing.ENDED else f"is told by {one.channel}"
        raise BadInput(f"subscription {one.id} {how}: there is no stream to read", field="subscription", subscription=one.id)


def acknowledge(ops: Ops, number: int, upto: int) -> int:
    """Note that a stream's reader has all up to a number; gives how many were not known to have come."""
    mine = (_d.subscription_id == number, _d.state == Delivery.READY, _d.id <= upto)
    with reading(ops.db) as c:
        if c.execute(sa.select(_d.id).where(*mine).limit(1)).first() is None:
            return 0
    done = {"state": Delivery.DELIVERED.value, "delivered_at": ops.clock.now()}
    return int(transact(ops.db, lambda c: c.execute(sa.update(notice_delivery).where(*mine).values(**done)).rowcount))


def begin(ops: Ops, number: int) -> int:
    """Give the number after which a reader goes on who does not say what it has: before the first that has not come."""
    first = sa.select(sa.func.min(_d.id)).where(_d.subscription_id == number, _d.state == Delivery.READY)
    last = sa.select(sa.func.max(_d.id)).where(_d.subscription_id == number, _d.state.in_(_LAID))
    with reading(ops.db) as c:
        found = c.execute(first).scalar()
        return int(found) - 1 if found is not None else int(c.execute(last).scalar() or 0)


def read(ops: Ops, number: int, after: int, releases: Releases) -> Piece:
    """Read on in a stream: at most `PAGE` events; what its owner may not see (any more) is passed over and comes later."""
    now = ops.clock.now()
    with reading(ops.db) as c:
        one = c.execute(sa.select(subscription).where(_s.id == number)).one()
        owner = as_owner(c, one.owner, now) if one.state != Standing.ENDED else None
        if owner is None:
            return Piece(events=(), after=after, open=False)
        rows = _rows(c, number, after) if one.state == Standing.ACTIVE else ()
        known = releases(c, sorted({row.observation_id for row in rows}))
    seen: list[Any] = []
    held: dict[int, datetime] = {}
    for row in rows:
        release, program = known.get(row.observation_id), row.program or None
        may = access.decide(owner, release=release, program=program, now=now).allowed
        if may:
            seen.append(row)
        elif row.state == Delivery.READY:
            held[row.id] = look_at(release, now)
    _withhold(ops, held)
    told = tuple((row.id, document(row.notice_id, happening(row))) for row in seen)
    return Piece(events=told, after=rows[-1].id if rows else after, open=True)


def _rows(c: sa.Connection, number: int, after: int) -> Any:
    columns = (_d.id, _d.notice_id, _d.state, *(column for column in _n if column.name != "id"))
    mine = (_d.subscription_id == number, _d.state.in_(_LAID), _d.id > after)
    return c.execute(sa.select(*columns).join(notice, _n.id == _d.notice_id).where(*mine).order_by(_d.id).limit(PAGE)).all()


def _withhold(ops: Ops, held: Mapping[int, datetime]) -> None:
    def work(c: sa.Connection) -> None:
        for number, again in held.items():
            laid = (_d.id == number, _d.state == Delivery.READY)
            c.execute(sa.update(notice_delivery).where(*laid).values(state=Delivery.WITHHELD.value, next_at=again))

    if held:
        transact(ops.db, work)
