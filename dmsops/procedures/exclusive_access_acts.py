"""What P18 does: change or release exclusive access, let an account in or end that; shown first, then held against what was shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import time_of
from dmsops.core.counting import counted, fitting
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, Failed, NotFound, Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.distribution import accounts, endings, grants
from dmsops.distribution.access import Scope
from dmsops.flows import exclusive
from dmsops.procedures import exclusive_access as access

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
CHANGE, RELEASE, GRANT, REVOKE = "change", "release", "grant", "revoke"
ACTS = (CHANGE, RELEASE, GRANT, REVOKE)
_CHANGED = "whose the program's data are has changed since the preview: look again"
_SAME = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P18 is about.

    Attributes
    ----------
    act, program : str
        One of `ACTS`; an empty program: there is nothing to do.
    rows : tuple of dict
        What changes for each observation (``observation, combined, now, then, effect``), or for the account.
    facts : dict
        What is known, and (``then``) what would be done.
    stops : str
        What stands in the way, if something does.
    ticket : str
        Hash of what is shown.
    choice : dict
        What it acts on.
    """

    act: str
    program: str
    rows: tuple[Row, ...] = ()
    facts: Row = field(default_factory=dict)
    stops: str = ""
    ticket: str = ""
    choice: Row = field(default_factory=dict)


def order(
    ops: Ops,
    *,
    act: str = RELEASE,
    program: str = "",
    days: int = 365,
    account: str = "",
    kind: str = "guest",
    until: str = "",
    grant: int = 0,
) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        ``change`` (to ``days`` from archiving), ``release`` (no days), ``grant`` (let ``account`` in), ``revoke`` (end ``grant``).
    program : str
        Five digits; empty: the first one with something that is not public.
    until : str
        When a grant ends by itself: an ISO date or time (UTC); empty: with the exclusive access.

    Raises
    ------
    BadInput
        The act is not known, or a value cannot be used.
    NotFound
        There is no such program, account or grant.
    """
    if act not in ACTS:
        raise BadInput(f"'{act[:40]}' is no act of P18: {', '.join(ACTS)} are", field="act")
    found = access.chosen(ops, program)
    if not found:
        return Order(act=act, program="", facts={"then": "nothing of any program is under exclusive access"}, stops="name a program")
    if act == GRANT:
        return _grant(ops, found, account, kind, time_of(until, "until") if until else None)
    return _revoke(ops, found, grant) if act == REVOKE else _change(ops, act, found, 0 if act == RELEASE else days)


def _change(ops: Ops, act: str, program: str, days: int) -> Order:
    seen = exclusive.preview(ops, program, days)
    rows = tuple(_row(item, seen.at) for item in seen.items)
    facts = {
        "days_now": "what its category gives" if seen.days_now is None else seen.days_now, "days_then": days,
        "for_the_public": ", ".join(f"{number} {effect}" for effect, number in seen.counts().items()) or "nothing changes",
    }  # fmt: skip
    stops = "" if rows or seen.days_now != days else "it is so already"
    return Order(act=act, program=program, rows=rows, facts=facts, stops=stops, ticket=seen.hash, choice={"days": days})


def _row(item: exclusive.Item, at: datetime) -> Row:
    return {"observation": item.observation_id, "combined": item.combined, "now": item.now, "then": item.then, "effect": item.effect(at)}


def _good(ops: Ops, program: str) -> list[Row]:
    return [row for row in access.let_in(ops, program) if row["state"] == "good"]


def _grant(ops: Ops, program: str, account: str, kind: str, until: datetime | None) -> Order:
    if kind not in grants.KINDS:
        raise BadInput(f"field 'kind': '{kind[:40]}' is none of {', '.join(grants.KINDS)}", field="kind")
    if until is not None and until <= ops.clock.now():
        raise BadInput(f"field 'until': {until:%Y-%m-%d %H:%M} is past", field="until")
    with reading(ops.db) as c:
        person = accounts.need_account(c, account)
    there = [row for row in _good(ops, program) if row["account"] == account]
    same = any((row["kind"], row["until"]) == (kind, until) for row in there)
    row = {"account": account, "person": person.display_name, "email": person.email, "kind": kind, "until": until}
    may = "may read what is not public yet, and let others in" if kind == "pi" else "may read what is not public yet"
    reads = Scope.READ in access.as_account(ops, account).scopes
    facts = {
        "has_already": [f"{one['kind']} (grant {one['id']})" for one in there], "has_a_good_token": reads, "then": f"{account} {may}"
    }  # fmt: skip
    ticket = ticket_of([GRANT, program, row, sorted(one["id"] for one in there)])
    choice = {"account": account, "kind": kind, "until": until}
    stops = f"{account} has just that already" if same else ""
    return Order(act=GRANT, program=program, rows=(row,), facts=facts, stops=stops, ticket=ticket, choice=choice)


def _revoke(ops: Ops, program: str, number: int) -> Order:
    good = _good(ops, program)
    row = next((one for one in good if one["id"] == number), None)
    if row is None:
        remedy = "`dmsops accounts grants` lists them (procedure P18)."
        raise NotFound(f"there is no grant {number} of program {program}, or it has ended", remedy=remedy, grant=number)
    shown = {name: row[name] for name in ("account", "person", "email", "kind", "until")}
    seen = endings.preview(ops, endings.Act.END_GRANT, number)
    left = f"it has grant {seen.others[0]} still" if seen.others else "what is not public is not given any more"
    facts = {"grant": number, "reason_then": row["reason"], "then": f"the grant of {row['account']} ends at once; {left}"}
    choice = {"grant": number, "account": row["account"]}
    return Order(act=REVOKE, program=program, rows=(shown,), facts=facts, ticket=seen.hash, choice=choice)


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; the verb that is called records it.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        No reason is given.
    Refused, StalePlan
        Something stands in the way, or it is not as it was in the preview.
    """
    require(ops.operator, Role.LEAD, f"P18 {asked.act}")
    need_reason(f"P18 {asked.act}", reason)
    if asked.stops:
        raise Refused(f"P18 {asked.act} does nothing: {asked.stops}")
    if asked.act in (CHANGE, RELEASE):
        done = exclusive.change(ops, asked.program, asked.choice["days"], ticket=ticket, reason=reason)
        failed = [f"{name} could not be: {why} (P15)" for name, why in done.failed]
        again = counted(len(done.done), "observation is", "observations are")
        return {"act": asked.act, "result": "; ".join([f"{again} described again", *failed])}
    given = asked.choice
    if asked.act == REVOKE:
        endings.end(ops, endings.Act.END_GRANT, given["grant"], ticket=ticket, reason=reason)
        return {"act": asked.act, "result": f"grant {given['grant']} of {given['account']} has ended"}
    now = _grant(ops, asked.program, given["account"], given["kind"], given["until"])
    need_ticket(ticket, now.ticket, _CHANGED)
    number = grants.grant(ops, given["account"], asked.program, kind=given["kind"], until=given["until"], reason=reason)
    return {"act": asked.act, "result": f"grant {number}: {given['account']} is let in"}


