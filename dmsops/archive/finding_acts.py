"""What a person says about findings: it is worked on, it is accepted as it is, it is open again; looked at first, then done by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.finding_states import ACTS, TRANSITIONS, FindingState, target
from dmsops.archive.tables import finding, finding_event
from dmsops.core import journal
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
    "waive": "it is accepted as it is, and opens again when something else is seen there",
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
    """What would be said about some findings; ``hash`` is the ticket for doing it."""

    verb: str
    words: str
    items: tuple[Said, ...]
    hash: str = ""

    def signed(self) -> FindingDecision:
        """Give it with the hash of what it says."""
        return replace(self, hash=ticket_of([self.verb, [[i.finding, i.state, i.observed] for i in self.items]]))


def preview(ops: Ops, verb: str, ids: Sequence[int]) -> FindingDecision:
    """Say what acknowledging, waiving or reopening findings means; nothing changes.

    Parameters
    ----------
    verb : str
        ``acknowledge``, ``waive`` or ``reopen``.
    ids : sequence of int
        The findings' numbers, at most 5,000.

    Raises
    ------
    BadInput
        There is no such verb, or no or too many findings are named.
    NotFound
        There is no such finding.
    BadTransition
        The verb does not apply to one of them.
    """
    with reading(ops.db) as c:
        return _look(c, verb, ids)


def _look(c: sa.Connection, verb: str, ids: Sequence[int]) -> FindingDecision:
    if verb not in ACTS:
        raise BadInput(f"'{verb}' is nothing to say about a finding: {', '.join(ACTS)}", field="verb")
    if not 0 < len(ids) <= _MOST:
        raise BadInput(f"{len(ids)} findings are named; name between 1 and {_MOST}", field="findings")
    rows = {row.id: row for row in c.execute(sa.select(finding).where(_f.id.in_(ids)))}
    items = []
    for number in dict.fromkeys(ids):
        row = rows.get(number)
        if row is None:
            raise NotFound(f"there is no finding {number}", remedy="`dmsops doctor findings` lists them (procedure P16).", finding=number)
        target(verb, FindingState(row.state), number)
        items.append(Said(finding=number, check=row.check, uri=row.uri, state=row.state, observed=row.observed))
    return FindingDecision(verb=verb, words=_WORDS[verb], items=tuple(items)).signed()


def decide(ops: Ops, verb: str, ids: Sequence[int], *, ticket: str, reason: str) -> FindingDecision:
    """Do what was looked at, all of it or nothing.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        Something else has become of the findings since.
    """
    require(ops.operator, Role.OPERATOR, f"doctor {verb}")
    need_reason(f"doctor {verb}", reason)
    return transact(ops.db, lambda c: _decide(c, ops, verb, ids, ticket, reason))


def _decide(c: sa.Connection, ops: Ops, verb: str, ids: Sequence[int], ticket: str, reason: str) -> FindingDecision:
    seen = _look(c, verb, ids)
    need_ticket(ticket, seen.hash, "the findings have changed since the preview: look again")
    state, now, actor = TRANSITIONS[verb][1].value, ops.clock.now(), ops.operator.name
    numbers = [item.finding for item in seen.items]
    reopened = {"times": _f.times + 1} if verb == "reopen" else {}
    c.execute(sa.update(finding).where(_f.id.in_(numbers)).values(state=state, **reopened))
    event: dict[str, Any] = {"state": state, "actor": actor, "reason": reason, "at": now}
    c.execute(sa.insert(finding_event), [{"finding_id": number, **event} for number in numbers])
    lines = [
        journal.Line(
            event=f"finding.{_DONE[verb]}", target=item.uri[:200], actor=actor, reason=reason,
            facts={"finding": item.finding, "check": item.check, "observed": item.observed[:200], "plan": seen.hash},
        )
        for item in seen.items
    ]  # fmt: skip
    journal.write_all(c, ops.clock, lines)
    return seen
