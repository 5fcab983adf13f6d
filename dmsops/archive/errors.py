"""Ingest errors: what could not be taken into the archive, kept as a state of its own until it is mended or let go.

The kinds are CADC's reasons for rejection (caom2pipe) where they fit, and ours where they do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import ingest_error
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

KINDS = {
    "bad_data": "a product cannot be read as what its name says",
    "bad_metadata": "the products' headers do not give a description",
    "invalid_file_name": "a product's name does not follow the naming rules",
    "is_valid_fails": "the description is not sound",
    "missing_at_source": "a product's bytes are not where they were said to be",
    "no_asdf": "a product lacks the ASDF extension that the pipeline reads its metadata from",
    "preview_only": "a preview came, and the science product that it shows did not",
    "duplicate_product": "another association made a product of the same name from other members",
    "store": "the bytes are not those of the recorded sum",
}
"""Every kind with its sentence."""
PROCEDURES = {"duplicate_product": "P13", "store": "P16"}
"""The procedure that repairs a kind; P15 the others."""
_e = ingest_error.c
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One ingest that did not work: its observation, kind, sentence, the findings in words, what was offered (name to sum), its members."""

    observation_id: str
    kind: str
    message: str
    findings: Sequence[str] = ()
    products: Mapping[str, str] = field(default_factory=dict)
    members: Sequence[str] = ()


def record(ops: Ops, fault: Fault) -> None:
    """Write a fault down: the open error of the observation is brought up to date, or one is opened."""
    transact(ops.db, lambda c: _record(c, ops, fault))


def _record(c: sa.Connection, ops: Ops, fault: Fault) -> None:
    now = ops.clock.now()
    seen = {
        "kind": fault.kind, "message": fault.message, "findings": list(fault.findings), "products": dict(fault.products),
        "members": list(fault.members), "last_at": now,
    }  # fmt: skip
    mine = (_e.observation_id == fault.observation_id, _e.state == "open")
    done = c.execute(sa.update(ingest_error).where(*mine).values(**seen, times=_e.times + 1))
    if not done.rowcount:
        c.execute(sa.insert(ingest_error).values(observation_id=fault.observation_id, state="open", times=1, first_at=now, **seen))
    journal.write(
        c, ops.clock, "observation.refused", fault.observation_id, actor=ops.operator.name, reason=fault.message, outcome="failed",
        kind=fault.kind, findings=list(fault.findings),
    )  # fmt: skip


def settle(c: sa.Connection, ops: Ops, observation_id: str) -> None:
    """Close the open error of an observation that was ingested, in the caller's transaction."""
    close(c, ops, _e.observation_id == observation_id, "fixed", "it was ingested")


def close(c: sa.Connection, ops: Ops, which: Any, state: str, reason: str) -> None:
    """Close open errors in the caller's transaction: ``fixed``, or ``waived`` by a person."""
    closed = {"state": state, "closed_at": ops.clock.now(), "closed_by": ops.operator.name, "closed_reason": reason}
    c.execute(sa.update(ingest_error).where(which, _e.state == "open").values(**closed))


def listed(ops: Ops, *, states: Sequence[str] = ("open",), prefix: str = "") -> list[Row]:
    """Give ingest errors, newest first; ``states`` empty for all."""
    query = sa.select(ingest_error).where(_e.observation_id.startswith(prefix, autoescape=True)).order_by(_e.last_at.desc(), _e.id.desc())
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query.where(_e.state.in_(states)) if states else query).mappings()]


def counts(ops: Ops) -> dict[str, int]:
    """Count the open errors by kind."""
    query = sa.select(_e.kind, sa.func.count().label("n")).where(_e.state == "open").group_by(_e.kind).order_by(_e.kind)
    with reading(ops.db) as c:
        return {row.kind: row.n for row in c.execute(query)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letting:
    """Errors that would be let go without being mended; ``hash`` is the ticket for doing it."""

    rows: tuple[Row, ...]
    hash: str = ""

    def signed(self) -> Letting:
        """Give it with the hash of what it closes."""
        return replace(self, hash=ticket_of([[r["id"], r["times"], r["message"]] for r in self.rows]))


def preview(ops: Ops, numbers: Sequence[int]) -> Letting:
    """Say which open errors would be let go; raises `NotFound` for a number that is no open error."""
    with reading(ops.db) as c:
        return _plan(c, numbers)


def _plan(c: sa.Connection, numbers: Sequence[int]) -> Letting:
    query = sa.select(ingest_error).where(_e.id.in_(list(numbers)), _e.state == "open").order_by(_e.id)
    rows = tuple(dict(row) for row in c.execute(query).mappings())
    missing = sorted(set(numbers) - {row["id"] for row in rows})
    if missing:
        raise NotFound(f"there is no open ingest error {missing[0]}", remedy="`dmsops archive errors` lists them (procedure P15).")
    return Letting(rows=rows).signed()


def let_go(ops: Ops, numbers: Sequence[int], *, ticket: str, reason: str) -> Letting:
    """Close errors that nobody will mend: the observation stays out of the archive, or as it was before.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        An error has changed since the preview.
    """
    require(ops.operator, Role.OPERATOR, "archive close-error")
    need_reason("archive close-error", reason)
    with ops.db.begin() as c:
        planned = _plan(c, numbers)
        need_ticket(ticket, planned.hash, "the ingest errors have changed since the preview: look again")
        close(c, ops, _e.id.in_([row["id"] for row in planned.rows]), "waived", reason)
        for row in planned.rows:
            journal.write(
                c, ops.clock, "ingest_error.waived", row["observation_id"], actor=ops.operator.name, reason=reason, kind=row["kind"]
            )
    return planned
