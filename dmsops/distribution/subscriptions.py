"""Subscriptions: who wants to be told what, and how; made before there are any data, if wanted. Acts of their owners and of staff.

An owner acts with a token of the scope ``subscribe``; staff acts for anybody, seen before and with a reason. What a paused or stopped
subscription would have been told is kept for it, and comes in its order when it is resumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import mappings, transact
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.names import need_program
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason
from dmsops.core.transitions import follow
from dmsops.distribution import channels, notices, webhook
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.accounts import need_scope
from dmsops.distribution.dispatch import end
from dmsops.distribution.notices import ASKED, CATCH_UP, STAFF, Channel, Delivery, Standing, as_owner, happening, owner_of
from dmsops.distribution.tables import account, notice, notice_delivery, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

MOST = 100
"""Subscriptions that one owner may have at once."""
MOST_BEFORE = 50_000
"""Notices from before that one subscription may catch up on."""
_PAGE = 1000
REMEDY = "`dmsops subscriptions list` shows them; procedure P17 covers subscriptions."
ACTS = {
    "pause": ({Standing.ACTIVE}, Standing.PAUSED),
    "resume": ({Standing.PAUSED, Standing.STOPPED}, Standing.ACTIVE),
    "retry": ({Standing.ACTIVE}, Standing.ACTIVE),
    "end": ({Standing.ACTIVE, Standing.PAUSED, Standing.STOPPED}, Standing.ENDED),
}
"""What may be done with a subscription; ``retry`` does not wait for the time of the next try."""
TOLD = (Delivery.DELIVERED, Delivery.REFUSED, Delivery.SKIPPED)
"""Deliveries that can be made again."""
_PAST = {"pause": "paused", "resume": "resumed", "retry": "retried", "end": "ended"}
_n, _d, _s = notice.c, notice_delivery.c, subscription.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to be told, and how; an empty filter takes all.

    Attributes
    ----------
    events : tuple of str
        Of New, First, Reprocessed, Public, Withdrawn.
    channel : str
        ``stream``, ``webhook``, ``email``, ``email-daily``.
    address : str
        Of the webhook or mailbox; empty for a stream, and for the account's own mailbox.
    catch_up : bool
        Whether what happened before is told as well.
    """

    events: tuple[str, ...]
    channel: str
    address: str = ""
    program: str = ""
    target: str = ""
    instrument: str = ""
    catch_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new subscription; ``secret`` signs what a webhook gets, and is not shown again."""

    id: int
    secret: str
    waiting: int


def subscribe(ops: Ops, asker: Requester, wish: Wish) -> Made:
    """Make a subscription for who asks.

    Raises
    ------
    NotSignedIn, NotAllowed
        Nobody known asks, or the token lacks the scope ``subscribe``.
    BadInput
        A value cannot be used; the address cannot be told; the owner has it already, or too many.
    """
    need_scope(asker, Scope.SUBSCRIBE, "to subscribe")
    return _subscribe(ops, owner_of(asker), wish, actor=asker.name, reason=None, own=asker.kind is not Kind.STAFF)


def subscribe_for(ops: Ops, owner: str, wish: Wish, *, reason: str) -> Made:
    """Make a subscription for an account, or (empty) for the operator; e-mail may go to any address. Raises as `subscribe`."""
    require(ops.operator, Role.OPERATOR if not owner else Role.LEAD, "subscriptions make")
    need_reason("subscriptions make", reason)
    return _subscribe(ops, owner or f"{STAFF}{ops.operator.name}"[:64], wish, actor=ops.operator.name, reason=reason, own=False)


def _subscribe(ops: Ops, owner: str, wish: Wish, *, actor: str, reason: str | None, own: bool) -> Made:
    _need_usable(wish)
    wish = _addressed(ops, owner, wish, own=own)
    channels.need_usable(wish.channel, wish.address, ops.settings)
    one, waiting = transact(ops.db, lambda c: _make(c, ops, owner, wish, actor, reason))
    key = webhook.secret(ops, one) if wish.channel == Channel.WEBHOOK else ""
    return Made(id=one.id, secret=key, waiting=waiting)


def _need_usable(wish: Wish) -> None:
    unknown = next((event for event in wish.events if event not in list(ASKED)), None)
    if unknown is not None or not wish.events:
        raise BadInput(f"field 'events': '{str(unknown or '')[:40]}' is none of {', '.join(ASKED)}", field="events")
    if wish.channel not in list(Channel):
        raise BadInput(f"field 'channel': '{wish.channel[:40]}' is none of {', '.join(Channel)}", field="channel")
    if wish.program:
        need_program(wish.program)
    for name, longest in (("target", 128), ("instrument", 32)):
        text = getattr(wish, name)
        if len(text) > longest or not text.isprintable():
            raise BadInput(f"field '{name}' is longer than {longest} letters, or has some that cannot be printed", field=name)
    if wish.channel == Channel.STREAM and wish.address:
        raise BadInput("field 'address': a stream has none, its reader comes for it", field="address")


def _addressed(ops: Ops, owner: str, wish: Wish, *, own: bool) -> Wish:
    """Give a wish for e-mail the owner's own address; another one only staff may name, or we would write to strangers."""
    if wish.channel not in (Channel.EMAIL, Channel.DAILY) or (wish.address and not own):
        return wish
    found = mappings(ops.db, sa.select(account.c.email).where(account.c.name == owner))
    mailbox = found[0]["email"] if found else ""
    if not mailbox or wish.address not in ("", mailbox):
        words = "the account has no e-mail address" if not mailbox else "e-mail goes to the account's own address"
        raise BadInput(f"field 'address': {words}", field="address", remedy="Ask the archive staff to enter the address (procedure P18).")
    return replace(wish, address=mailbox)


