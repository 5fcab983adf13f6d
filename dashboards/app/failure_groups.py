"""Failures grouped by what went wrong, with what is known and what can be done about all of a group at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from dashboards.app import theme

Row = dict[str, Any]
SHOWN = 5


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
    state = "failed" if g["n"] else "skipped"
    handled = f" · {g['handled']:,} handled" if g["handled"] else ""
    count = theme.mark(state, f"{g['n']:,} to look at") if g["n"] else '<span class="soft">none to look at</span>'
    who = f" · with {escape(', '.join(g['assigned']))}" if g["assigned"] else ""
    seen = f"first {theme.age(g['first'], now)}, last {theme.age(g['last'], now)}"
    note = ""
    if g["note"]:
        note = f'<br><b>Known:</b> {escape(g["note"])} <span class="soft">({escape(g["note_by"])}, {theme.age(g["note_at"], now)})</span>'
    return (
        f'<div class="fault{"" if g["n"] else " quiet"}">{count}<span class="soft">{handled}{who}</span> '
        f'<b>{escape(g["fault"] or "")}</b> <span class="soft">({escape(g["fault_class"] or "no class")}) {seen}</span>'
        f"<br>{escape(g['remedy'] or '')}{note}<br>"
        f'<code class="print">{escape(g["fingerprint"] or "no fingerprint")}</code> {_buttons(g, acts=acts)}</div>'
    )


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
