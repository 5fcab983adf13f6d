"""``dmsops engine``: run the site's steps."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.cli.progress import StepBar
from dmsops.core.people import Role, require
from dmsops.ops import Ops
from dmsops.workflow import pulse, queries

_ENGINE = {
    "id": "Engine", "kind": "Kind", "role": "Role", "liveness": "Life", "workers": "Workers", "started_at": "Since",
    "heartbeat_at": "Last sign of life",
}  # fmt: skip
_SILENT = {"id": "Step", "kind": "Kind", "liveness": "Life", "last_sign": "Last sign"}
_BATCH = {"id": "Batch", "cluster": "DAGMan's job", "submitted_at": "Since", "nodes": "Nodes", "folder": "Folder"}
_DIFFER = {"at": "When", "target": "What", "words": "In words"}


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
    """Show the engines (which one acts, which are silent), silent steps, what an HTCondor pool has, and the steps by state."""
    engines, silent = pulse.engines(ops), [row for row in pulse.running(ops) if row["liveness"] != "alive"]
    batches, differ, counts = pulse.batches(ops), pulse.disagreements(ops), queries.counts(ops)
    lines: list[Any] = [table(engines, _ENGINE) if engines else "No engine is running. Start one: dmsops engine run"]
    lines += [table(silent, _SILENT, "Silent steps")] if silent else []
    if batches:
        shown = [{**b, "nodes": "  ".join(f"{k} {v}" for k, v in sorted(b["nodes"].items()))} for b in batches]
        lines.append(table(shown, _BATCH, "In the pool"))
    if differ:
        lines.append(table(differ, _DIFFER, "Pool and site disagreed (last day; the site's word counts)"))
    data = {"engines": engines, "silent": silent, "batches": batches, "disagreements": differ, "steps": counts}
    return Answer(data, [*lines, "  ".join(f"{k} {v}" for k, v in counts.items())])


verb(commands, "run")(run)
verb(commands, "status")(status)
