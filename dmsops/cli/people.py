"""``dmsops people``: who works on the site, and in which role."""

from __future__ import annotations

from typing import TextIO

import click
import sqlalchemy as sa

from dmsops.cli.frame import Answer, table, verb
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.people import Role, people, put_person, put_token, require
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """Who works on the site, and in which role."""


def show(ops: Ops) -> Answer:
    """List the site's people."""
    with reading(ops.db) as c:
        found = c.execute(sa.select(people).order_by(people.c.name)).all()
    rows = [{"name": r.name, "role": r.role, "board": "yes" if r.password else "no password yet", "token": bool(r.token)} for r in found]
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


@click.argument("name")
@click.option("--withdraw", is_flag=True, help="Make the token void instead.")
def token(ops: Ops, name: str, withdraw: bool) -> Answer:
    """Give a person a fresh token, shown once; what they had before is void.

    Put it into DMSOPS_TOKEN, or into a file (0600) that the setting token_file names. One's own needs the operator's
    role, somebody else's the lead's.
    """
    require(ops.operator, Role.OPERATOR if name == ops.operator.name else Role.LEAD, "people token")
    with ops.db.begin() as c:
        fresh = put_token(c, name, withdraw=withdraw)
        journal.write(c, ops.clock, "person.token", name, actor=ops.operator.name, outcome="withdrawn" if withdraw else "made")
    told = [f"{name} has no token now"] if withdraw else [fresh, f"This token acts as {name}. It is not shown again."]
    return Answer({"name": name, "token": fresh or None}, list(told))


verb(commands, "list")(show)
verb(commands, "token")(token)
verb(commands, "add")(add)
