"""``dmsops visit``: what became of visits; reconciliation, overdue status files, second issues."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.plans import plan_lines
from dmsops.core.counting import counted
from dmsops.flows import status_files
from dmsops.ops import Ops
from dmsops.procedures import reconciliation
from dmsops.receipt import reconcile

VISIT = click.argument("visit")
ROWS = {
    "visit": "Visit", "status": "Status", "end_reason": "Why", "planned": "Planned", "counts": "Exposures and detectors",
    "report": "Status file", "minutes_without_report": "Waiting min", "overdue": "Overdue",
    "reconciled_outcome": "Reconciled", "needs_person": "Needs a person",
}  # fmt: skip
FOUND = {"exposure": "Exposure", "detector": "Detector", "exp_type": "Type", "verdict": "Verdict", "words": "Why"}


@click.group()
def commands() -> None:
    """Visits: what was planned, reported and received; reconcile, ask for status files, make again what a second issue changes."""


@click.option("--open", "only_open", is_flag=True, help="Only visits that need a person.")
def show_all(ops: Ops, *, only_open: bool) -> Answer:
    """List visits, those that need a person first."""
    rows = [row for row in reconciliation.rows(ops) if row["needs_person"] or not only_open]
    return Answer(rows, [table(rows, ROWS) if rows else "No visit needs a person." if only_open else "No visit yet."])


@VISIT
def show(ops: Ops, visit: str) -> Answer:
    """Show what became of one visit: every exposure and detector with a verdict."""
    asked = reconciliation.order(ops, visit)
    seen = asked.preview.comparison
    facts = [{"fact": name.replace("_", " "), "is": value} for name, value in asked.facts.items()]
    lines: list[Any] = [table(facts, {"fact": "Fact", "is": "Is"}), "", table([_plain(f) for f in seen.found], FOUND)]
    if asked.again is not None and not (asked.again.empty and not asked.again.void):
        lines += ["", f"{asked.again.report} changes work that was planned: dmsops visit regenerate {asked.visit}"]
    return Answer(seen, lines)


def _plain(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in FOUND}


@VISIT
@change_options
def settle(ops: Ops, visit: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Reconcile a visit: write down what became of it, tell PPS (and FOS when packets are missing).

    Without --apply and --yes it only shows what would happen, and the plan's hash.
    """
    seen = reconcile.preview(ops, visit)
    if ticket is None and not yes:
        counts = reconciliation.in_words(seen.comparison.counts)
        lines = [f"V{seen.visit}: {seen.comparison.outcome} ({counts}); PPS would be told: {seen.word}", *seen.messages]
        return Answer({"plan": seen, "applied": False}, [*map(word, lines), *_how(seen.hash)])
    done = reconcile.reconcile(ops, visit, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"V{done.visit} reconciled: {done.outcome}; told {', '.join(done.messages)}"])


@VISIT
@change_options
def regenerate(ops: Ops, visit: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Make again what the current status file of a visit changes, and nothing else.

    Without --apply and --yes it only shows what would happen, and the plan's hash.
    """
    seen = status_files.preview(ops, visit)
    if ticket is None and not yes:
        return Answer({"plan": seen, "applied": False}, [*_changes(seen), *([] if seen.empty else _how(seen.hash))])
    done = status_files.regenerate(ops, visit, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"V{done.visit}: {len(done.changed)} made again, {len(done.added)} planned"])


def _changes(seen: status_files.Regeneration) -> list[Any]:
    lines: list[Any] = [f"{seen.report} changes {counted(len(seen.changed), 'level 1b product')} and adds {len(seen.added)}"]
    lines += [f"  for the first time: {name}" for name in seen.added]
    lines += [f"  stays dropped: {name}" for name in seen.dropped]
    for void in seen.void:
        lines.append(f"  to be decided (procedure P05): {void.words}; there is {word(void.products or ('nothing',))}")
    return [*lines, *(plan_lines(seen.plan, "made again") if seen.changed else [])]


def _how(ticket: str) -> list[str]:
    return ["", f"To do it: the same command with --apply {ticket} --reason TEXT"]


@click.option("--note", is_flag=True, help="Also write those that are new into the journal, once for each.")
def overdue(ops: Ops, *, note: bool) -> Answer:
    """List visits that have ended and whose status file is overdue."""
    new = reconcile.note_overdue(ops) if note else []
    rows = reconcile.overdue(ops)
    lines: list[Any] = [table(rows, {"visit": "Visit", "plan_end": "Planned end", "minutes_without_report": "Waiting min"})]
    lines += [f"{visit} was noted in the journal" for visit in new]
    return Answer(rows, [*lines, "Next: dmsops visit ask VISIT --reason TEXT"] if rows else ["No status file is overdue."])


@VISIT
@click.option("--reason", required=True, metavar="TEXT", help="Why; goes to FOS and into the journal.")
def ask(ops: Ops, visit: str, reason: str) -> Answer:
    """Ask FOS for the status file of a visit."""
    name = reconcile.ask_for_status_file(ops, visit, reason=reason)
    return Answer({"message": name}, [f"Asked: {name} lies in the outbox for FOS"])


verb(commands, "list")(show_all)
verb(commands, "show")(show)
verb(commands, "reconcile")(settle)
verb(commands, "regenerate")(regenerate)
verb(commands, "overdue")(overdue)
verb(commands, "ask")(ask)
