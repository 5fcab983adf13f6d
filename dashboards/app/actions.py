"""What people can do on the boards: calls of library verbs in their own name, nothing decided here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.core import people
from dmsops.core.people import Person, Role
from dmsops.workflow import queries, rescue

if TYPE_CHECKING:
    from dashboards.app.hub import Filter
    from dmsops.ops import Ops
    from dmsops.workflow.plan import Plan

ALL = 1_000_000
"""No site has as many steps as this: a limit that leaves nothing out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a person gets back for an act: how many steps run again, and the journal's line about it."""

    steps: int
    seq: int


def failed_ids(ops: Ops, wanted: Filter) -> list[int]:
    """Give every failed step that the filter's text finds, beyond the rows on the screen too."""
    return [r["id"] for r in queries.steps(ops, states=("failed",), text=wanted.text, limit=ALL)]


def why_no_rescue(person: Person, chosen: int, failed: int) -> str:
    """Say why the rescue button is off; empty when it is on."""
    if person.role < Role.OPERATOR:
        return f"Rescue needs the role operator; you are {person.role.word}."
    if not chosen and not failed:
        return "Nothing to rescue: no step that you see has failed."
    return ""


def preview(ops: Ops, person: Person, steps: Collection[int]) -> Plan:
    """Plan a rescue; nothing changes. Raises what `dmsops.workflow.rescue.plan` raises."""
    return rescue.plan(_in_hand(ops, person), steps)


def carry_out(ops: Ops, person: Person, steps: Collection[int], *, reason: str, ticket: str) -> Receipt:
    """Rescue what was previewed. Raises what `dmsops.workflow.rescue.rescue` raises."""
    acting = _in_hand(ops, person)
    done = rescue.rescue(acting, reason=reason, ticket=ticket, steps=tuple(steps))
    lines = queries.rescues(acting)
    seq = next(line["seq"] for line in lines if line["facts"].get("plan") == done.hash)
    return Receipt(steps=len(done.again), seq=seq)


def recent_reasons(ops: Ops, count: int = 4) -> list[str]:
    """Give the newest different reasons of rescues."""
    return list(dict.fromkeys(line["reason"] for line in queries.rescues(ops) if line["reason"]))[:count]


def _in_hand(ops: Ops, person: Person) -> Ops:
    """Give the site in the person's hand, with the role they have now: it may have changed since they signed in."""
    return ops.as_person(people.find(ops.db, person.name))