def _make(c: sa.Connection, ops: Ops, owner: str, wish: Wish, actor: str, reason: str | None) -> tuple[Any, int]:
    now = ops.clock.now()
    if as_owner(c, owner, now) is None:
        raise NotFound(f"there is no account '{owner[:80]}'", remedy="`dmsops accounts list` names them (procedure P18).", account=owner)
    last = int(c.execute(sa.select(sa.func.coalesce(sa.func.max(_n.id), 0))).scalar_one())
    values: dict[str, Any] = {
        "owner": owner, "events": sorted(set(wish.events)), "program": wish.program, "target": wish.target, "instrument": wish.instrument,
        "channel": wish.channel, "address": wish.address,
    }  # fmt: skip
    _need_new(c, values)
    values |= {"state": Standing.ACTIVE.value, "made_at": now, "after_notice": CATCH_UP if wish.catch_up else last}
    one = c.execute(sa.insert(subscription).values(**values).returning(*_s)).one()
    waiting = _catch_up(c, ops, one) if wish.catch_up else 0
    filters = {key: values[key] for key in ("program", "target", "instrument") if values[key]}
    facts: dict[str, Any] = {"owner": owner, "events": values["events"], "channel": wish.channel, "filters": filters, "waiting": waiting}
    journal.write(c, ops.clock, "subscription.made", f"subscription {one.id}", actor=actor, reason=reason, **facts)
    return one, waiting


def _need_new(c: sa.Connection, values: dict[str, Any]) -> None:
    rows = c.execute(sa.select(subscription).where(_s.owner == values["owner"], _s.state != Standing.ENDED)).all()
    if len(rows) >= MOST:
        raise BadInput(f"{values['owner']} has {len(rows)} subscriptions, and {MOST} are the most", field="owner")
    same = next((row for row in rows if all(getattr(row, key) == value for key, value in values.items())), None)
    if same is not None:
        raise BadInput(f"subscription {same.id} is the same, and has not ended", field="events", subscription=same.id)


def _catch_up(c: sa.Connection, ops: Ops, one: Any) -> int:
    """Address what was before to a new subscription."""
    query = sa.select(notice).where(_n.program == one.program if one.program else sa.true()).order_by(_n.id).limit(_PAGE)
    made, last = 0, 0
    while rows := c.execute(query.where(_n.id > last)).all():
        made, last = made + notices.address(c, [(row.id, happening(row)) for row in rows], [one], ops.clock.now()), rows[-1].id
        if made > MOST_BEFORE:
            raise BadInput(f"field 'catch_up': more than {MOST_BEFORE:,} notices are before it; name a program", field="catch_up")
    return made


