"""What a person says about findings: it is worked on, it is accepted as it is, it is open again; looked at first, then done by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.finding_states import ACTS, TRANSITIONS, FindingState, target
from dmsops.archive.tables import finding, finding_event
from dmsops.core import journal
from dmsops.core.clock import iso
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = finding.c
_MOST = 5000
_DONE = {"acknowledge": "acknowledged", "waive": "waived", "reopen": "reopened"}
_WORDS = {
    "acknowledge": "a person works on it; it stays on the list",
    "waive": "it is accepted as it is{until}, and opens again when something else is seen there",
    "reopen": "it is open again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One finding that something would be said about."""

    finding: int
    check: str
    uri: str
    state: str
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingDecision:
    """What would be said about some findings; ``hash`` is the ticket for doing it, ``until`` when a waiver ends by itself."""

    verb: str
    words: str
    items: tuple[Said, ...]
    until: datetime | None = None
    hash: str = ""

    def signed(self) -> FindingDecision:
        """Give it with the hash of what it says."""
        return replace(self, hash=ticket_of([self.verb, self.until, [[i.finding, i.state, i.observed] for i in self.items]]))


def preview(ops: Ops, verb: str, ids: Sequence[int], *, until: datetime | None = None) -> FindingDecision:
    """Say what acknowledging, waiving or reopening findings means; nothing changes.

    Parameters
    ----------
    verb : str
        ``acknowledge``, ``waive`` or ``reopen``.
    ids : sequence of int
        The findings' numbers, at most 5,000.
    until : datetime, optional
        When a waiver ends: an audit that finds the same later opens it again.

    Raises
    ------
    BadInput
        There is no such verb, no or too many findings are named, or the end is past, or not of a waiver.
    NotFound
        There is no such finding.
    BadTransition
        The verb does not apply to one of them.
    """
    with reading(ops.db) as c:
        return _look(c, ops, verb, ids, until)


def _look(c: sa.Connection, ops: Ops, verb: str, ids: Sequence[int], until: datetime | None) -> FindingDecision:
    if verb not in ACTS:
        raise BadInput(f"'{verb}' is nothing to say about a finding: {', '.join(ACTS)}", field="verb")
    if not 0 < len(ids) <= _MOST:
        raise BadInput(f"{len(ids)} findings are named; name between 1 and {_MOST}", field="findings")
    if until is not None and (verb != "waive" or until <= ops.clock.now()):
        why = f"{until:%Y-%m-%d %H:%M} is past" if verb == "waive" else "only a waiver has an end"
        raise BadInput(f"field 'until': {why}", field="until")
    rows = {row.id: row for row in c.execute(sa.select(finding).where(_f.id.in_(ids)))}
    items = []
    for number in dict.fromkeys(ids):
        row = rows.get(number)
        if row is None:
            raise NotFound(f"there is no finding {number}", remedy="`dmsops doctor findings` lists them (procedure P16).", finding=number)
        target(verb, FindingState(row.state), number)
        items.append(Said(finding=number, check=row.check, uri=row.uri, state=row.state, observed=row.observed))
    words = _WORDS[verb].format(until=f" until {until:%Y-%m-%d %H:%MZ}" if until else "")
    return FindingDecision(verb=verb, words=words, items=tuple(items), until=until).signed()


def decide(
    ops: Ops, verb: str, ids: Sequence[int], *, ticket: str, reason: str, until: datetime | None = None
) -> FindingDecision:  # fmt: skip
    """Do what was looked at, all of it or nothing.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given; as `preview`.
    StalePlan
        Something else has become of the findings since.
    """
    require(ops.operator, Role.OPERATOR, f"doctor {verb}")
    need_reason(f"doctor {verb}", reason)
    return transact(ops.db, lambda c: _decide(c, ops, _look(c, ops, verb, ids, until), ticket, reason))


def _decide(c: sa.Connection, ops: Ops, seen: FindingDecision, ticket: str, reason: str) -> FindingDecision:
    need_ticket(ticket, seen.hash, "the findings have changed since the preview: look again")
    state, now, actor = TRANSITIONS[seen.verb][1].value, ops.clock.now(), ops.operator.name
    numbers = [item.finding for item in seen.items]
    reopened = {"times": _f.times + 1} if seen.verb == "reopen" else {}
    c.execute(sa.update(finding).where(_f.id.in_(numbers)).values(state=state, waived_until=seen.until, **reopened))
    event: dict[str, Any] = {"state": state, "actor": actor, "reason": reason, "at": now}
    c.execute(sa.insert(finding_event), [{"finding_id": number, **event} for number in numbers])
    ends = {"until": iso(seen.until)} if seen.until else {}
    lines = [
        journal.Line(
            event=f"finding.{_DONE[seen.verb]}", target=item.uri[:200], actor=actor, reason=reason,
            facts={"finding": item.finding, "check": item.check, "observed": item.observed[:200], "plan": seen.hash, **ends},
        )
        for item in seen.items
    ]  # fmt: skip
    journal.write_all(c, ops.clock, lines)
    return seen
