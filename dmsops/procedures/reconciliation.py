"""What P05 is about: one visit, what became of it, and one act on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core import outbox
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput, NotFound
from dmsops.core.names import VisitId
from dmsops.flows import status_files
from dmsops.receipt import reconcile

if TYPE_CHECKING:
    from dmsops.flows.status_files import Regeneration, Void
    from dmsops.ops import Ops
    from dmsops.receipt.reconcile import Preview

Row = dict[str, Any]
ACTS = ("reconcile", "regenerate", "ask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P05 is about.

    Attributes
    ----------
    act : str
        One of `ACTS`.
    row : dict
        The visit as `dmsops.receipt.reconcile.visits` gives it.
    preview : Preview
        What became of the visit, and what reconciling it would do.
    again : Regeneration or None
        What its current status file changes; None when it has none, or its plan or ephemeris is not there.
    """

    act: str
    row: Row
    preview: Preview
    again: Regeneration | None

    @property
    def visit(self) -> str:
        """The visit's number."""
        return self.preview.visit

    @property
    def ticket(self) -> str:
        """The ticket of the act; asking for a status file has none: it says no when it was asked for already."""
        if self.act == "reconcile":
            return self.preview.hash
        return self.again.hash if self.act == "regenerate" and self.again is not None else ""

    @property
    def would_act(self) -> bool:
        """Whether the act would do something."""
        if self.act == "regenerate":
            return self.again is not None and not self.again.empty
        return self.preview.comparison.report is None if self.act == "ask" else True

    @property
    def facts(self) -> Row:
        """What is known of the visit as a whole, for `Run.facts`."""
        seen = self.preview.comparison
        return {
            "visit": self.visit, "plan": seen.plan, "status_file": seen.report, "status": seen.status, "end_reason": seen.end_reason,
            "guide_star": seen.guiding, "target_acquisition": seen.target_acquisition, "outcome": seen.outcome,
            "exposures_and_detectors": in_words(seen.counts), "minutes_without_status_file": self.row["minutes_without_report"],
            "overdue": self.row["overdue"], "needs_a_person": self.row["needs_person"], "last_reconciled": self.row["reconciled_at"],
            "otherwise_than_planned": seen.differences, "word_for_PPS": self.preview.word, "would_tell": self.preview.messages,
        }  # fmt: skip

    @property
    def changes(self) -> Row:
        """What the current status file changes in the visit's work, for `Run.facts`."""
        if self.again is None:
            return {"made_again": "nothing: plan, status file or ephemeris is not there"}
        return {
            "level_1b_made_again": self.again.changed, "made_for_the_first_time": self.again.added, "stays_dropped": self.again.dropped,
            "to_be_decided": [_undecided(v) for v in self.again.void],
            "steps_that_run_again": len(self.again.plan.again), "supersedes": self.again.plan.supersedes, "tells": self.again.plan.tells,
        }  # fmt: skip


def _undecided(void: Void) -> str:
    return f"{void.words}: {counted(len(void.products), 'product')}, {counted(len(void.open_steps), 'open step')}"


def in_words(counts: dict[str, int]) -> str:
    """Write counts by verdict in words: ``3 executed, 1 aborted``."""
    return ", ".join(f"{n} {verdict}" for verdict, n in counts.items())


def rows(ops: Ops) -> list[Row]:
    """Give all visits as `dmsops.receipt.reconcile.visits` does, those that need a person first, counts in words."""
    found = [{**row, "counts": in_words(row["counts"])} for row in reconcile.visits(ops)]
    return sorted(found, key=lambda row: not row["needs_person"])


def order(ops: Ops, visit: str = "", act: str = "reconcile") -> Order:
    """Look at one visit; nothing changes.

    Parameters
    ----------
    visit : str
        Its number; without it the first visit that needs a person, else the latest.

    Raises
    ------
    BadInput
        The act is not known.
    NotFound
        Nothing of that visit, or of any, has been received.
    """
    if act not in ACTS:
        raise BadInput(f"'{act}' is no act of P05: {', '.join(ACTS)} are", field="act")
    there = rows(ops)
    number = str(VisitId.parse(visit)) if visit else there[0]["visit"] if there else ""
    row = next((r for r in there if r["visit"] == number), None)
    if row is None:
        raise NotFound(f"nothing of visit {visit or 'any'} has been received", remedy="Receive its delivery first (procedure P02).")
    return Order(act=act, row=row, preview=reconcile.preview(ops, number), again=_again(ops, number))


def _again(ops: Ops, visit: str) -> Regeneration | None:
    try:
        return status_files.preview(ops, visit)
    except NotFound:
        return None


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Row:
    """Do what was looked at; raises as the verb that it calls."""
    if asked.act == "ask":
        return {"act": "ask", "visit": asked.visit, "result": reconcile.ask_for_status_file(ops, asked.visit, reason=reason)}
    if asked.act == "regenerate":
        again = status_files.regenerate(ops, asked.visit, ticket=ticket, reason=reason)
        return {
            "act": "regenerate",
            "visit": asked.visit,
            "result": f"{len(again.changed)} made again, {len(again.added)} for the first time",
        }
    done = reconcile.reconcile(ops, asked.visit, ticket=ticket, reason=reason)
    return {"act": "reconcile", "visit": asked.visit, "result": f"{done.outcome}; told: {', '.join(done.messages)}"}


def told(ops: Ops, asked: Order) -> list[Row]:
    """Give the messages about the visit, newest first."""
    return outbox.messages(ops.db, subject=f"V{asked.visit}")
