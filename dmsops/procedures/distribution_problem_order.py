"""What P17 would do: one act on one case, with its ticket, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import finding_queries
from dmsops.archive.tables import observation
from dmsops.catalogue.naming import observation_uri
from dmsops.core.counting import counted
from dmsops.core.db import mappings
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.tickets import ticket_of
from dmsops.distribution import accounts, endings, notice_queries, partners, staging, subscription_acts
from dmsops.distribution.tables import notice_delivery, partner_refusal
from dmsops.flows import repairs
from dmsops.procedures import distribution_problem as problem
from dmsops.wfsc import queries as wavefront
from dmsops.wfsc import resend as resending

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
SUBSCRIPTIONS = ("resume", "retry", "again", "end")
ACTS = (*SUBSCRIPTIONS, "skip", "close-refusal", "announce", "resend", "lay-ready", "revoke")
NAMED = ("again", "end", "skip", "announce", "revoke")
"""Acts whose case must be named: no list says that they are wanted."""
ANNOUNCE = "announce"
_DONE = {
    "resume": ("is told in its order", "are told in their order"), "retry": ("is tried now", "are tried now"),
    "end": ("is dropped", "are dropped"), "again": ("is told once more", "are told once more"),
}  # fmt: skip
_WANTED = {"resume": "active", "retry": "active", "end": "ended"}
_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P17 is about.

    Attributes
    ----------
    act, case : str
        One of `ACTS`, and what it is done to; an empty case: there is nothing to do.
    facts : dict
        What is known of the case, and (``then``) what would be done.
    stops : str
        What stands in the way, if something does.
    ticket : str
        Hash of what is shown; empty when nothing would be done.
    wanted : tuple
        A fact of the case and its value once the act is done.
    findings : tuple of int
        The doctor's findings that an announcement mends.
    """

    act: str
    case: str = ""
    facts: Row = field(default_factory=dict)
    stops: str = ""
    ticket: str = ""
    after: int = 0
    wanted: tuple[str, Any] = ("", None)
    findings: tuple[int, ...] = ()


