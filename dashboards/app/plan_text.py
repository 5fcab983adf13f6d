"""A plan as people read it before they decide: counts first, then what, why, and what is left alone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dashboards.app import theme

if TYPE_CHECKING:
    from dmsops.workflow.acts import Receipt
    from dmsops.workflow.plan import Plan

FEW = 3
"""As many items of a list stand open, so that the reason and the count stay on the screen."""
MANY = 60
_PAST = {
    "rescue": "will run again", "hold": "held", "release": "released", "prioritise": "given another priority", "stop": "stopped and held",
    "drop": "dropped", "accept": "accepted as done", "handled": "marked as handled", "assign": "assigned", "note": "noted",
}  # fmt: skip
_FUTURE = {
    "rescue": "run again", "hold": "held", "release": "released", "prioritise": "get another priority", "stop": "stopped and held",
    "drop": "dropped", "accept": "accepted as done", "handled": "marked as handled", "assign": "assigned", "note": "get the note",
}  # fmt: skip
_LIST_TITLES = {"rescue": "Runs again"}


def headline(plan: Plan) -> str:
    """Say in one line what the plan does."""
    count = len(plan.again)
    if plan.verb in ("pause", "resume") or not count:
        target = plan.params.get("target") or ""
        what = f" {plan.params.get('scope', '')} {target}" if plan.verb in ("pause", "resume") else ""
        return f"{plan.verb.capitalize()}{what}"
    words = "runs again" if plan.verb == "rescue" and count == 1 else _FUTURE[plan.verb]
    return f"{plan.verb.capitalize()}: {theme.plural(count, 'step')} {words}"


def describe(plan: Plan, chosen: str = "", *, asks: bool = True) -> str:
    """Write a plan as HTML; every word that comes from outside is escaped. Not ``asks``: for the second person, who answers."""
    again = [
        f'{theme.mark(a.state)} step {a.step_id} {escape(a.kind)} <span class="id">{escape(a.dataset)}</span>: {escape(a.why)}'
        for a in plan.again
    ]
    versions = [f'<span class="id">{escape(name)}</span>{_version(plan, name)}' for name in plan.supersedes]
    return "".join(
        [
            f"<h2>{escape(headline(plan))}</h2>",
            '<p class="warn">A second person has to agree before it is done.</p>' if plan.second and asks else "",
            _facts(plan, chosen),
            _list("Clocks", [_late(c.at_risk, c.words) for c in plan.clocks], warn=any(c.at_risk for c in plan.clocks)),
            _list("Tells a neighbour again", [escape(text) for text in plan.tells], warn=True),
            _list("Damaged in the store, set aside", [f'<code class="sum">{escape(sha256)}</code>' for sha256 in plan.damaged], warn=True),
            _list("To know", [escape(text) for text in plan.notes]),
            _list(_LIST_TITLES.get(plan.verb, "Steps"), again),
            _list("Gets a new version", versions),
            _list("Will not be touched", [f"{f'step {step}: ' if step else ''}{escape(why)}" for step, why in plan.untouched]),
        ]
    )


def _version(plan: Plan, name: str) -> str:
    now = plan.versions.get(name)
    return f" <span class='soft'>version {now} now</span>" if now is not None else ""


def _late(at_risk: bool, words: str) -> str:
    return f"<b>at risk</b>: {escape(words)}" if at_risk else escape(words)


def _facts(plan: Plan, chosen: str) -> str:
    facts = {"chosen": escape(chosen)} if chosen else {}
    if plan.verb == "rescue":
        facts["takes"] = f"about {theme.duration(plan.estimate_seconds)} on one worker"
        facts["left alone"] = f"{theme.plural(plan.reused, 'step')} of the same workflows that ended well"
    if plan.stuck:
        facts["stuck"] = f"{theme.plural(plan.stuck, 'step')} after these cannot go on"
    if plan.free:
        facts["free"] = f"{theme.plural(plan.free, 'step')} after these can go on"
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return f"<dl>{listed}</dl>" if listed else ""


def _list(title: str, lines: list[str], *, warn: bool = False) -> str:
    if not lines:
        return ""
    rest = lines[FEW:MANY]
    cut = f"<li>and {len(lines) - MANY:,} more</li>" if len(lines) > MANY else ""
    more = f"<details><summary>{len(lines) - FEW:,} more</summary>{_bullets(rest)}{cut}</details>" if rest else ""
    body = f"<h3>{title} ({len(lines):,})</h3>{_bullets(lines[:FEW])}{more}"
    return f'<div class="warn">{body}</div>' if warn else body


def _bullets(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def receipt(done: Receipt, person: str) -> str:
    """Say what became of an act, with its line in the journal."""
    plan, count = done.plan, len(done.plan.again)
    if done.state == "asked":
        what = f"{plan.verb.capitalize()} of {theme.plural(count, 'step')} is asked for as act {done.command}: waits for a second person"
    elif count:
        what = f"{theme.plural(count, 'step')} {_PAST[plan.verb]}"
    else:
        what = f"Done: {headline(plan).lower()}"
    return f"{what}. Journal line {done.seq}, by {person}."
