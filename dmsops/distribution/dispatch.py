"""The dispatcher: tells what is due, at least once on the wire and exactly once by id.

What waits for one subscription is a lane: its notices go out in their order, and while the first one fails the others wait behind it.
A dispatcher takes notices of a lane by moving the time at which they are due; several dispatchers may run, and what one that was killed
had taken is due again when that time has come. The observation's description is looked at each time: what the owner may not see is
withheld, and comes at the lane's end when they may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.distribution import access, channels
from dmsops.distribution.access import Requester
from dmsops.distribution.notices import Channel, Delivery, Standing, as_owner, document, due, happening, look_at
from dmsops.distribution.outcomes import REFUSALS, Outcome, Result, wait_seconds
from dmsops.distribution.tables import notice, notice_delivery, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

Releases = Callable[[sa.Connection, Sequence[str]], dict[str, datetime | None]]
"""Gives, for observations, when their descriptions are everybody's; those that are not known are left out."""
Send = Callable[..., Outcome]
LANES = 8
"""Subscriptions that are told at the same time."""
REVEALED = 1000
_n, _d, _s = notice.c, notice_delivery.c, subscription.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a dispatcher took of a lane: the subscription, and rows with their notices, until the lease ends.

    Of a stream nothing is sent: ``laid`` is how much was laid into it.
    """

    one: Any
    rows: tuple[Any, ...] = ()
    laid: int = 0
    at: datetime
    until: datetime


def deliver(
    ops: Ops, releases: Releases, *, send: Send = channels.send, stopped: Callable[[], bool] = lambda: False
) -> int:  # fmt: skip
    """Tell all that is due; gives how many notices were taken by their receivers (or lie in their stream)."""
    _reveal_due(ops, releases)
    done = 0
    while not stopped() and (lanes := _due_lanes(ops)):
        with ThreadPoolExecutor(min(LANES, len(lanes)), "lane") as pool:
            done += sum(pool.map(lambda number: _one_lane(ops, number, releases, send, stopped), lanes))
    return done


def _due_lanes(ops: Ops) -> list[int]:
    mine = (_d.state == Delivery.WAITING, _s.state == Standing.ACTIVE)
    first = sa.select(sa.func.min(_d.id)).join(subscription, _s.id == _d.subscription_id).where(*mine).group_by(_d.subscription_id)
    query = sa.select(_d.subscription_id).where(_d.id.in_(first), _d.next_at <= ops.clock.now())
    with reading(ops.db) as c:
        return list(c.execute(query.order_by(_d.next_at, _d.id)).scalars())


def _one_lane(ops: Ops, number: int, releases: Releases, send: Send, stopped: Callable[[], bool]) -> int:
    """Take one parcel after another out of a lane until it is empty, fails, or half of a lease is over."""
    done, began = 0, ops.clock.now()
    while not stopped() and ops.clock.now() - began < _lease(ops) / 2:
        found = transact(ops.db, lambda c: claim(c, ops, number, releases))
        if found is None:
            break
        told, well = _told(ops, found, send) if found.rows else (found.laid, True)
        done += told
        if not well:
            break
    return done


def _lease(ops: Ops) -> timedelta:
    return timedelta(seconds=ops.settings.notify_lease_seconds)


def _told(ops: Ops, taken: Claimed, send: Send) -> tuple[int, bool]:
    """Send what was taken, and write down what came of it; gives how many were told, and whether all were."""
    ended: list[tuple[Any, Outcome]] = []
    for parcel in channels.parcels(taken.one.channel, taken.rows):
        if ops.clock.now() - taken.at > (taken.until - taken.at) / 2:
            break
        outcome = _sent(ops, taken.one, parcel, send)
        ended += [(row, outcome) for row in parcel]
        if outcome.result is not Result.DONE:
            break
    transact(ops.db, lambda c: settle(c, ops, taken, ended))
    return sum(outcome.result is Result.DONE for _, outcome in ended), len(ended) == len(taken.rows) and _all_done(ended)


def _sent(ops: Ops, one: Any, parcel: Sequence[Any], send: Send) -> Outcome:
    """Send a parcel; a mistake of ours in it must not keep the other lanes from being told."""
    try:
        return send(ops, one, [document(row.notice_id, happening(row)) for row in parcel])
    except Exception as error:  # noqa: BLE001 - told on the subscription, and in the log
        words = f"{type(error).__name__}: {str(error)[:500]}"
        ops.log.error("notify.send-failed", subscription=one.id, error=words)  # noqa: TRY400 - one line, not a trace
        return Outcome(Result.LATER, f"our own failure ({type(error).__name__}): the site's log says why")


def _all_done(ended: Sequence[tuple[Any, Outcome]]) -> bool:
    return all(outcome.result is Result.DONE for _, outcome in ended)


def claim(c: sa.Connection, ops: Ops, number: int, releases: Releases) -> Claimed | None:
    """Take what is next in a lane, in the caller's transaction; None when nothing is due, or another dispatcher has it."""
    now = ops.clock.now()
    one = c.execute(sa.select(subscription).where(_s.id == number, _s.state == Standing.ACTIVE)).one_or_none()
    rows = _first_rows(c, one, now) if one is not None else ()
    if one is None or not rows:
        return None
    owner = as_owner(c, one.owner, now)
    if owner is None:
        end(c, ops, one, "its account is closed")
        return None
    until = now + _lease(ops)
    seen = _seen(c, rows, owner, releases, now)
    if one.channel == Channel.STREAM:
        _change(c, seen, state=Delivery.READY.value, next_at=None)
        return Claimed(one=one, laid=len(seen), at=now, until=until)
    _change(c, seen, attempts=_d.attempts + 1, next_at=until)
    return Claimed(one=one, rows=seen, at=now, until=until)