def order(ops: Ops, *, act: str = "resume", case: str = "", after: int = 0) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    act : str
        One of `ACTS`.
    case : str
        Number of a subscription, delivery or refusal; name of a hand-over, large request, observation or account. Empty: the first
        case on the list that the act is for.
    after : int
        To tell again: number of the last event that the receiver has.

    Raises
    ------
    BadInput
        The act is not known, or its case must be named.
    NotFound, BadTransition
        There is no such case, or its state does not allow the act.
    """
    if act not in ACTS:
        raise BadInput(f"'{act[:40]}' is no act of P17: {', '.join(ACTS)} are", field="act")
    if act in NAMED and not case:
        raise BadInput(f"'{act}' needs to know on what: give the case", field="case")
    chosen = case or problem.first(ops, act)
    return _LOOKS[act](ops, act, chosen, after) if chosen else Order(act=act, facts={"then": "there is nothing that it is for"})


def number(case: str) -> int:
    """Read a case that is a number; raises `BadInput`."""
    if not (case.isascii() and case.isdigit() and len(case) <= _DIGITS):
        raise BadInput(f"field 'case': '{case[:40]}' is not a number", field="case")
    return int(case)


def _subscription(ops: Ops, act: str, case: str, after: int) -> Order:
    plan = subscription_acts.preview(ops, act, [number(case)], after=after)
    (item,) = plan.items
    one, many = _DONE[act]
    facts = {**_told(ops, case), "then": f"it is {item['to']}; {counted(item['notices'], f'notice {one}', f'notices {many}')}"}
    wanted = ("state", _WANTED.get(act, item["state"]))
    return Order(act=act, case=case, facts=facts, ticket=plan.hash, after=after, wanted=wanted)


def _told(ops: Ops, case: str) -> Row:
    found = notice_queries.show(ops, number(case))
    names = ("owner", "channel", "place", "state", "failing_since", "waiting", "error")
    return {"subscription": found["id"], **{name: found[name] for name in names}}


def _delivery(ops: Ops, act: str, case: str, _after: int) -> Order:
    found = subscription_acts.preview_skip(ops, number(case))
    behind = counted(found.behind, "notice behind it goes", "notices behind it go")
    then = f"subscription {found.subscription} is not told {found.event} of {found.observation_id}; {behind} on"
    facts = {**_skipped(ops, case), "error": found.error, "then": then}
    return Order(act=act, case=case, facts=facts, ticket=found.hash, wanted=("state", "skipped"))


def _skipped(ops: Ops, case: str) -> Row:
    columns = (notice_delivery.c.id.label("delivery"), notice_delivery.c.subscription_id.label("subscription"), notice_delivery.c.state)
    return mappings(ops.db, sa.select(*columns).where(notice_delivery.c.id == number(case)))[0]


def _refusal(ops: Ops, act: str, case: str, _after: int) -> Order:
    plan = partners.preview_close(ops, [number(case)])
    facts = {**_refused(ops, case), "then": "it is closed; told again, it is open again"}
    return Order(act=act, case=case, facts=facts, ticket=plan.hash, wanted=("state", partners.CLOSED))


def _refused(ops: Ops, case: str) -> Row:
    names = ("partner", "uri", "reason", "times", "first_at", "last_at", "state", "closed_by", "closed_reason")
    columns = [partner_refusal.c[name] for name in names]
    return {"refusal": number(case), **mappings(ops.db, sa.select(*columns).where(partner_refusal.c.id == number(case)))[0]}


def _announcement(ops: Ops, act: str, case: str, _after: int) -> Order:
    facts = _observation(ops, case)
    then = f"version {facts['version'] + 1} is told to partners and subscribers, the same as version {facts['version']}"
    wanted = ("version", facts["version"] + 1)
    rows = [row for row in finding_queries.findings(ops, prefix=case, fixable=True) if _announces(row, case)]
    if not rows:
        ticket = ticket_of([act, case, facts])
        return Order(act=act, case=case, facts={**facts, "then": then}, ticket=ticket, wanted=wanted)
    numbers = tuple(sorted(row["id"] for row in rows))
    plan = repairs.preview(ops, numbers)
    facts |= {"findings": numbers, "then": plan.rows[0].change if plan.rows else "nothing"}
    stops = "" if plan.rows else plan.untouched[0].why
    return Order(act=act, case=case, facts=facts, stops=stops, ticket=plan.hash, wanted=wanted, findings=numbers)


def _announces(row: Row, observation_id: str) -> bool:
    return bool(row["fix"] == ANNOUNCE and row["observation_id"] == observation_id)


def _observation(ops: Ops, case: str) -> Row:
    o = observation.c
    found = mappings(ops.db, sa.select(o.id, o.collection, o.state, o.version, o.changed_at).where(o.id == case))
    if not found:
        raise NotFound(f"the archive has no observation '{case[:120]}'", remedy="`dmsops archive observations` names them (procedure P16).")
    row = found[0]
    mine = observation_uri(row.pop("collection"), case)
    told = [one["partner"] for one in problem.refusals(ops) if one["uri"] == mine]
    return {"observation": row.pop("id"), **row, "refused_by": told}


def _handover(ops: Ops, act: str, case: str, _after: int) -> Order:
    found = resending.preview(ops, case)
    again = counted(len(found.files), "file is", "files are")
    facts = {**_handed(ops, case), "then": f"{again} handed over again; it is not delivered until WSS answers anew"}
    stops = f"the store lacks {', '.join(found.lacking)}: P08 makes it again first" if found.lacking else ""
    return Order(act=act, case=case, facts=facts, stops=stops, ticket=found.hash, wanted=("state", problem.ACKNOWLEDGED))


def _handed(ops: Ops, case: str) -> Row:
    row = next(row for row in wavefront.deliveries(ops) if row["id"] == case)
    names = ("visit", "state", "sent_at", "acknowledged_at", "answered_by", "reason")
    return {"hand_over": row["id"], **{name: row[name] for name in names}}


def _large(ops: Ops, act: str, case: str, _after: int) -> Order:
    facts = request(ops, case)
    stops = "" if facts["state"] == staging.REQUESTED else f"it is {facts['state']}: its owner makes a new one"
    facts |= {"then": f"{counted(facts['files'], 'file is', 'files are')} looked at and kept ready"}
    return Order(act=act, case=case, facts=facts, stops=stops, ticket=ticket_of([act, facts]), wanted=("state", staging.READY))


def request(ops: Ops, case: str) -> Row:
    """Give a large request as it is now; raises `NotFound`."""
    row = next((row for row in staging.requests(ops, limit=10_000) if row["id"] == case), None)
    if row is None:
        raise NotFound(f"there is no large request '{case[:40]}'", remedy="P17 lists them.", request=case[:40])
    return {"request": row.pop("id"), **row}


def _account(ops: Ops, act: str, case: str, _after: int) -> Order:
    facts = _tokens(ops, case)
    stops = "" if facts["good_tokens"] else "no token of it is good"
    facts |= {"then": "they are void at once; the account, its grants and its subscriptions stay"}
    ticket = "" if stops else endings.preview(ops, endings.Act.REVOKE, case).hash
    return Order(act=act, case=case, facts=facts, stops=stops, ticket=ticket, wanted=("good_tokens", []))


def _tokens(ops: Ops, case: str) -> Row:
    row = next((row for row in accounts.accounts(ops) if row["name"] == case), None)
    if row is None:
        raise NotFound(f"there is no account '{case[:80]}'", remedy="`dmsops accounts list` names them (procedure P18).", account=case[:80])
    good = sorted(one["id"] for one in accounts.tokens(ops, case) if one["good"])
    return {"account": case, "kind": row["kind"], "email": row["email"], "closed_at": row["closed_at"], "good_tokens": good}


_LOOKS: dict[str, Callable[[Ops, str, str, int], Order]] = {
    **dict.fromkeys(SUBSCRIPTIONS, _subscription), "skip": _delivery, "close-refusal": _refusal, ANNOUNCE: _announcement,
    "resend": _handover, "lay-ready": _large, "revoke": _account,
}  # fmt: skip
STANDS: dict[str, Callable[[Ops, str], Row]] = {
    **dict.fromkeys(SUBSCRIPTIONS, _told), "skip": _skipped, "close-refusal": _refused, ANNOUNCE: _observation, "resend": _handed,
    "lay-ready": request, "revoke": _tokens,
}  # fmt: skip
"""How the case of each act stands now."""
