"""What P17 does: the act that was shown, done with its ticket, then held against what was wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dmsops.archive import holdings, mending
from dmsops.core import journal
from dmsops.core.counting import counted, fitting
from dmsops.core.db import transact
from dmsops.core.errors import Failed, Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket
from dmsops.distribution import endings, partners, staging, subscription_acts
from dmsops.flows import repairs
from dmsops.procedures.distribution_problem_order import ANNOUNCE, STANDS, Order, number, order, request
from dmsops.wfsc import resend as resending

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_CHANGED = "what is asked for is not as it was in the preview: look again"


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; the verb that is called records it.

    Raises
    ------
    NotAllowed
        The operator's role is below operator; below lead to end a subscription or to make tokens void.
    BadInput
        No reason is given.
    Refused, StalePlan
        Something stands in the way, or the case is not as it was in the preview.
    DeliveryRefused
        The wavefront team did not take a hand-over, or has not answered in time.
    """
    require(ops.operator, Role.OPERATOR, f"P17 {asked.act}")
    need_reason(f"P17 {asked.act}", reason)
    if not asked.case or asked.stops:
        raise Refused(f"P17 {asked.act} does nothing: {asked.stops or 'there is nothing that it is for'}")
    done = _ACTS.get(asked.act, _done_by_subscription)(ops, asked, ticket, reason)
    return {"act": asked.act, "case": asked.case, "result": done}


def _done_by_subscription(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    done = subscription_acts.apply(ops, asked.act, [number(asked.case)], ticket=ticket, reason=reason, after=asked.after)
    return f"subscription {asked.case} is {done.items[0]['to']}; {counted(done.items[0]['notices'], 'notice')}"


def _skip(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    done = subscription_acts.skip(ops, number(asked.case), ticket=ticket, reason=reason)
    return f"{done.event} is passed over; {counted(done.behind, 'notice behind it goes', 'notices behind it go')} on"


def _close(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    done = partners.close(ops, [number(asked.case)], ticket=ticket, reason=reason)
    return f"the refusal of {done.rows[0]['partner']} is closed"


def _announce(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    if asked.findings:
        told = repairs.repair(ops, asked.findings, ticket=ticket, reason=reason)
        if told.failed:
            raise Failed(told.failed[0], remedy="Audit the observation (procedure P16).")
        return f"{', '.join(told.done)}; the partner's next inventory closes {counted(len(told.still_there), 'finding')}"
    _need_same(ops, asked, ticket)
    return f"version {mending.tell_again(ops, asked.case, reason=reason, was=asked.facts['version'])} is told"


def _need_same(ops: Ops, asked: Order, ticket: str) -> None:
    need_ticket(ticket, order(ops, act=asked.act, case=asked.case, after=asked.after).ticket, _CHANGED)


def _resend(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    row = resending.resend(ops, asked.case, ticket=ticket, reason=reason)
    return f"{row['answered_by']} took it"


def _lay_ready(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    _need_same(ops, asked, ticket)
    staging.lay_ready(ops, asked.case, partial(holdings.found, ops))
    now, actor = request(ops, asked.case), ops.operator.name
    told = {"state": now["state"], "files": now["files"], "refused": now["refused"]}
    transact(ops.db, lambda c: journal.write(c, ops.clock, "request.laid-ready", asked.case, actor=actor, reason=reason, **told))
    return f"it is {now['state']}: {counted(now['files'], 'file')}, {counted(now['refused'], 'is', 'are')} not given"


def _revoke(ops: Ops, asked: Order, ticket: str, reason: str) -> str:
    ended = endings.end(ops, endings.Act.REVOKE, asked.case, ticket=ticket, reason=reason)
    return f"{counted(len(ended.tokens), 'token')} of {asked.case} {fitting(len(ended.tokens), 'is', 'are')} void"


_ACTS: dict[str, Callable[[Ops, Order, str, str], str]] = {
    "skip": _skip, "close-refusal": _close, ANNOUNCE: _announce, "resend": _resend, "lay-ready": _lay_ready, "revoke": _revoke,
}  # fmt: skip


def verify(ops: Ops, asked: Order, done: Row) -> Row:
    """Look at the case as it is now and, if something was done, hold it against what was wanted.

    Raises
    ------
    Failed
        It is not as wanted.
    """
    if not asked.case:
        return {"case": ""}
    now = STANDS[asked.act](ops, asked.case)
    name, wanted = asked.wanted
    if done and now[name] != wanted:
        said = f"{asked.act} of {asked.case} was done, and {name.replace('_', ' ')} is {now[name]}, not {wanted}"
        raise Failed(said, remedy="Look at the case again; tell the lead, and write an anomaly report (P21).")
    return now
