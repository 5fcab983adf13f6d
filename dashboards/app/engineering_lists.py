"""The lists of the engineering board: how each kind of row is written."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from dashboards.app import theme
from dashboards.app.engineering_reads import FAILED
from dashboards.app.rows import Column, Listing
from dmsops.workflow.states import StepState

Row = dict[str, Any]
MARKS = {
    "ingested": StepState.DONE, "refused": StepState.FAILED, "discarded": StepState.CANCELLED, "waiting": StepState.WAITING,
    FAILED: StepState.FAILED, "open": StepState.FAILED, "asked": StepState.WAITING, "waived": StepState.CANCELLED,
    "red": StepState.FAILED, "yellow": StepState.HELD, "in limits": StepState.DONE, "": StepState.CANCELLED,
}  # fmt: skip
"""The shape and colour of each word of engineering: red only for what needs a person now."""
LEVELS = {"red": "outside red", "yellow": "outside yellow", "in limits": "in limits", "": "no limits"}
GAPS = {"open": "to decide", "asked": "asked for", "waived": "waived"}
KINDS = ("new", "late", "exact", "conflict", "impossible", "damaged")
"""What the samples of a file are counted as; ``damaged`` counts packets."""
STREAMS = {"E": "recorded", "C": "real time", "R": "replayed"}
_DASH = "—"


def level(word: str) -> str:
    """Draw where a value stands between its limits: word, shape and colour."""
    return theme.mark(MARKS[word], LEVELS[word], quiet=not word)


def number(value: float | None) -> str:
    """Write a value with as many digits as a person compares."""
    return "no number" if value is None else f"{value:.8g}"


def latest(row: Row) -> str:
    """Write a mnemonic's newest value: with its unit, or as the word of its state."""
    if row["latest_at"] is None:
        return _DASH
    if row["word"]:
        return escape(row["word"])
    unit = f" {escape(row['unit'])}" if row["unit"] else ""
    return f'<span class="n">{number(row["latest_value"])}</span>{unit}'


def when(at: datetime | None) -> str:
    """Write a sample's time to the millisecond."""
    return _DASH if at is None else f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}Z"


def span(first: datetime | None, last: datetime | None) -> str:
    """Write a time from, to; the date once when both are of one day."""
    if first is None or last is None:
        return _DASH
    end = f"{last:%H:%M:%S}Z" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}Z"
    return f'<span class="time">{first:%Y-%m-%d %H:%M:%S}Z to {end}</span>'


def lasted(seconds: float) -> str:
    """Write a length of time that may be far below a second."""
    return f"{seconds:.3f} s" if abs(seconds) < 10 else theme.duration(seconds)


def limits(given: Row | None) -> str:
    """Write limits in words: ``yellow 10 to 30, red 5 to 35``."""
    if given is None:
        return "no limits"
    sides = [(colour, given[f"{colour}_low"], given[f"{colour}_high"]) for colour in ("yellow", "red")]
    return ", ".join(f"{colour} {_between(low, high)}" for colour, low, high in sides if (low, high) != (None, None)) or "no limits"


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return f"above {number(high)}"
    return f"below {number(low)}" if high is None else f"outside {number(low)} to {number(high)}"


def mark(word: str, text: str | None = None) -> str:
    """Draw a word of engineering with its shape and colour."""
    return theme.mark(MARKS[word], word if text is None else text)


def _id(name: str) -> Any:
    return lambda row, _: f'<span class="id">{escape(str(row[name]))}</span>'


def _age(name: str) -> Any:
    return lambda row, now: theme.age(row[name], now)


def _count(name: str) -> Any:
    def cell(row: Row, _: datetime) -> str:
        return f'<span class="n">{row[name]:,}</span>' if row[name] else '<span class="soft">0</span>'

    return cell


def _file(row: Row, _: datetime) -> str:
    """Write a file's name, and below it why it is not taken."""
    why = row["fault"] or row["reason"]
    return f'<span class="id">{escape(row["name"])}</span>' + (f'<br><span class="why soft">{escape(why)}</span>' if why else "")


def _holes(row: Row, _: datetime) -> str:
    found = row["gap_seconds"]
    return f"{len(found):,}: {lasted(sum(found))}" if found else _DASH


def few(names: list[str], noun: str) -> str:
    """Write some names, and how many more there are."""
    shown = ", ".join(escape(name) for name in names[:2])
    return shown if len(names) <= 2 else f"{shown} and {theme.plural(len(names) - 2, noun)} more"


def product_mark(row: Row) -> str:
    """Draw how an affected product stands."""
    if row["stale"]:
        return theme.mark(StepState.FAILED, "make again")
    if row["suspect"]:
        return theme.mark(StepState.HELD, "contested")
    return theme.mark(StepState.SKIPPED, "planned pointing" if row["pointing"] == "PLANNED" else "to know")


