"""``dmsops fault``: faults that the test bed can inject."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, table, verb


@click.group()
def commands() -> None:
    """Faults that the test bed can inject."""


def show(site: str | None) -> Answer:
    """List the faults: what each does, who finds it, which procedure repairs it."""
    from dmsops.testbed.faults import list_faults

    rows = list_faults()
    return Answer(rows, [table(rows, {"id": "Fault", "title": "What happens", "found_by": "Found by", "repaired_by": "Repaired by"})])


verb(commands, "list", opens=False)(show)
