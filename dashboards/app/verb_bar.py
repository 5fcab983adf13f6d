"""The verbs as buttons: each says on how many steps it can act, or why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from dashboards.app import actions

if TYPE_CHECKING:
    from dashboards.app.hub import Filter, Matching
    from dmsops.core.people import Person

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One verb's button: how many steps it is for (``more``: at least so many), or why it is off."""

    verb: str
    count: int
    why_not: str
    more: bool = False


def offers(person: Person, chosen: Sequence[Row], wanted: Filter, matching: Matching) -> list[Offer]:
    """Say for each verb what it could act on: the selected rows, else all that the filter finds."""
    counts = dict(Counter(r["state"] for r in chosen)) if chosen else matching.counts
    picked, narrowed = bool(chosen or wanted.states), bool(chosen or wanted.words)
    return [
        Offer(
            verb=verb,
            count=actions.applicable(verb, counts, picked=picked),
            why_not=actions.why_not(person, verb, counts, narrowed=narrowed, picked=picked),
            more=matching.more and not chosen,
        )
        for verb in actions.APPLIES
    ]


def draw(found: Sequence[Offer], chosen: int, wanted: Filter, matching: Matching) -> str:
    """Write what the verbs act on, and the verbs."""
    buttons = "".join(_button(o) for o in found)
    if chosen:
        head = f'<b>{chosen:,} selected</b> <button class="plain" data-pick="untick all">select none</button>'
    elif wanted.words:
        head = f"<b>all {matching.total:,}{'+' if matching.more else ''} that match</b>"
    else:
        head = '<span class="soft">all steps</span>'
    whys = {o.why_not.split(" needs ", 1)[-1] for o in found}
    reader = f'<span class="soft">{escape(found[0].why_not)}</span>' if len(whys) == 1 and all(o.why_not for o in found) else ""
    return f'<div class="chips verbs">{head}{buttons}{reader}</div>'


def _button(o: Offer) -> str:
    title = {"handled": "Mark handled"}.get(o.verb, o.verb.capitalize())
    if o.why_not:
        return f'<button class="key-{o.verb}" data-pick="act {o.verb}" aria-disabled="true" title="{escape(o.why_not)}">{title}</button>'
    second = ' title="A second person has to agree"' if o.verb in ("stop", "drop") else ""
    return f'<button class="key-{o.verb}" data-pick="act {o.verb}"{second}>{title} {o.count:,}{"+" if o.more else ""}…</button>'
