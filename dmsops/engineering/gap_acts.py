"""What is done about a gap: the sender is asked for that time again, or a person waits for it no longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.engineering.coverage import gaps
from dmsops.engineering.rules import at
from dmsops.engineering.tables import engineering_gap
from dmsops.interfaces.fos import feedback
from dmsops.interfaces.fos.manifest import NEIGHBOUR

if TYPE_CHECKING:
    from dmsops.ops import Ops

ASK, WAIVE = "ask", "waive"
_DONE = {ASK: "asked", WAIVE: "waived"}
_KIND = "re-request"
_g = engineering_gap.c


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDecision:
    """What would be done about a gap; ``hash`` is the ticket for doing it."""

    first_us: int
    last_us: int
    seconds: float
    containers: tuple[str, ...]
    verb: str
    words: str
    hash: str


def preview(ops: Ops, first_us: int, verb: str) -> GapDecision:
    """Say what asking for a gap, or waiving it, means; nothing changes.

    Parameters
    ----------
    first_us : int
        The gap's beginning, as `coverage.gaps` gives it.
    verb : str
        ``ask`` or ``waive``.

    Raises
    ------
    NotFound
        There is no gap from that time on (any more).
    BadInput
        There is no such verb.
    """
    if verb not in _DONE:
        raise BadInput(f"'{verb}' is no decision about a gap: ask or waive", field="decision")
    row = next((r for r in gaps(ops) if r["first_us"] == first_us), None)
    if row is None:
        raise NotFound(f"no gap begins at {at(first_us)}", remedy="`dmsops engineering gaps` lists them (procedure P03).")
    span = f"{at(row['first_us'])} to {at(row['last_us'])}"
    words = f"FOS is asked for {span} again" if verb == ASK else f"nobody waits for {span} any more"
    facts: list[Any] = [row["first_us"], row["last_us"], row["containers"], row["decision"], row["times"], verb]
    return GapDecision(
        first_us=row["first_us"], last_us=row["last_us"], seconds=row["seconds"], containers=tuple(row["containers"]),
        verb=verb, words=words, hash=ticket_of(facts),
    )  # fmt: skip


def decide(ops: Ops, first_us: int, verb: str, *, ticket: str, reason: str) -> GapDecision:
    """Ask for a gap, or waive it, as previewed.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        There is no reason.
    StalePlan
        The gap has changed since the preview.
    FilesRefused
        The file system refused the message; it is written down, and the next one lays it out.
    """
    require(ops.operator, Role.OPERATOR, "engineering gap")
    need_reason("engineering gap", reason)
    seen = preview(ops, first_us, verb)
    need_ticket(ticket, seen.hash, "the gap has changed since the preview: look again")
    with ops.db.begin() as c:
        subject = f"engineering {at(seen.first_us)}"
        times = _note(c, ops, seen, reason, subject)
        if verb == ASK:
            name = feedback.engineering_request_name(at(seen.first_us), times)
            document = feedback.engineering_request(at(seen.first_us), at(seen.last_us), seen.containers, times, reason)
            outbox.put(c, ops.clock, NEIGHBOUR, name, kind=_KIND, subject=subject, document=document)
        journal.write(
            c, ops.clock, f"gap.{_DONE[verb]}", subject, actor=ops.operator.name, reason=reason, plan=seen.hash,
            until=at(seen.last_us), containers=list(seen.containers), times=times,
        )  # fmt: skip
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return seen


def _note(c: sa.Connection, ops: Ops, seen: GapDecision, reason: str, subject: str) -> int:
    """Write the decision down; gives how often the time from its beginning on was asked for, wherever the gap ended then."""
    mine = (_g.first_us == seen.first_us, _g.last_us == seen.last_us)
    before = c.execute(sa.select(_g.id).where(*mine)).scalar()
    asked = outbox.last(c, NEIGHBOUR, _KIND, subject)
    times = (asked.number if asked else 0) + (seen.verb == ASK)
    values = {"decision": _DONE[seen.verb], "times": times, "actor": ops.operator.name, "reason": reason, "at": ops.clock.now()}
    if before is None:
        c.execute(sa.insert(engineering_gap).values(first_us=seen.first_us, last_us=seen.last_us, **values))
    else:
        c.execute(sa.update(engineering_gap).where(*mine).values(**values))
    return times
