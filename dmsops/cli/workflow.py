"""``dmsops workflow``: look at workflows and steps, rescue what failed."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.engine import failure_lines
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.ops import Ops
from dmsops.workflow import queries
from dmsops.workflow import rescue as rescuing
from dmsops.workflow.plan import Plan

STEP_COLUMNS = {"id": "Step", "state": "State", "kind": "Kind", "dataset": "Dataset", "attempt": "Tries", "fault": "What went wrong"}


@click.group()
def commands() -> None:
    """Workflows and steps: look, and rescue what failed."""


def show(ops: Ops) -> Answer:
    """List workflows with their counts."""
    rows = queries.workflows(ops)
    columns = {"name": "Workflow", "dataset": "Dataset", "cls": "Class", "total": "Steps", "good": "Good"}
    columns |= {"running": "Running", "failed": "Failed", "open": "Open", "due": "Due"}
    return Answer(rows, [table(rows, columns) if rows else "No workflow yet. Accept a delivery: dmsops receipt accept FOLDER"])


@click.option("--state", "states", multiple=True, help="Only these states.")
@click.option("--dataset", default="", help="Only rows whose dataset, kind or fault holds this.")
@click.option("--limit", type=click.IntRange(1, 100000), default=200)
def steps(ops: Ops, states: tuple[str, ...], dataset: str, limit: int) -> Answer:
    """List steps: failed first, then running, then the rest."""
    rows = queries.steps(ops, states=states, text=dataset, limit=limit)
    return Answer(rows, [table(rows, STEP_COLUMNS)])


@click.argument("step", type=int)
@click.option("--log", "log_lines", type=int, default=15, help="Lines of the log to show.")
def step(ops: Ops, step: int, log_lines: int) -> Answer:
    """Tell one step's story: state, what it waits for, attempts, fault, log."""
    row = queries.step_row(ops, step)
    tries = queries.attempts(ops, step)
    data = {**row, "attempts": tries, "story": queries.story(ops, step)}
    lines: list[Any] = [f"Step {step}: {row['title']} of {row['dataset']}", f"{row['state'].upper()}: {row['sentence']}"]
    if row["fault"]:
        lines += [f"What went wrong: {word(row['fault'])}", f"What to do: {word(row['remedy'])}"]
    lines += [f"Waits for {w['product']}" + (f" (step {w['maker']}, {w['state']})" if w["maker"] else "") for w in row["waiting_for"]]
    columns = {
        "n": "Try",
        "outcome": "Outcome",
        "started_at": "Started",
        "ended_at": "Ended",
        "host": "Host",
        "peak_mb": "Peak MB",
        "log": "Log",
    }
    lines += [table(tries, columns)] if tries else []
    tail = queries.log_tail(ops, step, log_lines)
    lines += ["", word(tail)] if tail else []
    return Answer(data, lines)


def failures(ops: Ops) -> Answer:
    """Group what failed: class, count, words, remedy."""
    rows = queries.failures(ops)
    return Answer(rows, failure_lines(ops) if rows else ["Nothing has failed."])


@click.option("--step", "chosen", type=int, multiple=True, help="Step to run again (repeat for several).")
@click.option("--all-failed", is_flag=True, help="All failed steps.")
@click.option("--dataset", default="", help="With --all-failed: only of this dataset or visit.")
@click.option("--remake", is_flag=True, help="Also run steps again that ended well, and all that follows from them.")
@change_options
def rescue(
    ops: Ops, chosen: tuple[int, ...], all_failed: bool, dataset: str, remake: bool, ticket: str | None, reason: str, yes: bool
) -> Answer:
    """Run failed steps again, and only what follows from them.

    Without --apply it only shows what would happen. Then: --apply HASH --reason TEXT.
    """
    selection: dict[str, Any] = {"steps": chosen, "dataset": dataset, "all_failed": all_failed, "remake": remake}
    planned = rescuing.plan(ops, **selection)
    if ticket is None and not yes:
        return Answer({"plan": planned.as_dict(), "applied": False}, plan_lines(planned))
    done = rescuing.rescue(ops, reason=reason, ticket=ticket or planned.hash, **selection)
    words = f"{len(done.again)} steps will run again when the engine takes them (dmsops engine run)"
    return Answer({"plan": done.as_dict(), "applied": True}, [words])


def plan_lines(planned: Plan) -> list[Any]:
    """Put a rescue plan into words."""
    rows = [{"id": a.step_id, "kind": a.kind, "dataset": a.dataset, "why": a.why} for a in planned.again]
    lines: list[Any] = (
        [table(rows, {"id": "Step", "kind": "Kind", "dataset": "Dataset", "why": "Runs again because"})]
        if rows
        else ["Nothing would run again."]
    )
    lines.append(f"{planned.reused} steps that ended well are left alone; about {planned.estimate_seconds:.0f} s of work")
    lines += [f"Superseded: {word(planned.supersedes)}"] if planned.supersedes else []
    lines += [f"Tells a neighbour again: {word(planned.tells)}"] if planned.tells else []
    lines += [f"Step {i} is not touched: {why}" for i, why in planned.untouched]
    lines += [f"Damaged objects set aside: {word(planned.damaged)}"] if planned.damaged else []
    return [*lines, "", f"To do it: --apply {planned.hash} --reason TEXT" if rows else ""]


verb(commands, "list")(show)
verb(commands, "steps")(steps)
verb(commands, "step")(step)
verb(commands, "failures")(failures)
verb(commands, "rescue")(rescue)