def act(ops: Ops, asker: Requester, verb: str, number: int) -> Standing:
    """Pause, resume, retry or end one of one's own subscriptions; gives the state that it is in then.

    Raises
    ------
    NotSignedIn, NotAllowed
        As `subscribe`.
    NotFound
        It is not there, or somebody else's.
    BadTransition
        Its state does not allow that.
    """
    need_scope(asker, Scope.SUBSCRIBE, "to change a subscription")
    _known(verb)
    return transact(ops.db, lambda c: changed(c, ops, verb, _owned(c, owner_of(asker), number), actor=asker.name, reason=None))


def _known(verb: str) -> None:
    if verb not in ACTS:
        raise BadInput(f"'{verb[:40]}' is none of {', '.join(ACTS)}", field="act")


def _owned(c: sa.Connection, owner: str, number: int) -> Any:
    row = c.execute(sa.select(subscription).where(_s.id == number, _s.owner == owner)).one_or_none()
    if row is None:
        raise missing(number)
    return row


def missing(number: int) -> NotFound:
    """Say that a subscription is not there, or not the asker's."""
    return NotFound(f"there is no subscription {number}", remedy=REMEDY, subscription=number)


def owned(c: sa.Connection, asker: Requester, number: int) -> Any:
    """Give the row of one of the asker's own subscriptions; raises `NotFound`."""
    return _owned(c, owner_of(asker), number)


def changed(c: sa.Connection, ops: Ops, verb: str, one: Any, *, actor: str, reason: str | None) -> Standing:
    """Do an act on a subscription (its row) in the caller's transaction; gives the state that it is in then."""
    to = follow(ACTS, verb, Standing(one.state), f"subscription {one.id}", remedy=REMEDY, subscription=one.id)
    if to is Standing.ENDED:
        end(c, ops, one, f"ended by {actor}", actor=actor, reason=reason)
        return to
    fresh = {"failing_since": None} if verb == "resume" else {}
    c.execute(sa.update(subscription).where(_s.id == one.id).values(state=to.value, **fresh))
    if to is Standing.ACTIVE:
        waiting = (_d.subscription_id == one.id, _d.state == Delivery.WAITING, _d.attempts > 0)
        c.execute(sa.update(notice_delivery).where(*waiting).values(attempts=0, next_at=ops.clock.now()))
    journal.write(
        c, ops.clock, f"subscription.{_PAST[verb]}", f"subscription {one.id}", actor=actor, reason=reason, owner=one.owner
    )  # fmt: skip
    return to


def again(ops: Ops, asker: Requester, number: int, *, after: int) -> int:
    """Tell again what was told after a notice, to a receiver that has lost it, under the same ids; gives how many.

    Parameters
    ----------
    after : int
        Number of the last notice that the receiver has (0: none).

    Raises
    ------
    NotSignedIn, NotAllowed, NotFound
        As `act`.
    """
    need_scope(asker, Scope.SUBSCRIBE, "to be told again")
    return transact(ops.db, lambda c: told_again(c, ops, _owned(c, owner_of(asker), number), after, actor=asker.name, reason=None))


def told_again(c: sa.Connection, ops: Ops, one: Any, after: int, *, actor: str, reason: str | None) -> int:
    """Make wait again what was told after a notice, in the caller's transaction; gives how many."""
    mine = (_d.subscription_id == one.id, _d.notice_id > after, _d.state.in_(TOLD))
    fresh = {"state": Delivery.WAITING.value, "attempts": 0, "delivered_at": None, "error": ""}
    when = notices.due(one.channel, ops.clock.now())
    number = c.execute(sa.update(notice_delivery).where(*mine).values(**fresh, next_at=when)).rowcount
    facts = {"owner": one.owner, "after": after, "notices": number}
    journal.write(c, ops.clock, "subscription.told-again", f"subscription {one.id}", actor=actor, reason=reason, **facts)
    return int(number)
