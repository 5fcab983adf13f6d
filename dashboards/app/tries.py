"""Attempts of a step: when, where, how they ended, the ends of their logs, and what changed between two of them."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme

if TYPE_CHECKING:
    from dmsops.workflow.compare import AttemptDiff, Change

Row = dict[str, Any]


def draw(step_id: int, tries: list[Row], logs: dict[int, str], diff: AttemptDiff | None, now: datetime) -> str:
    """Write attempts, the newest first and open, with the ends of their logs; what changed between two where it was asked for."""
    if not tries:
        return "<h3>Attempts</h3><p>None yet.</p>"
    newest, *older = tries
    parts = [_attempt(newest, now), _log(logs.get(newest["n"], "")), _compared(step_id, tries, diff)]
    return "<h3>Attempts</h3>" + "".join([*parts, *(_older(t, logs.get(t["n"], ""), now) for t in older)])


def _older(one: Row, tail: str, now: datetime) -> str:
    log = f"<details><summary>End of its log</summary>{_log(tail)}</details>" if tail else ""
    return _attempt(one, now) + log


def _attempt(one: Row, now: datetime) -> str:
    ran = theme.duration(((one["ended_at"] or now) - one["started_at"]).total_seconds())
    facts = [f"{escape(one['host'])}" + (f" pid {one['pid']}" if one["pid"] else ""), f"ran {ran}"]
    if one["cpu_seconds"] is not None:
        facts.append(f"CPU {theme.duration(one['cpu_seconds'])}")
    if one["peak_mb"] is not None:
        facts.append(f"peak {one['peak_mb']:,.0f} MB")
    facts += [escape(one["build"]), escape(one["crds_context"])]
    fault = f"<br>{escape(one['fault'])}" if one["fault"] else ""
    head = f"<b>{one['n']}</b> {escape(one['outcome'])} · {theme.age(one['started_at'], now)}"
    return f'<p>{head}<br><span class="soft">{" · ".join(facts)}</span>{fault}</p>'


def _log(tail: str) -> str:
    return f"<pre tabindex='0'><code>{escape(tail)}</code></pre>" if tail else ""


def _compared(step_id: int, tries: list[Row], diff: AttemptDiff | None) -> str:
    if len(tries) < 2:
        return ""
    if diff is None:
        return f'<p><button data-pick="compare {step_id}">What changed since the attempt that failed?</button></p>'
    title = f"<h3>From attempt {diff.before} to attempt {diff.after}</h3>"
    lines = "".join(_change(change) for change in diff.changes)
    table = f'<div class="scroll"><table><tr><th></th><th>before</th><th>after</th></tr>{lines}</table></div>' if lines else ""
    same = f"<p class='soft'>The same: {', '.join(diff.same)}.</p>" if diff.same else ""
    reports = "".join(f'<p class="id">{escape(name)}</p>{_text(report)}' for name, report in diff.fits.items())
    log = f"<details><summary>Lines of their logs that differ ({len(diff.log):,})</summary>{_text(chr(10).join(diff.log))}</details>"
    return title + (table or "<p>Nothing that is recorded changed.</p>") + same + reports + (log if diff.log else "")


def _change(change: Change) -> str:
    before, after = (escape(v) if v is not None else "—" for v in (change.before, change.after))
    return f"<tr><th>{escape(change.part)} {escape(change.name)}</th><td>{before}</td><td>{after}</td></tr>"


def _text(words: str) -> str:
    return f"<pre class='top' tabindex='0'><code>{escape(words)}</code></pre>"
