"""What a person decides about engineering files that were refused: take one after all, or leave it out for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.engineering.rules import at, possible
from dmsops.engineering.states import TRANSITIONS, EngineeringState, target
from dmsops.engineering.tables import engineering_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

ACCEPT, DISCARD = "accept", "discard"
_f = engineering_file.c
_WORDS = {
    ACCEPT: "it is taken in spite of the reason for which it was refused; samples of times that cannot be are left out and counted",
    DISCARD: "nothing of it is held; its bytes are kept",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDecision:
    """What would be decided about a file; ``hash`` is the ticket for doing it."""

    file: int
    name: str
    verb: str
    state: str
    reason: str
    origin: str
    words: str
    hash: str


def preview(ops: Ops, file: int, verb: str) -> FileDecision:
    """Say what accepting or discarding a refused file means; nothing changes.

    Parameters
    ----------
    file : int
        The number of its receipt.
    verb : str
        ``accept`` or ``discard``.

    Raises
    ------
    NotFound
        There is no such receipt.
    BadInput
        There is no such verb.
    BadTransition
        The file was not refused.
    """
    with reading(ops.db) as c:
        return _look(c, ops, file, verb)


def _look(c: sa.Connection, ops: Ops, file: int, verb: str) -> FileDecision:
    if verb not in _WORDS:
        raise BadInput(f"'{verb}' is no decision about an engineering file: accept or discard", field="decision")
    row = c.execute(sa.select(engineering_file).where(_f.id == file)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no engineering file {file}", remedy="`dmsops engineering files` lists them (procedure P03).", file=file)
    target(verb, EngineeringState(row["state"]), row["name"])
    facts: list[Any] = [file, verb, row["state"], row["reason"]]
    head = {key: row[key] for key in ("name", "state", "reason", "origin")}
    return FileDecision(file=file, verb=verb, words=_words(ops, verb, row["last_us"]), hash=ticket_of(facts), **head)


def _words(ops: Ops, verb: str, last_us: int | None) -> str:
    _, now = possible(ops)
    if verb == ACCEPT and last_us is not None and last_us > now:
        return f"{_WORDS[verb]}; its last sample is of {at(last_us)}, which is still to come: to have all of it, wait until then"
    return _WORDS[verb]


def decide(ops: Ops, file: int, verb: str, *, ticket: str, reason: str) -> FileDecision:
    """Accept or discard a refused file as previewed; an accepted one is taken by the next ingest.

    Raises
    ------
    NotAllowed
        The operator's role does not cover it: an operator discards, a lead accepts.
    BadInput
        There is no reason.
    StalePlan
        It is not refused for that reason any more.
    """
    require(ops.operator, Role.LEAD if verb == ACCEPT else Role.OPERATOR, f"engineering {verb}")
    need_reason(f"engineering {verb}", reason)
    with ops.db.begin() as c:
        seen = _look(c, ops, file, verb)
        need_ticket(ticket, seen.hash, f"engineering file '{seen.name}' is not as it was in the preview")
        values = {"state": TRANSITIONS[verb][1], "decided_by": ops.operator.name, "decided_reason": reason, "changed_at": ops.clock.now()}
        c.execute(sa.update(engineering_file).where(_f.id == file).values(**values))
        done = f"engineering.{verb}ed"
        journal.write(c, ops.clock, done, seen.name, actor=ops.operator.name, reason=reason, plan=seen.hash, refused_for=seen.reason)
    return seen
