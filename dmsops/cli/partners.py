"""``dmsops partners``: how far partners have harvested, and what they refused."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.archive_acts import how
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.core.counting import counted
from dmsops.distribution import partners
from dmsops.flows import partners as seen
from dmsops.ops import Ops

STATES = {
    "name": "Partner", "files": "Files", "harvested_at": "Last harvest", "until": "Given up to", "behind": "Behind",
    "waits_since": "Waits since", "refusals": "Refusals", "words": "Differences",
}  # fmt: skip
REFUSED = {
    "id": "No.", "partner": "Partner", "uri": "What", "reason": "Why", "state": "State", "times": "Times", "last_at": "Last told",
    "closed_by": "Closed by",
}  # fmt: skip
DIFFERS = {"observation_id": "Observation", "kind": "What", "ours": "Ours", "theirs": "Theirs"}


@click.group()
def commands() -> None:
    """Partner archives: harvests, refusals, differences."""


def show_all(ops: Ops) -> Answer:
    """List the partners: how far each has harvested, what is behind, what they refused, what the doctor found to differ."""
    rows = seen.states(ops)
    if not rows:
        return Answer(rows, ["There is no partner. Make one: dmsops accounts put NAME partner (P18)"])
    return Answer(rows, [table([_told(row) for row in rows], STATES)])


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "words": ", ".join(f"{n} {kind}" for kind, n in row["differences"].items())}


@click.argument("name")
def show(ops: Ops, name: str) -> Answer:
    """Show one partner, with all that they refused and what their inventory lacks now."""
    row = seen.story(ops, name)
    lines: list[Any] = [table([_told(row)], STATES)]
    lines += [table(row["refused"], REFUSED, "Refusals")] if row["refused"] else []
    lines += [table(row["differs"], DIFFERS, "Differences of the inventory")] if row["differs"] else []
    return Answer(row, [*lines, *([word(row["fault"])] if row["fault"] else [])])


@click.option("--partner", default="", metavar="NAME", help="Only of this partner.")
@click.option("--all", "every", is_flag=True, help="Those that are closed or taken since, too.")
def refusals(ops: Ops, partner: str, *, every: bool) -> Answer:
    """List what partners could not take, told last first."""
    rows = partners.refusals(ops, partner=partner, states=() if every else (partners.OPEN,))
    return Answer(rows, [table(rows, REFUSED) if rows else "Nothing is refused."])


@click.argument("numbers", nargs=-1, required=True, type=int)
@change_options
def close_refusal(ops: Ops, numbers: tuple[int, ...], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Close refusals that were dealt with; told again, they are open again.

    Without --apply and --yes it only shows what would be closed, and the hash for it.
    """
    plan = partners.preview_close(ops, numbers)
    if ticket is None and not yes:
        return Answer({"plan": plan, "applied": False}, [table(plan.rows, REFUSED), *how(plan.hash, "an operator or a lead")])
    done = partners.close(ops, numbers, ticket=ticket or plan.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"{counted(len(done.rows), 'refusal is', 'refusals are')} closed"])


verb(commands, "list")(show_all)
verb(commands, "show")(show)
verb(commands, "refusals")(refusals)
verb(commands, "close-refusal")(close_refusal)
