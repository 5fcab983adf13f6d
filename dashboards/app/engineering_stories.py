"""The story of one row of the engineering board: what it is, its evidence, and the way to its plot; every outside word is escaped."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.engineering_lists import (
    GAPS,
    KINDS,
    STREAMS,
    lasted,
    latest,
    level,
    limits,
    mark,
    number,
    product_mark,
    span,
    when,
)  # fmt: skip
from dashboards.app.engineering_reads import FAILED
from dashboards.app.story_parts import bullets, events, head, ident, table
from dmsops.engineering import queries
from dmsops.engineering.states import SENTENCES, EngineeringState
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
TIMES = 40
"""As many contested times and hours are written; the plot shows the others."""
READ = 2000
"""As many contested values are read for a story."""
AROUND = timedelta(seconds=20)
"""What a plot of an interval shows before and after it, at least."""


def story(ops: Ops, view: str, row: Row, verbs: str, now: datetime) -> str:
    """Write a row's story as HTML.

    Parameters
    ----------
    view : str
        The list that the row stands in.
    verbs : str
        What can be done about it, as HTML.
    """
    return _STORIES[view](ops, row, verbs, now)


def see(name: str, first: datetime | None, last: datetime | None, words: str = "See it in the plot") -> str:
    """Write a button that shows a mnemonic around a time."""
    if first is None or last is None:
        return ""
    pad = max(AROUND, (last - first) / 2)
    pick = f"see {name} {(first - pad).isoformat()} {(last + pad).isoformat()}"
    return f'<button data-pick="{escape(pick)}">{escape(words)}</button>'


def _chips(*buttons: str) -> str:
    return f'<p class="chips">{"".join(buttons)}</p>'


def _file(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    counts = ", ".join(f"{row[kind]:,} {kind}" for kind in KINDS if row[kind])
    decided = f"{escape(row['decided_reason'] or '')} ({escape(row['decided_by'])})" if row["decided_by"] else ""
    facts = {
        "refused for": escape(row["reason"] or ""),
        "decided": decided,
        "stream": escape(STREAMS.get(row["stream"]) or row["stream"]),
        "form": escape(row["form"]),
        "origin": escape(row["origin"]),
        "covers": span(row["first_at"], row["last_at"]),
        "packets": f"{row['packets']:,}",
        "samples": f"{row['samples']:,}: {counts}" if counts else f"{row['samples']:,}",
        "texts": f"{row['texts']:,}, counted and not kept" if row["texts"] else "",
        "padding": f"{row['padding']:,} rows" if row["padding"] else "",
        "gaps": f"{len(row['gap_seconds']):,}, {lasted(sum(row['gap_seconds']))} in all" if row["gap_seconds"] else "",
        "changed": theme.age(row["changed_at"], now),
        "bytes": ident(row["sha256"]),
    }
    fault = f'<div class="fault"><p><b>{escape(row["fault"])}</b></p><p>{escape(row["remedy"] or "")}</p></div>' if row["fault"] else ""
    sentence = "Its ingest failed." if row["word"] == FAILED else SENTENCES[EngineeringState(row["state"])]
    unknown = [f"{what}: {n:,}" for what, n in list(row["unknown"].items())[:TIMES]]
    link = f'<p><a href="owl?text={escape(row["name"])}&amp;kind=engineering.ingest">Its ingest on the workflow board</a></p>'
    top = head(f"Engineering file {ident(row['name'])}", fault + verbs, facts, f"{mark(row['word'])}. {escape(sentence)}")
    return top + link + bullets("What the telemetry database does not know", unknown) + events(ops, row["name"], now)


def _conflict(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "contested": span(row["first_at"], row["last_at"]),
        "lasts": lasted((row["last_us"] - row["first_us"]) / 1e6),
        "other values": f"{row['conflicts']:,}",
        "found": theme.age(row["found_at"], now),
    }
    sentence = f"{mark('open', 'to settle')}. Values of one time disagree; what came first stands until a person decides (procedure P14)."
    plot = _chips(see(row["name"], row["first_at"], row["last_at"]), _mnemonic_button(row["name"]))
    top = head(f"Contested: {ident(row['name'])}", plot + verbs, facts, sentence)
    return top + _side_by_side(queries.conflicts(ops, row["id"], limit=READ), row)


def _mnemonic_button(name: str) -> str:
    return f'<button data-pick="story mnemonics {escape(name)}">About {escape(name)}</button>'


def _side_by_side(values: list[Row], row: Row) -> str:
    """Write contested samples: a line for each time, a column for each file, the value that stands with a disc."""
    one = telemetry_database().by_number(row["number"])
    cells: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for v in values:
        word = one.states.get(int(v["value"]), "") if one and one.states else ""
        text = f'<span class="n">{escape(word) or number(v["value"])}</span>'
        cells[v["time_us"]][v["file"]].append(mark_standing(text) if v["stands"] else text)
    files = sorted({v["file"] for v in values})
    at = {v["time_us"]: v["at"] for v in values}
    lines = [[_clock(at[t]), *("<br>".join(cells[t][f]) or "—" for f in files)] for t in sorted(cells)[:TIMES]]
    unit = f", in {one.unit}" if one and one.unit else ""
    columns = ["time", *(f"{STREAMS.get(f[:1], '')}<br>{escape(f).replace('_', '_<wbr>')}" for f in files)]
    more = len(cells) - TIMES
    rest = f'<p class="soft">and {more:,}{"" if len(values) < READ else " or more"} times more; the plot shows them</p>' if more > 0 else ""
    return table(f"Values side by side{escape(unit)}; ● stands now", lines, columns, css="values") + rest


def mark_standing(html: str) -> str:
    """Mark the value that stands."""
    return f'<b title="stands now">● {html}</b>'


def _clock(at: datetime | None) -> str:
    return "—" if at is None else f'<span class="time">{at:%H:%M:%S}.{at.microsecond:06d}</span>'


def _gap(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    decided = f"by {escape(row['actor'])}, {theme.age(row['at'], now)}: {escape(row['reason'])}" if row["actor"] else ""
    facts = {
        "last sample before": when(row["first_at"]),
        "first one after": when(row["last_at"]),
        "lasts": lasted(row["seconds"]),
        GAPS[row["decision"]]: decided,
        "asked": theme.plural(row["times"], "time") if row["times"] else "",
    }
    plots = []
    lines = []
    for name in row["containers"]:
        theirs = [m.name for m in telemetry_database().mnemonics if m.container == name]
        lines.append([ident(name), f"{theme.plural(len(theirs), 'mnemonic')}"])
        plots += theirs[:1]
    chips = _chips(*(see(name, row["first_at"], row["last_at"], f"See {name}") for name in plots[:3]))
    top = head(f"Gap of {lasted(row['seconds'])}", chips + verbs, facts, f"{mark(row['decision'], GAPS[row['decision']])}.")
    return top + table("No packets of", lines)


def _product(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    facts = {
        "time": span(row["first_at"], row["last_at"]),
        "pointing": escape(row["pointing"].lower()),
        "visit": ident(f"V{row['visit']}"),
    }
    links = (
        f'<p><a href="owl?step={row["step"]}">Step {row["step"]} on the workflow board</a> · '
        f'<a href="receipt?row={escape(row["visit"])}">Its visit on the receipt board</a></p>'
    )
    plots = _chips(*(see(name, row["first_at"], row["last_at"], f"See {name}") for name in row["suspect"][:3])) if row["suspect"] else ""
    top = head(f"Level 1b of {ident(row['dataset'])}", plots + verbs, facts, f"{product_mark(row)}.")
    return top + links + bullets("Why", list(row["why"]))


def _plots(name: str) -> str:
    return _chips(
        f'<button class="key-plot" data-pick="plot {escape(name)}">Plot it</button>',
        f'<button data-pick="add {escape(name)}">Add it to the plot</button>',
    )


def _limit(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    low, high = row["worst"]
    facts = {
        "newest value": f"{latest(row)}, {theme.age(row['latest_at'], now)}",
        "outside means": escape(limits(row["limits"])),
        "first outside": theme.age(row["first_at"], now),
        "last outside": theme.age(row["last_at"], now),
        "in those hours": f"{number(low)} to {number(high)} {escape(row['unit'])}",
    }
    hours = [h for h in queries.hourly(ops, row["name"]) if h["yellow"] or h["red"]][::-1]
    lines = [
        [f"{h['at']:%Y-%m-%d %H}:00Z", f"{h['yellow']:,}", f"{h['red']:,}", number(h["minimum"]), number(h["maximum"])]
        for h in hours[:TIMES]
    ]
    verb = _plots(row["name"]) + _chips(see(row["name"], row["first_at"], row["last_at"], "See those hours"), _mnemonic_button(row["name"]))
    top = head(f"Limits of {ident(row['name'])}", verb, facts, f"Now {level(row['level'])}.")
    return top + table("Hours with samples outside", lines, ("hour", "yellow", "red", "lowest", "highest"))


def _mnemonic(ops: Ops, row: Row, verbs: str, now: datetime) -> str:
    raw = f" (raw {row['latest_raw']})" if row["latest_raw"] is not None else ""
    sampled = f"every {row['period_seconds']:g} s" if row["all_points"] else "when it changes"
    facts = {
        "newest value": f"{latest(row)}{raw}" if row["samples"] else "none is held",
        "sampled at": f"{when(row['latest_at'])} ({theme.age(row['latest_at'], now).split(' · ')[0]})" if row["latest_at"] else "",
        "outside means": escape(limits(row["limits"])),
        "subsystem": escape(row["subsystem"]),
        "sampled": sampled,
        "samples held": f"{row['samples']:,}",
        "packet": ident(row["container"]),
        "number": f"{row['number']}",
        "types": escape(f"{row['raw_type']} as sent, {row['eu_type']} as given, {row['sql_type']} in the archive's service"),
    }
    words = [f"{n}: {word}" for n, word in row["states"].items()]
    contested = [
        [f'<button class="plain" data-pick="story conflicts {s["id"]}">{span(s["first_at"], s["last_at"])}</button>', f"{s['conflicts']:,}"]
        for s in queries.suspect_intervals(ops)
        if s["number"] == row["number"]
    ][:TIMES]
    top = head(f"{ident(row['name'])}", _plots(row["name"]), facts, f"{escape(row['description'])}. {level(row['level'])}")
    return top + table("Contested", contested, ("time", "other values")) + bullets("States", words)


_STORIES = {
    "files": _file, "conflicts": _conflict, "gaps": _gap, "products": _product, "limits": _limit, "mnemonics": _mnemonic,
}  # fmt: skip
