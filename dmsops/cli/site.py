"""``dmsops site``: make and look at a site."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.core import config, db
from dmsops.ops import Ops, create_site


@click.group()
def commands() -> None:
    """Make and look at a site."""


@click.option("--name", default="DMSOps", help="Name shown on every board.")
@click.option("--mode", type=click.Choice(["live", "rehearsal"]), default="live", help="LIVE or REHEARSAL.")
@click.option("--workers", type=int, default=2, help="Steps that may run at once.")
def init(site: str | None, name: str, mode: str, workers: int) -> Answer:
    """Make a site in --site DIR: folders, site.toml, database. You become its lead."""
    folder = create_site(config.site_folder(site), name=name, mode=mode, workers=workers)
    return Answer({"site": str(folder)}, [f"Site made at {folder}", "Next: dmsops testbed references, or dmsops rehearse wavefront"])


def upgrade(site: str | None) -> Answer:
    """Bring the site's database to this version's schema (stop the engine first)."""
    settings = config.load(config.site_folder(site))
    db.upgrade(settings.database_url)
    return Answer({"schema": db.expected_revision()}, [f"Schema is {db.expected_revision()}"])


def show(ops: Ops) -> Answer:
    """Show the site's settings."""
    values = ops.settings.model_dump(mode="json")
    rows = [{"field": k, "value": v, "is": type(ops.settings).model_fields[k].description} for k, v in values.items()]
    return Answer(values, [table(rows, {"field": "Setting", "value": "Value", "is": "What it is"})])


verb(commands, "init", opens=False)(init)
verb(commands, "upgrade", opens=False)(upgrade)
verb(commands, "show")(show)
