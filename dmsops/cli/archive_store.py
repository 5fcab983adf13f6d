"""``dmsops archive fixity`` and ``reconcile``: bytes against their sums, and catalogue against store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from dmsops.cli.frame import Answer, plain, table, verb, word
from dmsops.cli.progress import Bar

if TYPE_CHECKING:
    from dmsops.ops import Ops


def lines_of(report: Any) -> list[Any]:
    """Say what a report holds, a fact a line; counts by name in one line, long lists by their number."""
    found: list[Any] = []
    for name, value in plain(report).items():
        title = name.replace("_", " ")
        if isinstance(value, Mapping):
            found.append(f"{title}: {word(', '.join(f'{n} {key}' for key, n in value.items())) if value else '-'}")
        elif isinstance(value, list) and len(value) > 5:
            found.append(f"{title}: {len(value)}")
        else:
            found.append(f"{title}: {word(value if not isinstance(value, list) else list(map(str, value)))}")
    return found


@click.option("--run", "does", is_flag=True, help="Read bytes again now; without it: what is overdue.")
@click.option("--megabytes", type=click.IntRange(1), default=None, help="Stop after so many megabytes.")
@click.option("--objects", type=click.IntRange(1), default=None, help="Stop after so many objects.")
@click.option("--rate", "rate", type=click.FloatRange(0.01), default=None, help="Megabytes a second (default: the setting fixity_mb_s).")
def fixity(ops: Ops, megabytes: int | None, objects: int | None, rate: float | None, *, does: bool) -> Answer:
    """Read archived bytes again, those that were longest not looked at first; may be stopped and given again."""
    from dmsops.archive import fixity as auditing

    if not does:
        due = auditing.due(ops)
        return Answer(due, [*lines_of(due), "", "To read them: dmsops archive fixity --run"])
    with Bar("Reading again") as bar:
        report = auditing.audit(ops, megabytes=megabytes, objects=objects, rate_mb_s=rate, progress=bar)
    return Answer(report, lines_of(report))


@click.option("--prefix", default="", help="Only observations whose id begins so.")
@click.option("--deep", is_flag=True, help="Read the bytes too, and take their sums.")
def reconcile(ops: Ops, prefix: str, *, deep: bool) -> Answer:
    """Compare catalogue and store, counted in CADC's names; changes nothing."""
    from dmsops.archive import reconcile as comparing
    from dmsops.catalogue.registry import Scope

    with Bar("Comparing") as bar:
        report = comparing.reconcile(ops, Scope(prefix=prefix, deep=deep), progress=bar)
    counted = [{"counter": name, "n": n} for name, n in plain(report)["counts"].items()]
    return Answer(report, [table(counted, {"counter": "Counter", "n": "Files"})])


def add_store(group: click.Group) -> None:
    """Add these verbs to the group."""
    verb(group, "fixity")(fixity)
    verb(group, "reconcile")(reconcile)
