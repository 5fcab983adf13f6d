"""``dmsops components``: the 14 components and how they are."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, plain, table, verb
from dmsops.core import config
from dmsops.ops import connect


def show(site: str | None) -> Answer:
    """List the 14 components (a reconstruction: the real list is not public); on a site, with their live health."""
    from dmsops.components import components, health

    if not (config.site_folder(site) / config.SITE_FILE).exists():
        rows = [plain(component) for component in components()]
        return Answer(rows, [table(rows, {"id": "No.", "name": "Component", "does": "What it does", "neighbours": "Talks to"})])
    found = health(connect(site))
    rows = [{**plain(h.component), "state": h.state, "health": h.sentence, "waiting": h.waiting} for h in found]
    columns = {"id": "No.", "name": "Component", "state": "State", "health": "How it is", "neighbours": "Talks to"}
    return Answer(rows, [table(rows, columns)])


commands = verb(click.Group(), "components", opens=False)(show)
