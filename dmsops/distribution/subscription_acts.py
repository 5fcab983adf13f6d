"""What staff does with anybody's subscriptions, each shown first and done by the hash of what was shown, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, BadTransition, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.core.transitions import follow
from dmsops.distribution.notices import Delivery, Standing, event_id
from dmsops.distribution.subscriptions import ACTS, REMEDY, TOLD, changed, missing, told_again
from dmsops.distribution.tables import notice, notice_delivery, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

STAFF_ACTS = (*ACTS, "again")
"""``again`` tells once more what was told after a notice; the others are those of the owners."""
_LEFT = (Delivery.WAITING, Delivery.WITHHELD)
_CHANGED = "a subscription has changed since the preview: look again"
_n, _d, _s = notice.c, notice_delivery.c, subscription.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What staff would do with subscriptions: each with its owner, its state, and what waits; ``hash`` is the ticket for it."""

    verb: str
    items: tuple[dict[str, Any], ...]
    after: int = 0
    hash: str = ""


def preview(ops: Ops, verb: str, numbers: Sequence[int], *, after: int = 0) -> Plan:
    """Say what would become of subscriptions; nothing changes.

    Raises
    ------
    NotFound
        One is not there.
    BadTransition
        The state of one does not allow it.
    """
    with reading(ops.db) as c:
        return _plan(c, verb, numbers, after)


def _plan(c: sa.Connection, verb: str, numbers: Sequence[int], after: int) -> Plan:
    if verb not in STAFF_ACTS:
        raise BadInput(f"'{verb[:40]}' is none of {', '.join(STAFF_ACTS)}", field="act")
    items = tuple(_item(c, verb, number, after) for number in dict.fromkeys(numbers))
    told = [[item[key] for key in ("id", "state", "to")] for item in items]
    return Plan(verb=verb, items=items, after=after, hash=ticket_of([verb, after, told]))


def _item(c: sa.Connection, verb: str, number: int, after: int) -> dict[str, Any]:
    one = c.execute(sa.select(subscription).where(_s.id == number)).one_or_none()
    if one is None:
        raise missing(number)
    to = one.state if verb == "again" else follow(ACTS, verb, Standing(one.state), f"subscription {number}", remedy=REMEDY).value
    states = TOLD if verb == "again" else _LEFT
    counted = sa.select(sa.func.count()).where(_d.subscription_id == number, _d.state.in_(states), _d.notice_id > after)
    notices = int(c.execute(counted).scalar_one())
    return {"id": number, "owner": one.owner, "channel": one.channel, "state": one.state, "to": to, "notices": notices}


def apply(ops: Ops, verb: str, numbers: Sequence[int], *, ticket: str, reason: str, after: int = 0) -> Plan:
    """Do what was previewed, with a reason.

    Raises
    ------
    NotAllowed
        The operator's role is too low: ``end`` is a lead's, the others an operator's.
    StalePlan
        A subscription has changed since the preview.
    """
    require(ops.operator, Role.LEAD if verb == "end" else Role.OPERATOR, f"subscriptions {verb}")
    need_reason(f"subscriptions {verb}", reason)

    def work(c: sa.Connection) -> Plan:
        planned = _plan(c, verb, numbers, after)
        need_ticket(ticket, planned.hash, _CHANGED, remedy=REMEDY)
        for item in planned.items:
            one = c.execute(sa.select(subscription).where(_s.id == item["id"])).one()
            if verb == "again":
                told_again(c, ops, one, after, actor=ops.operator.name, reason=reason)
            else:
                changed(c, ops, verb, one, actor=ops.operator.name, reason=reason)
        return planned

    return transact(ops.db, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """One notice that would be taken out of the way of those behind it, in a subscription's lane."""

    delivery: int
    subscription: int
    event: str
    observation_id: str
    error: str
    behind: int
    hash: str


def preview_skip(ops: Ops, delivery: int) -> Skip:
    """Say what would be taken out of the way; nothing changes.

    Raises
    ------
    NotFound
        There is no such delivery.
    BadTransition
        It does not wait.
    """
    with reading(ops.db) as c:
        return _skip(c, delivery)


def _skip(c: sa.Connection, delivery: int) -> Skip:
    columns = (_d.id, _d.subscription_id, _d.notice_id, _d.state, _d.error, _d.attempts, _n.event, _n.observation_id)
    row = c.execute(sa.select(*columns).join(notice, _n.id == _d.notice_id).where(_d.id == delivery)).one_or_none()
    if row is None:
        raise NotFound(f"there is no delivery {delivery}", remedy="`dmsops notify waiting` lists them (procedure P17).", delivery=delivery)
    if row.state != Delivery.WAITING:
        raise BadTransition(f"delivery {delivery} is {row.state}, so nothing waits behind it", remedy=REMEDY, delivery=delivery)
    others = (_d.subscription_id == row.subscription_id, _d.state == Delivery.WAITING, _d.id > row.id)
    behind = int(c.execute(sa.select(sa.func.count()).where(*others)).scalar_one())
    return Skip(
        delivery=delivery, subscription=row.subscription_id, event=f"{event_id(row.notice_id)} {row.event}",
        observation_id=row.observation_id, error=row.error, behind=behind, hash=ticket_of([delivery, row.state, row.attempts]),
    )  # fmt: skip


def skip(ops: Ops, delivery: int, *, ticket: str, reason: str) -> Skip:
    """Take one notice out of the way of those behind it; it can be told again later.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    StalePlan
        It was tried since the preview.
    """
    require(ops.operator, Role.OPERATOR, "notify skip")
    need_reason("notify skip", reason)

    def work(c: sa.Connection) -> Skip:
        seen = _skip(c, delivery)
        need_ticket(ticket, seen.hash, "the delivery was tried since the preview: look again", remedy=REMEDY)
        c.execute(sa.update(notice_delivery).where(_d.id == delivery).values(state=Delivery.SKIPPED.value, next_at=None))
        facts = {"told": seen.event, "observation": seen.observation_id, "why": seen.error}
        target = f"subscription {seen.subscription}"
        journal.write(c, ops.clock, "notice.skipped", target, actor=ops.operator.name, reason=reason, **facts)
        return seen

    return transact(ops.db, work)
