"""The top of the workflow board: counts, who runs them; and the words around the table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import engines_panel, theme
from dashboards.app.processes import ORDER

if TYPE_CHECKING:
    from dashboards.app.hub import Filter, Matching, Snapshot

Row = dict[str, Any]
_RARE = ("held", "leased", "cancelled", "skipped", "reused")


def draw(snapshot: Snapshot, wanted: Filter) -> str:
    """Write counts by state, each a filter, and the engine's line."""
    states = [s for s in ORDER if s not in _RARE or snapshot.counts.get(s) or s in wanted.states]
    chips = "".join(_chip(s, snapshot.counts.get(s, 0), pressed=s in wanted.states) for s in states)
    return f'<div class="chips">{chips}</div>{engines_panel.line(snapshot)}'


def _chip(state: str, count: int, *, pressed: bool) -> str:
    label = f"{theme.mark(state, quiet=not count)}<b>{count:,}</b>"
    return f'<button data-pick="state {state}" aria-pressed="{str(pressed).lower()}">{label}</button>'


def tabs(counts: dict[str, int], here: str) -> str:
    """Write the choice of what stands above the table; a count where something needs a look."""

    def one(name: str) -> str:
        count = f"<b>{counts[name]:,}</b>" if counts[name] else ""
        return f'<button role="tab" data-pick="view {name}" aria-selected="{str(name == here).lower()}">{name.capitalize()}{count}</button>'

    return f'<div class="chips tabs" role="tablist">{"".join(one(name) for name in counts)}</div>'


def narrowed(wanted: Filter) -> str:
    """Write what the filter holds beside states and words; a click takes it out."""
    parts = {"kind": ", ".join(wanted.kinds), "visit": wanted.visit or "", "fault": wanted.fingerprint}
    chips = "".join(
        f'<button data-pick="drop {name}" title="Take this out of the filter">{name} <code>{escape(value)}</code> ✕</button>'
        for name, value in parts.items()
        if value
    )
    return f'<div class="chips">{chips}</div>' if chips else ""


def hint(rows: Sequence[Row], snapshot: Snapshot, wanted: Filter, matching: Matching) -> str:
    """Say what the table shows when that is not plain: nothing, or not all."""
    total = sum(snapshot.counts.values())
    if not total:
        return "<p>No step has been planned on this site yet. Receive a delivery (procedure P02), then plan its workflow.</p>"
    if not rows:
        return f'<p>None of the {total:,} steps fits this filter. <button class="plain" data-pick="everything all">Show all</button></p>'
    if matching.total > len(rows):
        left = matching.total - len(rows)
        how = "in this order" if wanted.sort else "those that need a person first"
        told = f"The first {len(rows):,} of {matching.total:,} steps, {how}; filter or sort to reach the other {left:,}."
        return f'<p class="soft">{told}</p>'
    return ""


def waiting(new: int, moved: int) -> str:
    """Offer rows that wait behind a click, so that none jumps under the pointer."""
    parts = ([f"{new:,} new"] if new else []) + ([f"{moved:,} no longer fit the filter"] if moved else [])
    return f'<p><button data-pick="renew now">{", ".join(parts)}: show</button></p>'


def toggled(chosen: Sequence[str], state: str) -> list[str]:
    """Switch a state of the filter on or off, in the order of the chips."""
    now = set(chosen) ^ {state}
    return [s for s in ORDER if s in now]
