"""Pauses: an engine, a workflow or a kind of step starts nothing new; what runs is finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.workflow.plan import Plan
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import load_kinds
from dmsops.workflow.tables import pause, step, workflow
from dmsops.workflow.verb import Params, Verb, register
from dmsops.workflow.verbs import until

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.choose import Selection

SCOPES = ("engine", "workflow", "kind")


def _scope(c: sa.Connection, params: Params) -> tuple[str, str, Any]:
    scope, target = str(params.get("scope", "")), str(params.get("target", ""))
    if scope == "engine":
        return scope, "all", sa.true()
    if scope == "kind":
        if target not in load_kinds():
            raise BadInput(f"no kind of step is called '{target}'; `dmsops step list` names them", field="target")
        return scope, target, step.c.kind == target
    if scope != "workflow":
        raise BadInput(f"'{scope}' cannot be paused; {', '.join(SCOPES)} can", field="scope")
    found = c.execute(sa.select(workflow.c.id).where(workflow.c.dataset == target).order_by(workflow.c.id)).scalars().first()
    if found is None:
        raise BadInput(f"no workflow works on '{target}'; `dmsops workflow list` names them", field="target")
    return scope, str(found), step.c.workflow_id == found


def _number(c: sa.Connection, here: Any, *states: StepState) -> int:
    query = sa.select(sa.func.count()).select_from(step).where(here, step.c.state.in_([s.value for s in states]))
    return int(c.execute(query).scalar() or 0)


def _standing(c: sa.Connection, scope: str, target: str) -> Any:
    return c.execute(sa.select(pause).where(pause.c.scope == scope, pause.c.target == target)).one_or_none()


def _plan_pause(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
    scope, target, here = _scope(c, params)
    until(params)
    there = _standing(c, scope, target)
    if there is not None:
        return Plan(verb="pause", untouched=((0, f"it is paused already, by {there.actor}: {there.reason}"),))
    stuck = _number(c, here, StepState.READY, StepState.WAITING)
    finishing = _number(c, here, StepState.RUNNING, StepState.LEASED)
    first = counted(finishing, "step that has begun is", "steps that have begun are")
    return Plan(verb="pause", stuck=stuck, notes=(f"{first} finished, {counted(stuck, 'does', 'do')} not start",))


def _pause(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    scope, target, _ = _scope(c, planned.params)
    values = {"scope": scope, "target": target, "actor": ops.operator.name, "reason": reason}
    c.execute(sa.insert(pause).values(**values, since=ops.clock.now(), until=until(planned.params)))


def _plan_resume(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
    scope, target, here = _scope(c, params)
    there = _standing(c, scope, target)
    if there is None:
        return Plan(verb="resume", untouched=((0, "it is not paused"),))
    free = _number(c, here, StepState.READY, StepState.WAITING)
    return Plan(verb="resume", free=free, notes=(f"paused by {there.actor} since {there.since:%Y-%m-%d %H:%M:%SZ}: {there.reason}",))


def _resume(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    scope, target, _ = _scope(c, planned.params)
    c.execute(sa.delete(pause).where(pause.c.scope == scope, pause.c.target == target))


def lift_due(c: sa.Connection, ops: Ops) -> None:
    """End the pauses whose time has come."""
    for row in c.execute(sa.select(pause).where(pause.c.until <= ops.clock.now())).all():
        c.execute(sa.delete(pause).where(pause.c.scope == row.scope, pause.c.target == row.target))
        journal.write(c, ops.clock, "workflow.resumed", f"{row.scope} {row.target}", actor="engine", reason="the time of the pause is over")


def standing(ops: Ops) -> list[dict[str, Any]]:
    """Give what is paused: scope, target (a workflow's by its dataset too), by whom, why, until when."""
    named = sa.select(pause, workflow.c.dataset).outerjoin(
        workflow, sa.and_(pause.c.scope == "workflow", sa.cast(workflow.c.id, sa.String) == pause.c.target)
    )
    with reading(ops.db) as c:
        return [dict(r) for r in c.execute(named.order_by(pause.c.since)).mappings()]


PAUSE = register(Verb(
    name="pause", event="workflow.paused", title="Start nothing new: on the engine, in a workflow, or of a kind.",
    params=("scope", "target", "until"), plan=_plan_pause, do=_pause,
))  # fmt: skip
RESUME = register(Verb(
    name="resume", event="workflow.resumed", title="End a pause.", params=("scope", "target"), plan=_plan_resume, do=_resume,
))  # fmt: skip