def _first_rows(c: sa.Connection, one: Any, now: datetime) -> tuple[Any, ...]:
    """Give the first rows of a lane if its first one is due; of a digest those that were tried equally often: a repeat is the same."""
    columns = (_d.id, _d.notice_id, _d.attempts, _d.next_at, *(column for column in _n if column.name != "id"))
    limit = channels.DIGEST if one.channel == Channel.DAILY else channels.BATCH
    mine = (_d.subscription_id == one.id, _d.state == Delivery.WAITING)
    query = sa.select(*columns).join(notice, _n.id == _d.notice_id).where(*mine).order_by(_d.id).limit(limit)
    rows = c.execute(query).all()
    if not rows or rows[0].next_at > now:
        return ()
    if one.channel != Channel.DAILY:
        return tuple(rows)
    return tuple(row for row in rows if row.next_at <= now and row.attempts == rows[0].attempts)


def _seen(c: sa.Connection, rows: Sequence[Any], owner: Requester, releases: Releases, now: datetime) -> tuple[Any, ...]:
    """Give those whose description the owner may see now; the others are withheld."""
    known = releases(c, sorted({row.observation_id for row in rows}))
    seen = []
    for row in rows:
        release = known.get(row.observation_id)
        if access.decide(owner, release=release, program=row.program or None, now=now).allowed:
            seen.append(row)
        else:
            _change(c, [row], state=Delivery.WITHHELD.value, next_at=look_at(release, now), attempts=0, error="")
    return tuple(seen)


def _change(c: sa.Connection, rows: Sequence[Any], **values: Any) -> None:
    if rows:
        c.execute(sa.update(notice_delivery).where(_d.id.in_([row.id for row in rows])).values(**values))


def settle(c: sa.Connection, ops: Ops, taken: Claimed, ended: Sequence[tuple[Any, Outcome]]) -> None:
    """Write down what came of what was taken; what another dispatcher has taken meanwhile is left to it."""
    now = ops.clock.now()
    for row, outcome in ended:
        if outcome.result is Result.DONE:
            _mine(c, row, state=Delivery.DELIVERED.value, delivered_at=now, next_at=None, error="")
        else:
            _failed(c, ops, taken.one, row, outcome, now)
    touched = {row.id for row, _ in ended}
    for row in taken.rows:
        if row.id not in touched:
            _mine(c, row, attempts=row.attempts, next_at=now)
    if ended:
        _marked(c, ops, taken.one.id, ended[-1][1], worked=ended[0][1].result is Result.DONE, now=now)


def _mine(c: sa.Connection, row: Any, **values: Any) -> None:
    mine = (_d.id == row.id, _d.state == Delivery.WAITING, _d.attempts == row.attempts + 1)
    c.execute(sa.update(notice_delivery).where(*mine).values(**values))


def _failed(c: sa.Connection, ops: Ops, one: Any, row: Any, outcome: Outcome, now: datetime) -> None:
    why = outcome.why[:255]
    if outcome.result is Result.REFUSED and row.attempts + 1 >= REFUSALS:
        _mine(c, row, state=Delivery.REFUSED.value, next_at=None, error=why)
        facts = {"observation": row.observation_id, "told": row.event, "why": why}
        journal.write(c, ops.clock, "notice.refused", f"subscription {one.id}", actor="dispatcher", outcome="failed", **facts)
        return
    wait = timedelta(seconds=wait_seconds(row.attempts + 1, row.id))
    _mine(c, row, next_at=now + wait, error=why)


