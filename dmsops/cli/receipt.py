"""``dmsops receipt``: deliveries, quarantine, re-requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dmsops import receipt as receiving
from dmsops.cli.frame import Answer, table, verb
from dmsops.ops import Ops
from dmsops.receipt import ephemerides, queries

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE_COLUMNS = {"name": "File", "kind": "Kind", "state": "State", "version": "Version", "reason": "Why"}


@click.group()
def commands() -> None:
    """Deliveries: preview, accept, quarantine, re-requests."""


@click.argument("folder", type=FOLDER)
def preview(ops: Ops, folder: Path) -> Answer:
    """Show what accepting a delivery would do; nothing changes."""
    seen = receiving.preview(ops, folder)
    return Answer(seen, [f"Delivery {seen.delivery_id} of {seen.sender}", table([_row(f) for f in seen.files], FILE_COLUMNS)])


@click.argument("folder", type=FOLDER)
@click.option("--reason", default="", help="Why, when it is not routine.")
def accept(ops: Ops, folder: Path, reason: str) -> Answer:
    """Accept a delivery: good files are stored and released, bad ones quarantined and asked for again.

    May be given again at any time: it goes on where it stopped, and a replay changes nothing.
    """
    got = receiving.accept(ops, folder, reason=reason)
    lines: list[Any] = [f"Delivery {got.delivery_id} of {got.sender}: {got.state}; {len(got.released)} files released"]
    if got.quarantined:
        lines.append(table([_row(f) for f in got.quarantined], FILE_COLUMNS, "Quarantined, and asked for again (procedure P04)"))
    doubtful = [row for row in ephemerides.coverage(ops) if row["needs_person"] and row["delivery_id"] == got.delivery_id]
    lines += [f"Ephemeris {row['name']} is in doubt and is not used (procedure P06): {'; '.join(row['doubts'])}" for row in doubtful]
    lines.append("Next: dmsops flow plan, then dmsops engine run")
    return Answer(got, lines, 1 if got.quarantined else 0)


def _row(item: Any) -> dict[str, Any]:
    return {key: getattr(item, key, None) for key in FILE_COLUMNS}


def show(ops: Ops) -> Answer:
    """List deliveries, newest first."""
    rows = queries.deliveries(ops)
    for row in rows:
        row["counts"] = ", ".join(f"{n} {state}" for state, n in row["files"].items())
    columns = {"id": "Delivery", "sender": "Sender", "state": "State", "received_at": "Received", "counts": "Files", "replays": "Replays"}
    return Answer(rows, [table(rows, columns) if rows else "No delivery yet."])


def quarantine(ops: Ops) -> Answer:
    """List what is in quarantine, and why."""
    rows = queries.quarantine(ops)
    columns = {"delivery_id": "Delivery", "name": "File", "fault": "Fault", "reason": "Why", "folder": "Kept in"}
    return Answer(rows, [table(rows, columns) if rows else "The quarantine is empty."])


def rerequests(ops: Ops) -> Answer:
    """List the files that were asked for again and have not come."""
    rows = queries.rerequests(ops)
    columns = {"id": "No.", "delivery_id": "Delivery", "name": "File", "reason": "Why", "due": "Due", "overdue": "Overdue"}
    return Answer(rows, [table(rows, columns) if rows else "Nothing is asked for."])


verb(commands, "preview")(preview)
verb(commands, "accept")(accept)
verb(commands, "list")(show)
verb(commands, "quarantine")(quarantine)
verb(commands, "rerequests")(rerequests)
