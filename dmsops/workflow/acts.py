"""Acts of people: plan, preview, apply with the plan's hash, a reason, and where a verb wants it a second person.

Looking changes nothing and is logged nowhere. An act is one transaction: its steps, their journal lines and its row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role, require
from dmsops.core.tickets import need_reason
from dmsops.workflow.choose import Selection, rows
from dmsops.workflow.plan import Plan
from dmsops.workflow.tables import command
from dmsops.workflow.verb import Params, Verb, verb_named, verbs

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = ["Receipt", "Verb", "act", "agree", "asked", "may", "preview", "recent", "verb_named", "verbs", "waiting", "withdraw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an act: ``applied``, or ``asked`` while a second person is awaited; with its number and journal line."""

    plan: Plan
    state: str
    command: int
    seq: int


def preview(ops: Ops, name: str, selection: Selection, **params: Any) -> Plan:
    """Say what a verb would do; nothing changes, nothing is logged.

    Raises
    ------
    BadInput
        Nothing was chosen, or a parameter does not fit.
    NotFound
        A step number is not on this site.
    """
    verb = verb_named(name)
    unknown = sorted(set(params) - set(verb.params))
    if unknown:
        raise BadInput(f"'{name}' takes no {unknown[0]}; it takes {', '.join(verb.params) or 'nothing more'}", field=unknown[0])
    given = {k: v for k, v in params.items() if v}
    with reading(ops.db) as c:
        return _signed(c, verb, verb.plan(c, ops, selection, given), given)


def _signed(c: sa.Connection, verb: Verb, draft: Plan, given: Params) -> Plan:
    whole = replace(draft, verb=verb.name, params={**draft.params, **given}, second=verb.second)
    before = sa.select(sa.func.count()).select_from(command).where(command.c.verb == verb.name, command.c.state == "applied")
    return whole.signed(0 if whole.again else int(c.execute(before).scalar() or 0))


def act(ops: Ops, name: str, selection: Selection, *, ticket: str, reason: str, **params: Any) -> Receipt:
    """Do what was previewed.

    Parameters
    ----------
    ticket : str
        Hash of the plan that the person saw.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The person may only look.
    StalePlan
        The site has changed since the preview: the plan made now is another one.
    Refused
        Nothing would be changed.
    """
    verb = verb_named(name)
    _may(ops, verb, reason)
    planned = preview(ops, name, selection, **params)
    _same(ops, planned, ticket)
    if verb.second:
        return _ask(ops, planned, selection, reason)
    with ops.db.begin() as c:
        row = _record(c, ops, planned, selection, reason, state="applied")
        seq = _carry_out(c, ops, verb, planned, reason, selection)
    return Receipt(plan=planned, state="applied", command=row, seq=seq)


def may(person: Person, name: str) -> None:
    """Let pass only who may do a verb; raises `NotAllowed`."""
    require(person, Role.OPERATOR, f"workflow {name}")


def _may(ops: Ops, verb: Verb, reason: str) -> None:
    may(ops.operator, verb.name)
    need_reason(verb.name, reason)


def _same(ops: Ops, planned: Plan, ticket: str) -> None:
    if ticket != planned.hash:
        with reading(ops.db) as c:
            earlier = c.execute(sa.select(command).where(command.c.plan == ticket, command.c.state == "applied")).one_or_none()
        words = "the site has changed since the preview: the plan is another one now"
        if earlier is not None:
            words = f"this plan was applied already, by {earlier.actor} ({earlier.reason})"
        raise StalePlan(words, seen=ticket, now=planned.hash)
    if not planned.again and not planned.notes:
        raise Refused(f"'{planned.verb}' would change nothing here", untouched=[why for _, why in planned.untouched][:5])


def _ask(ops: Ops, planned: Plan, selection: Selection, reason: str) -> Receipt:
    with ops.db.begin() as c:
        there = c.execute(sa.select(command).where(command.c.plan == planned.hash)).one_or_none()
        if there is not None and there.state == "asked":
            raise Refused(
                f"'{planned.verb}' waits for a second person: {there.actor} asked for it",
                remedy=f"Somebody else reads and agrees: dmsops workflow agree {there.id} --reason TEXT (procedure P09).",
                command=there.id,
            )
        row = _record(c, ops, planned, selection, reason, state="asked")
        seq = journal.write(
            c, ops.clock, f"{planned.verb}.asked", counted(len(planned.again), "step"), actor=ops.operator.name, reason=reason,
            outcome="asked", plan=planned.hash, command=row,
        )  # fmt: skip
    return Receipt(plan=planned, state="asked", command=row, seq=seq)