def _marked(c: sa.Connection, ops: Ops, number: int, last: Outcome, *, worked: bool, now: datetime) -> None:
    """Keep on the subscription since when it fails; stop it when that is too long."""
    one = c.execute(sa.select(subscription).where(_s.id == number)).one()
    if last.result is Result.DONE:
        if one.failing_since is not None:
            _subscription(c, ops, one, "recovered", failing_since=None)
        return
    since = now if worked or one.failing_since is None else one.failing_since
    if one.failing_since is None:
        _subscription(c, ops, one, "failing", why=last.why, failing_since=since)
    elif worked:
        c.execute(sa.update(subscription).where(_s.id == number).values(failing_since=since))
    if one.state == Standing.ACTIVE and (last.result is Result.GONE or now - since >= timedelta(days=ops.settings.notify_days)):
        _subscription(c, ops, one, "stopped", why=last.why, state=Standing.STOPPED.value)
        ops.log.error("subscription.stopped", subscription=number, owner=one.owner, why=last.why)


def _subscription(c: sa.Connection, ops: Ops, one: Any, event: str, *, why: str = "", **values: Any) -> None:
    c.execute(sa.update(subscription).where(_s.id == one.id).values(**values))
    outcome = "done" if event == "recovered" else "failed"
    told = {"owner": one.owner, "channel": one.channel, **({"why": why} if why else {})}
    journal.write(c, ops.clock, f"subscription.{event}", f"subscription {one.id}", actor="dispatcher", outcome=outcome, **told)


def end(c: sa.Connection, ops: Ops, one: Any, why: str, *, actor: str = "dispatcher", reason: str | None = None) -> None:
    """End a subscription in the caller's transaction: what waits for it is dropped, what it was told stays on record."""
    now = ops.clock.now()
    c.execute(sa.update(subscription).where(_s.id == one.id).values(state=Standing.ENDED.value, ended_at=now, failing_since=None))
    open_ones = (_d.subscription_id == one.id, _d.state.in_((Delivery.WAITING, Delivery.WITHHELD, Delivery.READY)))
    gone = c.execute(sa.update(notice_delivery).where(*open_ones).values(state=Delivery.DROPPED.value, next_at=None)).rowcount
    facts = {"owner": one.owner, "why": why, "dropped": gone}
    journal.write(c, ops.clock, "subscription.ended", f"subscription {one.id}", actor=actor, reason=reason, **facts)


def _reveal_due(ops: Ops, releases: Releases) -> None:
    late = (_d.state == Delivery.WITHHELD, _d.next_at <= ops.clock.now())
    while True:
        with reading(ops.db) as c:
            if c.execute(sa.select(_d.id).where(*late).limit(1)).first() is None:
                return
        transact(ops.db, lambda c: reveal(c, ops, releases))


def reveal(c: sa.Connection, ops: Ops, releases: Releases) -> None:
    """Put what may be seen by now at the end of its lane, under a new number, so that no reader of a stream is past it."""
    now = ops.clock.now()
    columns = (_d.id, _d.notice_id, _d.subscription_id, _n.observation_id, _n.program, _s.owner, _s.channel)
    rows = c.execute(
        sa.select(*columns).join(notice, _n.id == _d.notice_id).join(subscription, _s.id == _d.subscription_id)
        .where(_d.state == Delivery.WITHHELD, _d.next_at <= now).order_by(_d.id).limit(REVEALED)
    ).all()  # fmt: skip
    owners = {name: as_owner(c, name, now) for name in {row.owner for row in rows}}
    known = releases(c, sorted({row.observation_id for row in rows}))
    for row in rows:
        release, owner = known.get(row.observation_id), owners[row.owner] or access.ANONYMOUS
        if not access.decide(owner, release=release, program=row.program or None, now=now).allowed:
            _change(c, [row], next_at=look_at(release, now))
            continue
        c.execute(sa.delete(notice_delivery).where(_d.id == row.id))
        again = {"notice_id": row.notice_id, "subscription_id": row.subscription_id, "state": Delivery.WAITING.value, "attempts": 0}
        c.execute(sa.insert(notice_delivery).values(**again, next_at=due(row.channel, now)))
