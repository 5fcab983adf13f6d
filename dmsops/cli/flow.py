"""``dmsops flow``: plan work for what has been received."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, verb
from dmsops.core.counting import counted
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """Plan work for what has been received."""


@click.option("--visit", default="", help="Only this visit.")
def plan(ops: Ops, visit: str) -> Answer:
    """Plan the steps of visits whose data have come; what is planned already stays as it is."""
    from dmsops.flows import science

    reports = [science.plan_visit(ops, visit)] if visit else science.plan_received(ops)
    lines = [f"V{r.visit}: {counted(r.steps, 'new step')} for {counted(r.exposures, 'exposure')}" for r in reports]
    lines = lines or ["No visit has its status file yet."]
    lines += [f"  {problem}" for r in reports for problem in r.problems]
    return Answer(reports, [*lines, "Next: dmsops engine run"])


verb(commands, "plan")(plan)
