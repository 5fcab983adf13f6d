"""What procedures P08 and P09 ask for: a verb with its choice of steps, or an act that waits for a second person."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput
from dmsops.workflow import acts, queries
from dmsops.workflow.acts import Receipt
from dmsops.workflow.choose import Selection
from dmsops.workflow.plan import Plan

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_OWN = ("priority", "until", "following")
"""Parameters of the verbs of P09; each verb takes those that it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run of P09 is about.

    Attributes
    ----------
    chosen : bool
        Steps were chosen; without a choice the plan shows all steps that the verb applies to, and only shows them.
    number : int
        Act that waits for a second person; 0 when this is a new one.
    as_asked : bool
        Always true of a new act; of one that waits, false when the site has changed since.
    who : str
        Who asked for the act that waits.
    """

    verb: str
    selection: Selection
    params: Row
    plan: Plan
    chosen: bool = True
    number: int = 0
    as_asked: bool = True
    who: str = ""

    @property
    def facts(self) -> Row:
        """What its plan says beside the list of steps, for `Run.facts`."""
        return plan_facts(self.plan)


def plan_facts(plan: Plan) -> Row:
    """Give what a plan says beside its list of steps, in words that a person reads."""
    return {
        "ticket": plan.hash,
        "steps": len(plan.again),
        "second_person": plan.second,
        "stuck_then": plan.stuck,
        "free_then": plan.free,
        "left_alone": plan.reused,
        "supersedes": plan.supersedes,
        "tells": plan.tells,
        "damaged": plan.damaged,
        "not_touched": [f"{number}: {why}" if number else why for number, why in plan.untouched],
        "clocks": [effect.words for effect in plan.clocks],
        "notes": plan.notes,
        "seconds_of_work": plan.estimate_seconds,
    }


def order(ops: Ops, verb: str, *, agree_to: int = 0, priority: int = 0, until: str = "", following: bool = False, **choice: Any) -> Order:
    """Look at what is asked for; nothing changes.

    Parameters
    ----------
    agree_to : int
        An act that waits for a second person: it is looked at instead, with its own verb and choice.
    **choice
        Fields of `Selection`; with none of them, all steps that the verb applies to are shown.

    Raises
    ------
    BadInput
        The verb is not known, or a parameter does not fit.
    NotFound, Refused
        There is no such act, or it is not waiting.
    """
    if agree_to:
        return _waiting(ops, agree_to)
    known = acts.verb_named(verb)
    given = {name: value for name, value in zip(_OWN, (priority, until, following), strict=True) if name in known.params}
    selection = Selection.of(choice)
    chosen = not selection.empty
    if not chosen:
        selection = Selection(states=tuple(sorted(state.value for state in known.applies)))
    return Order(verb=verb, selection=selection, params=given, plan=acts.preview(ops, verb, selection, **given), chosen=chosen)


def _waiting(ops: Ops, number: int) -> Order:
    row = acts.waiting(ops, number)._asdict()
    selection = Selection.of(row["selection"])
    plan = acts.preview(ops, row["verb"], selection, **row["params"])
    return Order(
        verb=row["verb"], selection=selection, params=row["params"], plan=plan, number=number, as_asked=plan.hash == row["plan"],
        who=row["actor"],
    )  # fmt: skip


def carry_out(ops: Ops, asked: Order, *, ticket: str, reason: str) -> Receipt:
    """Do what was looked at: ask for it where a second person is needed, agree where this is the second person.

    Raises
    ------
    StalePlan
        The site has changed since it was looked at.
    Refused
        The one who asked cannot agree, or nothing would be changed.
    """
    if asked.number:
        return acts.agree(ops, asked.number, reason=reason)
    return acts.act(ops, asked.verb, asked.selection, ticket=ticket, reason=reason, **asked.params)


def steps_now(ops: Ops, plan: Plan, limit: int = 40) -> list[Row]:
    """Give the steps of a plan as they stand now, the first 40 of them."""
    return [queries.step_row(ops, item.step_id) for item in plan.again[:limit]]


def waiting_acts(ops: Ops) -> list[Row]:
    """Give the acts that wait for a second person: number, verb, steps, who, why."""
    return acts.asked(ops)


def recent_acts(ops: Ops, limit: int = 5) -> list[Row]:
    """Give the newest acts."""
    return acts.recent(ops, limit)


def changes(texts: Iterable[str]) -> Row:
    """Read ``NAME=VALUE`` texts as parameters to change; a value is JSON where it can be read so, else text.

    Raises
    ------
    BadInput
        A text without a name or ``=``.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"'{text}' is not a change: write NAME=VALUE", field="change")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
