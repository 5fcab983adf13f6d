"""What eyes read of subscriptions and notices: how many stand where, who fails since when, what waits, what was told last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from dmsops.core.db import mappings, reading
from dmsops.distribution.notices import Channel, Delivery, Standing, event_id
from dmsops.distribution.subscriptions import missing
from dmsops.distribution.tables import distribution_mark, notice, notice_delivery, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_n, _d, _s, _m = notice.c, notice_delivery.c, subscription.c, distribution_mark.c
_OPEN = (Delivery.WAITING, Delivery.WITHHELD, Delivery.READY)
_waiting = (
    sa.select(sa.func.count()).where(_d.subscription_id == _s.id, _d.state == Delivery.WAITING).correlate(subscription).scalar_subquery()
)
_error = (
    sa.select(_d.error).where(_d.subscription_id == _s.id, _d.state == Delivery.WAITING).order_by(_d.id).limit(1)
    .correlate(subscription).scalar_subquery()
)  # fmt: skip
_next = (
    sa.select(_d.next_at).where(_d.subscription_id == _s.id, _d.state == Delivery.WAITING).order_by(_d.id).limit(1)
    .correlate(subscription).scalar_subquery()
)  # fmt: skip


def summary(ops: Ops) -> Row:
    """Count: subscriptions by state, those that fail, deliveries that wait, are withheld, lie ready or were refused; since when.

    ``oldest_waiting`` is the time of the oldest event that an active subscription waits for, ``looked_at`` that up to which releases
    were looked at (both None where there is none).
    """
    late = sa.select(sa.func.min(_n.at, type_=_n.at.type)).join(notice_delivery, _d.notice_id == _n.id)
    late = late.join(subscription, _s.id == _d.subscription_id).where(_d.state == Delivery.WAITING, _s.state == Standing.ACTIVE)
    with reading(ops.db) as c:
        states: dict[str, int] = {row[0]: row[1] for row in c.execute(sa.select(_s.state, sa.func.count()).group_by(_s.state))}
        counted = sa.select(_d.state, sa.func.count()).where(_d.state.in_((*_OPEN, Delivery.REFUSED))).group_by(_d.state)
        deliveries: dict[str, int] = {row[0]: row[1] for row in c.execute(counted)}
        failing = c.execute(sa.select(sa.func.count()).where(_s.failing_since.is_not(None), _s.state != Standing.ENDED)).scalar_one()
        oldest, looked_at = c.execute(late).scalar(), c.execute(sa.select(_m.at).where(_m.name == "released")).scalar()
        notices = c.execute(sa.select(sa.func.count()).select_from(notice)).scalar_one()
    return {
        "subscriptions": {state.value: states.get(state, 0) for state in Standing},
        "failing": failing,
        "deliveries": {state.value: deliveries.get(state, 0) for state in (*_OPEN, Delivery.REFUSED)},
        "notices": notices, "oldest_waiting": oldest, "looked_at": looked_at,
    }  # fmt: skip


def listed(
    ops: Ops, *, owner: str = "", state: str = "", program: str = "", failing: bool = False, limit: int = 100, before: int | None = None
) -> list[Row]:  # fmt: skip
    """Give subscriptions, newest first, with ``place`` (the address without what may be secret in it), ``waiting``, ``error``, ``next_at``.

    Parameters
    ----------
    failing : bool
        Only those that fail now; those that have failed longest come first.
    before : int, optional
        ``id`` of the last row of the page before.
    """
    tests = [column == value for column, value in ((_s.owner, owner), (_s.state, state), (_s.program, program)) if value]
    tests += [_s.failing_since.is_not(None), _s.state != Standing.ENDED] if failing else []
    tests += [_s.id < before] if before is not None else []
    query = sa.select(subscription, _waiting.label("waiting"), _error.label("error"), _next.label("next_at"))
    order = (_s.failing_since, _s.id) if failing else (_s.id.desc(),)
    return [_shown(row) for row in mappings(ops.db, query.where(*tests).order_by(*order).limit(limit))]


def _shown(row: Row) -> Row:
    row["place"] = place(row["channel"], row["address"])
    return {key: value for key, value in row.items() if key != "address"}


def place(channel: str, address: str) -> str:
    """Give an address for eyes: of a webhook the host alone, as its path may be a secret."""
    if channel != Channel.WEBHOOK:
        return address
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/..."


def show(ops: Ops, number: int) -> Row:
    """Give one subscription with its deliveries: ``counts`` by state, the ``last`` hundred, newest first.

    Raises
    ------
    NotFound
        There is none.
    """
    query = sa.select(subscription, _waiting.label("waiting"), _error.label("error"), _next.label("next_at")).where(_s.id == number)
    found = [_shown(row) for row in mappings(ops.db, query)]
    if not found:
        raise missing(number)
    counted = sa.select(_d.state, sa.func.count().label("n")).where(_d.subscription_id == number).group_by(_d.state)
    counts = {row["state"]: row["n"] for row in mappings(ops.db, counted)}
    return {**found[0], "counts": counts, "last": deliveries(ops, number, newest=True)}


def deliveries(ops: Ops, number: int, *, state: str = "", newest: bool = False, limit: int = 100) -> list[Row]:
    """Give deliveries of a subscription in their order (or the newest first): ``id, event_id, event, observation_id, state, ...``."""
    columns = (_d.id, _d.notice_id, _n.event, _n.observation_id, _n.at, _d.state, _d.attempts, _d.next_at, _d.delivered_at, _d.error)
    tests = [_d.subscription_id == number, *([_d.state == state] if state else [])]
    query = sa.select(*columns).join(notice, _n.id == _d.notice_id).where(*tests)
    rows = mappings(ops.db, query.order_by(_d.id.desc() if newest else _d.id).limit(limit))
    return [{**row, "event_id": event_id(row["notice_id"])} for row in rows]


def last(ops: Ops, *, event: str = "", observation: str = "", limit: int = 100, before: int | None = None) -> list[Row]:
    """Give notices, newest first, each with its ``event_id`` and ``subscribers`` (to how many it goes)."""
    told = sa.select(sa.func.count()).where(_d.notice_id == _n.id).correlate(notice).scalar_subquery().label("subscribers")
    tests = [column == value for column, value in ((_n.event, event), (_n.observation_id, observation)) if value]
    tests += [_n.id < before] if before is not None else []
    rows = mappings(ops.db, sa.select(notice, told).where(*tests).order_by(_n.id.desc()).limit(limit))
    return [{**row, "event_id": event_id(row["id"])} for row in rows]
