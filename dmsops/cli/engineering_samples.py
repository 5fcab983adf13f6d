"""The looks of ``dmsops engineering`` at mnemonics: descriptions, newest values, samples, trends, violations."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.core.clock import time_of
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput, Refused
from dmsops.engineering import queries
from dmsops.engineering import trend as trends
from dmsops.engineering.columns import NO_RAW
from dmsops.engineering.queries import us
from dmsops.engineering.rules import at, moment
from dmsops.engineering.state_course import state_course
from dmsops.interfaces.prds import telemetry_database
from dmsops.ops import Ops

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.engineering.columns import Columns
    from dmsops.engineering.state_course import StateCourse
    from dmsops.engineering.trend import Trend
    from dmsops.interfaces.prds import Mnemonic

Row = dict[str, Any]
MNEMONICS = {
    "name": "Mnemonic", "subsystem": "Subsystem", "unit": "Unit", "sql_type": "Type", "period": "Every", "samples": "Samples",
    "latest": "Newest", "title": "What it is",
}  # fmt: skip
LATEST = {"name": "Mnemonic", "latest_at": "Time", "latest": "Value", "unit": "Unit", "latest_raw": "Raw", "level": "Limits"}
VIOLATIONS = {
    "name": "Mnemonic", "at": "Hour", "samples": "Samples", "yellow": "Yellow", "red": "Red", "lowest": "Lowest", "highest": "Highest",
    "unit": "Unit", "limits": "Limits", "first_at": "First", "last_at": "Last",
}  # fmt: skip
STATES = {"word": "State", "seconds": "Seconds", "share": "Share", "samples": "Samples", "entered": "Entered"}
CHANGES = {"at": "Changed at", "from": "From", "to": "To"}
SHOWN = 40
MOST = 10_000_000


def add_samples(group: click.Group) -> None:
    """Add these verbs to a group."""
    verb(group, "mnemonics")(mnemonics)
    verb(group, "latest")(latest)
    verb(group, "samples")(samples)
    verb(group, "trend")(trend)
    verb(group, "violations")(violations)


@click.argument("pattern", default="", metavar="[PATTERN]")
@click.option("--subsystem", default="", metavar="NAME", help="Only this subsystem's, as ACS, NIRCAM.")
def mnemonics(ops: Ops, pattern: str, subsystem: str) -> Answer:
    """List mnemonics: PATTERN is a part of the name or of the description, or has * and ? for any letters."""
    rows = [row for row in queries.mnemonics(ops) if _fits(row, pattern.upper())]
    rows = [row for row in rows if not subsystem or row["subsystem"] == subsystem.upper()]
    shown = [{**_latest(row), "title": row["description"], "period": _period(row)} for row in rows]
    return Answer(rows, [table(shown, MNEMONICS), counted(len(rows), "mnemonic")] if rows else ["No mnemonic fits."])


def _fits(row: Row, pattern: str) -> bool:
    if any(mark in pattern for mark in "*?["):
        return fnmatch.fnmatchcase(row["name"], pattern)
    return pattern in row["name"] or pattern in row["description"].upper()


def _period(row: Row) -> str:
    return f"{row['period_seconds']:g} s" if row["period_seconds"] else "change"


def _latest(row: Row) -> Row:
    value = row["latest_value"]
    return {**row, "latest": None if value is None else row["word"] or f"{value:.10g}"}


@click.argument("names", nargs=-1, metavar="[NAME]...")
def latest(ops: Ops, names: tuple[str, ...]) -> Answer:
    """Show the newest sample of mnemonics, of all that are held without a name, with its place in the limits."""
    for name in names:
        telemetry_database().by_name(name)
    rows = queries.latest(ops, names)
    return Answer(rows, [table([_latest(row) for row in rows], LATEST) if rows else "No sample of them is held."])


@click.argument("name")
@click.argument("start")
@click.argument("stop")
@click.option("--bracket", is_flag=True, help="Also the last sample before and the first one after.")
@click.option("--csv", "as_csv", is_flag=True, help="All samples as lines of text with commas: time, value, raw.")
def samples(ops: Ops, name: str, start: str, stop: str, *, bracket: bool, as_csv: bool) -> Answer:
    """Show the samples of a mnemonic. START and STOP are UTC, as 2022-12-04T03:42:02Z; both are inside."""
    mnemonic, first, last = telemetry_database().by_name(name), time_of(start, "start"), time_of(stop, "stop")
    _not_too_many(ops, name, first, last)
    found = queries.samples(ops, name, first, last, bracket=bracket)
    if as_csv:
        return Answer(list(_rows(mnemonic, found, len(found))), ["time,value,raw", *_csv(found)])
    head = f"{mnemonic.name}: {counted(len(found), 'sample', form=',')}{f', {mnemonic.unit}' if mnemonic.unit else ''}"
    more = [f"... and {len(found) - SHOWN:,} more (--csv or --json gives all)"] if len(found) > SHOWN else []
    columns = {"at": "Time", "shown": "Value", "raw": "Raw"}
    data = {"mnemonic": mnemonic.name, "unit": mnemonic.unit, "samples": _rows(mnemonic, found, len(found))}
    return Answer(data, [head, *([table(_rows(mnemonic, found, SHOWN), columns)] if len(found) else []), *more])


def _not_too_many(ops: Ops, name: str, start: datetime, stop: datetime) -> None:
    """Refuse what would not fit into memory; the hourly statistics know how much it is."""
    if stop < start:
        raise BadInput("the time ends before it begins", field="stop")
    n = sum(row["samples"] for row in queries.hourly(ops, name, start, stop))
    if n > MOST:
        remedy = "Ask for a shorter time, several times, or for its course: `dmsops engineering trend` (procedure P14)."
        raise Refused(f"{name} has about {counted(n, 'sample', form=',')} in that time; at most {MOST:,} are shown at once", remedy=remedy)


def _rows(mnemonic: Mnemonic, found: Columns, most: int) -> Iterator[Row]:
    for time, value, raw in zip(found.time[:most].tolist(), found.value[:most].tolist(), found.raw[:most].tolist(), strict=True):
        finite = isfinite(value)
        state = mnemonic.states.get(int(value), "") if finite else ""
        number = {"value": value if finite else None, "raw": None if raw == NO_RAW else raw}
        yield {"time_us": time, "at": at(time), "shown": state or f"{value:.12g}", **number}


def _csv(found: Columns) -> Iterator[str]:
    """Give lines of text, many of them at once: printing each by itself takes longer."""
    rows = zip(found.time.tolist(), found.value.tolist(), found.raw.tolist(), strict=True)
    for some in itertools.batched(rows, 10_000):
        yield "\n".join(f"{moment(t):%Y-%m-%dT%H:%M:%S.%f}Z,{value!r},{'' if raw == NO_RAW else raw}" for t, value, raw in some)


@click.argument("name")
@click.argument("start")
@click.argument("stop")
@click.option("--points", type=click.IntRange(1, 100_000), default=24, show_default=True, help="At most so many steps or changes.")
def trend(ops: Ops, name: str, start: str, stop: str, points: int) -> Answer:
    """Show the course of a mnemonic in steps: lowest, mean and highest of each. START and STOP are UTC, both inside.

    Steps of an hour or more come from the hourly statistics and read no sample. Of a mnemonic of states it shows how long it was in
    each of them, and the newest changes.
    """
    first, last = time_of(start, "start"), time_of(stop, "stop")
    if telemetry_database().by_name(name).states:
        return _of_states(state_course(ops, name, first, last, newest=points), us(first))
    found = trends.trend(ops, name, first, last, points=points)
    rows = list(_steps(found))
    data = {"mnemonic": found.mnemonic.name, "unit": found.mnemonic.unit, "step_seconds": found.step_seconds, "steps": rows}
    shown = [{**row, **{key: f"{row[key]:.10g}" for key in ("low", "mean", "high")}} for row in rows]
    columns = {"at": "From", "samples": "Samples", "low": "Lowest", "mean": "Mean", "high": "Highest"}
    unit = f", {found.mnemonic.unit}" if found.mnemonic.unit else ""
    head = f"{found.mnemonic.name}{unit}: steps of {found.step_seconds:,.6g} s"
    return Answer(data, [head, table(shown, columns)] if rows else [f"{found.mnemonic.name}: no sample in that time."])


def _steps(found: Trend) -> Iterator[Row]:
    columns = (found.time_us, found.samples, found.low, found.mean, found.high)
    for time, samples, low, mean, high in zip(*(c.tolist() for c in columns), strict=True):
        yield {"at": at(time), "samples": samples, "low": low, "mean": mean, "high": high}


def _of_states(found: StateCourse, start_us: int) -> Answer:
    newest = [{"at": at(c.time_us), "from": c.was, "to": c.word} for c in found.newest]
    latest = {"at": at(found.latest_us), "state": found.word, "since": at(found.since_us)} if found.word else None
    data = {
        "mnemonic": found.mnemonic.name, "latest": latest, "states": found.states, "changes": found.changes, "newest_changes": newest,
        "unknown_seconds": found.unknown_seconds,
    }  # fmt: skip
    if latest is None:
        return Answer(data, [f"{found.mnemonic.name}: no sample in that time, and none before."])
    before = " or before" if found.since_us < start_us else ""
    head = f"{found.mnemonic.name}: {found.word}, by its sample of {latest['at']}; so since {latest['since']}{before}"
    known = sum(s.seconds for s in found.states)
    rows = [{**asdict(s), "seconds": f"{s.seconds:,.2f}", "share": f"{s.seconds / known:.1%}" if known else ""} for s in found.states]
    lost = [f"Not known for {found.unknown_seconds:,.2f} s: samples are missing."] if found.unknown_seconds else []
    earlier = found.changes - len(newest)
    more = [f"... after {counted(earlier, 'earlier one', form=',')} (--points shows more)"] if earlier else []
    changed = [table(newest, CHANGES), *more] if newest else []
    return Answer(data, [head, *([table(rows, STATES)] if rows else []), *lost, _changes(found.changes), *changed])


def _changes(count: int) -> str:
    return f"{counted(count, 'change', form=',')} of state:" if count else "It did not change."


def violations(ops: Ops) -> Answer:
    """List the hours in which a mnemonic was outside its limits, newest first."""
    rows = queries.violations(ops)
    shown = [{**row, "lowest": f"{row['minimum']:.6g}", "highest": f"{row['maximum']:.6g}", "limits": _limits(row)} for row in rows[:SHOWN]]
    more = [f"... and {len(rows) - SHOWN} more (--json names up to a thousand)"] if len(rows) > SHOWN else []
    return Answer(rows, [table(shown, VIOLATIONS), *more] if rows else ["Every mnemonic has been within its limits."])


def _limits(row: Row) -> str:
    limits = row.get("limits")
    if limits is None:
        return ""
    numbers = (limits.red_low, limits.yellow_low, limits.yellow_high, limits.red_high)
    return " / ".join("-" if n is None else f"{n:g}" for n in numbers)
