"""Rescue: run steps again, and only what follows from them.

As is, after repair (damaged inputs bring their makers back), with changed parameters, from a chosen step, with what
came before it, with more memory, or everything that was made from a bad file. ``plan`` looks and changes nothing; its
hash is the ticket for ``rescue``, which refuses when anything that the plan was made from has changed since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.errors import BadInput, NotFound, StoreDamaged
from dmsops.workflow import acts, blackboard, lineage, reach
from dmsops.workflow.acts import Receipt
from dmsops.workflow.choose import Selection, chosen, parts, rows
from dmsops.workflow.clocks import effects
from dmsops.workflow.plan import Plan, touched
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import kind_or_stand_in
from dmsops.workflow.tables import need, product, step
from dmsops.workflow.verb import Params, Verb, register

if TYPE_CHECKING:
    from dmsops.ops import Ops

LADDER = (1.5, 2.0, 4.0)
"""Rungs of memory, times what the step had (ours)."""
_LOOK_INTO_STORE = 50
"""As many failed steps have their inputs read through in a preview; of more only those whose failure is of class data."""
_ENDED = frozenset({StepState.FAILED, StepState.CANCELLED})


def plan(ops: Ops, steps: Collection[int] = (), **given: Any) -> Plan:
    """Preview a rescue; nothing changes.

    Parameters
    ----------
    steps : collection of int
        Steps to run again.
    **given
        Fields of `Selection`; ``all_failed`` (all failed steps of the choice), ``dataset`` (same as ``text``);
        ``remake`` (steps that ended well too, and what follows from them), ``upstream`` (what came before them too),
        ``changes`` (parameters to change), ``more_memory`` (one rung up), ``derived_from`` (names of bad files:
        everything made from them).

    Raises
    ------
    BadInput
        Nothing was chosen, or a parameter does not fit.
    NotFound
        A step number is not on this site.
    """
    selection, params = _choice(steps, given)
    return acts.preview(ops, "rescue", selection, **params)


def rescue(ops: Ops, *, reason: str, ticket: str, steps: Collection[int] = (), **given: Any) -> Plan:
    """Carry out a rescue that was previewed with the same choice; see `plan` and `dmsops.workflow.acts.act`."""
    return receipt(ops, reason=reason, ticket=ticket, steps=steps, **given).plan


def receipt(ops: Ops, *, reason: str, ticket: str, steps: Collection[int] = (), **given: Any) -> Receipt:
    """As `rescue`, and give the act's number and journal line."""
    selection, params = _choice(steps, given)
    return acts.act(ops, "rescue", selection, ticket=ticket, reason=reason, **params)


def _choice(steps: Collection[int], given: Mapping[str, Any]) -> tuple[Selection, Params]:
    """Part what chooses steps from what says how they are to run."""
    left = dict(given)
    params = {name: left.pop(name) for name in RESCUE.params if name in left}
    text = left.pop("dataset", "") or left.pop("text", "")
    if left.pop("all_failed", False):
        left["states"] = (StepState.FAILED.value,)
    elif text and not steps and not left:
        raise BadInput("no step was chosen: give step numbers, all failed ones, or a filter", field="steps")
    return Selection.of({**left, "steps": tuple(steps), "text": text}), params


def _plan(c: sa.Connection, ops: Ops, selection: Selection, params: Params) -> Plan:
    why, untouched = _roots(c, selection, params)
    found = {r.id: r for r in rows(c, why)}
    makers, damaged = _damaged_inputs(c, ops, [r for r in found.values() if r.state == StepState.FAILED])
    why |= {i: "what it made is damaged in the store" for i in makers if i not in why}
    if params.get("upstream"):
        why |= {i: "its product is used by a step that was asked for" for i in reach.before(c, list(why)) if i not in why}
    again = [i for i in why if i not in found or StepState(found[i].state) not in _ENDED]
    why |= {i: "it uses a product that is made again" for i in reach.following(c, again) if i not in why}
    return _whole(c, ops, why, untouched, damaged, params)


def _roots(c: sa.Connection, selection: Selection, params: Params) -> tuple[dict[int, str], list[tuple[int, str]]]:
    names = tuple(params.get("derived_from", ()))
    why = {i: f"it used {name}" for name in names for i in _users(c, name)}
    if names and selection.empty:
        return why, []
    remake = bool(params.get("remake") or params.get("upstream") or params.get("changes"))
    untouched = []
    for row in chosen(c, selection):
        state = StepState(row.state)
        if state in _ENDED or (remake and state in GOOD):
            why[row.id] = {"failed": "it failed", "cancelled": "it was dropped"}.get(row.state, "it was asked for")
        elif state in GOOD:
            untouched.append((row.id, "it ended well; ask for it to be made again if that is meant"))
        else:
            untouched.append((row.id, f"it is {state.value}: it has not failed"))
    return why, untouched


def _users(c: sa.Connection, name: str) -> list[int]:
    """Give the ended steps that used a file: as an input, or as a reference; NotFound when the site never saw it."""
    ended = [s.value for s in (*GOOD, *_ENDED)]
    ids = lineage.users(c, [name])
    known = c.execute(sa.select(product.c.id).where(product.c.name == name).limit(1)).scalar()
    if not ids and known is None:
        raise NotFound(f"nothing on this site was made from '{name}'", remedy="Check the file's name (procedure P12).", name=name)
    return [r.id for r in rows(c, ids) if r.state in ended]


