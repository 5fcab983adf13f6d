"""``dmsops engineering``: the engineering database: files, gaps, conflicts, what they touch; samples and upkeep are in files beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click

from dmsops.cli.engineering_samples import add_samples
from dmsops.cli.engineering_upkeep import add_upkeep
from dmsops.cli.frame import Answer, change_options, table, verb, word
from dmsops.cli.plans import plan_lines
from dmsops.core.counting import counted, fitting
from dmsops.core.errors import NotFound
from dmsops.core.names import VisitId
from dmsops.engineering import decide, gap_acts, queries, resolve
from dmsops.engineering.contested import STANDING
from dmsops.engineering.ingest import Ingested
from dmsops.engineering.ingest import ingest as take
from dmsops.engineering.rules import at
from dmsops.engineering.states import SENTENCES, EngineeringState
from dmsops.flows import engineering as flow
from dmsops.ops import Ops
from dmsops.procedures import engineering as about
from dmsops.receipt import queries as received

FILES = {
    "id": "No.", "name": "File", "stream": "Stream", "state": "State", "first_at": "From", "samples": "Samples", "new": "New",
    "late": "Late", "exact": "Exact", "conflict": "Conflict", "impossible": "Impossible", "damaged": "Damaged", "reason": "Why",
}  # fmt: skip
GAPS = {
    "first_at": "From", "last_at": "To", "seconds": "Seconds", "containers": "Of", "decision": "Decision", "times": "Asked",
    "reason": "Why",
}  # fmt: skip
SUSPECTS = {
    "id": "No.", "name": "Mnemonic", "first_at": "From", "last_at": "To", "conflicts": "Conflicts", "files": "Files", "state": "State",
    "choice": "Kept", "decided_by": "By",
}  # fmt: skip
AFFECTED = {"step": "Step", "dataset": "Dataset", "pointing": "Pointing", "stale": "Changed since", "why": "Why"}
SHOWN = 40
_STATES = click.Choice([state.value for state in EngineeringState])


@click.group()
def commands() -> None:
    """The engineering database: files, gaps, conflicts, mnemonics and their samples (procedures P03 and P14)."""


def status(ops: Ops) -> Answer:
    """Say in words what the engineering database holds and what waits for a person."""
    seen = queries.summary(ops)
    samples, mnemonics = counted(seen["samples"], "sample", form=","), counted(seen["mnemonics"], "mnemonic")
    lines = [
        f"{samples} of {mnemonics}, the newest of {word(seen['latest_at'])}",
        f"Files: {', '.join(f'{n} {state}' for state, n in sorted(seen['files'].items())) or 'none has come'}",
        f"Of the ingested: {_counts(seen)}",
        f"Kept in {counted(seen['partitions'], 'partition', form=',')}, {seen['bytes'] / 1e6:,.1f} MB; revision {seen['revision']}",
    ]
    refused = seen["files"].get(EngineeringState.REFUSED, 0)
    waiting = flow.open_ingests(ops)
    wait = counted(refused, "refused file waits", "refused files wait")
    todo = [
        (waiting, f"{counted(waiting, 'planned ingest has', 'planned ingests have')} not ended: dmsops engine run"),
        (refused, f"{wait} for a decision (P03): dmsops engineering files --state refused"),
        (seen["gaps"], f"{counted(seen['gaps'], 'gap is', 'gaps are')} open (P03): dmsops engineering gaps"),
        (seen["suspects"], f"{counted(seen['suspects'], 'interval is', 'intervals are')} suspect (P14): dmsops engineering suspects"),
    ]
    return Answer({**seen, "open_ingests": waiting}, [*lines, *([w for n, w in todo if n] or ["Nothing waits for a person."])])


@click.option("--state", "states", type=_STATES, multiple=True, help="Only files in this state.")
@click.option("--all", "everything", is_flag=True, help=f"All of them, not the newest {SHOWN}.")
def files(ops: Ops, states: tuple[str, ...], *, everything: bool) -> Answer:
    """List engineering files and what became of their samples, newest first; those that no ingest has seen come before."""
    rows = [row for row in about.files(ops, limit=100_000) if not states or row["state"] in states]
    shown = rows if everything else rows[:SHOWN]
    more = [f"... and {len(rows) - SHOWN} more (--all)"] if len(rows) > len(shown) else []
    return Answer(shown, [table(shown, FILES), *more] if rows else ["No such engineering file has come."])


@click.argument("file")
def show(ops: Ops, file: str) -> Answer:
    """Show the receipt of a file, by its number or name: every count, and why."""
    rows = _named(ops, file)
    if not rows:
        raise NotFound(f"there is no engineering file '{file}'", remedy="`dmsops engineering files` lists them (procedure P03).")
    return Answer(rows, [line for row in rows for line in (*_receipt(row), "")][:-1])


def _named(ops: Ops, file: str) -> list[dict[str, Any]]:
    rows = queries.files(ops, limit=100_000)
    return [row for row in rows if str(row["id"]) == file] or [row for row in rows if row["name"] == file]


def _receipt(row: dict[str, Any]) -> list[Any]:
    hidden = ("id", "name", "first_us", "last_us", "unknown")
    facts = {name: value for name, value in row.items() if name not in hidden}
    facts["beside samples, unknown"] = about.in_words(row["unknown"])
    shown = [{"fact": name.replace("_", " "), "is": value} for name, value in facts.items()]
    return [f"{row['name']} (number {row['id']}): {SENTENCES[EngineeringState(row['state'])]}", table(shown, {"fact": "Fact", "is": "Is"})]


@click.option("--now", "name", default="", metavar="NAME", help="Ingest this released file at once, here, and show its receipt.")
def ingest(ops: Ops, name: str) -> Answer:
    """Plan the ingest of every released engineering file that has none, and of those that were accepted after all."""
    if name:
        return _at_once(ops, name)
    planned = flow.plan_received(ops)
    lines = [f"Planned: {one}" for one in planned]
    return Answer({"planned": planned}, [*lines, "Next: dmsops engine run"] if planned else ["Nothing new to ingest."])


def _counts(row: Mapping[str, Any]) -> str:
    exact = fitting(row["exact"], "exact duplicate")
    words = {"new": "new", "late": "late", "exact": exact, "conflict": "in conflict", "impossible": "of impossible times"}
    counts = ", ".join(f"{row[key]:,} {what}" for key, what in words.items())
    return f"{counts}; {counted(row['damaged'], 'damaged packet', form=',')}"


def _at_once(ops: Ops, name: str) -> Answer:
    there = [row for row in received.files_released(ops, "engineering") if row["name"] == name]
    if not there:
        raise NotFound(f"no engineering file '{name}' is released", remedy="`dmsops receipt where NAME` tells its story (procedure P02).")
    got = [take(ops, name=row["name"], sha256=row["sha256"]) for row in there]
    lines = [_in_words(one) for one in got]
    return Answer(got, lines, 1 if any(one.state is EngineeringState.REFUSED for one in got) else 0)


def _in_words(got: Ingested) -> str:
    before = " (had been dealt with before)" if got.again else ""
    if got.state is not EngineeringState.INGESTED:
        return f"{got.name}: {got.state}{before}: {word(got.reason)}; number {got.id} (procedure P03)"
    return f"{got.name}: {counted(got.samples, 'sample', form=',')}: {_counts(asdict(got))}; revision {got.revision}{before}"


def gaps(ops: Ops) -> Answer:
    """List times without samples, and what was done about them."""
    rows = queries.gaps(ops)
    shown = about.gaps(ops)[:SHOWN]
    more = [f"... and {len(rows) - SHOWN} more (--json names all)"] if len(rows) > SHOWN else []
    return Answer(rows, [table(shown, GAPS), *more] if rows else ["No time is without samples."])


@click.argument("start", metavar="START")
@click.argument("act", type=click.Choice([gap_acts.ASK, gap_acts.WAIVE]))
@change_options
def gap(ops: Ops, start: str, act: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Ask FOS for the telemetry of a gap again, or wait for it no longer. START is when it begins, as `gaps` shows it.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    first = about.gap_start(ops, start)
    seen = gap_acts.preview(ops, first, act)
    if ticket is None and not yes:
        words = [f"This would be done: {word(seen.words)} ({seen.seconds:.1f} s of {len(seen.containers)} containers)"]
        return Answer({"plan": seen, "applied": False}, [*words, *_how(seen.hash, "an operator or a lead")])
    done = gap_acts.decide(ops, first, act, ticket=ticket or seen.hash, reason=reason)
    return Answer({"plan": done, "applied": True}, [f"Done: {word(done.words)}"])


def _how(ticket: str, who: str) -> list[str]:
    return ["", f"To do it ({who}): the same command with --apply {ticket} --reason TEXT"]


@click.argument("number", type=int)
@change_options
def accept(ops: Ops, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Take a refused file in spite of its reason, by its number (a lead decides); then plan its ingest.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _decided(ops, number, decide.ACCEPT, ticket, reason, yes=yes)


@click.argument("number", type=int)
@change_options
def discard(ops: Ops, number: int, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Leave a refused file out for good, by its number; its bytes are kept.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    return _decided(ops, number, decide.DISCARD, ticket, reason, yes=yes)


def _decided(ops: Ops, number: int, act: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    seen = decide.preview(ops, number, act)
    if ticket is None and not yes:
        lines = [f"{word(seen.name)} ({seen.state}, origin {word(seen.origin)}): {word(seen.reason)}", f"To {act} it means: {seen.words}"]
        who = "a lead" if act == decide.ACCEPT else "an operator or a lead"
        return Answer({"plan": seen, "applied": False}, [*lines, *_how(seen.hash, who)])
    done = decide.decide(ops, number, act, ticket=ticket or seen.hash, reason=reason)
    planned = flow.plan_received(ops) if act == decide.ACCEPT else []
    said = [f"Planned: {name}" for name in planned] or (["Next: dmsops engineering ingest"] if act == decide.ACCEPT else [])
    return Answer({"plan": done, "applied": True, "planned": planned}, [f"{act}ed: {word(done.name)}", *said])


@click.option("--all", "everything", is_flag=True, help="Also those that were settled.")
def suspects(ops: Ops, *, everything: bool) -> Answer:
    """List suspect intervals: times of a mnemonic in which values disagree."""
    rows = queries.suspect_intervals(ops, every=everything)
    more = [f"... and {len(rows) - SHOWN} more (--json names all)"] if len(rows) > SHOWN else []
    return Answer(rows, [table(rows[:SHOWN], SUSPECTS), *more] if rows else ["No interval is suspect."])


@click.argument("suspect", type=int)
def conflicts(ops: Ops, suspect: int) -> Answer:
    """Show the contested values of a suspect interval, each with the file that brought it."""
    if suspect not in {row["id"] for row in queries.suspect_intervals(ops, every=True)}:
        raise NotFound(f"there is no suspect interval {suspect}", remedy="`dmsops engineering suspects` lists them (procedure P14).")
    rows = queries.conflicts(ops, suspect)
    shown = [
        {**row, "at": at(row["time_us"]), "value": f"{row['value']:.12g}", "stands": "stands" if row["stands"] else ""} for row in rows
    ]
    columns = {"at": "Time", "value": "Value", "raw": "Raw", "stream": "Stream", "file": "File", "stands": "Which"}
    more = [f"... and {len(rows) - SHOWN} more (--json names up to a thousand)"] if len(rows) > SHOWN else []
    return Answer(rows, [table(shown[:SHOWN], columns), *more])


@click.argument("numbers", type=int, nargs=-1, required=True)
@click.option("--keep", required=True, metavar="WHOSE", help="standing (what stands now), a stream (E, C, R) or a file's name.")
@change_options
def settle(ops: Ops, numbers: tuple[int, ...], keep: str, ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Settle suspect intervals by their numbers: say whose values stand. Statistics are counted again.

    Without --apply and --yes it only shows what would happen, and the hash for it.
    """
    keep = keep.upper() if len(keep) == 1 else keep
    seen = resolve.preview(ops, numbers, keep=keep)
    if ticket is None and not yes:
        columns = {"suspect": "No.", "mnemonic": "Mnemonic", "first": "From", "contested": "Contested", "changed": "Get another value"}
        rows = [{**asdict(item), "first": at(item.first_us)} for item in seen.items]
        words = "the values that stand now" if keep == STANDING else f"the values of {keep}"
        lines = [f"{word(words)} would stand; {counted(seen.hours, 'hour')} would be written anew", table(rows, columns)]
        return Answer({"plan": seen, "applied": False}, [*lines, *_how(seen.hash, "an operator or a lead")])
    done = resolve.resolve(ops, numbers, keep=keep, ticket=ticket or seen.hash, reason=reason)
    changed = sum(item.changed for item in done.items)
    others = counted(changed, "sample has", "samples have")
    settled = counted(len(done.items), "interval")
    lines = [f"{settled} settled; {others} another value", "Next: dmsops engineering affected"]
    return Answer({"plan": done, "applied": True}, lines)


