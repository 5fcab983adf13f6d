"""What people can do on the boards: calls of library verbs in their own name, nothing decided here.

Which states a verb is for (`APPLIES`) only says which buttons are worth pressing; the preview has the last word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dmsops.core import people
from dmsops.core.errors import NotAllowed
from dmsops.core.people import Person
from dmsops.workflow import acts, queries
from dmsops.workflow.choose import Selection
from dmsops.workflow.states import StepState

if TYPE_CHECKING:
    from dashboards.app.hub import Filter
    from dmsops.ops import Ops
    from dmsops.workflow.acts import Receipt
    from dmsops.workflow.plan import Plan

ALL = 1_000_000
"""No site has as many steps as this: a limit that leaves nothing out."""
_EVERY = frozenset(StepState)
_ORDER = ("rescue", "hold", "release", "prioritise", "accept", "handled", "assign", "note", "stop", "drop")
APPLIES = {verb: acts.verb_named(verb).applies for verb in _ORDER}
"""Verbs on steps, in the order of their buttons, and the states they are for."""
_UNASKED = {"rescue": frozenset({StepState.FAILED}), "handled": frozenset({StepState.FAILED})}
"""Verbs that mean all failed steps when nothing else is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a verb is meant for, as a person chose it.

    Attributes
    ----------
    words : str
        How it was chosen, for the person.
    selection : Selection
        Steps; empty where the verb is not about steps.
    wanted : Filter, optional
        Filter by words, which finds more than a `Selection` can say: its steps are looked up when the plan is made.
    params : dict
        Parameters that come with the choice (what is to be paused).
    """

    words: str
    selection: Selection = field(default_factory=Selection)
    wanted: Filter | None = None
    params: Mapping[str, Any] = field(default_factory=dict)

    def resolved(self, ops: Ops) -> Selection:
        """Give the steps as the library wants them."""
        if self.wanted is None:
            return self.selection
        w = self.wanted
        found = queries.steps(
            ops, states=w.states, kinds=w.kinds, workflow_dataset=w.visit, fingerprint=w.fingerprint or None, text=w.text, limit=ALL
        )
        return Selection(steps=tuple(r["id"] for r in found))


def ticked(steps: Collection[int]) -> Choice:
    """Choose steps by number."""
    words = f"step {next(iter(steps))}" if len(steps) == 1 else f"{len(steps):,} selected"
    return Choice(words=words, selection=Selection(steps=tuple(sorted(steps))))


def of_kind_of_failure(fingerprint: str, verb: str) -> Choice:
    """Choose every failed step of a kind of failure; a note is about the kind itself."""
    states = () if verb == "note" else ("failed",)
    return Choice(words=f"all failed as “{fingerprint}”", selection=Selection(states=states, fingerprint=fingerprint))


def by_filter(wanted: Filter, verb: str) -> Choice:
    """Choose every step that the filter finds, also beyond the rows on the screen; without states, those the verb is for."""
    states = wanted.states or _states_for(wanted, verb)
    words = f"all that match: {wanted.words}" if wanted.words else "all of the site"
    if wanted.text:
        return Choice(words=words, wanted=wanted.with_states(states))
    return Choice(
        words=words,
        selection=Selection(states=states, kinds=wanted.kinds, visit=wanted.visit or "", fingerprint=wanted.fingerprint),
    )


def _states_for(wanted: Filter, verb: str) -> tuple[str, ...]:
    fits = _UNASKED.get(verb, APPLIES[verb])
    return () if fits == _EVERY and wanted.words else tuple(s.value for s in StepState if s in fits)


def applicable(verb: str, counts: Mapping[str, int], *, picked: bool) -> int:
    """Count the steps that a verb can touch, from a count by state."""
    fits = APPLIES[verb] if picked else _UNASKED.get(verb, APPLIES[verb])
    return sum(counts.get(s.value, 0) for s in fits)


def why_not(person: Person, verb: str, counts: Mapping[str, int], *, narrowed: bool, picked: bool) -> str:
    """Say why a verb's button is off; empty when it is on.

    Parameters
    ----------
    counts : mapping
        Number of steps by state: of those selected, else of those that the filter finds.
    narrowed : bool
        Something is selected or the filter says something.
    picked : bool
        States were chosen: by ticks or by the filter.
    """
    refusal = may_not(person, verb)
    if refusal:
        return f"{refusal}."
    if not narrowed and verb not in _UNASKED:
        return f"{verb.capitalize()}: select steps or set a filter first."
    if not applicable(verb, counts, picked=picked):
        fits = _UNASKED.get(verb, APPLIES[verb])
        words = " or ".join(s.value for s in StepState if s in fits)
        return f"{verb.capitalize()} is for steps that are {words}: there is none here." if fits != _EVERY else "There is no step here."
    return ""


def preview(ops: Ops, person: Person, verb: str, choice: Choice, params: Mapping[str, Any]) -> Plan:
    """Plan an act; nothing changes. Raises what `dmsops.workflow.acts.preview` raises."""
    return acts.preview(_in_hand(ops, person), verb, choice.resolved(ops), **{**params, **choice.params})


def carry_out(
    ops: Ops, person: Person, verb: str, choice: Choice, params: Mapping[str, Any], *, reason: str, ticket: str
) -> Receipt:  # fmt: skip
    """Do what was previewed. Raises what `dmsops.workflow.acts.act` raises."""
    given = {**params, **choice.params}
    return acts.act(_in_hand(ops, person), verb, choice.resolved(ops), ticket=ticket, reason=reason, **given)


def agree(ops: Ops, person: Person, number: int, *, reason: str) -> Receipt:
    """Agree as the second person. Raises what `dmsops.workflow.acts.agree` raises."""
    return acts.agree(_in_hand(ops, person), number, reason=reason)


def withdraw(ops: Ops, person: Person, number: int, *, reason: str) -> None:
    """Take back what waits for a second person. Raises what `dmsops.workflow.acts.withdraw` raises."""
    acts.withdraw(_in_hand(ops, person), number, reason=reason)


def may_not(person: Person, verb: str) -> str:
    """Say in the library's words why a person may not do a verb at all; empty when they may."""
    try:
        acts.may(person, verb)
    except NotAllowed as error:
        return error.message
    return ""


def recent_reasons(ops: Ops, verb: str, count: int = 4) -> list[str]:
    """Give the newest different reasons for this verb."""
    return list(dict.fromkeys(row["reason"] for row in acts.recent(ops, verbs=(verb,))))[:count]


def _in_hand(ops: Ops, person: Person) -> Ops:
    """Give the site in the person's hand, with the role they have now: it may have changed since they signed in."""
    return ops.as_person(people.find(ops.db, person.name))
