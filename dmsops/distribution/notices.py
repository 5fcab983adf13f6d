"""What is told, and to whom: an event of an observation once, and one row for each subscription that it matches.

The words are those of the archive's program subscriptions (New, First, Reprocessed, Public), with Withdrawn for those that keep copies.
Two correct what was told before, and go to whom that went: Held (after Public), Restored (after Withdrawn).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dmsops.core.clock import iso
from dmsops.core.people import Role, people
from dmsops.distribution.access import Kind, Requester
from dmsops.distribution.accounts import programs_of
from dmsops.distribution.tables import account, notice, notice_delivery, subscription

_n, _d, _s = notice.c, notice_delivery.c, subscription.c


class Event(enum.StrEnum):
    """What can happen to an observation, as its subscribers are told."""

    NEW = "New"
    """Its data are archived for the first time."""
    FIRST = "First"
    """They are the first ones of their program."""
    REPROCESSED = "Reprocessed"
    """Its products were made again: those of before are superseded."""
    PUBLIC = "Public"
    """All its data are everybody's now."""
    HELD = "Held"
    """They are not, although that was told: the release date was corrected."""
    WITHDRAWN = "Withdrawn"
    """It is taken out of the archive: who has copies should drop them."""
    RESTORED = "Restored"
    """It is back, as it was or made anew."""


CORRECTS = {Event.HELD: Event.PUBLIC, Event.RESTORED: Event.WITHDRAWN}
"""Events that nobody asks for by themselves, and which one they follow."""
ASKED = tuple(event for event in Event if event not in CORRECTS)
"""Events that a subscription names."""


class Channel(enum.StrEnum):
    """How somebody is told."""

    STREAM = "stream"
    WEBHOOK = "webhook"
    EMAIL = "email"
    DAILY = "email-daily"
    """One message a day (UTC) with all of it."""


class Standing(enum.StrEnum):
    """What a subscription is in."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Its owner wants to be told later: what comes is kept."""
    STOPPED = "stopped"
    """It failed for days: what comes is kept until somebody resumes it."""
    ENDED = "ended"


class Delivery(enum.StrEnum):
    """What becomes of one notice for one subscription."""

    WAITING = "waiting"
    WITHHELD = "withheld"
    """The owner may not see the observation's description yet."""
    READY = "ready"
    """It lies in a stream, and its reader has not said that it came."""
    DELIVERED = "delivered"
    REFUSED = "refused"
    """The receiver answered again and again that it does not take this one."""
    SKIPPED = "skipped"
    """Staff took it out of the way."""
    DROPPED = "dropped"
    """The subscription ended before."""


CATCH_UP = -1
"""``after_notice`` of a subscription that also gets what was before it."""
STAFF = "staff:"
"""How the owner's name begins where one of the staff owns a subscription; an account's name cannot."""
LOOK_AGAIN = timedelta(hours=1)
"""How often it is looked whether something withheld may be told: a grant may have been given, a date corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event of one version of an observation; an empty word is not known."""

    event: Event
    observation_id: str
    version: int
    at: datetime
    program: str = ""
    target: str = ""
    instrument: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def put(c: sa.Connection, happenings: Iterable[Happening], now: datetime) -> list[int]:
    """Write down what happened and whom it is told to, in the caller's write transaction; what is there already is passed over.

    Returns
    -------
    list of int
        Numbers of the notices that are new.
    """
    made, standing = [], None
    for happened in happenings:
        same = (_n.event == happened.event, _n.observation_id == happened.observation_id, _n.version == happened.version)
        if c.execute(sa.select(_n.id).where(*same)).first() is not None:
            continue
        standing = _standing(c) if standing is None else standing
        number = int(c.execute(sa.insert(notice).values(**_row(happened)).returning(_n.id)).scalar_one())
        address(c, [(number, happened)], standing, now)
        made.append(number)
    return made


def _row(happened: Happening) -> dict[str, Any]:
    return {
        "event": happened.event.value, "observation_id": happened.observation_id, "version": happened.version, "at": happened.at,
        "program": happened.program, "target": happened.target, "instrument": happened.instrument, "facts": dict(happened.facts),
    }  # fmt: skip


