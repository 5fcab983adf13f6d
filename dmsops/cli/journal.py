"""``dmsops journal``: acts and events, and whether the chain is whole."""

from __future__ import annotations

import click
import sqlalchemy as sa

from dmsops.cli.frame import Answer, table, verb
from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """The journal of acts and events."""


@click.option("--limit", type=click.IntRange(1, 10000), default=30)
@click.option("--text", default="", help="Only lines whose target or event holds this.")
def show(ops: Ops, limit: int, text: str) -> Answer:
    """Show the newest lines."""
    t = journal.journal
    query = sa.select(t).order_by(t.c.seq.desc()).limit(limit)
    if text:
        query = query.where(sa.or_(t.c.target.contains(text, autoescape=True), t.c.event.contains(text, autoescape=True)))
    with reading(ops.db) as c:
        rows = [dict(r) for r in c.execute(query).mappings()]
    columns = {"seq": "No.", "at": "When", "actor": "Who", "event": "Event", "target": "On", "outcome": "Outcome", "reason": "Why"}
    return Answer(rows, [table(rows, columns)])


def verify(ops: Ops) -> Answer:
    """Recompute the hash chain: a changed or removed line shows."""
    with reading(ops.db) as c:
        broken = journal.verify(c)
    words = (
        "The journal is whole"
        if broken is None
        else f"Line {broken} does not fit the chain: it, or one before it, was changed (procedure P21)"
    )
    return Answer({"whole": broken is None, "broken_at": broken}, [words], 0 if broken is None else 1)


verb(commands, "show")(show)
verb(commands, "verify")(verify)
