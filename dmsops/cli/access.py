"""``dmsops access``: who was given which file, who was refused, and a program's exclusive access."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.archive_acts import how
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.plans import SHOWN
from dmsops.cli.progress import Bar
from dmsops.core.counting import counted, fitting
from dmsops.distribution import audit
from dmsops.flows import exclusive
from dmsops.ops import Ops

RECORD = {"at": "At", "who": "Who", "address": "From", "route": "Route", "uri": "What", "verdict": "Verdict", "why": "Why", "size": "Bytes"}


@click.group()
def commands() -> None:
    """Access to files: who was given what, who was refused, and a program's exclusive access."""


@click.option("--verdict", type=click.Choice([audit.GRANTED, audit.DENIED]), default=None, help="Only these.")
@click.option("--who", default="", help="Of this account or person.")
@click.option("--uri", default="", help="Of this file.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def records(ops: Ops, verdict: str | None, who: str, uri: str, limit: int) -> Answer:
    """Show who was given which file, and who was refused and why; newest first."""
    rows = audit.records(ops, verdict=verdict or "", who=who, uris=[uri] if uri else [], limit=limit)
    return Answer(rows, [table(rows, RECORD) if rows else "No file was asked for."])


@click.argument("program")
@click.argument("days", type=int)
@change_options
def change(ops: Ops, program: str, days: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Change a program's exclusive access to so many days from archiving; 0 releases it. A lead decides.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    seen = exclusive.preview(ops, program, days)
    if ticket is None and not yes:
        return Answer({"plan": seen, "applied": False}, [*_shown(seen), *how(seen.hash, "a lead")])
    with Bar("Describing again") as progress:
        done = exclusive.change(ops, program, days, ticket=ticket or seen.hash, reason=reason, progress=progress)
    lines = [f"{counted(len(done.done), 'observation')} of program {program} {fitting(len(done.done), 'is', 'are')} described again"]
    lines += [f"{name} could not be: {word(why)} (procedure P15)" for name, why in done.failed]
    return Answer({"plan": seen, "applied": True, "done": done.done, "failed": done.failed}, lines, exit_code=1 if done.failed else 0)


def _shown(seen: exclusive.Change) -> list[Any]:
    rows = [{"observation": i.observation_id, "now": i.now, "then": i.then, "effect": i.effect(seen.at)} for i in seen.items]
    was = "what its category gives" if seen.days_now is None else counted(seen.days_now, "day")
    then, changes = counted(seen.days, "day"), counted(len(rows), "observation changes", "observations change")
    lines: list[Any] = [f"Program {seen.program}: exclusive access of {was} would be {then}; {changes}."]
    lines += [f"  {counted(number, 'observation')}: {effect}" for effect, number in seen.counts().items()]
    columns = {"observation": "Observation", "now": "Public from", "then": "Then", "effect": "For the public"}
    return [*lines, table(rows[:SHOWN], columns)] if rows else lines


verb(commands, "records")(records)
verb(commands, "change")(change)
