"""``dmsops components``: the 14 components and how they are."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, plain, table, verb
from dmsops.ops import Ops


def show(ops: Ops) -> Answer:
    """List the 14 components (a reconstruction: the real list is not public) with their live health."""
    from dmsops.components import health

    found = health(ops)
    rows = [{**plain(h.component), "state": h.state, "health": h.sentence, "waiting": h.waiting} for h in found]
    columns = {"id": "No.", "name": "Component", "state": "State", "health": "How it is", "neighbours": "Talks to"}
    return Answer(rows, [table(rows, columns)])


commands = verb(click.Group(), "components")(show)
