"""Proposals: title, principal investigator, category, and the exclusive access that the program chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import proposal
from dmsops.core import journal
from dmsops.core.db import mappings, transact
from dmsops.core.errors import BadInput
from dmsops.core.names import need_program
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason

if TYPE_CHECKING:
    from dmsops.ops import Ops

MOST_DAYS = 10 * 366
_p = proposal.c


def put(ops: Ops, program: str, *, reason: str, exclusive_days: int | None = None, **words: str) -> None:
    """Write down what is known of a program; what is not given stays as it is.

    The dates of what is archived already change when it is described again (procedures P16, P18).

    Parameters
    ----------
    program : str
        Five digits.
    exclusive_days : int, optional
        Days of exclusive access that the program chose (0: public at once).
    **words
        ``title``, ``pi_name``, ``category``.

    Raises
    ------
    NotAllowed
        The operator's role is below lead.
    BadInput
        No reason is given, or a value is none.
    """
    require(ops.operator, Role.LEAD, "archive proposal")
    need_reason("archive proposal", reason)
    need_program(program)
    if exclusive_days is not None and not 0 <= exclusive_days <= MOST_DAYS:
        raise BadInput(f"field 'exclusive_days': {exclusive_days} is not 0 to {MOST_DAYS}", field="exclusive_days")
    values: dict[str, Any] = {**words, **({} if exclusive_days is None else {"exclusive_days": exclusive_days})}
    transact(ops.db, lambda c: _put(c, ops, program, values, reason))


def _put(c: sa.Connection, ops: Ops, program: str, values: dict[str, Any], reason: str) -> None:
    now = ops.clock.now()
    if not c.execute(sa.update(proposal).where(_p.id == program).values(**values, changed_at=now)).rowcount:
        c.execute(sa.insert(proposal).values(id=program, **values, changed_at=now))
    journal.write(c, ops.clock, "proposal.changed", program, actor=ops.operator.name, reason=reason, **values)


def learn(c: sa.Connection, ops: Ops, described: Any) -> None:
    """Write down a program that is seen for the first time, from a description, in the caller's transaction."""
    found = described.proposal
    if found is None or c.execute(sa.select(_p.id).where(_p.id == found.id)).scalar() is not None:
        return
    words = {"title": found.title or "", "pi_name": found.pi_name or ""}
    c.execute(sa.insert(proposal).values(id=found.id, **words, changed_at=ops.clock.now()))


def exclusive_days(c: sa.Connection, program: str) -> int | None:
    """Give the days of exclusive access that a program chose; None when it chose none, or is not known."""
    return c.execute(sa.select(_p.exclusive_days).where(_p.id == program)).scalar()


def listed(ops: Ops, program: str | None = None) -> list[dict[str, Any]]:
    """Give the proposals in order, or the one of a program."""
    query = sa.select(proposal).order_by(_p.id)
    return mappings(ops.db, query if program is None else query.where(_p.id == program))
