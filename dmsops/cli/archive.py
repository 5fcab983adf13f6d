"""``dmsops archive``: what the archive holds."""

from __future__ import annotations

import click

from dmsops.archive import queries
from dmsops.cli.frame import Answer, table, verb
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """What the archive holds."""


@click.option("--prefix", default="", help="Only products whose name begins so.")
def summary(ops: Ops, prefix: str) -> Answer:
    """Count products by suffix, and observations with their validity."""
    data = {"products": queries.counts_by_suffix(ops, prefix=prefix), "caom": queries.caom_summary(ops)}
    lines = [", ".join(f"{n} {suffix}" for suffix, n in data["products"].items()) or "The archive is empty."]
    return Answer(data, [*lines, f"{data['caom']['observations']} CAOM observations, {data['caom']['invalid']} invalid"])


def observations(ops: Ops) -> Answer:
    """List CAOM observations."""
    rows = queries.observations(ops)
    columns = {"id": "Observation", "products": "Products", "bytes": "Bytes", "version": "Version", "valid": "Valid"}
    return Answer(rows, [table(rows, columns)])


verb(commands, "summary")(summary)
verb(commands, "observations")(observations)
