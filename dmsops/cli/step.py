"""``dmsops step``: step kinds; run one by hand."""

from __future__ import annotations

import json
from pathlib import Path

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.core.config import enter_runtime
from dmsops.core.errors import BadInput
from dmsops.core.people import Role, require
from dmsops.ops import Ops
from dmsops.workflow import execute
from dmsops.workflow.lease import Claim
from dmsops.workflow.steps import load_kinds


@click.group()
def commands() -> None:
    """Step kinds; run one by hand."""


def show(ops: Ops) -> Answer:
    """List the registered step kinds."""
    fields = ("name", "title", "version", "estimate_seconds", "memory_mb", "external")
    rows = [{f: getattr(kind, f) for f in fields} for _, kind in sorted(load_kinds().items())]
    columns = {"name": "Step", "title": "What it does", "estimate_seconds": "About s", "memory_mb": "MB", "external": "Tells a neighbour"}
    return Answer(rows, [table(rows, columns)])


@click.argument("kind")
@click.option(
    "--spec", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON: dataset, params, inputs, makes."
)
def run(ops: Ops, kind: str, spec: Path) -> Answer:
    """Run one step in this process, from a spec file; nothing is published. The entry point that engines use.

    The spec names ``dataset``, ``params``, ``inputs`` (product name to sha256 in the store) and ``makes``.
    """
    require(ops.operator, Role.OPERATOR, "step run")
    item = _claim(kind, spec)
    enter_runtime(ops.settings)
    execute.run_attempt(ops, item)
    found = execute.read_ending(ops, item)
    if isinstance(found, tuple):
        why = found[0]
        return Answer(
            {"good": False, "fault": why.sentence, "remedy": why.remedy}, [f"Failed: {why.sentence}", f"What to do: {why.remedy}"], 1
        )
    return Answer({"good": True, "ending": found}, [f"Good: {', '.join(name for name, _, _ in found.products) if found else ''}"])


def _claim(kind: str, spec: Path) -> Claim:
    try:
        given = json.loads(spec.read_text(encoding="utf-8"))
        return Claim(
            step_id=int(given.get("step_id", 0)), attempt=int(given.get("attempt", 0)), kind=kind, dataset=str(given["dataset"]),
            params=dict(given.get("params", {})), inputs=dict(given.get("inputs", {})), makes=tuple(given.get("makes", ())),
            content_key=str(given.get("content_key", f"by-hand-{spec.stem}")), fresh=True,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{spec}: not a step spec: {error}", file=str(spec)) from None


verb(commands, "list")(show)
verb(commands, "run")(run)
