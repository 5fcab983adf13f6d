"""``dmsops people``: who works on the site, and in which role."""

from __future__ import annotations

from typing import TextIO

import click
import sqlalchemy as sa

from dmsops.cli.frame import Answer, table, verb
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.people import Role, people, put_person, require
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """Who works on the site, and in which role."""


def show(ops: Ops) -> Answer:
    """List the site's people."""
    with reading(ops.db) as c:
        rows = [{"name": r.name, "role": r.role, "board": "yes" if r.password else "no password yet"} for r in c.execute(sa.select(people))]
    return Answer(rows, [table(rows, {"name": "Name", "role": "Role", "board": "Can sign in to the boards"})])


@click.argument("name")
@click.option("--role", type=click.Choice(["viewer", "operator", "lead"]), default="viewer")
@click.option("--password", is_flag=True, help="Ask for a password for the boards (twice, not shown).")
@click.option("--password-file", type=click.File(), help="Read the password from a file (0600) instead.")
def add(ops: Ops, name: str, role: str, password: bool, password_file: TextIO | None) -> Answer:
    """Add a person, or change their role or password (lead only)."""
    require(ops.operator, Role.LEAD, "people add")
    secret = None
    if password_file is not None:
        secret = password_file.read().strip()
    elif password:
        secret = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with ops.db.begin() as c:
        put_person(c, name, Role.named(role), secret)
        journal.write(c, ops.clock, "person.added", name, actor=ops.operator.name, role=role)
    return Answer({"name": name, "role": role}, [f"{name} is {role} now"])


verb(commands, "list")(show)
verb(commands, "add")(add)
