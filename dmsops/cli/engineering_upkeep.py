"""The verbs of ``dmsops engineering`` that change no sample: hours are made quicker to read, statistics are counted again."""

from __future__ import annotations

from dataclasses import asdict

import click

from dmsops.cli.frame import Answer, change_options, table, verb
from dmsops.cli.progress import Bar
from dmsops.core.clock import time_of
from dmsops.core.counting import counted
from dmsops.engineering import compact as compacting
from dmsops.engineering import recount as recounting
from dmsops.ops import Ops

COMPACTED = {"hour": "Hour", "partitions": "Had", "rows": "Samples", "size_before": "Bytes before", "size": "Bytes"}
RECOUNTED = {"hour": "Hour", "mnemonics": "Mnemonics", "before": "Samples counted", "samples": "Samples now"}


def add_upkeep(group: click.Group) -> None:
    """Add these verbs to a group."""
    verb(group, "compact")(compact)
    verb(group, "recount")(recount)


@click.option("--all", "everything", is_flag=True, help="Every hour with more than one partition, not only those that are due.")
def compact(ops: Ops, *, everything: bool) -> Answer:
    """Make one partition of each hour's partitions: the same samples, quicker to read. May be stopped and given again."""
    hours = compacting.several(ops) if everything else compacting.due(ops)
    done: list[compacting.Compacted] = []
    with Bar("Compacting") as bar:
        for n, hour in enumerate(hours):
            bar(n, len(hours), compacting.label(hour))
            done += compacting.compact(ops, [hour])
        if hours:
            bar(len(hours), len(hours), "")
    return Answer(done, [table([asdict(one) for one in done], COMPACTED)] if done else ["No hour needs it."])


@click.argument("start")
@click.argument("stop")
@change_options
def recount(ops: Ops, start: str, stop: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Count the hourly statistics of a time again, from its samples and by today's limits. START and STOP are UTC, both inside.

    Without --apply and --yes it only shows what is counted otherwise now, and the hash for it.
    """
    span = (time_of(start, "start"), time_of(stop, "stop"))
    seen = recounting.preview(ops, *span)
    if not seen.hours:
        return Answer({"plan": seen, "applied": False}, ["Every hour is counted as it would be now."])
    if ticket is None and not yes:
        how = f"To do it (an operator or a lead): the same command with --apply {seen.hash} --reason TEXT"
        return Answer({"plan": seen, "applied": False}, [table([asdict(one) for one in seen.hours], RECOUNTED), "", how])
    done = recounting.recount(ops, *span, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"Counted again: {counted(len(done.hours), 'hour')}"])
