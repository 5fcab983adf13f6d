"""``dmsops gaps``: exposures of which packets are missing; use them, give them up, or wait (procedure P04)."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.core.counting import counted
from dmsops.core.names import VisitId
from dmsops.ops import Ops
from dmsops.receipt import gaps

COLUMNS = {
    "exposure": "Exposure", "detector": "Detector", "state": "State", "received": "Packets", "expected": "Of", "missing": "Missing",
    "duplicates": "Twice", "bad_crc": "Damaged", "due": "Wanted by", "reason": "Why",
}  # fmt: skip
SHOWN = 40
VISIT = click.option("--visit", default="", metavar="VISIT", help="Only this visit.")


@click.group()
def commands() -> None:
    """Packets that are missing: what is known, what was asked for, what was decided."""


@VISIT
@click.option("--all", "everything", is_flag=True, help="Also what is complete.")
def show_all(ops: Ops, visit: str, everything: bool) -> Answer:
    """List the exposures of which packets are missing."""
    rows = gaps.gap_report(ops, str(VisitId.parse(visit)) if visit else None)
    rows = [row for row in rows if everything or row["state"] != gaps.COMPLETE]
    return Answer(rows, [table(rows, COLUMNS) if rows else "No packets are missing."])


@click.argument("exposure")
@click.argument("detector")
def show(ops: Ops, exposure: str, detector: str) -> Answer:
    """Show which rows of which frames of an exposure are missing."""
    rows = gaps.missing_runs(ops, exposure, detector.upper())
    columns = {"kind": "Of", "integration": "Integration", "group": "Group", "first_row": "First row", "rows": "Rows"}
    more = [f"... and {len(rows) - SHOWN} more (--json names all)"] if len(rows) > SHOWN else []
    nothing = "No row is known to be missing; `dmsops gaps list` says whether an exposure header packet is there."
    return Answer(rows, [table(rows[:SHOWN], columns), *more] if rows else [nothing])


@click.argument("visit")
def counters(ops: Ops, visit: str) -> Answer:
    """Follow the packets' sequence counters through a visit's files: where they jump something is missing, repeated or out of order."""
    rows = gaps.counter_report(ops, str(VisitId.parse(visit)))
    columns = {
        "detector": "Detector", "file": "File", "packets": "Packets", "first": "First", "last": "Last", "before": "Missing before",
        "skipped": "Missing within", "back": "Goes back",
    }  # fmt: skip
    return Answer(rows, [table(rows, columns) if rows else "No science file of this visit is released."])


@click.argument("visit")
@click.option("--reason", default="", metavar="TEXT", help="Why now; the sender reads it.")
def ask(ops: Ops, visit: str, reason: str) -> Answer:
    """Ask for the files again in which packets of a visit are missing; nothing is asked for twice."""
    names = gaps.ask_for_gaps(ops, str(VisitId.parse(visit)), reason)
    return Answer(names, [f"Asked for again: {name}" for name in names] or ["Nothing new to ask for."])


@click.argument("exposure")
@click.argument("detector")
@click.argument("decision", type=click.Choice([gaps.USE, gaps.GIVE_UP, gaps.WAIT]))
@change_options
def decide(ops: Ops, exposure: str, detector: str, decision: str, ticket: str | None, reason: str, yes: bool) -> Answer:
    """Decide about an exposure with missing packets: use what is there, give it up, or wait (take a decision back).

    Without --apply and --yes it only shows what would happen, and the hash for it. Plan the visit again afterwards.
    """
    seen = gaps.preview(ops, exposure, detector.upper(), decision)
    if ticket is None and not yes:
        how = f"To do it (an operator or a lead): the same command with --apply {seen.hash} --reason TEXT"
        return Answer({"plan": seen, "applied": False}, [*_words(seen), "", how])
    done = gaps.decide(ops, exposure, detector.upper(), decision, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"Decided: {word(done.words)}", f"Next: dmsops flow plan --visit {done.visit}"])


def _words(seen: gaps.GapDecision) -> list[Any]:
    known = f"{counted(seen.received, 'packet')} arrived, of {'nobody knows how many' if seen.expected is None else seen.expected}"
    return [f"This would be decided: {word(seen.words)}", f"{known}; files: {', '.join(seen.files) or 'none'}"]


verb(commands, "list")(show_all)
verb(commands, "show")(show)
verb(commands, "counters")(counters)
verb(commands, "ask")(ask)
verb(commands, "decide")(decide)
