"""Grants: whose a program's exclusive data are. A PI may let others in; staff may name the PI, and may end any of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import mappings, transact
from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused
from dmsops.core.names import need_program
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason
from dmsops.distribution.access import Requester, Scope
from dmsops.distribution.accounts import need_account, need_scope, stands
from dmsops.distribution.tables import access_grant

if TYPE_CHECKING:
    from dmsops.ops import Ops

KINDS = ("pi", "guest")
_g = access_grant.c


def grant(ops: Ops, name: str, program: str, *, kind: str = "guest", until: datetime | None = None, reason: str) -> int:
    """Let an account read a program's data before they are public; gives the grant's number.

    Parameters
    ----------
    program : str
        Five digits.
    kind : str
        ``pi``: the principal investigator, who may let others in; ``guest``.
    until : datetime, optional
        When it ends by itself.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        A value cannot be used, or no reason is given.
    NotFound
        There is no such account.
    Refused
        The account has just that grant already.
    """
    require(ops.operator, Role.LEAD, "accounts grant")
    need_reason("accounts grant", reason)
    return transact(ops.db, lambda c: _grant(c, ops, name, program, kind, until, ops.operator.name, reason))


def grant_as_pi(ops: Ops, pi: Requester, name: str, program: str, *, until: datetime | None = None, reason: str) -> int:
    """Let an account into a program in the PI's own hand; raises as `grant`, and `NotAllowed` to who is not its PI."""
    need_reason("the PI's grant", reason)
    need_scope(pi, Scope.GRANT, "to let others into a program")

    def work(c: sa.Connection) -> int:
        _need_pi(c, ops, pi, program)
        return _grant(c, ops, name, program, "guest", until, pi.name, reason)

    return transact(ops.db, work)


def _need_pi(c: sa.Connection, ops: Ops, pi: Requester, program: str) -> None:
    mine = (_g.account == pi.name, _g.program == program, _g.kind == "pi", *stands(ops.clock.now()))
    if c.execute(sa.select(_g.id).where(*mine)).first() is None:
        remedy = "The program's PI lets others in, or the archive staff (procedure P18)."
        raise NotAllowed(f"{pi.name} is not the PI of program {program[:16]}", remedy=remedy)


def _grant(c: sa.Connection, ops: Ops, name: str, program: str, kind: str, until: datetime | None, by: str, reason: str) -> int:
    now = ops.clock.now()
    need_program(program)
    if kind not in KINDS:
        raise BadInput(f"'{kind}' is not a kind of grant; they are {', '.join(KINDS)}", field="kind")
    if until is not None and until <= now:
        raise BadInput(f"field 'until': {until:%Y-%m-%d %H:%M} is past", field="until")
    need_account(c, name)
    same = (_g.account == name, _g.program == program, _g.kind == kind, _g.until.is_(None) if until is None else _g.until == until)
    there = c.execute(sa.select(_g.id).where(*same, *stands(now))).scalars().first()
    if there is not None:
        raise Refused(f"{name} has just that already: grant {there}", remedy="Nothing is to be done.", grant=there)
    values = {"account": name, "program": program, "kind": kind, "granted_by": by, "reason": reason, "granted_at": now, "until": until}
    number = int(c.execute(sa.insert(access_grant).values(**values).returning(_g.id)).scalar_one())
    journal.write(c, ops.clock, "access.granted", program, actor=by, reason=reason, account=name, kind=kind, grant=number)
    return number


def revoke_as_pi(ops: Ops, pi: Requester, number: int, *, reason: str) -> None:
    """End a guest's grant in the PI's own hand; raises as `grant_as_pi`."""
    need_reason("the PI's grant", reason)
    need_scope(pi, Scope.GRANT, "to end a grant")

    def work(c: sa.Connection) -> None:
        row = c.execute(sa.select(_g.program, _g.kind).where(_g.id == number)).one_or_none()
        if row is None or row.kind == "pi":
            raise NotFound(f"there is no grant {number} to a guest", grant=number)
        _need_pi(c, ops, pi, row.program)
        end_one(c, ops, number, pi.name, reason)

    transact(ops.db, work)


def need_standing(c: sa.Connection, ops: Ops, number: int) -> sa.Row[Any]:
    """Give a grant that stands; raises `NotFound` where there is none, or it has ended."""
    row = c.execute(sa.select(access_grant).where(_g.id == number, *stands(ops.clock.now()))).one_or_none()
    if row is None:
        remedy = "`dmsops accounts grants` lists them (procedure P18)."
        raise NotFound(f"there is no grant {number}, or it has ended", remedy=remedy, grant=number)
    return row


def end_one(c: sa.Connection, ops: Ops, number: int, by: str, reason: str) -> None:
    """End a grant that stands; raises as `need_standing`."""
    row = need_standing(c, ops, number)
    c.execute(sa.update(access_grant).where(_g.id == number).values(revoked_at=ops.clock.now(), revoked_by=by))
    journal.write(c, ops.clock, "access.revoked", row.program, actor=by, reason=reason, account=row.account, grant=number)


def grants(ops: Ops, *, program: str = "", name: str = "") -> list[dict[str, Any]]:
    """Give grants, newest first, ended ones too (``revoked_at``, ``until``), each with whether it ``stands``."""
    tests = [_g.program == program] if program else []
    tests += [_g.account == name] if name else []
    standing = sa.and_(*stands(ops.clock.now())).label("stands")
    return mappings(ops.db, sa.select(access_grant, standing).where(*tests).order_by(_g.id.desc()))
