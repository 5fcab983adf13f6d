"""What the engineering board says in words: what needs a person, and what a trend shows and what in it is doubtful."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dashboards.app.engineering_address import MOST, VIEWS
from dashboards.app.engineering_lists import GAPS, lasted, latest, level, limits, span
from dashboards.app.engineering_reads import FAILED, needing
from dashboards.app.rows import holds
from dashboards.app.story_parts import broken, need
from dmsops.engineering.queries import us

if TYPE_CHECKING:
    from dashboards.app.engineering_address import Address
    from dashboards.app.engineering_course import Course
    from dashboards.app.engineering_reads import Engineering
    from dashboards.app.engineering_trend import Wanted

Row = dict[str, Any]
BUTTONS = {"hour": "last hour", "day": "last day", "week": "last week", "all": "all"}
OFFERED = 12
"""As many mnemonics are offered to be added."""
NAMED = 6
"""As many doubtful times are named; the others are counted."""


def needs(seen: Engineering, here: str, now: datetime) -> str:
    """Write what needs a person, and how old the newest sample is; above the first list everything, above another its own."""
    if not seen.loaded:
        return '<p class="soft">The engineering database is being read…</p>'
    counts = needing(seen)
    said = {view: words for view, words in _sentences(seen, counts, now).items() if counts[view] and here in (view, VIEWS[0])}
    lines = "".join(need(view, words) for view, words in said.items())
    many = theme.plural(seen.totals.get("mnemonics", 0), "mnemonic")
    fresh = f"Newest sample {theme.age(seen.newest_at, now)}" if seen.newest_at else "No sample is held yet"
    held = f"; {seen.totals['samples']:,} samples of {many} are held" if seen.newest_at else ""
    calm = "" if any(counts.values()) else _calm(seen)
    return f'{broken(seen.broken)}{lines}{calm}<p class="soft">{fresh}{held}.</p>'


def _calm(seen: Engineering) -> str:
    words = "Nothing else of engineering needs a person now." if seen.broken else "Nothing of engineering needs a person now."
    return f"<p>{theme.mark('done', words)}</p>"


def _sentences(seen: Engineering, counts: Mapping[str, int], now: datetime) -> dict[str, str]:
    refused = [row for row in seen.files if row["word"] == "refused"]
    failed = [row for row in seen.files if row["word"] == FAILED]
    parts = [f"{len(refused):,} refused (procedure P03)"] if refused else []
    parts += [f"{len(failed):,} whose ingest failed (procedure P08)"] if failed else []
    red = ", ".join(f'<span class="id">{escape(r["name"])}</span>' for r in seen.limits[:NAMED] if r["level"] == "red")
    more = f" and {counts['limits'] - NAMED:,} more" if counts["limits"] > NAMED else ""
    lost = sum(g["seconds"] for g in seen.gaps if g["decision"] == "open")
    names = theme.plural(len({row["name"] for row in seen.conflicts}), "mnemonic")
    contested = theme.plural(counts["conflicts"], "contested interval")
    return {
        "files": f"{_some(counts['files'], 'file')} not taken: {', '.join(parts)}; oldest {_oldest(refused + failed, 'changed_at', now)}",
        "conflicts": f"{contested} of {names} to settle (procedure P14); oldest found {_oldest(seen.conflicts, 'found_at', now)}",
        "gaps": f"{_some(counts['gaps'], 'gap')} neither asked for nor waived, {lasted(lost)} in all (procedure P03)",
        "products": f"{theme.plural(counts['products'], 'product')} made with other telemetry than is held now: make again",
        "limits": f"{_some(counts['limits'], 'mnemonic')} outside red limits now: {red}{more}",
    }


def _some(count: int, noun: str) -> str:
    return f"{theme.plural(count, noun)} {'is' if count == 1 else 'are'}"


def _oldest(rows: Sequence[Row], name: str, now: datetime) -> str:
    return theme.age(min((row[name] for row in rows if row[name]), default=None), now)


def controls(address: Address, seen: Engineering, wanted: Wanted | None, *, reading: bool) -> str:
    """Write what the trend can be told, and which time it shows."""
    offers = _offers(address, seen)
    if wanted is None:
        unknown = ", ".join(name for name in address.plotted if not seen.mnemonic(name))
        lost = f"<p>The telemetry database has no mnemonic {escape(unknown)}.</p>" if unknown and seen.loaded else ""
        return f'{lost}<p class="soft">Choose what to plot: write a part of its name into the filter above ( / ).</p>{offers}'
    here = "" if address.between else address.span if address.span in BUTTONS else "day"
    spans = "".join(
        f'<button data-pick="span {key}" aria-pressed="{str(key == here).lower()}">{words}</button>' for key, words in BUTTONS.items()
    )
    moves = "".join(
        f'<button data-pick="move {key}" aria-label="{words}" title="{words}">{sign}</button>'
        for key, sign, words in (("in", "+", "zoom in"), ("out", "-", "zoom out"), ("back", "◀", "earlier"), ("on", "▶", "later"))
    )
    length = wanted.stop - wanted.start
    long = f"{length / timedelta(milliseconds=1):,.0f} ms" if length < timedelta(seconds=1) else lasted(length.total_seconds())
    state = " · reading…" if reading else ""
    time = f"{span(wanted.start, wanted.stop)} · {long}{state}"
    return f'<div class="chips">{spans}{moves}<span class="soft" role="status">{time}</span></div>{offers}'


def _offers(address: Address, seen: Engineering) -> str:
    """Offer mnemonics that hold what stands in the filter."""
    if not address.text:
        return ""
    found = [row for row in seen.mnemonics if holds({k: row[k] for k in ("name", "subsystem", "description")}, address.text)]
    if not found:
        return f'<p class="soft">No mnemonic holds “{escape(address.text)}”.</p>'
    if len(address.plotted) >= MOST:
        return f'<p class="soft">{MOST} mnemonics are plotted: take one out to add another.</p>'
    rest = f'<span class="soft">and {len(found) - OFFERED:,} more</span>' if len(found) > OFFERED else ""
    add = "".join(
        f'<button class="id" data-pick="add {escape(r["name"])}" title="{escape(r["description"])}">{escape(r["name"])}</button>'
        for r in found[:OFFERED]
    )
    return f'<div class="chips"><span class="soft">add:</span>{add}{rest}</div>'


def doubts(seen: Engineering, name: str, wanted: Wanted | None) -> tuple[list[Row], list[Row]]:
    """Give the gaps and the contested intervals of a mnemonic that touch the time that is looked at."""
    row = seen.mnemonic(name)
    if row is None or wanted is None:
        return [], []
    first, last = us(wanted.start), us(wanted.stop)

    def touches(one: Row) -> bool:
        return bool(one["last_us"] >= first and one["first_us"] <= last)

    gaps = [g for g in seen.gaps if row["container"] in g["containers"] and touches(g)]
    return gaps, [s for s in seen.conflicts if s["number"] == row["number"] and touches(s)]


def beside(seen: Engineering, name: str, found: Course | None, wanted: Wanted | None, now: datetime, *, lost: bool = False) -> str:
    """Write what a picture shows, and what in it is doubtful."""
    row = seen.mnemonic(name)
    if row is None:
        return ""
    gaps, suspects = doubts(seen, name, wanted)
    newest = f"newest {latest(row)}, {theme.age(row['latest_at'], now)}" if row["samples"] else "no sample is held"
    bounds = f'<span class="soft">{escape(limits(row["limits"]))}</span>' if row["limits"] else ""
    verbs = f'<button data-pick="story mnemonics {escape(name)}">About</button><button data-pick="drop {escape(name)}">Take it out</button>'
    said = [
        f"<span>{escape(row['description'])} · {newest}</span>{level(row['level'])}{bounds}{verbs}",
        "<b>Its samples could not be read: what is drawn is old.</b>" if lost else _seen(found),
        _doubtful("hatched /, no samples", "gaps", gaps, "first_us"),
        _doubtful("hatched x, contested", "conflicts", suspects, "id"),
    ]
    return "".join(f'<p class="chips">{line}</p>' for line in said if line)


_NOTHING = {
    (True, False): "No sample is of this time.",
    (True, True): "No sample of this time has a number.",
    (False, False): "No sample with a number is of this time.",
}
"""By whether samples were looked at one by one, and whether there were any without a number."""


def _seen(found: Course | None) -> str:
    if found is None:
        return '<span class="soft">Being read…</span>'
    if not found.inside:
        held = " The line is the value before." if found.held and len(found.line) else ""
        return f"{_NOTHING[found.single, bool(found.odd)]}{held}"
    count = theme.plural(found.inside, "sample")
    if found.single:
        odd = f" {theme.plural(found.odd, 'sample')} without a number." if found.odd else ""
        return f'<span class="soft">{count}, each drawn.{odd}</span>'
    line = "" if found.mnemonic.states else ", the line is their mean"
    return f'<span class="soft">{count}; a point is {lasted(found.step_seconds)} of them, from the lowest to the highest{line}.</span>'


def _doubtful(title: str, view: str, rows: list[Row], key: str) -> str:
    if not rows:
        return ""
    named = "".join(f'<button class="plain" data-pick="story {view} {row[key]}">{_time(view, row)}</button>' for row in rows[:NAMED])
    more = f'<span class="soft">and {len(rows) - NAMED:,} more</span>' if len(rows) > NAMED else ""
    return f"<span>{title} ({len(rows):,}):</span>{named}{more}"


def _time(view: str, row: Row) -> str:
    word = f", {GAPS[row['decision']]}" if view == "gaps" else ""
    return f"{row['first_at']:%m-%d %H:%M:%S}Z, {lasted((row['last_us'] - row['first_us']) / 1e6)}{word}"
