"""Two associations with one product name: refused at ingest, and decided by a person (procedure P13).

A combined product that is made again from the same members, or from them and more, supersedes. Made from others it is another
product under the same name (jwst#5716, #3592): the archive keeps the one that it has, and an ingest error asks which is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import errors, versions
from dmsops.archive.tables import archived_product, ingest_error
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, GateFailed, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

KIND = "duplicate_product"
CHOICES = ("old", "new")
_p = archived_product.c
_e = ingest_error.c


def refuse(c: sa.Connection, observation_id: str, members: Sequence[str]) -> None:
    """Refuse products of other members than the current ones have; raises `GateFailed` (kind ``duplicate_product``)."""
    offered = set(members)
    for row in versions.current(c, observation_id):
        there = set(row.members or ())
        if not there or not offered or there <= offered:
            continue
        raise GateFailed(
            f"'{row.name}' is archived, made from other members: {_words(there - offered)} are not among the new ones",
            remedy="Decide with procedure P13 which association is right: `dmsops archive keep` (old or new).",
            observation=observation_id, kind=KIND, there=sorted(there), offered=sorted(offered),
        )  # fmt: skip


def _words(names: set[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:3]) + (f" and {len(shown) - 3} more" if len(shown) > 3 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One duplicate and what would be done with it: ``old`` keeps what is archived, ``new`` lets the other one supersede it.

    ``old`` and ``new`` are the sums by name; ``members`` those of what is archived.
    """

    observation_id: str
    keep: str
    error: int
    archived: dict[str, str]
    offered: dict[str, str]
    members: tuple[str, ...]
    message: str
    hash: str = ""

    def signed(self) -> Choice:
        """Give it with the hash of what it does."""
        return replace(self, hash=ticket_of([self.observation_id, self.keep, self.error, self.archived, self.offered]))


def listed(ops: Ops) -> list[dict[str, Any]]:
    """Give the duplicates that wait for a decision, newest first."""
    query = sa.select(ingest_error).where(_e.kind == KIND, _e.state == "open").order_by(_e.last_at.desc())
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query).mappings()]


def preview(ops: Ops, observation_id: str, keep: str) -> Choice:
    """Say what keeping the old or the new one would do; nothing changes.

    Raises
    ------
    BadInput
        ``keep`` is neither ``old`` nor ``new``.
    NotFound
        The observation has no duplicate that waits.
    """
    with reading(ops.db) as c:
        return _plan(c, observation_id, keep)


def _plan(c: sa.Connection, observation_id: str, keep: str) -> Choice:
    if keep not in CHOICES:
        raise BadInput(f"'{keep}' is neither old nor new", field="keep")
    waiting = sa.select(ingest_error).where(_e.observation_id == observation_id, _e.kind == KIND, _e.state == "open")
    row = c.execute(waiting).one_or_none()
    if row is None:
        raise NotFound(
            f"observation '{observation_id}' has no duplicate that waits for a decision",
            remedy="`dmsops archive duplicates` lists them (procedure P13).",
            observation=observation_id,
        )
    there = versions.current(c, observation_id)
    return Choice(
        observation_id=observation_id, keep=keep, error=row.id, archived={p.name: p.sha256 for p in there}, offered=dict(row.products),
        members=tuple(sorted({m for p in there for m in p.members or ()})), message=row.message,
    ).signed()  # fmt: skip


def decide(ops: Ops, observation_id: str, *, keep: str, ticket: str, reason: str) -> Choice:
    """Do what was looked at: close the error, and with ``new`` make way, so that the next ingest supersedes.

    With ``new`` the archived products stay current until the ingest is done again (rescue its step, procedure P08): there is never
    a time without either.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        The error or the products have changed since the preview.
    """
    require(ops.operator, Role.OPERATOR, "archive keep")
    need_reason("archive keep", reason)
    with ops.db.begin() as c:
        planned = _plan(c, observation_id, keep)
        need_ticket(ticket, planned.hash, "the duplicate has changed since the preview: look again")
        if keep == "new":
            mine = (_p.observation_id == observation_id, _p.current)
            c.execute(sa.update(archived_product).where(*mine).values(members=sa.null()))
        errors.close(c, ops, _e.id == planned.error, "fixed" if keep == "new" else "waived", reason)
        journal.write(
            c, ops.clock, "duplicate.decided", observation_id, actor=ops.operator.name, reason=reason, keep=keep,
            archived=planned.archived, offered=planned.offered, members=list(planned.members),
        )  # fmt: skip
    return planned
