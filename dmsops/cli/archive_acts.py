"""What a person decides about the archive, each shown first and done by the hash of what was shown."""

from __future__ import annotations

from typing import Any

import click

from dmsops.archive import duplicates, proposals, withdraw
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.plans import SHOWN
from dmsops.core.counting import counted
from dmsops.ops import Ops
from dmsops.procedures import ingest_problem

ITEMS = {"observation_id": "Observation", "version": "Version", "state": "State", "products": "Products", "used_by": "Used by"}


def how(ticket: str, who: str) -> list[str]:
    """Say how to do what was shown."""
    return ["", f"To do it ({who}): the same command with --apply {ticket} --reason TEXT"]


@click.argument("number", type=int)
@change_options
def close_error(ops: Ops, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Close an ingest error, by its number, that nobody will mend: its products stay out of the archive.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _problem(ops, ingest_problem.CLOSE, number, ticket, reason, yes=yes)


@click.argument("number", type=int)
@change_options
def ingest_again(ops: Ops, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Ingest again what was refused, by the ingest error's number, after its cause was repaired.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _problem(ops, ingest_problem.AGAIN, number, ticket, reason, yes=yes)


def _problem(ops: Ops, act: str, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    seen = ingest_problem.order(ops, act=act, error=number)
    if ticket is None and not yes:
        lines = [f"{seen.observation}: {word(seen.facts['class'])}; {word(seen.facts['why'])}", f"Then: {word(seen.facts['then'])}"]
        lines += map(word, seen.findings)
        return Answer({"plan": seen, "applied": False}, [*lines, *how(seen.ticket, "an operator or a lead")])
    done = ingest_problem.carry_out(ops, seen, ticket=ticket or seen.ticket, reason=reason)
    return Answer({"plan": seen, "applied": True, **done}, [f"Done: {word(done['result'])}"])


@click.argument("observation")
@click.argument("which", type=click.Choice(duplicates.CHOICES))
@change_options
def keep(ops: Ops, observation: str, which: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Decide between two associations of one product name: keep what is archived (old), or let the refused one in (new).

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    seen = duplicates.preview(ops, observation, which)
    if ticket is None and not yes:
        names = sorted({*seen.archived, *seen.offered})
        rows = [{"name": n, "archived": seen.archived.get(n, "")[:16], "offered": seen.offered.get(n, "")[:16]} for n in names]
        lines = [word(seen.message), table(rows, {"name": "Product", "archived": "Archived (old)", "offered": "Refused (new)"})]
        lines += [f"Archived ones are made from: {word(seen.members)}", f"The {which} one would stay"]
        return Answer({"plan": seen, "applied": False}, [*lines, *how(seen.hash, "an operator or a lead")])
    done = duplicates.decide(ops, observation, keep=which, ticket=ticket or seen.hash, reason=reason)
    after = [f"Next: run its ingest again (P08): dmsops workflow steps --dataset {observation}"] if which == "new" else []
    return Answer({"plan": done, "applied": True}, [f"{observation}: the {which} one stays", *after])


@click.argument("observations", nargs=-1, required=True)
@change_options
def take_out(ops: Ops, observations: tuple[str, ...], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Withdraw observations: out of the catalogue, with a tombstone; all bytes are kept, and it can be restored. A lead decides.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _withdrawal(ops, observations, ticket, reason, yes=yes, back=False)


@click.argument("observations", nargs=-1, required=True)
@change_options
def restore(ops: Ops, observations: tuple[str, ...], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Restore withdrawn observations as they were. A lead decides.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _withdrawal(ops, observations, ticket, reason, yes=yes, back=True)


def _withdrawal(ops: Ops, observations: tuple[str, ...], ticket: str | None, reason: str, *, yes: bool, back: bool) -> Answer:
    seen = withdraw.preview(ops, observations, back=back)
    word_of = "restored" if back else "withdrawn"
    if ticket is None and not yes:
        rows = [{name: getattr(item, name) for name in ITEMS} for item in seen.items]
        rows = [{**row, "products": len(row["products"])} for row in rows]
        lines: list[Any] = [f"{counted(len(rows), 'observation')} would be {word_of}:", table(rows[:SHOWN], ITEMS)]
        return Answer({"plan": seen, "applied": False}, [*lines, *how(seen.hash, "a lead")])
    act = withdraw.restore if back else withdraw.withdraw
    done = act(ops, observations, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"{counted(len(done.items), 'observation is', 'observations are')} {word_of}"])


@click.argument("program", required=False)
@click.option("--exclusive-days", type=int, default=None, help="Days of exclusive access that the program chose; 0: public at once.")
@click.option("--title", default=None, help="Its title.")
@click.option("--pi", "pi_name", default=None, help="Its principal investigator.")
@click.option("--category", default=None, help="GO, GTO, CAL, ...")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes into the journal.")
def proposal(
    ops: Ops, program: str | None, exclusive_days: int | None, title: str | None, pi_name: str | None, category: str | None, reason: str
) -> Answer:  # fmt: skip
    """Show programs, or write down what is known of one (five digits). A lead decides about exclusive access."""
    words = {k: v for k, v in (("title", title), ("pi_name", pi_name), ("category", category)) if v is not None}
    if program is not None and (words or exclusive_days is not None):
        proposals.put(ops, program, reason=reason, exclusive_days=exclusive_days, **words)
    rows = [row for row in proposals.listed(ops) if program in (None, row["id"])]
    columns = {
        "id": "Program",
        "title": "Title",
        "pi_name": "PI",
        "category": "Category",
        "exclusive_days": "Exclusive days",
        "changed_at": "Changed",
    }
    return Answer(rows, [table(rows, columns)] if rows else ["No such program is known."])


def add_acts(group: click.Group) -> None:
    """Add these verbs to the group."""
    for name, function in (
        ("close-error", close_error), ("ingest-again", ingest_again), ("keep", keep), ("withdraw", take_out), ("restore", restore),
        ("proposal", proposal),
    ):  # fmt: skip
        verb(group, name)(function)