def verify(ops: Ops, asked: Order, done: Row) -> list[Row]:
    """Hold what is so now against what was shown: each observation's release, or the account's grants.

    Returns
    -------
    list of dict
        ``what, shown, now, as_shown``.

    Raises
    ------
    Failed
        Something was done, and it is not as it was shown.
    """
    rows = _releases(ops, asked) if asked.act in (CHANGE, RELEASE) else _grants(ops, asked)
    wrong = [row for row in rows if not row["as_shown"]]
    if done and wrong:
        said = f"{len(wrong)} of {len(rows)} {fitting(len(wrong), 'is', 'are')} not as shown, the first is {wrong[0]['what']}"
        raise Failed(said, remedy="Give the same change again; what cannot be described again is an ingest error (P15).")
    return rows


def _releases(ops: Ops, asked: Order) -> list[Row]:
    now = {row["observation"]: row["released"] for row in access.observations(ops, asked.program)}
    return [_held_against(row["observation"], row["then"], now.get(row["observation"])) for row in asked.rows]


def _held_against(what: str, shown: datetime, now: datetime | None) -> Row:
    return {"what": what, "shown": shown, "now": now, "as_shown": now is not None and abs(now - shown) <= _SAME}


def _grants(ops: Ops, asked: Order) -> list[Row]:
    if not asked.rows:
        return []
    account, wanted = asked.choice["account"], asked.act == GRANT
    mine = [row for row in _good(ops, asked.program) if row["account"] == account]
    if wanted:
        there = any((row["kind"], row["until"]) == (asked.choice["kind"], asked.choice["until"]) for row in mine)
    else:
        there = any(row["id"] == asked.choice["grant"] for row in mine)
    words = {True: "let in", False: "not let in"}
    return [{"what": account, "shown": words[wanted], "now": words[there], "as_shown": there == wanted}]
