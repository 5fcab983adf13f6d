"""Accounts of astronomers and partners: their tokens (hashed at rest, with scopes and an end) and the programs that are theirs."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import mappings, reading, transact
from dmsops.core.errors import BadInput, NotAllowed, NotFound, NotSignedIn
from dmsops.core.people import Role, by_token, people, require, token_digest
from dmsops.core.tickets import need_reason
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope
from dmsops.distribution.mail import is_address
from dmsops.distribution.tables import access_grant, account, account_token

if TYPE_CHECKING:
    from dmsops.ops import Ops

PREFIX = "mast_"
"""How an account's token begins; staff tokens begin with ``dmsops_``."""
DAYS = 60
"""How long a token is good, if nothing else is said (MAST's: 60 days)."""
MOST_DAYS = 366
FILES = ("public", "all")
REMEDY = "Ask the archive staff for an account or a fresh token (procedure P18)."
_a, _t, _g = account.c, account_token.c, access_grant.c
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


def is_good(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Give the clauses of a token that is good: neither void nor past its end."""
    return (_t.revoked_at.is_(None), _t.expires_at > now)


def stands(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Give the clauses of a grant that stands: neither ended by somebody nor by itself."""
    return (_g.revoked_at.is_(None), sa.or_(_g.until.is_(None), _g.until > now))


def put(
    ops: Ops, name: str, kind: str, *, reason: str, display_name: str = "", email: str = "", files: str = "public"
) -> None:  # fmt: skip
    """Make an account, or change it.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        A value cannot be used, or no reason is given.
    """
    require(ops.operator, Role.LEAD, "accounts put")
    need_reason("accounts put", reason)
    _usable(name, kind, email, files)
    values = {"kind": kind, "display_name": display_name[:128], "email": email, "files": files, "closed_at": None}
    transact(ops.db, lambda c: _put(c, ops, name, values, reason))


def _usable(name: str, kind: str, email: str, files: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise BadInput(f"'{name[:80]}' is not a usable account name: small letters, digits, '.', '-', '_'", field="name")
    if kind not in (Kind.ASTRONOMER, Kind.PARTNER):
        raise BadInput(f"'{kind}' is not a kind of account; they are astronomer and partner", field="kind")
    if email and not is_address(email):
        raise BadInput(f"'{email[:80]}' is not an e-mail address", field="email")
    if files not in FILES:
        raise BadInput(f"field 'files' is '{files}', not one of {', '.join(FILES)}", field="files")


def _put(c: sa.Connection, ops: Ops, name: str, values: dict[str, Any], reason: str) -> None:
    if not c.execute(sa.update(account).where(_a.name == name).values(**values)).rowcount:
        c.execute(sa.insert(account).values(name=name, made_at=ops.clock.now(), **values))
    told = {key: value for key, value in values.items() if key in ("kind", "files")}
    journal.write(c, ops.clock, "account.changed", name, actor=ops.operator.name, reason=reason, **told)


def need_account(c: sa.Connection, name: str) -> sa.Row[Any]:
    """Give an account that is open; raises `NotFound` where there is none."""
    row = c.execute(sa.select(account).where(_a.name == name, _a.closed_at.is_(None))).one_or_none()
    if row is None:
        remedy = "`dmsops accounts list` names them; `dmsops accounts put` makes one (procedure P18)."
        raise NotFound(f"there is no account '{name[:80]}'", remedy=remedy, account=name[:80])
    return row


def give_token(
    ops: Ops, name: str, *, reason: str, scopes: Sequence[str] = (Scope.READ, Scope.SUBSCRIBE), days: int = DAYS, label: str = ""
) -> str:  # fmt: skip
    """Give an account a fresh token, which is shown this once: only its sha256 is kept.

    Raises
    ------
    NotAllowed, BadInput
        As `put`; also for scopes that are none, and more than a year.
    NotFound
        There is no such account, or it is closed.
    """
    require(ops.operator, Role.LEAD, "accounts token")
    need_reason("accounts token", reason)
    wanted = [_scope(text) for text in scopes]
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"a token is good for 1 to {MOST_DAYS} days, not {days}", field="days")
    return transact(ops.db, lambda c: _give(c, ops, name, sorted(set(wanted)), days, label, reason))


def _scope(text: str) -> str:
    try:
        return Scope(text).value
    except ValueError:
        raise BadInput(f"'{text}' is not a scope; they are {', '.join(Scope)}", field="scopes") from None


def _give(c: sa.Connection, ops: Ops, name: str, scopes: list[str], days: int, label: str, reason: str) -> str:
    need_account(c, name)
    now = ops.clock.now()
    token = fresh_token(c, name, scopes, label=label[:64], now=now, until=now + timedelta(days=days))
    journal.write(c, ops.clock, "account.token", name, actor=ops.operator.name, reason=reason, scopes=scopes, days=days)
    return token


def fresh_token(c: sa.Connection, name: str, scopes: Sequence[str], *, label: str, now: datetime, until: datetime) -> str:
    """Make a token of an account and keep its sha256; the token itself is given this once."""
    token = f"{PREFIX}{secrets.token_urlsafe(32)}"
    values = {"account": name, "sha256": token_digest(token), "label": label, "scopes": [*scopes], "made_at": now, "expires_at": until}
    c.execute(sa.insert(account_token).values(**values))
    return token


def requester(ops: Ops, token: str) -> Requester:
    """Find who asks by the token of a request; without one nobody known does.

    Raises
    ------
    NotSignedIn
        The token is nobody's, has expired, or was revoked; which of them is not said.
    """
    if not token:
        return ANONYMOUS
    now = ops.clock.now()
    with reading(ops.db) as c:
        row = c.execute(good_tokens(now, _t.sha256 == token_digest(token))).one_or_none()
        if row is not None:
            return _of_account(row, programs_of(c, row.account, now))
    return _staff(ops, token)


def good_tokens(now: datetime, *tests: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Ask for tokens that are good, of accounts that are open: ``account, scopes, expires_at, kind, display_name, files``."""
    columns = (_t.account, _t.scopes, _t.expires_at, _a.kind, _a.display_name, _a.files)
    return sa.select(*columns).join(account, _a.name == _t.account).where(*tests, *is_good(now), _a.closed_at.is_(None))


def programs_of(c: sa.Connection, name: str, now: datetime) -> frozenset[str]:
    """Give the programs whose exclusive data are an account's."""
    return frozenset(c.execute(sa.select(_g.program).where(_g.account == name, *stands(now))).scalars())


def _of_account(row: sa.Row[Any], programs: frozenset[str]) -> Requester:
    scopes = frozenset(map(Scope, row.scopes))
    reads = Scope.READ in scopes
    return Requester(
        name=row.account,
        display_name=row.display_name or row.account,
        kind=Kind(row.kind),
        scopes=scopes,
        programs=programs if reads else frozenset(),
        everything=reads and row.kind == Kind.PARTNER and row.files == "all",
    )


def _staff(ops: Ops, token: str) -> Requester:
    try:
        person = by_token(ops.db, token)
    except NotSignedIn:
        raise NotSignedIn("the token belongs to nobody: it is mistyped, has expired or was withdrawn", remedy=REMEDY) from None
    return _of_staff(person.name, person.role)


def _of_staff(name: str, role: Role) -> Requester:
    scopes = frozenset(Scope) - {Scope.GRANT}
    return Requester(name=name, display_name=name, kind=Kind.STAFF, scopes=scopes, everything=role >= Role.OPERATOR)


def named(ops: Ops, name: str, kind: str) -> Requester | None:
    """Give an account, or one of the staff, as its good tokens together would; None when there is none (any more).

    For what was made in somebody's name earlier: a signed address, a staged request.
    """
    if kind == Kind.STAFF:
        return _staff_named(ops, name)
    now = ops.clock.now()
    with reading(ops.db) as c:
        rows = c.execute(good_tokens(now, _t.account == name, _a.kind == kind)).all()
        programs = programs_of(c, name, now)
    found = [_of_account(row, programs) for row in rows]
    best = next((one for one in found if Scope.READ in one.scopes), found[0] if found else None)
    return best and replace(best, scopes=frozenset().union(*(one.scopes for one in found)))


def _staff_named(ops: Ops, name: str) -> Requester | None:
    with reading(ops.db) as c:
        row = c.execute(sa.select(people.c.role).where(people.c.name == name, people.c.token.is_not(None))).one_or_none()
    return None if row is None else _of_staff(name, Role.named(row.role))


def accounts(ops: Ops) -> list[dict[str, Any]]:
    """Give the accounts in order: ``name, kind, display_name, email, files, made_at, closed_at``."""
    return mappings(ops.db, sa.select(account).order_by(_a.name))


def tokens(ops: Ops, name: str = "") -> list[dict[str, Any]]:
    """Give tokens, newest first: ``id, account, label, scopes, made_at, expires_at, revoked_at``, whether ``good``; never a sum."""
    columns = [column for column in account_token.c if column.name != "sha256"]
    good = sa.and_(*is_good(ops.clock.now())).label("good")
    return mappings(ops.db, sa.select(*columns, good).where(_t.account == name if name else sa.true()).order_by(_t.id.desc()))


def need_scope(asker: Requester, scope: Scope, what: str) -> None:
    """Let pass only whose token is good for something.

    Raises
    ------
    NotSignedIn
        Nobody known asks.
    NotAllowed
        The token lacks the scope.
    """
    if asker.is_anonymous:
        raise NotSignedIn(f"{what} needs a token, and none was given", remedy=REMEDY)
    if scope not in asker.scopes:
        raise NotAllowed(
            f"{what} needs a token with the scope '{scope}'; this one has {', '.join(sorted(asker.scopes)) or 'none'}", remedy=REMEDY
        )