def _standing(c: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Give the subscriptions that have not ended."""
    return c.execute(sa.select(subscription).where(_s.state != Standing.ENDED).order_by(_s.id)).all()


def address(c: sa.Connection, told: Iterable[tuple[int, Happening]], subscriptions: Sequence[Any], now: datetime) -> int:
    """Make the rows of the subscriptions that notices match, in the order of the notices; gives how many."""
    rows = [
        {"notice_id": number, "subscription_id": one.id, "state": Delivery.WAITING.value, "attempts": 0, "next_at": due(one.channel, now)}
        for number, happened in told
        for one in subscriptions
        if matches(one, happened, number)
    ]
    if rows:
        c.execute(sa.insert(notice_delivery), rows)
    return len(rows)


def matches(one: Any, happened: Happening, number: int) -> bool:
    """Tell whether a subscription (its row) is to get a notice: by its filters, and by what was before it was made."""
    if one.after_notice != CATCH_UP and (number <= one.after_notice or happened.at < one.made_at):
        return False
    return CORRECTS.get(happened.event, happened.event) in one.events and passes(one, happened)


def passes(one: Any, happened: Happening) -> bool:
    """Tell whether something meets a subscription's filters; letters' case is passed over, and an instrument covers its modes."""
    wanted, instrument = one.instrument.casefold(), happened.instrument.casefold()
    return (
        one.program in ("", happened.program)
        and one.target.casefold() in ("", happened.target.casefold())
        and (wanted in ("", instrument) or instrument.startswith(f"{wanted}/"))
    )


def due(channel: str, now: datetime) -> datetime:
    """Give when something that comes now is to be told: at once, or at the end of the day (UTC)."""
    if channel != Channel.DAILY:
        return now
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def look_at(release: datetime | None, now: datetime) -> datetime:
    """Give when to look again at something withheld: when its description is everybody's, if that is before the next look."""
    soon = now + LOOK_AGAIN
    return soon if release is None or release <= now else min(release, soon)


def happening(row: Any) -> Happening:
    """Read a notice's row."""
    return Happening(
        event=Event(row.event), observation_id=row.observation_id, version=row.version, at=row.at, program=row.program, target=row.target,
        instrument=row.instrument, facts=row.facts,
    )  # fmt: skip


def event_id(number: int) -> str:
    """Name a notice on the wire: the same one always by the same name."""
    return f"evt-{number}"


def document(number: int, told: Happening) -> dict[str, Any]:
    """Give a notice as its receivers read it: ``id, event, observation_id, version, program, target, instrument, at`` and facts."""
    return {
        "id": event_id(number), "event": told.event.value, "observation_id": told.observation_id, "version": told.version,
        "program": told.program, "target": told.target, "instrument": told.instrument, "at": iso(told.at), **told.facts,
    }  # fmt: skip


def owner_of(asker: Requester) -> str:
    """Give the name under which somebody's subscriptions stand."""
    return f"{STAFF}{asker.name}"[:64] if asker.kind is Kind.STAFF else asker.name


def as_owner(c: sa.Connection, owner: str, now: datetime) -> Requester | None:
    """Give who owns a subscription, with the rights of this moment; None when there is no such account or person any more.

    It lives with the account, not with a token: data become public long after the tokens of their day have ended.
    """
    if owner.startswith(STAFF):
        name = owner.removeprefix(STAFF)
        role = c.execute(sa.select(people.c.role).where(people.c.name == name)).scalar()
        return None if role is None else Requester(name=name, kind=Kind.STAFF, everything=Role.named(role) >= Role.OPERATOR)
    row = c.execute(sa.select(account).where(account.c.name == owner, account.c.closed_at.is_(None))).one_or_none()
    if row is None:
        return None
    return Requester(
        name=owner, kind=Kind(row.kind), programs=programs_of(c, owner, now), everything=row.kind == Kind.PARTNER and row.files == "all"
    )
