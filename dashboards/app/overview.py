"""The top of the workflow board: counts, who runs them, and what failed, grouped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme

if TYPE_CHECKING:
    from dashboards.app.hub import Filter, Snapshot

Row = dict[str, Any]
ORDER = ("failed", "running", "ready", "waiting", "done", "reused")
SILENT = timedelta(minutes=2)
_GROUPS = 5


def draw(snapshot: Snapshot, wanted: Filter) -> str:
    """Write counts by state (each a filter), the engine's line, and the failures by what went wrong."""
    chips = "".join(_chip(state, snapshot.counts.get(state, 0), pressed=state in wanted.states) for state in ORDER)
    return f'<div class="chips">{chips}</div>{_engine(snapshot)}{_failures(snapshot.failures, snapshot.now)}'


def _chip(state: str, count: int, *, pressed: bool) -> str:
    label = f"{theme.mark(state, quiet=not count)}<b>{count:,}</b>"
    return f'<button data-pick="state {state}" aria-pressed="{str(pressed).lower()}">{label}</button>'


def _engine(snapshot: Snapshot) -> str:
    ready = snapshot.counts.get("ready", 0)
    if not snapshot.engines:
        waiting = f"{theme.plural(ready, 'step')} ready and nothing starts them. " if ready else ""
        advice = "Start one with <code>dmsops engine run</code> (procedure P07)."
        return f'<p class="{"warn" if ready else "soft"}">No engine runs on this site. {waiting}{advice}</p>'
    busy = bool(ready or snapshot.counts.get("running", 0))
    return "".join(_engine_line(engine, snapshot.now, busy=busy) for engine in snapshot.engines)


def _engine_line(engine: Row, now: datetime, *, busy: bool) -> str:
    silent = busy and now - engine["heartbeat_at"] > SILENT  # an engine with nothing to do gives no sign of life
    words = f"Engine on {escape(engine['host'])}, pid {engine['pid']}, {theme.plural(engine['workers'], 'worker')}"
    beat = f"last sign of life {theme.age(engine['heartbeat_at'], now)}"
    return f'<p class="{"warn" if silent else "soft"}">{words}; {beat}</p>'


def _failures(groups: Sequence[Row], now: datetime) -> str:
    if not groups:
        return ""
    lines = "".join(_failure(group, now) for group in groups[:_GROUPS])
    more = f"<p>and {theme.plural(len(groups) - _GROUPS, 'other kind')} of failure</p>" if len(groups) > _GROUPS else ""
    return f'<div class="faults">{lines}{more}</div>'


def _failure(group: Row, now: datetime) -> str:
    last = theme.age(group["last"], now)
    return (
        f'<div class="fault">{theme.mark("failed", f"{group['n']:,} times")} <b>{escape(group["fault"] or "")}</b> '
        f'<span class="soft">({escape(group["fault_class"] or "")}) last {last}</span><br>{escape(group["remedy"] or "")}</div>'
    )


def hint(rows: Sequence[Row], snapshot: Snapshot, wanted: Filter) -> str:
    """Say what the table shows when that is not plain: nothing, or not all."""
    total = sum(snapshot.counts.values())
    if not total:
        return "<p>No step has been planned on this site yet. Receive a delivery (procedure P02), then plan its workflow.</p>"
    if not rows:
        return f'<p>None of the {total:,} steps fits this filter. <button class="plain" data-pick="text ">Show all words</button></p>'
    if len(rows) < total and not wanted.text and not wanted.states:
        return f'<p class="soft">The first {len(rows):,} of {total:,} steps; the filter finds the others.</p>'
    return ""


def waiting(new: int, moved: int) -> str:
    """Offer rows that wait behind a click, so that none jumps under the pointer."""
    parts = ([f"{new:,} new"] if new else []) + ([f"{moved:,} no longer fit the filter"] if moved else [])
    return f'<p><button data-pick="renew now">{", ".join(parts)}: show</button></p>'


def toggled(chosen: Sequence[str], state: str) -> list[str]:
    """Switch a state of the filter on or off, in the order of the chips."""
    now = set(chosen) ^ {state}
    return [s for s in ORDER if s in now]