def _damaged_inputs(c: sa.Connection, ops: Ops, failed: list[Any]) -> tuple[set[int], list[str]]:
    makers, damaged = set(), []
    looked_at = failed if len(failed) <= _LOOK_INTO_STORE else [r for r in failed if r.fault_class == "data"][:_LOOK_INTO_STORE]
    seen: dict[str, bool] = {}
    for row in looked_at:
        joined = need.join(product, sa.and_(product.c.name == need.c.product, product.c.current))
        for item in c.execute(sa.select(product).select_from(joined).where(need.c.step_id == row.id)):
            if item.sha256 not in seen:
                seen[item.sha256] = _whole_in_store(ops, item.sha256)
            if not seen[item.sha256]:
                damaged.append(item.sha256)
                makers |= {item.step_id} - {None}
    return makers, sorted(set(damaged))


def _whole_in_store(ops: Ops, sha256: str) -> bool:
    try:
        ops.store.verify(sha256)
    except (StoreDamaged, NotFound):
        return False
    return True


_LEFT_ALONE = {
    StepState.RUNNING: "it is running now: wait for its end",
    StepState.HELD: "it is held: release it, it will use what is made again",
}


def _whole(
    c: sa.Connection, ops: Ops, why: dict[int, str], untouched: list[tuple[int, str]], damaged: list[str], params: Params
) -> Plan:  # fmt: skip
    found = {r.id: r for r in rows(c, why)}
    left = [(i, _LEFT_ALONE[StepState(r.state)]) for i, r in found.items() if StepState(r.state) in _LEFT_ALONE]
    taken = [found[i] for i in why if StepState(found[i].state) not in _LEFT_ALONE and not _dropped_follower(found[i], why[i])]
    ids = [r.id for r in taken]
    kinds = [kind_or_stand_in(r.kind) for r in taken]
    versions = _current(c, ids)
    again = tuple(touched(r, why[r.id]) for r in taken)
    seconds = sum(k.estimate_seconds for k in kinds)
    return Plan(
        verb="rescue",
        again=again,
        reused=_left_alone(c, {r.workflow_id for r in taken}, set(ids)),
        supersedes=tuple(sorted(versions)),
        versions=versions,
        tells=tuple(f"{r.kind} {r.dataset}" for r, k in zip(taken, kinds, strict=True) if k.external),
        untouched=tuple(untouched + left),
        damaged=tuple(damaged),
        estimate_seconds=seconds,
        clocks=effects(c, ops, {r.workflow_id for r in taken}, again=ids),
        notes=_notes(taken, params),
    )


def _dropped_follower(row: Any, why: str) -> bool:
    return row.state == StepState.CANCELLED.value and why.startswith("it uses")


def _notes(taken: list[Any], params: Params) -> tuple[str, ...]:
    changes = params.get("changes") or {}
    if not isinstance(changes, dict):
        raise BadInput("changes must be parameters by name", field="changes")
    said = [f"parameter {name} becomes {value!r}" for name, value in sorted(changes.items())]
    if params.get("more_memory"):
        said += [f"{r.kind} {r.dataset}: memory limit {rung(r)} MB" for r in taken if r.state == StepState.FAILED]
    return tuple(said) if taken else ()


def rung(row: Any) -> int:
    """Give the next rung of memory for a step, in MB; the highest is kept."""
    base = kind_or_stand_in(row.kind).memory_mb
    now = (row.memory_mb or base) / base
    return int(base * next((r for r in LADDER if r > now + 1e-9), LADDER[-1]))


def _current(c: sa.Connection, ids: list[int]) -> dict[str, int]:
    query = sa.select(product.c.name, product.c.version).where(product.c.current)
    return {r.name: r.version for part in parts(sorted(ids)) for r in c.execute(query.where(product.c.step_id.in_(part)))}


def _left_alone(c: sa.Connection, flows: set[int], ids: set[int]) -> int:
    good = [s.value for s in GOOD]
    query = sa.select(step.c.id).where(step.c.state.in_(good))
    there = {i for part in parts(sorted(flows)) for i in c.execute(query.where(step.c.workflow_id.in_(part))).scalars()}
    return len(there - ids)


_CLEARED: dict[str, Any] = {
    "fault_class": None, "fault": None, "remedy": None, "fingerprint": None, "handled_by": None, "owner": None, "lease_until": None,
    "ended_at": None, "retries": 0,
}  # fmt: skip


def _do(c: sa.Connection, ops: Ops, planned: Plan, reason: str) -> None:
    _set_aside(ops, planned)
    fits = {t.step_id: not t.why.startswith("it uses") for t in planned.again}
    for row in rows(c, fits):
        values = dict(_CLEARED, fresh=fits[row.id] or row.fresh)
        if fits[row.id] and planned.params.get("changes"):
            values["changes"] = {**(row.changes or {}), **planned.params["changes"]}
        if planned.params.get("more_memory") and row.state == StepState.FAILED:
            values["memory_mb"] = rung(row)
        rescued = StepState(row.state) in {*_ENDED, *GOOD}
        blackboard.move(c, ops, "rescue" if rescued else "rewind", row, reason=reason, **values)
    blackboard.withdraw(c, planned.supersedes)
    blackboard.wake(c, ops, list(fits))


def _set_aside(ops: Ops, planned: Plan) -> None:
    """Take damaged bytes away before anybody is given them; they are kept as evidence, and twice does no harm.

    It comes before the steps can run: after it, what would be set aside may be what they have made.
    """
    for sha256 in planned.damaged:
        ops.store.set_aside(sha256)


RESCUE = register(Verb(
    name="rescue", event="workflow.rescued", title="Run steps again, and only what follows from them.",
    params=("remake", "upstream", "changes", "more_memory", "derived_from"), applies=_ENDED | GOOD, plan=_plan, do=_do,
))  # fmt: skip
