"""Failures grouped by what went wrong, with what is known and what can be done about all of a group at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from dashboards.app import theme

Row = dict[str, Any]
SHOWN = 4


def needing(groups: Sequence[Row]) -> int:
    """Count the failed steps that need a person: those not marked as handled."""
    return sum(g["n"] for g in groups)


def draw(groups: Sequence[Row], now: datetime, *, whole: bool = False, acts: bool = True) -> str:
    """Write the groups, those with the most steps that need a person first; ``whole`` shows all of them."""
    if not groups:
        return '<p class="soft">Nothing has failed.</p>'
    shown = groups if whole else groups[:SHOWN]
    lines = "".join(_group(g, now, acts=acts) for g in shown)
    left = len(groups) - len(shown)
    more = f'<p><button data-pick="whole groups">{theme.plural(left, "other kind")} of failure: show</button></p>' if left else ""
    return f'<div class="faults">{lines}{more}</div>'


def _group(g: Row, now: datetime, *, acts: bool) -> str:
    count = theme.mark("failed", f"{g['n']:,} to look at") if g["n"] else '<span class="soft">none to look at</span>'
    return (
        f'<div class="fault{"" if g["n"] else " quiet"}"><div class="what"><p>{count} <b>{escape(g["fault"] or "")}</b></p>'
        f"<p>{escape(g['remedy'] or '')}</p>{_known(g, now)}</div>"
        f'<div class="chips">{_buttons(g, acts=acts)}</div><p class="facts">{_facts(g, now)}</p></div>'
    )


def _known(g: Row, now: datetime) -> str:
    if not g["note"]:
        return ""
    return f'<p><b>Known:</b> {escape(g["note"])} <span class="soft">({_time(escape(g["note_by"]) + ",", g["note_at"], now)})</span></p>'


def _facts(g: Row, now: datetime) -> str:
    facts = [
        escape(g["fault_class"] or "no class"),
        f'<code class="print">{escape(g["fingerprint"] or "no fingerprint")}</code>',
        _time("first", g["first"], now),
        _time("last", g["last"], now),
    ]
    if g["handled"]:
        facts.append(f"{g['handled']:,} handled")
    if g["assigned"]:
        facts.append(f"with {escape(', '.join(g['assigned']))}")
    return " · ".join(facts)


def _time(what: str, when: datetime | None, now: datetime) -> str:
    return f'<span class="time">{what} {theme.age(when, now)}</span>'


def _buttons(g: Row, *, acts: bool) -> str:
    if not g["fingerprint"]:
        return '<button data-pick="state failed">Show failed steps</button>'
    at = escape(g["fingerprint"])
    total = g["n"] + g["handled"]
    show = f'<button data-pick="group show {at}">Show {theme.plural(total, "step")}</button>'
    if not acts:
        return show
    mark = f'<button data-pick="group handled {at}">Mark handled…</button>' if g["n"] else ""
    return f'<button data-pick="group rescue {at}">Rescue {total:,}…</button>{mark}<button data-pick="group note {at}">Note…</button>{show}'
