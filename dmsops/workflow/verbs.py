"""The verbs of the workflow layer beside rescue: hold, release, prioritise, stop, drop, accept, handled, assign, note.

Each names the states it applies in, says of every other step why it leaves it alone, and shows what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import BadInput
from dmsops.core.people import people
from dmsops.workflow import blackboard, reach
from dmsops.workflow.choose import Selection, chosen, parts, rows
from dmsops.workflow.clocks import effects
from dmsops.workflow.plan import Plan, touched
from dmsops.workflow.states import StepState, sources
from dmsops.workflow.tables import attempt, need, note, product
from dmsops.workflow.verb import Params, Verb, register

if TYPE_CHECKING:
    from dmsops.ops import Ops

HIGHEST = 49
_OPEN = frozenset({StepState.WAITING, StepState.READY, StepState.LEASED, StepState.HELD})
Notes = Callable[[sa.Connection, "Ops", list[Any], Params], dict[str, Any]]


def _plain(name: str, fits: frozenset[StepState], why: str, extra: Notes | None = None) -> Callable[..., Plan]:
    """Make the planner of a verb that touches the chosen steps which stand in a state that it applies in."""

    def make_plan(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
        found = chosen(c, selection)
        taken = [r for r in found if StepState(r.state) in fits]
        words = " or ".join(sorted(s.value for s in fits))
        left = tuple((r.id, f"it is {r.state}: '{name}' is for steps that are {words}") for r in found if StepState(r.state) not in fits)
        more = extra(c, ops, taken, params) if extra else {}
        return Plan(verb=name, again=tuple(touched(r, why) for r in taken), untouched=left, **more)

    return make_plan


def _moved(verb: str, planned: Plan, c: sa.Connection, ops: Ops, reason: str, **values: Any) -> list[Any]:
    found = rows(c, [t.step_id for t in planned.again])
    for row in found:
        blackboard.move(c, ops, verb, row, reason=reason, **values)
    return found


def _after(c: sa.Connection, taken: list[Any]) -> int:
    ids = {r.id for r in taken}
    return sum(StepState(r.state) in _OPEN for r in rows(c, set(reach.following(c, ids)) - ids))


def _stuck(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    return {"stuck": _after(c, taken), "clocks": effects(c, ops, {r.workflow_id for r in taken}, stopped={r.id for r in taken})}


def _free(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    return {"free": _after(c, taken), "clocks": effects(c, ops, {r.workflow_id for r in taken}, again={r.id for r in taken})}


def until(params: Params) -> datetime | None:
    """Read the time at which a hold or pause lets go by itself.

    Raises
    ------
    BadInput
        It is not a time with its zone.
    """
    given = params.get("until")
    if not given:
        return None
    try:
        found = datetime.fromisoformat(str(given))
    except ValueError:
        raise BadInput(f"'{given}' is not a time; write it as 2022-12-04T05:30:00Z", field="until") from None
    if found.tzinfo is None:
        raise BadInput(f"'{given}' does not say its zone; end it with Z for UTC", field="until")
    return found


def _hold_notes(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    until(params)
    return _stuck(c, ops, taken, params)


def _hold(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    for row in rows(c, [t.step_id for t in planned.again]):
        values = {"held_from": row.state, "held_reason": reason, "held_until": until(planned.params), "owner": None, "lease_until": None}
        blackboard.move(c, ops, "hold", row, reason=reason, **values)


def _release(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    blackboard.release(c, ops, rows(c, [t.step_id for t in planned.again]), reason=reason)


def _priority(params: Params) -> int:
    try:
        found = int(params.get("priority", 0))
    except (TypeError, ValueError):
        raise BadInput(f"'{params['priority']}' is not a whole number", field="priority") from None
    if abs(found) > HIGHEST:
        raise BadInput(f"priority goes from -{HIGHEST} to {HIGHEST}, not {found}", field="priority")
    return found


def _priority_notes(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    wanted = _priority(params)
    return {"notes": (f"priority {wanted} within the class; classes keep their order",)} if taken else {}


def _prioritise(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    wanted = _priority(planned.params)
    for row in rows(c, [t.step_id for t in planned.again]):
        blackboard.touch(c, ops, "prioritised", row, reason=reason, priority=wanted, rank=blackboard.RANKS[row.cls] - wanted)


def _stop(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    values = {"held_from": StepState.READY.value, "held_reason": f"stopped: {reason}", "held_until": None}
    for row in _moved("stop", planned, c, ops, reason, owner=None, lease_until=None, ended_at=ops.clock.now(), **values):
        here = (attempt.c.step_id == row.id, attempt.c.n == row.attempt, attempt.c.outcome == "running")
        words = f"stopped by {ops.operator.name}: {reason}"
        c.execute(sa.update(attempt).where(*here).values(outcome="stopped", ended_at=ops.clock.now(), fault=words))


def _drop_plan(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
    found = {r.id: (r, "it was asked for") for r in chosen(c, selection)}
    if params.get("following"):
        after = rows(c, set(reach.following(c, list(found))) - set(found))
        found |= {r.id: (r, "it follows from a step that is dropped") for r in after}
    taken = [(r, why) for r, why in found.values() if StepState(r.state) in sources("drop")]
    left = [(r.id, f"it is {r.state}: only what has not begun or has failed can be dropped") for r, _ in found.values()]
    ids = {r.id for r, _ in taken}
    again = tuple(touched(r, why) for r, why in taken)
    return Plan(
        verb="drop", again=again, untouched=tuple(u for u in left if u[0] not in ids), **_stuck(c, ops, [r for r, _ in taken], params)
    )


def _drop(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    _moved("drop", planned, c, ops, reason, owner=None, lease_until=None, held_reason=None, held_until=None, ended_at=ops.clock.now())


def _absent(c: sa.Connection, ids: list[int]) -> list[str]:
    """Give the products that the steps should make and that have no version at all."""
    made = reach.products_of(c, ids)
    there = {n for part in parts(sorted(made)) for n in c.execute(sa.select(product.c.name).where(product.c.name.in_(part))).scalars()}
    return sorted(made - there)


def _accept_notes(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    absent = _absent(c, [r.id for r in taken])
    notes = tuple(f"{name} does not exist: what needs it runs without it" for name in absent)
    return {**_free(c, ops, taken, params), "notes": notes}


def _accept(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    cleared = {"fault_class": None, "fault": None, "remedy": None, "fingerprint": None, "handled_by": None, "held_reason": None}
    moved = _moved("accept", planned, c, ops, reason, ended_at=ops.clock.now(), held_until=None, **cleared)
    made = reach.products_of(c, [row.id for row in moved])
    _restore(c, made)
    for part in parts(sorted(made)):
        c.execute(sa.update(need).where(need.c.product.in_(part), sa.not_(need.c.got)).values(got=True))
    blackboard.wake(c, ops, sorted(reach.users_of(c, made)))
    for row in moved:
        blackboard.after_end(c, ops, row.id)


def _restore(c: sa.Connection, names: Iterable[str]) -> None:
    """Make the newest version of each product current where none is."""
    for name in sorted(names):
        newest = c.execute(sa.select(product).where(product.c.name == name).order_by(product.c.version.desc()).limit(1)).one_or_none()
        if newest is not None:
            c.execute(sa.update(product).where(product.c.id == newest.id).values(current=True))


def _handled(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    for row in rows(c, [t.step_id for t in planned.again]):
        blackboard.touch(c, ops, "handled", row, reason=reason, handled_by=ops.operator.name)


def _person(c: sa.Connection, ops: Ops, taken: list[Any], params: Params) -> dict[str, Any]:
    name = str(params.get("person", ""))
    if c.execute(sa.select(people.c.name).where(people.c.name == name)).scalar() is None:
        raise BadInput(f"'{name}' is not known on this site; `dmsops people list` names who is", field="person")
    return {}


def _assign(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    for row in rows(c, [t.step_id for t in planned.again]):
        blackboard.touch(c, ops, "assigned", row, reason=reason, assigned_to=planned.params["person"])


def _note_plan(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
    """Plan one row for a kind of failure (a known problem), or one for each step."""
    if selection.fingerprint:
        return Plan(
            verb="note", notes=(f"becomes the known-problem note of: {selection.fingerprint}",), params={"about": selection.fingerprint}
        )
    return Plan(verb="note", again=tuple(touched(r, "it was asked for") for r in chosen(c, selection)))


def _note(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    written = {"actor": ops.operator.name, "at": ops.clock.now(), "text": reason}
    if planned.params.get("about"):
        c.execute(sa.insert(note).values(fingerprint=planned.params["about"], **written))
    for row in rows(c, [t.step_id for t in planned.again]):
        c.execute(sa.insert(note).values(step_id=row.id, **written))
        blackboard.touch(c, ops, "noted", row, reason=reason)


_ALL = frozenset(StepState)
_FAILED = frozenset({StepState.FAILED})
_ASKED = "it was asked for"
HOLD = register(Verb(
    name="hold", event="workflow.held", title="Keep steps from starting until they are released.", params=("until",),
    applies=sources("hold"), plan=_plain("hold", sources("hold"), _ASKED, _hold_notes), do=_hold,
))  # fmt: skip
RELEASE = register(Verb(
    name="release", event="workflow.released", title="Let held steps go on.",
    applies=sources("release"), plan=_plain("release", sources("release"), _ASKED, _free), do=_release,
))  # fmt: skip
PRIORITISE = register(Verb(
    name="prioritise", event="workflow.prioritised", title="Run steps earlier or later within their class.", params=("priority",),
    applies=_OPEN, plan=_plain("prioritise", _OPEN, _ASKED, _priority_notes), do=_prioritise,
))  # fmt: skip
STOP = register(Verb(
    name="stop", event="workflow.stopped", title="Stop running steps now and hold them.", second=True,
    applies=sources("stop"), plan=_plain("stop", sources("stop"), _ASKED, _stuck), do=_stop,
))  # fmt: skip
DROP = register(Verb(
    name="drop", event="workflow.dropped", title="Give steps up: they will not run unless they are rescued.", second=True,
    params=("following",), applies=sources("drop"), plan=_drop_plan, do=_drop,
))  # fmt: skip
ACCEPT = register(Verb(
    name="accept", event="workflow.accepted", title="Take steps as done without running them; what follows goes on.",
    applies=sources("accept"), plan=_plain("accept", sources("accept"), _ASKED, _accept_notes), do=_accept,
))  # fmt: skip
HANDLED = register(Verb(
    name="handled", event="workflow.handled", title="Mark failures as handled: they no longer call for a person.",
    applies=_FAILED, plan=_plain("handled", _FAILED, _ASKED), do=_handled,
))  # fmt: skip
ASSIGN = register(Verb(
    name="assign", event="workflow.assigned", title="Give steps to a person.", params=("person",),
    applies=_ALL, plan=_plain("assign", _ALL, _ASKED, _person), do=_assign,
))  # fmt: skip
NOTE = register(Verb(
    name="note", event="workflow.noted", title="Write a note on steps, or on a kind of failure; the reason is its text.",
    applies=_ALL, plan=_note_plan, do=_note,
))  # fmt: skip
