"""``dmsops archive``: what the archive holds."""

from __future__ import annotations

import click

from dmsops.archive import queries
from dmsops.cli.frame import Answer, table, verb
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """What the archive holds."""


@click.option("--visit", default=None, help="Only this visit (11 digits).")
def summary(ops: Ops, visit: str | None) -> Answer:
    """Count products by suffix, and observations with their validity."""
    data = {"products": queries.counts_by_suffix(ops, visit), "caom": queries.caom_summary(ops)}
    lines = [", ".join(f"{n} {suffix}" for suffix, n in data["products"].items()) or "The archive is empty."]
    return Answer(data, [*lines, f"{data['caom']['observations']} CAOM observations, {data['caom']['invalid']} invalid"])


def observations(ops: Ops) -> Answer:
    """List CAOM observations."""
    rows = queries.observations(ops)
    return Answer(rows, [table(rows, {"id": "Observation", "kind": "Kind", "products": "Products", "valid": "Valid"})])


verb(commands, "summary")(summary)
verb(commands, "observations")(observations)