def _sampled(row: Row, _: datetime) -> str:
    if row["all_points"]:
        return f"every {row['period_seconds']:g} s"
    return "when it changes"


def _size(row: Row, _: datetime) -> str:
    return f'<span class="n">{row["yellow"]:,}</span> yellow, <span class="n">{row["red"]:,}</span> red'


LISTS = {
    "files": Listing(
        key=lambda row: str(row["id"]),
        empty="No engineering file has been taken yet. Deliveries bring them (procedure P03); the engine ingests what was released.",
        columns=(
            Column(title="state", cell=lambda row, _: mark(row["word"]), narrow=True),
            Column(title="file", cell=_file, narrow=True),
            Column(title="taken", cell=_age("changed_at"), narrow=True),
            Column(title="stream", cell=lambda row, _: escape(STREAMS.get(row["stream"]) or row["stream"])),
            Column(title="covers", cell=lambda row, _: span(row["first_at"], row["last_at"])),
            *(Column(title=kind, cell=_count(kind)) for kind in KINDS),
            Column(title="gaps", cell=_holes),
        ),
    ),
    "conflicts": Listing(
        key=lambda row: str(row["id"]),
        empty="No sample is contested: every value that came agrees with the one that is held.",
        columns=(
            Column(title="state", cell=lambda *_: mark("open", "to settle"), narrow=True),
            Column(title="mnemonic", cell=_id("name"), narrow=True),
            Column(title="found", cell=_age("found_at"), narrow=True),
            Column(title="contested time", cell=lambda row, _: span(row["first_at"], row["last_at"])),
            Column(title="lasts", cell=lambda row, _: lasted((row["last_us"] - row["first_us"]) / 1e6)),
            Column(title="other values", cell=_count("conflicts")),
            Column(title="files", cell=lambda row, _: f'<span class="id">{few(row["files"], "file")}</span>'),
        ),
    ),
    "gaps": Listing(
        key=lambda row: str(row["first_us"]),
        empty="There is no gap in the engineering that is held.",
        columns=(
            Column(title="state", cell=lambda row, _: mark(row["decision"], GAPS[row["decision"]]), narrow=True),
            Column(title="time without samples", cell=lambda row, _: span(row["first_at"], row["last_at"]), narrow=True),
            Column(title="lasts", cell=lambda row, _: lasted(row["seconds"]), narrow=True),
            Column(title="packets of", cell=lambda row, _: few(row["containers"], "container")),
            Column(title="asked", cell=lambda row, _: theme.plural(row["times"], "time") if row["times"] else _DASH),
            Column(title="by", cell=lambda row, _: escape(row["actor"] or _DASH)),
        ),
    ),
    "products": Listing(
        key=lambda row: str(row["step"]),
        empty="No product's telemetry is contested, has changed since it was made, or was missing.",
        columns=(
            Column(title="state", cell=lambda row, _: product_mark(row), narrow=True),
            Column(title="level 1b of", cell=_id("dataset"), narrow=True),
            Column(title="why", cell=lambda row, _: f'<span class="why">{escape("; ".join(row["why"]))}</span>', narrow=True),
            Column(title="time", cell=lambda row, _: span(row["first_at"], row["last_at"])),
            Column(title="pointing", cell=lambda row, _: escape(row["pointing"].lower() or _DASH)),
        ),
    ),
    "limits": Listing(
        key=lambda row: row["name"],
        empty="No mnemonic was outside its limits.",
        columns=(
            Column(title="now", cell=lambda row, _: level(row["level"]), narrow=True),
            Column(title="mnemonic", cell=_id("name"), narrow=True),
            Column(title="newest value", cell=lambda row, _: latest(row), narrow=True),
            Column(title="last outside", cell=_age("last_at")),
            Column(title="hours", cell=_count("hours")),
            Column(title="samples outside", cell=_size),
            Column(title="outside means", cell=lambda row, _: escape(limits(row["limits"]))),
        ),
    ),
    "mnemonics": Listing(
        key=lambda row: row["name"],
        empty="The telemetry database has no mnemonic.",
        columns=(
            Column(title="limits", cell=lambda row, _: level(row["level"]), narrow=True),
            Column(title="mnemonic", cell=_id("name"), narrow=True),
            Column(title="newest value", cell=lambda row, _: latest(row), narrow=True),
            Column(title="sampled at", cell=_age("latest_at")),
            Column(title="subsystem", cell=lambda row, _: escape(row["subsystem"])),
            Column(title="sampled", cell=_sampled),
            Column(title="samples", cell=_count("samples")),
            Column(title="description", cell=lambda row, _: escape(row["description"])),
        ),
    ),
}  # fmt: skip
"""By list of the board."""
