"""Looks that explain: why a step waits, what changed between two attempts, when work ends, what was made from a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from dmsops.cli.frame import Answer, table, verb, word
from dmsops.core.counting import counted
from dmsops.ops import Ops
from dmsops.workflow import compare, forecast, lineage
from dmsops.workflow import waiting as waits


@click.argument("step", type=int)
def waiting(ops: Ops, step: int) -> Answer:
    """Say why a step does not run: what is missing, who makes it, when it is expected, what stands in the way."""
    found = waits.why(ops, step)
    now = ops.clock.now()
    return Answer(
        asdict(found), [f"Step {step}, {found.state}: {word(found.sentence)}", *(f"  {word(m.words(now))}" for m in found.missing)]
    )


@click.argument("step", type=int)
@click.option("--before", type=int, help="Number of the earlier attempt; default the newest bad one.")
@click.option("--after", type=int, help="Number of the later attempt; default the newest.")
def diff(ops: Ops, step: int, before: int | None, after: int | None) -> Answer:
    """Say what changed between two attempts of a step: parameters, inputs, software, resources, products, log."""
    found = compare.attempts(ops, step, before, after)
    columns = {"part": "What", "name": "Which", "before": f"Attempt {found.before}", "after": f"Attempt {found.after}"}
    rows = [asdict(change) for change in found.changes]
    lines: list[Any] = [table(rows, columns) if rows else "Nothing but the time differs."]
    lines += [f"The same: {', '.join(found.same)}"] if found.same else []
    for name, report in found.fits.items():
        lines += ["", word(name), word(report)]
    lines += ["", "Logs:", *(word(line) for line in found.log)] if found.log else []
    return Answer(asdict(found), lines)


@click.argument("dataset", default="")
def foresee(ops: Ops, dataset: str) -> Answer:
    """Say when workflows with a deadline end (half of such, 9 of 10), and until when a rescue helps; or one dataset's."""
    one = forecast.of_dataset(ops, dataset) if dataset else None
    found = [one] if one else [] if dataset else forecast.running(ops)
    rows = [{**asdict(f), "standing": f.standing.value, "rescue_by": f.rescue_by, "words": f.words} for f in found]
    columns = {"dataset": "Dataset", "standing": "Standing", "due": "Due", "p50": "Half by", "p90": "9 of 10 by", "left": "Steps left"}
    columns |= {"blocked": "In the way", "rescue_by": "A rescue helps until"}
    nothing = f"Nothing of {word(dataset)} is left to do." if dataset else "No work with a deadline is open."
    return Answer(rows, [table(rows, columns) if rows else nothing])


@click.argument("names", nargs=-1, required=True, metavar="FILE...")
def derived(ops: Ops, names: tuple[str, ...]) -> Answer:
    """List every step and product that was made from a file: raw, engineering, product or calibration reference."""
    found = lineage.derived(ops, names)
    rows = [{**asdict(d), "why": d.why} for d in found.steps.values()]
    data = {**asdict(found), "steps": rows}
    lines: list[Any] = [f"Nothing on this site was made from, or is known of, {word(name)}." for name in found.unknown]
    lines += [table(rows, {"step_id": "Step", "state": "State", "kind": "Kind", "dataset": "Dataset", "why": "How"})] if rows else []
    lines += [f"{counted(len(rows), 'step')}, {counted(len(found.products), 'current product')}."] if rows else []
    lines += ["", "Make them again: dmsops workflow rescue --derived-from FILE"] if rows else []
    return Answer(data, lines)


def add_looks(group: click.Group) -> None:
    """Add the looks to a group."""
    verb(group, "waiting")(waiting)
    verb(group, "diff")(diff)
    verb(group, "forecast")(foresee)
    verb(group, "derived")(derived)
