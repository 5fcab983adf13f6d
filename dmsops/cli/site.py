"""``dmsops site``: make and look at a site."""

from __future__ import annotations

import click

from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.progress import Bar
from dmsops.core import config, db
from dmsops.core.counting import counted
from dmsops.core.people import Person, Role, system_user
from dmsops.ops import Ops, connect, create_site
from dmsops.wfsc.answers import not_real

_LOST = {"table": "Table", "rows": "Rows", "words": "What is lost"}
SHOWN = 20


@click.group()
def commands() -> None:
    """Make and look at a site."""


@click.option("--name", default="DMSOps", help="Name shown on every board.")
@click.option("--mode", type=click.Choice(["live", "rehearsal"]), default="live", help="LIVE or REHEARSAL.")
@click.option("--workers", type=int, default=2, help="Steps that may run at once.")
def init(site: str | None, name: str, mode: str, workers: int) -> Answer:
    """Make a site in --site DIR: folders, site.toml, database. You become its lead."""
    folder = create_site(config.site_folder(site), name=name, mode=mode, workers=workers)
    _rebuilt(str(folder))  # a site that was there already may have come from an older schema
    lines = [f"Site made at {folder}", not_real(config.load(folder)), "Next: dmsops testbed references, or dmsops rehearse wavefront"]
    return Answer({"site": str(folder)}, [line for line in lines if line])


def upgrade(site: str | None) -> Answer:
    """Bring the site's database to this version's schema (stop the engine first), and write catalogue rows that are missing.

    Interrupted, it goes on where it was when it is given again.
    """
    settings = config.load(config.site_folder(site))
    db.upgrade(settings.database_url)
    done, faults = _rebuilt(site)
    lines = [f"Schema is {db.expected_revision()}"]
    lines += [f"Catalogue rows written for {counted(done, 'observation')}"] if done else []
    lines += [f"Without rows, procedure P16: {word(text)}" for text in faults[:SHOWN]]
    lines += [f"... and {len(faults) - SHOWN} more (--json names all)"] if len(faults) > SHOWN else []
    return Answer({"schema": db.expected_revision(), "rebuilt": done, "faults": faults}, lines, 1 if faults else 0)


def _rebuilt(site: str | None) -> tuple[int, tuple[str, ...]]:
    """Write the missing rows in the hand of whoever could change the schema: the site need not know them."""
    from dmsops.flows import schema

    ops = connect(site, operator=Person(system_user(), Role.LEAD))
    with Bar("Catalogue rows") as bar:
        made = schema.rebuild(ops, progress=bar)
    ops.db.dispose()
    return made.done, made.faults


@click.option("--to", required=True, metavar="NNNN", help="The older schema: four digits, as 0006.")
@change_options
def downgrade(ops: Ops, to: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Take the site's database back to an older schema, for an older version of DMSOps (a lead; stop the engine first).

    What the older schema cannot hold is lost. Without --apply and --yes it only shows what that is, and the hash for it.
    """
    from dmsops.flows import schema

    seen = schema.preview(ops, to)
    rows = [{"table": one.table, "rows": one.rows, "words": one.words} for one in seen.lost]
    if ticket is None and not yes:
        lines = [f"From schema {seen.now} to {seen.to}:", table(rows, _LOST) if rows else "Nothing would be lost."]
        how = f"To do it (a lead): the same command with --apply {seen.hash} --reason TEXT"
        return Answer({"plan": seen, "applied": False}, [*lines, "", how])
    done = schema.downgrade(ops, to, ticket=ticket or seen.hash, reason=reason)
    words = f"Schema is {to}. This version of DMSOps works with {done.now}: use the older one, or `dmsops site upgrade`"
    return Answer({"plan": done, "applied": True}, [words])


def show(ops: Ops) -> Answer:
    """Show the site's settings."""
    values = ops.settings.model_dump(mode="json")
    rows = [{"field": k, "value": v, "is": type(ops.settings).model_fields[k].description} for k, v in values.items()]
    return Answer(values, [table(rows, {"field": "Setting", "value": "Value", "is": "What it is"})])


verb(commands, "init", opens=False)(init)
verb(commands, "upgrade", opens=False)(upgrade)
verb(commands, "downgrade")(downgrade)
verb(commands, "show")(show)
