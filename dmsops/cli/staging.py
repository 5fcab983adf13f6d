"""``dmsops staging``: large requests, whose files are laid ready together."""

from __future__ import annotations

from typing import Any

import click

from dmsops.cli.archive_acts import how
from dmsops.cli.frame import Answer, change_options, table, verb
from dmsops.core.counting import counted
from dmsops.distribution import staging, staging_ending
from dmsops.distribution.staging_ending import Ending
from dmsops.ops import Ops

REQUEST = {
    "id": "Request", "owner": "Owner", "state": "State", "files": "Files", "refused": "Refused", "size": "Bytes", "made_at": "Made",
    "ready_at": "Ready", "expires_at": "Until", "error": "What happened",
}  # fmt: skip


@click.group()
def commands() -> None:
    """Large requests: who asked for which files together, how far they are; end one."""


@click.option("--owner", default="", metavar="NAME", help="Only this account's; staff:NAME for one of the staff.")
@click.option(
    "--state", type=click.Choice([staging.REQUESTED, staging.READY, staging.ENDED]), default=None, help="Only those in this state."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
def listed(ops: Ops, owner: str, state: str | None, limit: int) -> Answer:
    """List large requests, newest first."""
    rows = staging.requests(ops, owner=owner, state=state or "", limit=limit)
    return Answer(rows, [table(rows, REQUEST) if rows else "No large request."])


@click.argument("number")
@change_options
def end(ops: Ops, number: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """End somebody's large request, by its number, at once; its owner reads the reason. A lead decides.

    Without --apply and --yes it only shows what would end, and the hash for it.
    """
    seen = staging_ending.preview(ops, number, reason=reason)
    if ticket is None and not yes:
        return Answer({"plan": seen, "applied": False}, _shown(seen))
    done = staging_ending.end(ops, number, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"staged request {number} of {done.owner} has ended; its owner reads: {done.told}"])


def _shown(seen: Ending) -> list[Any]:
    who = f"{seen.owner} ({seen.person})" if seen.person else seen.owner
    now = "its files are being laid ready, which stops" if seen.state == staging.REQUESTED else "its files are ready, and are not kept so"
    held = f"{counted(seen.files, 'file', form=',')}, {counted(seen.size, 'byte', form=',')}"
    return [
        f"Staged request {seen.id} of {who} would end, at once: {now}.",
        f"It has {held}. Addresses that were signed for them stay good until their own time is over.",
        f"Its owner reads: {seen.told}",
        *how(seen.hash, "a lead"),
    ]


verb(commands, "list")(listed)
verb(commands, "end")(end)
