"""``dmsops receipt``: deliveries, quarantine, re-requests, the watch of the inbox, the sweep."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dmsops import receipt as receiving
from dmsops.cli.frame import Answer, change_options, notes, table, verb
from dmsops.core.counting import counted
from dmsops.core.journal import local_time
from dmsops.ops import Ops
from dmsops.receipt import decide, ephemerides, history, queries
from dmsops.receipt import sweep as sweeping
from dmsops.receipt.sequences import sequence_gaps
from dmsops.receipt.sweep import Sweep

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE_COLUMNS = {"name": "File", "kind": "Kind", "state": "State", "version": "Version", "duplicate_of": "Same bytes as", "reason": "Why"}
SEEN_COLUMNS = {"name": "File", "kind": "Kind", "verdict": "Would be", "duplicate_of": "Same bytes as", "reason": "Why"}


@click.group()
def commands() -> None:
    """Deliveries: preview, accept, watch the inbox, quarantine, re-requests, where a file is, sweep."""


@click.argument("folder", type=FOLDER)
def preview(ops: Ops, folder: Path) -> Answer:
    """Show what accepting a delivery would do; nothing changes."""
    seen = receiving.preview(ops, folder)
    return Answer(seen, [f"Delivery {seen.delivery_id} of {seen.sender}", table([asdict(f) for f in seen.files], SEEN_COLUMNS)])


@click.argument("folder", type=FOLDER)
@click.option("--reason", default="", help="Why, when it is not routine.")
def accept(ops: Ops, folder: Path, reason: str) -> Answer:
    """Accept a delivery: good files are stored and released, bad ones quarantined and asked for again.

    May be given again at any time: it goes on where it stopped, and a replay changes nothing.
    """
    got = receiving.accept(ops, folder, reason=reason)
    lines: list[Any] = [f"Delivery {got.delivery_id} of {got.sender}: {got.state}; {counted(len(got.released), 'file')} released"]
    if got.quarantined:
        lines.append(table([_row(f) for f in got.quarantined], FILE_COLUMNS, "Quarantined, and asked for again (procedure P04)"))
    doubtful = [row for row in ephemerides.coverage(ops) if row["needs_person"] and row["delivery_id"] == got.delivery_id]
    lines += [f"Ephemeris {row['name']} is in doubt and is not used (procedure P06): {'; '.join(row['doubts'])}" for row in doubtful]
    lines.append("Next: dmsops flow plan, then dmsops engine run")
    return Answer(got, lines, 1 if got.quarantined else 0)


def _row(item: Any) -> dict[str, Any]:
    return {key: getattr(item, key, None) for key in FILE_COLUMNS}


def show(ops: Ops) -> Answer:
    """List deliveries, newest first."""
    rows = queries.deliveries(ops)
    for row in rows:
        row["counts"] = ", ".join(f"{n} {state}" for state, n in row["files"].items())
    columns = {"id": "Delivery", "sender": "Sender", "state": "State", "received_at": "Received", "counts": "Files", "replays": "Replays"}
    return Answer(rows, [table(rows, columns) if rows else "No delivery yet."])


def quarantine(ops: Ops) -> Answer:
    """List what is in quarantine, and why."""
    rows = queries.quarantine(ops)
    columns = {"delivery_id": "Delivery", "name": "File", "fault": "Fault", "reason": "Why", "folder": "Kept in"}
    return Answer(rows, [table(rows, columns) if rows else "The quarantine is empty."])


def rerequests(ops: Ops) -> Answer:
    """List the files that were asked for again and have not come."""
    rows = queries.rerequests(ops)
    for row in rows:
        row["stands"] = "a person decides (P04)" if row["raised_at"] else "overdue" if row["overdue"] else "waiting"
    columns = {
        "id": "No.", "delivery_id": "Delivery", "name": "File", "reason": "Why", "times": "Asked", "due": "Due", "stands": "Stands",
    }  # fmt: skip
    return Answer(rows, [table(rows, columns) if rows else "Nothing is asked for."])


def remind(ops: Ops) -> Answer:
    """Ask again for every file that is overdue; one that was asked for often enough is left to a person."""
    done = receiving.remind(ops)
    lines = [f"Asked again: {name}" for name in done.asked] + [f"Left to a person (procedure P04): {name}" for name in done.unanswered]
    return Answer(done, lines or ["Nothing is overdue."])


@click.argument("numbers", type=int, nargs=-1, required=True)
@change_options
def ask(ops: Ops, numbers: tuple[int, ...], ticket: str | None, reason: str, yes: bool) -> Answer:
    """Ask once more for the files of re-requests, by their numbers (from `receipt rerequests`).

    Without --apply and --yes it only shows what would be asked.
    """
    return _decided(ops, ticket, reason, yes=yes, ask=numbers)


@click.argument("numbers", type=int, nargs=-1, required=True)
@change_options
def close(ops: Ops, numbers: tuple[int, ...], ticket: str | None, reason: str, yes: bool) -> Answer:
    """Stop waiting for the files of re-requests, by their numbers (from `receipt rerequests`).

    Without --apply and --yes it only shows what would be closed.
    """
    return _decided(ops, ticket, reason, yes=yes, close=numbers)


def _decided(ops: Ops, ticket: str | None, reason: str, *, yes: bool, **numbers: tuple[int, ...]) -> Answer:
    columns = {"rerequest": "No.", "delivery": "Delivery", "name": "File", "verb": "Would be done", "words": "In words"}
    shown = decide.plan(ops, **numbers)
    if ticket is None and not yes:
        how = f"To do it: the same command with --apply {shown.hash} --reason TEXT"
        return Answer(shown, [table([asdict(i) for i in shown.items], columns), "", how])
    done = decide.decide(ops, ticket=ticket or shown.hash, reason=reason, **numbers)
    return Answer(done, [f"{item.verb}: {item.name} of {item.delivery}" for item in done.items])


def gaps(ops: Ops) -> Answer:
    """List numbers of deliveries that are missing between those that came, came late, or were given twice."""
    rows = sequence_gaps(ops)
    columns = {"sender": "Sender", "what": "What", "first": "From", "last": "To", "since": "Since", "words": "In words"}
    return Answer(rows, [table(rows, columns) if rows else "Every delivery's number follows the one before."])


@click.argument("name")
def where(ops: Ops, name: str) -> Answer:
    """Tell the story of a file, delivery, visit, exposure or product: what came, when, what became of it, who was told."""
    story = history.where(ops, name)
    columns = {"at": "When", "what": "What", "name": "Of", "words": "Story", "who": "Who"}
    return Answer(story, [table([asdict(event) for event in story], columns)])


@change_options
def sweep(ops: Ops, ticket: str | None, reason: str, yes: bool) -> Answer:
    """Remove what dead processes left: unfinished copies, objects that no row names, dead working folders.

    Without --apply and --yes it only shows what would be removed. Safe while receipt and engines run.
    """
    shown = sweeping.plan(ops)
    if ticket is None and not yes:
        ready = [] if shown.nothing else ["", f"To do it: the same command with --apply {shown.hash} --reason TEXT"]
        return Answer(shown, [*_swept(shown, "would be removed"), *ready], 1 if shown.without_bytes else 0)
    done = sweeping.sweep(ops, ticket=ticket or shown.hash, reason=reason)
    return Answer(done, _swept(done, "removed"), 1 if done.without_bytes else 0)


def _swept(found: Sweep, done: str) -> list[str]:
    left = counted(found.young, "younger one left for its writer", "younger ones left for their writers")
    copies, folders = counted(found.unfinished, "unfinished copy", "unfinished copies"), counted(len(found.folders), "working folder")
    lines = [
        f"{counted(len(found.orphans), 'object')} that no row names {done}; {left}",
        f"{copies}, {folders} and {counted(len(found.partial), 'half-written file')} {done}",
    ]
    if found.without_bytes:
        lost = counted(len(found.without_bytes), "object that rows name is", "objects that rows name are")
        lines.append(f"{lost} NOT in the store: procedure P16")
    return lines


@click.option("--once", is_flag=True, help="One round, then end.")
@click.option("--every", type=float, default=None, metavar="SECONDS", help="Look at least this often (default: the site's setting).")
def watch(ops: Ops, once: bool, every: float | None) -> Answer:
    """Receive deliveries as they come, plan what became ready, remind what is overdue; one line per act, for ever.

    Ends cleanly at Ctrl-C or SIGTERM, after the act under way. Several may run side by side.
    """
    from dmsops.flows import receiving as flow

    acts: list[flow.Done] = []

    def tell(done: flow.Done) -> None:
        acts.append(done)
        notes.print(f"{local_time(ops.clock.now())} {done.what} {done.name}: {done.words}", markup=False, soft_wrap=True)

    if once:
        for done in flow.receive_waiting(ops):
            tell(done)
    else:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        flow.watch(ops, stop, tell, every_seconds=every)
    return Answer(acts, [counted(len(acts), "act")], 1 if any(a.what in {"failed", "quarantined"} for a in acts) and once else 0)


verb(commands, "preview")(preview)
verb(commands, "accept")(accept)
verb(commands, "list")(show)
verb(commands, "quarantine")(quarantine)
verb(commands, "rerequests")(rerequests)
verb(commands, "remind")(remind)
verb(commands, "ask")(ask)
verb(commands, "close")(close)
verb(commands, "gaps")(gaps)
verb(commands, "where")(where)
verb(commands, "sweep")(sweep)
verb(commands, "watch")(watch)
