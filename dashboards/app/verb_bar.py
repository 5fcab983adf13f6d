"""The verbs as buttons: each says on how many steps it can act, or why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import actions
from dmsops.workflow import acts

if TYPE_CHECKING:
    from dashboards.app.hub import Filter, Matching
    from dmsops.core.people import Person

Row = dict[str, Any]
_TITLES = {"handled": "Mark handled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One verb's button: how many steps it is for, or why it is off."""

    verb: str
    count: int
    why_not: str


def offers(person: Person, chosen: Sequence[Row], wanted: Filter, matching: Matching) -> list[Offer]:
    """Say for each verb what it could act on: the selected rows, else all that the filter finds."""
    counts = dict(Counter(r["state"] for r in chosen)) if chosen else matching.counts
    picked, narrowed = bool(chosen or wanted.states), bool(chosen or wanted.words)
    return [
        Offer(
            verb=verb,
            count=actions.applicable(verb, counts, picked=picked),
            why_not=actions.why_not(person, verb, counts, narrowed=narrowed, picked=picked),
        )
        for verb in actions.APPLIES
    ]


def draw(found: Sequence[Offer], chosen: int, wanted: Filter, matching: Matching) -> str:
    """Write what the verbs act on, and the verbs."""
    buttons = "".join(_button(o, f"act {o.verb}", f" {o.count:,}…") for o in found)
    if chosen:
        head = f'<b>{chosen:,} selected</b> <button class="plain" data-pick="untick all">select none</button>'
    elif wanted.words:
        head = f"<b>all {matching.total:,} that match</b>"
    else:
        head = '<span class="soft">all steps</span>'
    whys = {o.why_not.split(" needs ", 1)[-1] for o in found}
    reader = f'<span class="soft">{escape(found[0].why_not)}</span>' if len(whys) == 1 and all(o.why_not for o in found) else ""
    return f'<div class="chips verbs{" ticked" if chosen else ""}">{head}{buttons}{reader}</div>'


def draw_one(found: Sequence[Offer], step_id: int) -> str:
    """Write the verbs for the step whose story is open: those that apply, the others behind a click with their reasons."""
    on = "".join(_button(o, f"one {o.verb} {step_id}", "…") for o in found if not o.why_not)
    off = "".join(f"<li>{escape(o.why_not)}</li>" for o in found if o.why_not)
    rest = f"<details><summary>what cannot be done now</summary><ul>{off}</ul></details>" if off else ""
    return f'<div class="chips one">{on}</div>{rest}'


def _button(o: Offer, pick: str, count: str) -> str:
    title = _TITLES.get(o.verb, o.verb.capitalize())
    if o.why_not:
        return f'<button class="key-{o.verb}" data-pick="{pick}" aria-disabled="true" title="{escape(o.why_not)}">{title}</button>'
    second = ' title="A second person has to agree"' if acts.verb_named(o.verb).second else ""
    return f'<button class="key-{o.verb}" data-pick="{pick}"{second}>{title}{count}</button>'