@click.option("--visit", default="", metavar="VISIT", help="Only this visit, 11 digits with or without V.")
def affected(ops: Ops, visit: str) -> Answer:
    """List level 1b whose telemetry is contested, has changed since, or did not give it a pointing."""
    rows = flow.affected(ops, visit=str(VisitId.parse(visit)) if visit else None)
    shown = [{**asdict(item), "stale": "yes" if item.stale else None, "why": "; ".join(item.why)} for item in rows]
    stale = [str(item.step) for item in rows if item.stale]
    more = [f"Next: dmsops engineering remake {' '.join(stale)}"] if stale else []
    return Answer(rows, [table(shown, AFFECTED), *more] if rows else ["No product's telemetry is in doubt."])


@click.argument("steps", type=int, nargs=-1, required=True)
@change_options
def remake(ops: Ops, steps: Sequence[int], ticket: str | None, reason: str, *, yes: bool) -> Answer:
    """Make products again that saw other telemetry: level 1b steps by their numbers (from `affected`), and all that follows.

    Without --apply and --yes it only shows what would happen, and the plan's hash.
    """
    seen = flow.preview(ops, list(steps))
    if ticket is None and not yes:
        lines = [*plan_lines(seen, "made again"), *(_how(seen.hash, "an operator or a lead") if seen.again else [])]
        return Answer({"plan": seen.as_dict(), "applied": False}, lines)
    done = flow.remake(ops, list(steps), ticket=ticket or seen.hash, reason=reason)
    answer = {"plan": done.plan.as_dict(), "applied": done.state == "applied", "command": done.command}
    return Answer(answer, [f"{counted(len(done.plan.again), 'step runs', 'steps run')} again (act {done.command}): dmsops engine run"])


verb(commands, "status")(status)
verb(commands, "files")(files)
verb(commands, "show")(show)
verb(commands, "ingest")(ingest)
verb(commands, "gaps")(gaps)
verb(commands, "gap")(gap)
verb(commands, "accept")(accept)
verb(commands, "discard")(discard)
verb(commands, "suspects")(suspects)
verb(commands, "conflicts")(conflicts)
verb(commands, "resolve")(settle)
verb(commands, "affected")(affected)
verb(commands, "remake")(remake)
add_upkeep(commands)
add_samples(commands)
