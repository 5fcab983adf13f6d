"""``dmsops engine``: run the site's steps."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.cli.progress import StepBar
from dmsops.core.people import Role, require
from dmsops.ops import Ops
from dmsops.workflow import pulse, queries


@click.group()
def commands() -> None:
    """Run the site's steps."""


@click.option("--forever", is_flag=True, help="Wait for new steps when there are none.")
def run(ops: Ops, forever: bool) -> Answer:
    """Run what is ready, until nothing is ready or running (or forever)."""
    from dmsops.workflow import engines

    require(ops.operator, Role.OPERATOR, "engine run")
    with StepBar() as bar:
        tally = engines.run(ops, forever=forever, progress=bar)
    counts = queries.counts(ops)
    data: dict[str, Any] = {"tally": tally, "steps": counts}
    lines: list[Any] = [
        f"{tally.done} done, {tally.reused} reused, {tally.failed} failed in {tally.seconds:.0f} s (peak {tally.peak_mb:.0f} MB a step)"
    ]
    if counts["failed"]:
        lines += ["", *failure_lines(ops)]
    return Answer(data, lines, 1 if counts["failed"] else 0)


def failure_lines(ops: Ops) -> list[Any]:
    """Say what failed, grouped, with what to do."""
    rows = queries.failures(ops)
    return [table(rows, {"n": "Steps", "fault_class": "Class", "fault": "What went wrong", "remedy": "What to do"}, "Failed")]


def status(ops: Ops) -> Answer:
    """Show the engines that are signed on (which one acts, which are silent), silent steps, and the steps by state."""
    engines, silent = pulse.engines(ops), [row for row in pulse.running(ops) if row["liveness"] != "alive"]
    counts = queries.counts(ops)
    columns = {"id": "Engine", "kind": "Kind", "role": "Role", "liveness": "Life", "workers": "Workers", "started_at": "Since"}
    columns |= {"heartbeat_at": "Last sign of life"}
    lines = [table(engines, columns) if engines else "No engine is running. Start one: dmsops engine run"]
    lines += [table(silent, {"id": "Step", "kind": "Kind", "liveness": "Life", "last_sign": "Last sign"}, "Silent steps")] if silent else []
    data = {"engines": engines, "silent": silent, "steps": counts}
    return Answer(data, [*lines, "  ".join(f"{k} {v}" for k, v in counts.items())])


verb(commands, "run")(run)
verb(commands, "status")(status)
