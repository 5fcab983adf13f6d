"""``dmsops subscriptions``: who is told what, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.distribution import notice_queries, subscription_acts, subscriptions
from dmsops.distribution.notices import ASKED, Channel, Standing
from dmsops.distribution.subscriptions import Wish
from dmsops.ops import Ops

COLUMNS = {
    "id": "No.", "owner": "Owner", "events": "Events", "program": "Program", "target": "Target", "instrument": "Instrument",
    "channel": "Channel", "place": "Where", "state": "State", "failing_since": "Failing since", "waiting": "Waiting", "error": "Last error",
}  # fmt: skip
DELIVERIES = {
    "id": "Delivery", "event_id": "Id", "event": "Event", "observation_id": "Observation", "state": "State", "attempts": "Tries",
    "next_at": "Next try", "delivered_at": "Delivered", "error": "Last error",
}  # fmt: skip
PLANNED = {"id": "No.", "owner": "Owner", "channel": "Channel", "state": "State", "to": "Becomes", "notices": "Notices"}
WHO = {"end": "a lead"}
NUMBER = click.IntRange(1, 2**31 - 1)


@click.group()
def commands() -> None:
    """Who is told what happens to observations, and how."""


@click.option("--owner", default="", metavar="NAME", help="Only this account's; staff:NAME for one of the staff.")
@click.option("--state", type=click.Choice([s.value for s in Standing]), default=None, help="Only those in this state.")
@click.option("--program", default="", help="Only those of this program.")
@click.option("--failing", is_flag=True, help="Only those that fail, the longest first.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
def show_all(ops: Ops, owner: str, state: str | None, program: str, failing: bool, limit: int) -> Answer:
    """List subscriptions, newest first."""
    rows = notice_queries.listed(ops, owner=owner, state=state or "", program=program, failing=failing, limit=limit)
    return Answer(rows, [table(rows, COLUMNS) if rows else "No subscriptions."])


@click.argument("number", type=NUMBER)
def show(ops: Ops, number: int) -> Answer:
    """Show one subscription with what became of its last notices."""
    found = notice_queries.show(ops, number)
    lines: list[Any] = [table([found], COLUMNS), word([f"{n} {state}" for state, n in sorted(found["counts"].items())])]
    return Answer(found, [*lines, table(found["last"], DELIVERIES) if found["last"] else "Nothing was told yet."])


@click.option("--owner", default="", metavar="NAME", help="Account that is told; empty: you.")
@click.option("--event", "events", type=click.Choice([e.value for e in ASKED]), multiple=True, required=True, help="May be given again.")
@click.option("--channel", type=click.Choice([c.value for c in Channel]), required=True)
@click.option("--address", default="", help="Of the webhook or mailbox; empty: the account's own mailbox.")
@click.option("--program", default="", help="Five digits; empty: all.")
@click.option("--target", default="", help="Name of the target; empty: all.")
@click.option("--instrument", default="", help="As NIRCAM; empty: all.")
@click.option("--catch-up", is_flag=True, help="Also what happened before.")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes into the journal.")
def make(ops: Ops, owner: str, reason: str, **wish: Any) -> Answer:
    """Subscribe for an account (a lead), or for yourself; the secret of a webhook is shown this once."""
    made = subscriptions.subscribe_for(ops, owner, Wish(**wish), reason=reason)
    lines = [f"Subscription {made.id}; {counted(made.waiting, 'notice from before waits', 'notices from before wait')} for it"]
    lines += [made.secret, "This secret signs what is sent (HMAC-SHA256 of timestamp.body). It is not shown again."] if made.secret else []
    return Answer(made, list(lines))


def _act(name: str, words: str) -> Callable[..., Answer]:
    @click.argument("numbers", type=NUMBER, nargs=-1)
    @click.option("--owner", default="", metavar="NAME", help="All of this account's that have not ended.")
    @click.option("--failing", is_flag=True, help="All that fail.")
    @change_options
    def run(ops: Ops, numbers: tuple[int, ...], owner: str, failing: bool, ticket: str | None, reason: str, *, yes: bool) -> Answer:
        return _done(ops, name, _chosen(ops, numbers, owner, failing=failing), ticket, reason, yes=yes)

    run.__doc__ = f"{words} Without --apply and --yes it only shows what would happen, and the hash for it."
    return run


def _chosen(ops: Ops, numbers: tuple[int, ...], owner: str, *, failing: bool) -> list[int]:
    rows = notice_queries.listed(ops, owner=owner, failing=failing, limit=10_000) if owner or failing else []
    found = [*numbers, *(row["id"] for row in rows if row["state"] != Standing.ENDED)]
    if not found:
        raise BadInput("no subscription is named: give numbers, --owner or --failing", field="numbers")
    return found


def _done(ops: Ops, name: str, numbers: list[int], ticket: str | None, reason: str, *, yes: bool, after: int = 0) -> Answer:
    seen = subscription_acts.preview(ops, name, numbers, after=after)
    if ticket is None and not yes:
        how = f"To do it ({WHO.get(name, 'an operator')}): the same command with --apply {seen.hash} --reason TEXT"
        return Answer({"plan": seen, "applied": False}, [table(seen.items, PLANNED), "", how])
    done = subscription_acts.apply(ops, name, numbers, ticket=ticket or seen.hash, reason=reason, after=after)
    return Answer({"plan": done, "applied": True}, [f"Done ({name}): {counted(len(done.items), 'subscription')}"])


@click.argument("numbers", type=NUMBER, nargs=-1, required=True)
@click.option("--after", type=click.IntRange(0, 2**31 - 1), default=0, metavar="N", help="The last event that the receiver has is evt-N.")
@change_options
def again(ops: Ops, numbers: tuple[int, ...], after: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Tell again, under the same ids, what a receiver has lost. Without --apply and --yes it only shows."""
    return _done(ops, "again", list(numbers), ticket, reason, yes=yes, after=after)


verb(commands, "list")(show_all)
verb(commands, "show")(show)
verb(commands, "make")(make)
for _name, _words in (
    ("pause", "Pause subscriptions: what comes is kept for them."),
    ("resume", "Resume paused or stopped subscriptions: what was kept is told in its order."),
    ("retry", "Try failing subscriptions now, not at the time of their next try."),
    ("end", "End subscriptions: what waits for them is dropped. A lead decides."),
):
    verb(commands, _name)(_act(_name, _words))
verb(commands, "again")(again)
