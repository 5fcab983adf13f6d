"""``dmsops wfsc``: the 90-minute clock, deliveries to WSS."""

from __future__ import annotations

import click

from dmsops.cli.archive_acts import how
from dmsops.cli.frame import Answer, change_options, table, verb
from dmsops.core.counting import counted
from dmsops.ops import Ops
from dmsops.wfsc import queries
from dmsops.wfsc import resend as resending


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


@click.argument("delivery")
@change_options
def resend(ops: Ops, delivery: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Hand the products of a delivery over to WSS once more: they were lost or spoilt there.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    seen = resending.preview(ops, delivery)
    if ticket is None and not yes:
        again = counted(len(seen.files), "file")
        lines = [f"{seen.delivery_id} of visit V{seen.visit} is {seen.state}; {again} would be handed over again."]
        lines += [f"The store lacks {name}: procedure P08 makes it again first." for name in seen.lacking]
        return Answer({"plan": seen, "applied": False}, [*lines, *how(seen.hash, "an operator or a lead")])
    row = resending.resend(ops, delivery, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": seen, "applied": True, "delivery": row}, [f"{delivery} was handed over again, and {row['answered_by']} took it"])


verb(commands, "clocks")(clocks)
verb(commands, "deliveries")(deliveries)
verb(commands, "resend")(resend)
