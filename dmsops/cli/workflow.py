"""``dmsops workflow``: look at workflows and steps; hold, release, rescue and every other verb (`dmsops.cli.acts`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from dmsops.cli.acts import add_verbs
from dmsops.cli.explain import add_looks
from dmsops.cli.frame import Answer, table, verb, word
from dmsops.cli.second import add_acts
from dmsops.ops import Ops
from dmsops.workflow import pauses, queries, waiting
from dmsops.workflow.states import StepState

STEP_COLUMNS = {"id": "Step", "state": "State", "kind": "Kind", "dataset": "Dataset", "attempt": "Tries", "fault": "What went wrong"}


@click.group()
def commands() -> None:
    """Workflows and steps: look, hold, release, rescue, and every other verb."""


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
    if row["state"] in {StepState.WAITING, StepState.READY}:
        told = waiting.why(ops, step)
        lines += [word(told.sentence), *(f"  {word(m.words(ops.clock.now()))}" for m in told.missing)]
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
    """Group what failed by its fingerprint: how many, how many handled, since when, words, remedy, known-problem note."""
    rows = queries.failures(ops)
    return Answer(rows, [line for row in rows for line in _group(row)][1:] if rows else ["Nothing has failed."])


def _group(row: dict[str, Any]) -> Iterator[str]:
    """Write a group of failures as a paragraph: a table would fold its sentences into ribbons."""
    handled = f", {row['handled']} more handled" if row.get("handled") else ""
    yield ""
    yield f"{row['n']} failed{handled}, class {row['fault_class']}, {word(row['first'])} to {word(row['last'])}"
    yield f"  {word(row['fault'])}"
    yield f"  What to do: {word(row['remedy'])}"
    yield f"  Fingerprint: {word(row['fingerprint'])}"
    if row.get("steps"):
        rest = row["n"] + row["handled"] - len(row["steps"])
        yield f"  Steps: {word(row['steps'])}" + (f" and {rest} more" if rest > 0 else "")
    if row.get("assigned"):
        yield f"  Given to: {word(row['assigned'])}"
    if row.get("note"):
        yield f"  Known: {word(row['note'])} ({row['note_by']}, {word(row['note_at'])})"


def standing(ops: Ops) -> Answer:
    """List what is paused: by whom, since when, why, until when."""
    rows = [{**r, "target": r["dataset"] or r["target"]} for r in pauses.standing(ops)]
    columns = {"scope": "What", "target": "Which", "actor": "By", "since": "Since", "reason": "Why", "until": "Until"}
    return Answer(rows, [table(rows, columns) if rows else "Nothing is paused."])


verb(commands, "list")(show)
verb(commands, "steps")(steps)
verb(commands, "step")(step)
verb(commands, "failures")(failures)
verb(commands, "pauses")(standing)
add_looks(commands)
add_verbs(commands)
add_acts(commands)
