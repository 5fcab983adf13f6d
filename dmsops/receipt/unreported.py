"""Visits that have ended and have no Observatory Status File: noticed, said once, asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.counting import counted
from dmsops.core.db import transact
from dmsops.core.errors import Refused
from dmsops.core.names import VisitId
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason
from dmsops.interfaces.fos import feedback
from dmsops.receipt.compare import compared, look, unreported

if TYPE_CHECKING:
    from dmsops.ops import Ops

RAISED = "visit.unreported"


def overdue(ops: Ops) -> list[dict[str, Any]]:
    """Give the visits (rows as of `visits`) whose status file has been waited for longer than ``status_file_minutes``."""
    return [row for row in unreported(ops) if row["overdue"]]


def note_overdue(ops: Ops) -> list[str]:
    """Write ``visit.unreported`` into the journal for every overdue visit, once for each; gives those that are new."""
    waiting = {f"V{row['visit']}": row for row in overdue(ops)}
    return transact(ops.db, lambda c: _note(c, ops, waiting)) if waiting else []


def _note(c: sa.Connection, ops: Ops, waiting: dict[str, dict[str, Any]]) -> list[str]:
    lines = journal.journal.c
    said = set(c.execute(sa.select(lines.target).where(lines.event == RAISED)).scalars())
    new = [visit for visit in waiting if visit not in said]
    for visit in new:
        minutes = waiting[visit]["minutes_without_report"]
        words = f"the visit has ended, and no Observatory Status File came for {counted(minutes, 'minute')} (procedure P05)"
        journal.write(c, ops.clock, RAISED, visit, actor=ops.operator.name, reason=words, outcome="failed", minutes=minutes)
    return new


def ask_for_status_file(ops: Ops, visit: str, *, reason: str) -> str:
    """Ask FOS for the status file of a visit; gives the message's name.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason was given.
    NotFound
        Nothing of that visit has been received.
    Refused
        The visit has a status file, or was asked for less than ``status_file_minutes`` ago.
    """
    require(ops.operator, Role.OPERATOR, "visit ask")
    need_reason("visit ask", reason)
    wanted = VisitId.parse(visit)
    name = transact(ops.db, lambda c: _ask(c, ops, wanted, reason))
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return name


def _ask(c: sa.Connection, ops: Ops, visit: VisitId, reason: str) -> str:
    seen = compared(look(c, str(visit)), str(visit))
    if seen.report is not None:
        raise Refused(f"visit {visit.v} has its status file: {seen.report}", remedy="Reconcile the visit (procedure P05).", visit=visit.v)
    m = outbox.message.c
    asked = c.execute(sa.select(m.made_at).where(m.subject == visit.v, m.kind == "osf-request").order_by(m.id)).scalars().all()
    limit = timedelta(minutes=ops.settings.status_file_minutes)
    if asked and ops.clock.now() - asked[-1] < limit:
        at = journal.local_time(asked[-1])
        raise Refused(f"the status file of {visit.v} was asked for at {at}", remedy="Wait for the answer (procedure P05).", visit=visit.v)
    number = len(asked) + 1
    name = feedback.status_request_name(visit, number)
    document = feedback.status_request(visit, number, reason)
    outbox.put(c, ops.clock, "fos", name, kind="osf-request", subject=visit.v, document=document)
    journal.write(c, ops.clock, "visit.asked", visit.v, actor=ops.operator.name, reason=reason, number=number, message=name)
    return name
