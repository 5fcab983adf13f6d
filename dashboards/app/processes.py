"""The process view: kinds of steps by state, and the dataset view: workflows with where their steps stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme
from dmsops.workflow.states import StepState

if TYPE_CHECKING:
    from dashboards.app.hub import Filter

Row = dict[str, Any]
ORDER = ("failed", "held", "running", "leased", "ready", "waiting", "cancelled", "skipped", "reused", "done")
"""States as the boards list them: what needs a person, what runs, what comes, the rest."""
FLOWS = 40
_FLOW_COLUMNS = {"failed": "failed", "held": "held", "running": "running", "open": "waiting", "cancelled": "cancelled", "good": "done"}
"""Columns of workflows, and the mark over each."""


def draw_kinds(cells: Sequence[Row], wanted: Filter, paused: Collection[str], *, acts: bool) -> str:
    """Write kinds by state with counts; a click on a count filters by both, on a name by the kind."""
    if not cells:
        return '<p class="soft">No step has been planned.</p>'
    table: dict[str, dict[str, int]] = defaultdict(dict)
    for cell in cells:
        table[cell["kind"]][cell["state"]] = cell["n"]
    states = [s for s in ORDER if any(s in counts for counts in table.values())]
    head = "".join(f"<th>{theme.mark(s)}</th>" for s in states)
    lines = "".join(_kind(kind, table[kind], states, wanted, paused=kind in paused, acts=acts) for kind in sorted(table))
    return f'<div class="scroll"><table class="grid"><thead><tr><th>kind of step</th>{head}<th></th></tr></thead>{lines}</table></div>'


def _kind(kind: str, counts: dict[str, int], states: Sequence[str], wanted: Filter, *, paused: bool, acts: bool) -> str:
    def cell(state: str) -> str:
        n = counts.get(state, 0)
        if not n:
            return "<td></td>"
        pressed = str(wanted.kinds == (kind,) and wanted.states == (state,)).lower()
        loud = " alert" if state == StepState.FAILED else ""
        label = f"{escape(kind)}: {n:,} {state}"
        return (
            f'<td><button class="count{loud}" data-pick="cell {state} {escape(kind)}" aria-pressed="{pressed}" '
            f'aria-label="{label}">{n:,}</button></td>'
        )

    name = f'<button class="plain" data-pick="kind {escape(kind)}">{escape(kind)}</button>'
    verb = "resume" if paused else "pause"
    button = f'<button data-pick="{verb} kind {escape(kind)}">{verb.capitalize()}…</button>' if acts else ""
    return f"<tr><th>{name}{' <b>paused</b>' if paused else ''}</th>{''.join(cell(s) for s in states)}<td>{button}</td></tr>"


def draw_flows(rows: Sequence[Row], wanted: Filter, paused: Collection[str], now: datetime, *, acts: bool) -> str:
    """Write workflows, those that need a person first; a click on one shows its steps."""
    if not rows:
        return '<p class="soft">No workflow fits.</p>'
    order = sorted(rows, key=lambda w: (not w["failed"], not w["held"], not w["running"], not w["open"]))
    head = "".join(f"<th>{theme.mark(m, c)}</th>" for c, m in _FLOW_COLUMNS.items())
    lines = "".join(_flow(w, wanted, now, paused=w["dataset"] in paused, acts=acts) for w in order[:FLOWS])
    left = len(order) - FLOWS
    more = f'<p class="soft">and {left:,} more of the newest {len(order):,}; the filter finds the others.</p>' if left > 0 else ""
    titles = f"<th>workflow</th><th>visit</th><th>class</th>{head}<th>planned</th><th></th>"
    return f'<div class="scroll"><table class="grid"><thead><tr>{titles}</tr></thead>{lines}</table></div>{more}'


def _flow(w: Row, wanted: Filter, now: datetime, *, paused: bool, acts: bool) -> str:
    dataset = escape(w["dataset"])
    pressed = str(wanted.visit == w["dataset"]).lower()
    name = f'<button class="id" data-pick="visit {dataset}" aria-pressed="{pressed}">{dataset}</button>{" <b>paused</b>" if paused else ""}'
    counts = "".join(f'<td class="n{" alert" if c == "failed" and w[c] else ""}">{f"{w[c]:,}" if w[c] else ""}</td>' for c in _FLOW_COLUMNS)
    verb = "resume" if paused else "pause"
    button = f'<button data-pick="{verb} workflow {dataset}">{verb.capitalize()}…</button>' if acts else ""
    return (
        f"<tr><td>{escape(w['name'])}</td><td>{name}</td><td>{escape(w['cls'])}</td>{counts}"
        f"<td>{theme.age(w['created_at'], now)}</td><td>{button}</td></tr>"
    )
