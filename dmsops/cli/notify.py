"""``dmsops notify``: telling subscribers what happened."""

from __future__ import annotations

import signal
import threading

import click

from dmsops.cli.frame import Answer, change_options, notes, table, verb, word
from dmsops.cli.subscriptions import DELIVERIES, NUMBER
from dmsops.core.counting import counted
from dmsops.core.people import Role, require
from dmsops.distribution import notice_queries, subscription_acts
from dmsops.distribution.notices import Delivery, Event
from dmsops.ops import Ops

NOTICES = {
    "event_id": "Id", "event": "Event", "observation_id": "Observation", "version": "Version", "program": "Program", "at": "At",
    "subscribers": "Subscribers",
}  # fmt: skip


@click.group()
def commands() -> None:
    """Telling subscribers what happened."""


@click.option("--once", is_flag=True, help="One round, then end; else until Ctrl-C.")
def run(ops: Ops, once: bool) -> Answer:
    """Write down what happened and tell subscribers, round after round. Several may run; one may be killed at any moment."""
    from dmsops.flows import telling

    require(ops.operator, Role.OPERATOR, "notify run")
    if once:
        told = telling.tell(ops)
        return Answer(told, [f"{counted(told.notices, 'new notice')}, {told.deliveries} delivered"])
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    notes.print(f"Telling the subscribers of {word(ops.settings.name)}; stop with Ctrl-C.", soft_wrap=True)
    telling.run(ops, stopped)
    return Answer({"stopped": True}, ["stopped"])


def status(ops: Ops) -> Answer:
    """Count subscriptions and deliveries by state; how long the oldest waits; who fails."""
    found = notice_queries.summary(ops)
    lines = [
        f"Subscriptions: {_counted(found['subscriptions'])}; {counted(found['failing'], 'fails', 'fail')} now",
        f"Deliveries: {_counted(found['deliveries'])}; the oldest event that waits is of {word(found['oldest_waiting'])}",
        f"{counted(found['notices'], 'notice')} so far; releases were looked at up to {word(found['looked_at'])}",
    ]
    return Answer(found, list(lines))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {state}" for state, n in counts.items())


@click.option("--event", type=click.Choice([e.value for e in Event]), default=None, help="Only notices of this event.")
@click.option("--observation", default="", metavar="ID", help="Only notices of this observation.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def show(ops: Ops, event: str | None, observation: str, limit: int) -> Answer:
    """List what was told, newest first, and to how many."""
    rows = notice_queries.last(ops, event=event or "", observation=observation, limit=limit)
    return Answer(rows, [table(rows, NOTICES) if rows else "Nothing was told yet."])


@click.argument("number", type=NUMBER)
def waiting(ops: Ops, number: int) -> Answer:
    """List what waits for a subscription, by its number, in the order in which it will be told."""
    notice_queries.show(ops, number)
    rows = notice_queries.deliveries(ops, number, state=Delivery.WAITING)
    return Answer(rows, [table(rows, DELIVERIES) if rows else "Nothing waits."])


@click.argument("delivery", type=NUMBER)
@change_options
def skip(ops: Ops, delivery: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Take one delivery out of the way of those behind it. Without --apply and --yes it only shows."""
    seen = subscription_acts.preview_skip(ops, delivery)
    if ticket is None and not yes:
        behind = counted(seen.behind, "waits", "wait")
        what = f"{seen.event} of {seen.observation_id} would not be told to subscription {seen.subscription}; {behind} behind it"
        how = f"To do it (an operator): the same command with --apply {seen.hash} --reason TEXT"
        return Answer({"plan": seen, "applied": False}, [word(what), f"Its last error: {word(seen.error)}", "", how])
    done = subscription_acts.skip(ops, delivery, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"Delivery {delivery} is skipped; `dmsops subscriptions again` can tell it later"])


for _name, _function in (("run", run), ("status", status), ("list", show), ("waiting", waiting), ("skip", skip)):
    verb(commands, _name)(_function)
