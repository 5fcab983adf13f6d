"""What a person decides about files that were asked for: ask once more, or wait no longer; looked at first, then done by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import outbox
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.receipt import requests

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One request, and what would be done with it: ``ask again`` or ``close``; ``words`` say what follows."""

    rerequest: int
    delivery: str
    name: str
    verb: str
    times: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What would be done with some requests; ``hash`` is the ticket for doing it."""

    items: tuple[Decided, ...]
    hash: str = ""

    def signed(self) -> Decision:
        """Give it with the hash of what it does."""
        facts = [[i.rerequest, i.verb, i.times] for i in self.items]
        return replace(self, hash=ticket_of(facts))


def plan(ops: Ops, *, ask: Sequence[int] = (), close: Sequence[int] = ()) -> Decision:
    """Say what would be done with these requests (by their numbers); nothing changes.

    Raises
    ------
    BadInput
        A request is to be both asked again and closed.
    NotFound
        There is no such request.
    BadTransition
        It is closed already.
    """
    with reading(ops.db) as c:
        return _plan(c, ops, ask, close)


def _plan(c: sa.Connection, ops: Ops, ask: Sequence[int], close: Sequence[int]) -> Decision:
    both = sorted(set(ask) & set(close))
    if both:
        raise BadInput(f"re-request {both[0]} cannot be asked again and closed", field="close")
    items = []
    for number in dict.fromkeys([*ask, *close]):
        row = requests.open_request(c, number)
        verb = "ask again" if number in ask else "close"
        again = f"asked for the {row.times + 1}. time, wanted within {counted(ops.settings.rerequest_minutes, 'minute', form='g')}"
        words = again if verb == "ask again" else f"nobody waits for it any more; it was asked for {counted(row.times, 'time')}"
        items.append(Decided(rerequest=number, delivery=row.delivery_id, name=row.name, verb=verb, times=row.times, words=words))
    return Decision(items=tuple(items)).signed()


def decide(ops: Ops, *, ticket: str, reason: str, ask: Sequence[int] = (), close: Sequence[int] = ()) -> Decision:
    """Do what was looked at, all of it or nothing.

    Parameters
    ----------
    ticket : str
        Hash of the preview.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        Something has become of the requests since.
    FilesRefused
        The file system refused a message; it is written down, and the next call lays it out.
    """
    require(ops.operator, Role.OPERATOR, "receipt decide")
    need_reason("receipt decide", reason)
    with ops.db.begin() as c:
        planned = _plan(c, ops, ask, close)
        need_ticket(ticket, planned.hash, "the requests have changed since the preview: look again")
        requests.repeat(c, ops, [requests.open_request(c, i.rerequest) for i in planned.items if i.verb == "ask again"], reason=reason)
        for item in planned.items:
            if item.verb == "close":
                requests.close(c, ops, requests.open_request(c, item.rerequest), reason)
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return planned
