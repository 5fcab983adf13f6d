"""Somebody's large request that staff ends: looked at first, done only as it was seen, and its owner reads why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, BadTransition, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.distribution.staging import BY_STAFF, ENDED, look_up
from dmsops.distribution.tables import account, staging

if TYPE_CHECKING:
    from dmsops.ops import Ops

LONGEST = staging.c.error.type.length - len(BY_STAFF)  # type: ignore[attr-defined]
"""Characters of a reason that an owner reads."""
VERB = "staging end"
REMEDY = "`dmsops staging list` shows the requests and how they stand (procedure P17)."
_a, _s = account.c, staging.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A request that would end.

    Attributes
    ----------
    owner, person : str
        The account, or ``staff:NAME``; and whose it is, as far as the account says.
    state : str
        As it is now: being laid ready (``requested``) or ``ready``.
    files, size : int
        What it holds, and its bytes.
    told : str
        What its owner reads of it from then on, with the reason that was given, or the place of one.
    """

    id: str
    owner: str
    person: str
    state: str
    files: int
    size: int
    made_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    told: str
    hash: str


def preview(ops: Ops, number: str, *, reason: str = "") -> Ending:
    """Show what would end, and what its owner would read; nothing changes.

    Raises
    ------
    NotFound
        There is no such request.
    BadTransition
        It has ended.
    BadInput
        The reason is too long to be read by its owner.
    """
    told = _told(reason)
    with reading(ops.db) as c:
        return replace(_look(c, ops, number), told=told)


def end(ops: Ops, number: str, *, ticket: str, reason: str) -> Ending:
    """End it, at once: laying ready stops, its files are not kept ready any more, and its owner reads the reason; gives what has ended.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        No reason is given, or one too long.
    NotFound, BadTransition
        As `preview`.
    StalePlan
        It is not as the preview with this ticket showed it.
    """
    require(ops.operator, Role.LEAD, VERB)
    need_reason(VERB, reason)
    told = _told(reason)

    def work(c: sa.Connection) -> Ending:
        seen = _look(c, ops, number)
        need_ticket(ticket, seen.hash, f"staged request {number} has changed since the preview", remedy=f"Look again: {REMEDY}")
        c.execute(sa.update(staging).where(_s.id == number).values(state=ENDED, expires_at=ops.clock.now(), error=told))
        facts: dict[str, Any] = {"owner": seen.owner, "was": seen.state, "files": seen.files, "bytes": seen.size}
        journal.write(c, ops.clock, "staging.ended", f"staged request {number}", actor=ops.operator.name, reason=reason, **facts)
        return replace(seen, told=told)

    return transact(ops.db, work)


def _told(reason: str) -> str:
    words = " ".join(reason.split())
    if len(words) > LONGEST:
        raise BadInput(
            f"the reason is shown to the request's owner and may have {LONGEST} characters, not {len(words)}", field="reason",
            remedy="Give it shorter, and write the rest to the owner (procedure P17).",
        )  # fmt: skip
    return BY_STAFF + (words or "(your reason)")


def _look(c: sa.Connection, ops: Ops, number: str) -> Ending:
    found = look_up(c, number, ops.clock.now())
    if found is None:
        raise NotFound(f"there is no staged request '{number[:40]}'", remedy=REMEDY, request=number[:40])
    if found.state == ENDED:
        raise BadTransition(f"staged request {number} has ended already", remedy=REMEDY, request=number)
    person = c.execute(sa.select(_a.display_name).where(_a.name == found.owner)).scalar() or ""
    seen = {name: getattr(found, name) for name in ("id", "owner", "state", "size", "made_at", "ready_at", "expires_at")}
    ticket = ticket_of([number, found.owner, found.state, found.size, list(found.uris)])
    return Ending(**seen, person=person, files=len(found.uris), told=BY_STAFF, hash=ticket)
