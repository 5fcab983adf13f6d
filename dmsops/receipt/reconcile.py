"""Reconciliation: what became of a visit is settled, PPS and FOS are told; status files that do not come are asked for.

Verbs: compare, visits, overdue (they look); preview, reconcile, note_overdue, ask_for_status_file. All of them are named
here; `dmsops.receipt.compare` looks, `dmsops.receipt.unreported` is about visits without a status file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.counting import counted
from dmsops.core.db import reading, transact
from dmsops.core.names import VisitId
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.interfaces import pps
from dmsops.interfaces.fos import feedback
from dmsops.receipt.compare import Comparison, compare, compared, look, visits
from dmsops.receipt.tables import reconciliation
from dmsops.receipt.unreported import ask_for_status_file, note_overdue, overdue
from dmsops.receipt.verdicts import Found, Verdict
from dmsops.workflow import blackboard

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = ["Comparison", "Preview", "ask_for_status_file", "compare", "note_overdue", "overdue", "preview", "reconcile", "visits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What reconciling a visit would write down and whom it would tell; ``hash`` is the ticket for it."""

    visit: str
    comparison: Comparison
    word: str
    last: int
    messages: tuple[str, ...]
    hash: str = ""

    def signed(self) -> Preview:
        """Give the preview with its hash: of all that it rests on."""
        return replace(self, hash=ticket_of({**asdict(self), "hash": ""}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was written down: the reconciliation's number, its outcome, the word for PPS, and the messages that were posted."""

    visit: str
    number: int
    outcome: str
    word: str
    messages: tuple[str, ...]


def preview(ops: Ops, visit: str) -> Preview:
    """Say what reconciling a visit would do; nothing changes. Raises as `dmsops.receipt.compare.compare`."""
    number = str(VisitId.parse(visit))
    with reading(ops.db) as c:
        return _preview(c, number)


def _preview(c: sa.Connection, visit: str) -> Preview:
    known = look(c, visit)
    seen = compared(known, visit)
    last = known.last.get(visit)
    word = pps.status_word(seen.status, archived=_archived(c, seen.found))
    told = [f"PPS: visit status {word}, {_both(len(seen.found))}"]
    missing = _missing(seen)
    if missing:
        told.append(f"FOS: packets of {_both(len(missing), 'executed ')} are not all here")
    return Preview(visit=visit, comparison=seen, word=word, last=int(last["id"]) if last else 0, messages=tuple(told)).signed()


def _both(number: int, which: str = "") -> str:
    return counted(number, f"{which}exposure and detector", f"{which}exposures and detectors")


def _missing(seen: Comparison) -> list[Found]:
    return [f for f in seen.found if f.verdict is Verdict.MISSING]


def _archived(c: sa.Connection, found: tuple[Found, ...]) -> bool:
    """Say whether everything that was executed has its description from the archive (``_caom.xml``) on the blackboard."""
    wanted = {f"{f.exposure}_{f.detector.lower()}_caom.xml" for f in found if f.verdict is Verdict.EXECUTED}
    return bool(wanted) and wanted == blackboard.current(c, wanted)


def reconcile(ops: Ops, visit: str, *, ticket: str, reason: str) -> Reconciled:
    """Write down what became of a visit, tell PPS, and FOS when packets are missing.

    Parameters
    ----------
    ticket : str
        Hash of the preview that the person saw.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason was given.
    StalePlan
        Something has changed since the preview, or it was done already.
    Failed
        The messages cannot be laid into the outbox; they are written down, and the next act posts them.
    """
    require(ops.operator, Role.OPERATOR, "visit reconcile")
    need_reason("visit reconcile", reason)
    number = str(VisitId.parse(visit))
    done = transact(ops.db, lambda c: _reconcile(c, ops, number, ticket, reason))
    outbox.post(ops.db, ops.clock, ops.settings.folder("outbox"))
    return done


def _reconcile(c: sa.Connection, ops: Ops, visit: str, ticket: str, reason: str) -> Reconciled:
    planned = _preview(c, visit)
    changed = f"visit V{visit} is not as it was in the preview: something has come, or it was reconciled"
    need_ticket(ticket, planned.hash, changed, remedy="Look at the visit again and reconcile it with the new ticket (procedure P05).")
    seen = planned.comparison
    values = {
        "visit": visit, "status_sha256": seen.report_sha256, "outcome": seen.outcome, "counts": seen.counts,
        "actor": ops.operator.name, "reason": reason, "at": ops.clock.now(),
    }  # fmt: skip
    number = int(c.execute(sa.insert(reconciliation).values(values)).inserted_primary_key[0])  # type: ignore[index]
    names = _tell(c, ops, planned, number)
    journal.write(
        c, ops.clock, "visit.reconciled", f"V{visit}", actor=ops.operator.name, reason=reason, number=number, result=seen.outcome,
        word=planned.word, counts=seen.counts, status_file=seen.report, messages=list(names),
    )  # fmt: skip
    return Reconciled(visit=visit, number=number, outcome=seen.outcome, word=planned.word, messages=names)


def _tell(c: sa.Connection, ops: Ops, planned: Preview, number: int) -> tuple[str, ...]:
    """Write the messages down, in the transaction of the reconciliation."""
    visit, seen = VisitId.parse(planned.visit), planned.comparison
    lines = [{"exposure": f.exposure, "detector": f.detector, "verdict": f.verdict.value, "words": f.words} for f in seen.found]
    status = pps.visit_status(visit, planned.word, status_file=seen.report, reason=seen.end_reason, exposures=lines)
    letters = [("pps", pps.status_name(visit, number), "visit-status", status)]
    missing = [{"exposure": f.exposure, "detector": f.detector, "words": f.words} for f in _missing(seen)]
    if missing:
        quality = feedback.quality_feedback(visit, str(seen.report), missing)
        letters.append(("fos", feedback.quality_name(visit, number), "quality", quality))
    for neighbour, name, kind, document in letters:
        outbox.put(c, ops.clock, neighbour, name, kind=kind, subject=visit.v, document=document)
    return tuple(name for _, name, _, _ in letters)
