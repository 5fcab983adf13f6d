"""The second person: what waits for one, agree, withdraw; and the acts of late."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.acts import document, past, receipt_words
from dmsops.cli.frame import Answer, table, verb, word
from dmsops.cli.plans import plan_lines
from dmsops.core.counting import counted
from dmsops.ops import Ops
from dmsops.workflow import acts
from dmsops.workflow.choose import Selection
from dmsops.workflow.plan import Plan

_ACTS = {"id": "Act", "verb": "Verb", "steps": "Steps", "state": "State", "actor": "Who", "reason": "Why", "second": "Second person"}
_REASON = click.option("--reason", default="", metavar="TEXT", help="Why; goes into the journal.")


def asked(ops: Ops) -> Answer:
    """List what waits for a second person."""
    rows = acts.asked(ops)
    columns = {"id": "Act", "at": "Asked", "verb": "Verb", "steps": "Steps", "actor": "Who asked", "reason": "Why"}
    how = ["", "Read one: dmsops workflow agree ACT; agree: dmsops workflow agree ACT --reason TEXT"]
    return Answer(rows, [table(rows, columns), *how] if rows else ["Nothing waits for a second person."])


@click.argument("number", type=int, metavar="ACT")
@_REASON
def agree(ops: Ops, number: int, reason: str) -> Answer:
    """Agree, as the second person, to an act that was asked for: it is done now.

    Without --reason it only shows what would be done.
    """
    if reason.strip():
        done = acts.agree(ops, number, reason=reason)
        return Answer(document(done.plan, done.state, done.command), [receipt_words(acts.verb_named(done.plan.verb), done)])
    row = acts.waiting(ops, number)._asdict()
    known = acts.verb_named(row["verb"])
    planned = acts.preview(ops, known.name, Selection.of(row["selection"]), **row["params"])
    return Answer(document(planned, "asked", number), [_question(row), *plan_lines(planned, past(known)), *_how(row, planned)])


def _question(row: dict[str, Any]) -> str:
    return word(f"Act {row['id']}: {row['actor']} asks to {row['verb']} {counted(row['steps'], 'step')}: {row['reason']}")


def _how(row: dict[str, Any], planned: Plan) -> list[str]:
    if planned.hash != row["plan"]:
        return ["", "The site has changed since it was asked for: it cannot be agreed to; ask again."]
    return ["", f"To agree (anyone but {row['actor']}): dmsops workflow agree {row['id']} --reason TEXT"]


@click.argument("number", type=int, metavar="ACT")
@_REASON
def withdraw(ops: Ops, number: int, reason: str) -> Answer:
    """Take back an act that waits for a second person."""
    acts.withdraw(ops, number, reason=reason)
    return Answer({"command": number, "state": "withdrawn"}, [f"Act {number} is withdrawn; nothing was done"])


@click.option("--limit", type=click.IntRange(1, 10_000), default=50)
@click.option("--verb", "verbs", multiple=True, metavar="VERB", help="Only acts of this verb (repeat for several).")
def recent(ops: Ops, limit: int, verbs: tuple[str, ...]) -> Answer:
    """List the newest acts: who, when, what, why, second person."""
    rows = acts.recent(ops, limit, [acts.verb_named(name).name for name in verbs])
    return Answer(rows, [table(rows, {**_ACTS, "at": "When"}) if rows else "Nobody has acted on this site's steps."])


def add_acts(group: click.Group) -> None:
    """Add the commands about acts."""
    verb(group, "asked")(asked)
    verb(group, "agree")(agree)
    verb(group, "withdraw")(withdraw)
    verb(group, "acts")(recent)
