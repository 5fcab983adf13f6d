"""The story of one step: what it is, why it waits, what was tried, what went wrong, what to do."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import theme, tries
from dmsops.workflow import queries, waiting
from dmsops.workflow.states import FUTILE, StepState

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.compare import AttemptDiff
    from dmsops.workflow.waiting import Missing, Why

Row = dict[str, Any]
_TRIES = 10
"""As many attempts are written with the end of their log; a step has a handful."""


def story(ops: Ops, row: Row, verbs: str, now: datetime, diff: AttemptDiff | None = None) -> str:
    """Write a step's story as HTML; every word that comes from outside is escaped.

    Parameters
    ----------
    row : dict
        The step, as `dmsops.workflow.queries.step_row` gives it.
    verbs : str
        What can be done about it, as HTML.
    diff : AttemptDiff, optional
        What changed between two of its attempts, where somebody asked.
    """
    step_id = row["id"]
    attempts, why = queries.attempts(ops, step_id), waiting.why(ops, step_id)
    parts = [
        _head(row, why.state == FUTILE, now),
        verbs,
        _fault(row),
        _held(row, now),
        _waits(why, now),
        _notes(queries.notes(ops, step_id, row["fingerprint"]), now),
        tries.draw(step_id, attempts, {t["n"]: queries.log_tail(ops, step_id, n=t["n"]) for t in attempts[:_TRIES]}, diff, now),
        _products(row, queries.versions(ops, [*(n["product"] for n in row["needs"]), *row["makes"]]), now),
        _journal(queries.story(ops, step_id), now),
    ]
    return "".join(parts)


def _head(row: Row, futile: bool, now: datetime) -> str:
    facts = {
        "what": f"<code>{escape(row['kind'])}</code>",
        "on": f'<span class="id">{escape(row["dataset"])}</span>',
        "workflow": f"{escape(row['workflow'])} {escape(row['workflow_dataset'])} ({escape(row['cls'])})",
        "planned": theme.age(row["created_at"], now),
        "started": theme.age(row["started_at"], now),
        "ended": theme.age(row["ended_at"], now),
    }
    if row["due"]:
        facts["due"] = f"{row['due']:%Y-%m-%d %H:%M:%S}Z"
    if row["priority"]:
        facts["priority"] = f"{row['priority']:+d}"
    if row["assigned_to"]:
        facts["with"] = escape(row["assigned_to"])
    if row["handled_by"]:
        facts["handled"] = f"by {escape(row['handled_by'])}"
    if row["memory_mb"]:
        facts["memory"] = f"{row['memory_mb']:,} MB, raised by a person"
    if row["params"]:
        facts["parameters"] = theme.params(row["params"])
    if row["changes"]:
        facts["changed"] = theme.params(row["changes"])
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    title = f"<h2>Step {row['id']}: {escape(row['title'])}</h2>"
    never = f"<p>{theme.mark(FUTILE)}. What comes before it failed, is held or was dropped.</p>" if futile else ""
    return f"{title}<p>{theme.mark(row['state'])}. {escape(row['sentence'])}</p>{never}<dl>{listed}</dl>"


def _fault(row: Row) -> str:
    if not row["fault"]:
        return ""
    return f'<div class="fault"><p><b>{escape(row["fault"])}</b></p><p>{escape(row["remedy"] or "")}</p></div>'


def _held(row: Row, now: datetime) -> str:
    if not row["held_reason"]:
        return ""
    until = f" until {theme.age(row['held_until'], now)}" if row["held_until"] else ""
    return f'<div class="warn"><p>Held{until}: {escape(row["held_reason"])}</p></div>'


def _notes(lines: list[Row], now: datetime) -> str:
    def one(line: Row) -> str:
        about = "" if line["fingerprint"] is None else "<b>Known problem:</b> "
        return f'<li>{about}{escape(line["text"])} <span class="soft">({escape(line["actor"])}, {theme.age(line["at"], now)})</span></li>'

    return f"<h3>Notes</h3><ul>{''.join(one(line) for line in lines)}</ul>" if lines else ""


def _waits(seen: Why, now: datetime) -> str:
    if seen.state not in (StepState.WAITING, FUTILE, StepState.READY):
        return ""
    lines = "".join(f"<li>{_wait(item, now)}</li>" for item in seen.missing)
    return f"<h3>Why it does not run yet</h3><p>{escape(seen.sentence)}</p>" + (f"<ul>{lines}</ul>" if lines else "")


def _wait(item: Missing, now: datetime) -> str:
    if item.maker is None:
        return escape(item.words(now))
    link = f'<button class="plain" data-pick="step {item.maker}">Show step {item.maker}</button>'
    return f"{theme.mark(item.state, '')}{escape(item.words(now))}. {link}"


def _products(row: Row, versions: dict[str, list[Row]], now: datetime) -> str:
    def one(name: str, *, there: bool = True) -> str:
        rest = _version(versions[name], now) if there else " — not there yet"
        return f'<li><span class="id">{escape(name)}</span>{rest}</li>'

    needs = "".join(one(n["product"], there=n["got"]) for n in row["needs"])
    makes = "".join(one(name) for name in row["makes"])
    return (f"<h3>Needs</h3><ul>{needs}</ul>" if needs else "") + (f"<h3>Makes</h3><ul>{makes}</ul>" if makes else "")


def _version(found: list[Row], now: datetime) -> str:
    if not found:
        return ""
    listed = [
        f"version {p['version']}{'' if p['current'] else ' (withdrawn)'}, {theme.size(p['size'])}, {theme.age(p['created_at'], now)}"
        for p in found[:3]
    ]
    return f'<br><span class="soft">{"; ".join(listed)}</span>'


def _journal(lines: list[Row], now: datetime) -> str:
    def one(line: Row) -> str:
        why = f"<br>{escape(line['reason'])}" if line["reason"] else ""
        what = f"{escape(line['event'])} by {escape(line['actor'])}{why}"
        return f"<tr><td>{line['seq']}</td><td>{theme.age(line['at'], now)}</td><td>{what}</td></tr>"

    if not lines:
        return ""
    return '<h3>Journal</h3><div class="scroll"><table>' + "".join(one(line) for line in lines) + "</table></div>"
