"""What ends somebody's access: a closed account, tokens made void, a grant ended. Each is looked at first, and done only as it was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import Refused
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.distribution import grants
from dmsops.distribution.accounts import is_good, need_account, stands
from dmsops.distribution.notices import Standing
from dmsops.distribution.tables import access_grant, account, account_token, subscription

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
REMEDY = "Look again, and do what is shown then (procedure P18)."
_a, _t, _g, _s = account.c, account_token.c, access_grant.c, subscription.c


class Act(StrEnum):
    """What ends access; the name of the command is ``accounts`` and this word."""

    CLOSE = "close"
    """The account, with its tokens and grants, for good: one that is opened again has none. What it was given stays on record."""
    REVOKE = "revoke"
    """All its tokens."""
    END_GRANT = "end-grant"
    """One grant, by its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What an act would end.

    Attributes
    ----------
    tokens : tuple of dict
        Good tokens that are void then: ``id, label, scopes, made_at, expires_at``.
    grants : tuple of dict
        Grants that end: ``id, program, kind, granted_by, reason, until``.
    others : tuple of int
        Numbers of other grants that let the account into the same program still.
    subscriptions : int
        Subscriptions that are not told any more.
    """

    act: Act
    account: str
    tokens: tuple[Row, ...] = ()
    grants: tuple[Row, ...] = ()
    others: tuple[int, ...] = ()
    subscriptions: int = 0
    hash: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing would end: no token that could be made void is good."""
        return self.act is Act.REVOKE and not self.tokens

    def sealed(self) -> Ending:
        """Give it with the ticket of what it shows."""
        held = [(row["id"], row["until"]) for row in self.grants]
        return replace(self, hash=ticket_of([self.act, self.account, [row["id"] for row in self.tokens], held, self.others]))


def preview(ops: Ops, act: Act, subject: str | int) -> Ending:
    """Show what would end; nothing changes.

    Parameters
    ----------
    subject : str or int
        The account's name; the grant's number.

    Raises
    ------
    NotFound
        There is no such account, or it is closed; no such grant, or it has ended.
    """
    with reading(ops.db) as c:
        return _LOOKS[act](c, ops, subject)


def end(ops: Ops, act: Act, subject: str | int, *, ticket: str, reason: str) -> Ending:
    """End it, at once; gives what has ended.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        No reason is given.
    NotFound
        As `preview`.
    StalePlan
        It is not as the preview with this ticket showed it.
    Refused
        No token of the account is good, so that there is nothing to make void.
    """
    require(ops.operator, Role.LEAD, f"accounts {act}")
    need_reason(f"accounts {act}", reason)

    def work(c: sa.Connection) -> Ending:
        seen = _LOOKS[act](c, ops, subject)
        need_ticket(ticket, seen.hash, f"the tokens or grants of {seen.account} have changed since the preview", remedy=REMEDY)
        _DOES[act](c, ops, seen, reason)
        return seen

    return transact(ops.db, work)


def _closing(c: sa.Connection, ops: Ops, name: Any) -> Ending:
    need_account(c, name)
    mine = (_s.owner == name, _s.state == Standing.ACTIVE)
    told = int(c.execute(sa.select(sa.func.count()).select_from(subscription).where(*mine)).scalar_one())
    held = _grants(c, ops, _g.account == name)
    return Ending(act=Act.CLOSE, account=name, tokens=_tokens(c, ops, name), grants=held, subscriptions=told).sealed()


def _revoking(c: sa.Connection, ops: Ops, name: Any) -> Ending:
    need_account(c, name)
    return Ending(act=Act.REVOKE, account=name, tokens=_tokens(c, ops, name)).sealed()


def _ending(c: sa.Connection, ops: Ops, number: Any) -> Ending:
    one = grants.need_standing(c, ops, number)
    others = _grants(c, ops, _g.account == one.account, _g.program == one.program, _g.id != number)
    return Ending(
        act=Act.END_GRANT, account=one.account, grants=_grants(c, ops, _g.id == number), others=tuple(row["id"] for row in others)
    ).sealed()


def _tokens(c: sa.Connection, ops: Ops, name: str) -> tuple[Row, ...]:
    columns = (_t.id, _t.label, _t.scopes, _t.made_at, _t.expires_at)
    return _rows(c, sa.select(*columns).where(_t.account == name, *is_good(ops.clock.now())).order_by(_t.id))


def _grants(c: sa.Connection, ops: Ops, *tests: sa.ColumnElement[bool]) -> tuple[Row, ...]:
    columns = (_g.id, _g.account, _g.program, _g.kind, _g.granted_by, _g.reason, _g.until)
    return _rows(c, sa.select(*columns).where(*tests, *stands(ops.clock.now())).order_by(_g.id))


def _rows(c: sa.Connection, query: Any) -> tuple[Row, ...]:
    return tuple(dict(row) for row in c.execute(query).mappings())


def _close(c: sa.Connection, ops: Ops, seen: Ending, reason: str) -> None:
    now = ops.clock.now()
    c.execute(sa.update(account).where(_a.name == seen.account).values(closed_at=now))
    c.execute(sa.update(account_token).where(_t.account == seen.account, _t.revoked_at.is_(None)).values(revoked_at=now))
    for row in seen.grants:
        grants.end_one(c, ops, row["id"], ops.operator.name, reason)
    journal.write(c, ops.clock, "account.closed", seen.account, actor=ops.operator.name, reason=reason, tokens=len(seen.tokens))


def _revoke(c: sa.Connection, ops: Ops, seen: Ending, reason: str) -> None:
    now = ops.clock.now()
    if seen.empty:
        raise Refused(f"no token of {seen.account} is good: there is nothing to make void", remedy="`dmsops accounts tokens` lists them.")
    c.execute(sa.update(account_token).where(_t.account == seen.account, *is_good(now)).values(revoked_at=now))
    journal.write(c, ops.clock, "account.tokens-revoked", seen.account, actor=ops.operator.name, reason=reason, tokens=len(seen.tokens))


def _end_grant(c: sa.Connection, ops: Ops, seen: Ending, reason: str) -> None:
    grants.end_one(c, ops, seen.grants[0]["id"], ops.operator.name, reason)


_LOOKS: dict[Act, Callable[[sa.Connection, Ops, Any], Ending]] = {Act.CLOSE: _closing, Act.REVOKE: _revoking, Act.END_GRANT: _ending}
_DOES: dict[Act, Callable[[sa.Connection, Ops, Ending, str], None]] = {Act.CLOSE: _close, Act.REVOKE: _revoke, Act.END_GRANT: _end_grant}
