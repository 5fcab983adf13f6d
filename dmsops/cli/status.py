"""``dmsops status``: the site at a glance."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.engine import failure_lines
from dmsops.cli.frame import Answer, table, verb
from dmsops.core.counting import counted
from dmsops.ops import Ops
from dmsops.workflow import queries


def status(ops: Ops) -> Answer:
    """Show what needs a person, then what runs, then the rest."""
    from dmsops.receipt import queries as received
    from dmsops.wfsc import queries as wavefront

    counts, asked, clocks = queries.counts(ops), received.rerequests(ops), wavefront.clock_rows(ops)
    data = {"site": ops.settings.name, "mode": ops.settings.mode, "steps": counts, "clocks": clocks, "rerequests": asked}
    lines: list[Any] = [f"{ops.settings.name} ({ops.settings.mode.upper()})"]
    lines += failure_lines(ops) if counts["failed"] else ["No step has failed."]
    lines += [f"{counted(len(asked), 'file was', 'files were')} asked for again (dmsops receipt rerequests)"] if asked else []
    lines.append("Steps: " + "  ".join(f"{n} {state}" for state, n in counts.items()))
    columns = {"visit": "Visit", "state": "Clock", "used_minutes": "Used min", "limit_minutes": "Limit min", "due": "Due"}
    lines += [table(clocks, columns)] if clocks else []
    return Answer(data, lines)


commands = verb(click.Group(), "status")(status)