def agree(ops: Ops, number: int, *, reason: str) -> Receipt:
    """Agree, as the second person, to an act that was asked for: it is done now.

    Raises
    ------
    Refused
        The one who asked cannot agree; or it is not waiting any more.
    StalePlan
        The site has changed since it was asked for; it must be asked for again.
    """
    row = waiting(ops, number)
    verb = verb_named(row.verb)
    _may(ops, verb, reason)
    if ops.operator.name == row.actor:
        raise Refused(f"'{verb.name}' needs a second person: {row.actor} asked for it", remedy="Somebody else must agree (procedure P09).")
    selection = Selection.of(row.selection)
    planned = preview(ops, verb.name, selection, **row.params)
    if planned.hash != row.plan:
        _close(ops, number, "stale")
        raise StalePlan("the site has changed since this was asked for; ask again", seen=row.plan, now=planned.hash)
    with ops.db.begin() as c:
        closed = {"state": "applied", "second": ops.operator.name, "ended_at": ops.clock.now()}
        if not c.execute(sa.update(command).where(command.c.id == number, command.c.state == "asked").values(closed)).rowcount:
            raise Refused(f"act {number} is not waiting any more")
        seq = _carry_out(c, ops, verb, planned, f"{row.reason}; agreed: {reason}", selection, asked_by=row.actor)
    return Receipt(plan=planned, state="applied", command=number, seq=seq)


def withdraw(ops: Ops, number: int, *, reason: str) -> None:
    """Take back an act that waits for a second person; anyone who may act may do it."""
    row = waiting(ops, number)
    _may(ops, verb_named(row.verb), reason)
    _close(ops, number, "withdrawn", reason)


def waiting(ops: Ops, number: int) -> Any:
    """Give the row of an act that waits for a second person; raises `NotFound`, or `Refused` when it does not wait any more."""
    with reading(ops.db) as c:
        row = c.execute(sa.select(command).where(command.c.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"there is no act {number}", remedy="`dmsops workflow asked` lists what waits for a second person (procedure P09).")
    if row.state != "asked":
        raise Refused(f"act {number} is not waiting for a second person: it is {row.state}")
    return row


def _close(ops: Ops, number: int, state: str, reason: str | None = None) -> None:
    with ops.db.begin() as c:
        waiting = sa.update(command).where(command.c.id == number, command.c.state == "asked")
        if c.execute(waiting.values(state=state, second=ops.operator.name, ended_at=ops.clock.now())).rowcount:
            journal.write(c, ops.clock, f"act.{state}", f"act {number}", actor=ops.operator.name, reason=reason)


def _record(c: sa.Connection, ops: Ops, planned: Plan, selection: Selection, reason: str, *, state: str) -> int:
    now = ops.clock.now()
    c.execute(sa.delete(command).where(command.c.plan == planned.hash, command.c.state.in_(("stale", "withdrawn"))))
    values = {
        "verb": planned.verb, "plan": planned.hash, "selection": selection.as_dict(), "params": planned.params,
        "steps": len(planned.again), "state": state, "actor": ops.operator.name, "reason": reason, "at": now,
        "ended_at": now if state == "applied" else None,
    }  # fmt: skip
    try:
        return int(c.execute(sa.insert(command).values(values)).inserted_primary_key[0])  # type: ignore[index]
    except sa.exc.IntegrityError:
        raise StalePlan("somebody else did this very thing a moment ago", seen=planned.hash) from None


def _carry_out(c: sa.Connection, ops: Ops, verb: Verb, planned: Plan, reason: str, selection: Selection, **facts: Any) -> int:
    _unmoved(c, planned.again)
    verb.do(c, ops, planned, reason)
    ids = [t.step_id for t in planned.again]
    return journal.write(
        c, ops.clock, verb.event, counted(len(ids), "step"), actor=ops.operator.name, reason=reason, plan=planned.hash, steps=ids,
        supersedes=list(planned.supersedes), selection=selection.as_dict(), params=planned.params, **facts,
    )  # fmt: skip


def _unmoved(c: sa.Connection, planned: Sequence[Any]) -> None:
    now = {r.id: r for r in rows(c, [t.step_id for t in planned])}
    for item in planned:
        row = now[item.step_id]
        if row.rev != item.rev:
            raise StalePlan(f"step {row.id} has moved since the preview: it is {row.state} now", step=row.id)


def asked(ops: Ops) -> list[dict[str, Any]]:
    """Give the acts that wait for a second person, oldest first."""
    with reading(ops.db) as c:
        query = sa.select(command).where(command.c.state == "asked").order_by(command.c.id)
        return [dict(r) for r in c.execute(query).mappings()]


def recent(ops: Ops, limit: int = 50, verbs: Collection[str] = ()) -> list[dict[str, Any]]:
    """Give the newest acts, newest first: who, when, what, why, second person."""
    query = sa.select(command).where(command.c.verb.in_(verbs) if verbs else sa.true()).order_by(command.c.id.desc()).limit(limit)
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(query).mappings()]
