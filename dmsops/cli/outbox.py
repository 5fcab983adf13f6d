"""``dmsops outbox``: what was told to the neighbours, and whether they took it."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.core import outbox
from dmsops.core.counting import counted
from dmsops.core.people import Role, require
from dmsops.ops import Ops

COLUMNS = {
    "neighbour": "To", "kind": "Kind", "subject": "About", "name": "Document", "made_at": "Said", "posted_at": "Laid out",
    "collected_at": "Taken by them",
}  # fmt: skip


@click.group()
def commands() -> None:
    """Messages to the neighbours."""


@click.option("--about", default=None, metavar="ID", help="Only messages about this delivery or visit.")
@click.option("--to", "neighbour", default=None, metavar="NAME", help="Only messages to this neighbour, as fos.")
def show(ops: Ops, about: str | None, neighbour: str | None) -> Answer:
    """List messages, newest first: to whom, about what, when said, laid out, taken."""
    rows = outbox.messages(ops.db, subject=about, neighbour=neighbour)
    return Answer(rows, [table(rows, COLUMNS) if rows else "Nothing was said."])


def post(ops: Ops) -> Answer:
    """Lay out every message that waits, and note which ones the neighbours have taken.

    Receipt does it by itself; this is for after a repair of the file system.
    """
    require(ops.operator, Role.OPERATOR, "outbox post")
    folder = ops.settings.folder("outbox")
    taken, laid = outbox.notice_collected(ops.db, ops.clock, folder), outbox.post(ops.db, ops.clock, folder)
    return Answer({"posted": laid, "collected": taken}, [f"{counted(laid, 'message')} laid out, {taken} seen to be taken"])


verb(commands, "list")(show)
verb(commands, "post")(post)
