"""``dmsops wfsc``: the 90-minute clock, deliveries to WSS."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.ops import Ops
from dmsops.wfsc import queries


@click.group()
def commands() -> None:
    """Wavefront support: the 90-minute clock, deliveries to WSS."""


def clocks(ops: Ops) -> Answer:
    """Show the clock of every wavefront visit: used, limit, due, state."""
    rows = queries.clock_rows(ops)
    columns = {"visit": "Visit", "state": "State", "used_minutes": "Used min", "limit_minutes": "Limit min", "due": "Due"}
    columns |= {"p50": "Expected p50", "p90": "p90", "rescue_by": "A rescue helps until", "words": "In words"}
    return Answer(rows, [table(rows, columns) if rows else "No wavefront visit has been received."])


def deliveries(ops: Ops) -> Answer:
    """List deliveries to WSS."""
    rows = queries.deliveries(ops)
    columns = {"id": "Delivery", "visit": "Visit", "state": "State", "files": "Files", "sent_at": "Sent", "acknowledged_at": "Acknowledged"}
    return Answer(rows, [table(rows, columns) if rows else "Nothing has been delivered to WSS."])


verb(commands, "clocks")(clocks)
verb(commands, "deliveries")(deliveries)
