"""Rescue: run failed steps again, and only what follows from them.

``plan`` looks and changes nothing; its hash is the ticket for ``apply``, which refuses when anything that the
plan was made from has changed since.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound, StalePlan, StoreDamaged
from dmsops.core.people import Role, require
from dmsops.workflow import blackboard
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import kind_named
from dmsops.workflow.tables import edge, make, need, product, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """One step that will run again, and why."""

    step_id: int
    kind: str
    dataset: str
    state: str
    attempt: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RescuePlan:
    """What a rescue would do.

    Attributes
    ----------
    again : tuple of Again
        Steps that run again, chosen ones first.
    reused : int
        Steps of the same workflows that ended well and are left alone.
    supersedes : tuple of str
        Published products that will get a new version.
    tells : tuple of str
        Steps among them that tell a neighbour something (deliveries).
    untouched : tuple of (int, str)
        Steps that were asked for and will not be touched, with the reason.
    damaged : tuple of str
        sha256 of damaged objects that will be set aside.
    estimate_seconds : float
        Sum of the declared run times, on one worker.
    hash : str
        The ticket for `apply`.
    """

    again: tuple[Again, ...]
    reused: int
    supersedes: tuple[str, ...]
    tells: tuple[str, ...]
    untouched: tuple[tuple[int, str], ...]
    damaged: tuple[str, ...]
    estimate_seconds: float
    hash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give the plan as plain data."""
        return asdict(self)


def plan(ops: Ops, steps: Collection[int] = (), *, dataset: str = "", all_failed: bool = False, remake: bool = False) -> RescuePlan:
    """Preview a rescue; nothing changes.

    Parameters
    ----------
    steps : collection of int
        Steps to run again.
    dataset : str
        With ``all_failed``: only steps whose dataset or workflow holds this text.
    all_failed : bool
        All failed steps (of ``dataset``).
    remake : bool
        Also allow steps that ended well: they run again, and everything made from their products too.

    Raises
    ------
    BadInput
        Nothing was chosen.
    NotFound
        A step number is not on this site.
    """
    with reading(ops.db) as c:
        rows = _chosen(c, steps, dataset, all_failed)
        ready, untouched = _eligible(rows, remake)
        makers, damaged = _damaged_inputs(c, ops, [r for r in ready if r.state == StepState.FAILED])
        chosen = {r.id: "it failed" if r.state == StepState.FAILED else "it was asked for" for r in ready}
        chosen |= dict.fromkeys(makers, "what it made is damaged in the store")
        following = _following(c, [i for i in chosen if i in makers or _row(c, i).state != StepState.FAILED])
        why = chosen | {i: "it uses a product that is made again" for i in following if i not in chosen}
        return _plan(c, why, untouched, damaged)


def _chosen(c: sa.Connection, steps: Collection[int], dataset: str, all_failed: bool) -> list[Any]:
    if all_failed:
        query = sa.select(step).join(workflow, workflow.c.id == step.c.workflow_id).where(step.c.state == StepState.FAILED.value)
        if dataset:
            query = query.where(
                sa.or_(step.c.dataset.contains(dataset, autoescape=True), workflow.c.dataset.contains(dataset, autoescape=True))
            )
        return list(c.execute(query.order_by(step.c.id)))
    if not steps:
        raise BadInput("no step was chosen: give step numbers or all failed ones", field="steps")
    return [_row(c, i) for i in sorted(set(steps))]


def _row(c: sa.Connection, step_id: int) -> Any:
    row = c.execute(sa.select(step).where(step.c.id == step_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no step {step_id} on this site", step=step_id)
    return row


def _eligible(rows: list[Any], remake: bool) -> tuple[list[Any], list[tuple[int, str]]]:
    ready, untouched = [], []
    for row in rows:
        state = StepState(row.state)
        if state == StepState.FAILED or (remake and state in GOOD):
            ready.append(row)
        elif state in GOOD:
            untouched.append((row.id, "it ended well; ask for it to be made again if that is meant"))
        else:
            untouched.append((row.id, f"it is {state.value}: it has not failed"))
    return ready, untouched


def _damaged_inputs(c: sa.Connection, ops: Ops, failed: list[Any]) -> tuple[set[int], list[str]]:
    makers, damaged = set(), []
    for row in failed:
        joined = need.join(product, sa.and_(product.c.name == need.c.product, product.c.current))
        for item in c.execute(sa.select(product).select_from(joined).where(need.c.step_id == row.id)):
            try:
                ops.store.verify(item.sha256)
            except (StoreDamaged, NotFound):
                damaged.append(item.sha256)
                if item.step_id is not None:
                    makers.add(item.step_id)
    return makers, sorted(set(damaged))


def _following(c: sa.Connection, roots: Collection[int]) -> list[int]:
    """Give all steps that use, directly or not, what the roots make (one recursive query)."""
    if not roots:
        return []
    by_product = sa.select(make.c.step_id.label("parent"), need.c.step_id.label("child")).join(need, need.c.product == make.c.product)
    by_edge = sa.select(edge.c.parent, edge.c.child)
    links = sa.union(by_product, by_edge).subquery("links")
    reach = sa.select(links.c.child).where(links.c.parent.in_(roots)).cte("reach", recursive=True)
    reach = reach.union(sa.select(links.c.child).join(reach, reach.c.child == links.c.parent))
    return sorted(c.execute(sa.select(reach.c.child)).scalars())


def _plan(c: sa.Connection, why: dict[int, str], untouched: list[tuple[int, str]], damaged: list[str]) -> RescuePlan:
    rows = [_row(c, i) for i in why]
    busy = [(r.id, "it is running now: wait for its end") for r in rows if r.state == StepState.RUNNING]
    rows = [r for r in rows if r.state != StepState.RUNNING]
    again = tuple(Again(step_id=r.id, kind=r.kind, dataset=r.dataset, state=r.state, attempt=r.attempt, why=why[r.id]) for r in rows)
    ids = [r.id for r in rows]
    made = sa.select(product.c.name).where(product.c.current, product.c.step_id.in_(ids)).order_by(product.c.name)
    flows = {r.workflow_id for r in rows}
    good = sa.select(sa.func.count()).where(step.c.workflow_id.in_(flows), step.c.state.in_([s.value for s in GOOD]), step.c.id.not_in(ids))
    kinds = [kind_named(r.kind) for r in rows]
    draft = RescuePlan(
        again=again,
        reused=int(c.execute(good).scalar() or 0),
        supersedes=tuple(c.execute(made).scalars()),
        tells=tuple(f"{r.kind} {r.dataset}" for r, k in zip(rows, kinds, strict=True) if k.external),
        untouched=tuple(untouched + busy),
        damaged=tuple(damaged),
        estimate_seconds=sum(k.estimate_seconds for k in kinds),
    )
    ticket = hashlib.sha256(json.dumps(asdict(draft), sort_keys=True).encode()).hexdigest()[:16]
    return RescuePlan(**{**{f: getattr(draft, f) for f in draft.__slots__}, "hash": ticket})


def apply(ops: Ops, planned: RescuePlan, *, reason: str, ticket: str, **selection: Any) -> RescuePlan:
    """Carry out a rescue that was previewed.

    Parameters
    ----------
    planned : RescuePlan
        The plan as made now from the same selection (see `rescue`).
    reason : str
        Why; goes into the journal.
    ticket : str
        Hash of the plan that the person saw.

    Raises
    ------
    StalePlan
        The site changed since: the plan made now is another one.
    NotAllowed
        The person may only look.
    """
    require(ops.operator, Role.OPERATOR, "workflow rescue")
    if not reason.strip():
        raise BadInput("a rescue needs a reason", field="reason")
    if ticket != planned.hash:
        raise StalePlan("the site has changed since the preview: the plan is another one now", seen=ticket, now=planned.hash)
    ids = [a.step_id for a in planned.again]
    with ops.db.begin() as c:
        for item in planned.again:
            row = _row(c, item.step_id)
            if row.state != item.state or row.attempt != item.attempt:
                raise StalePlan(f"step {row.id} has moved since the preview: it is {row.state} now", step=row.id)
            verb = "rescue" if row.state in {StepState.FAILED, *GOOD} else "rewind"
            cleared = {"fault_class": None, "fault": None, "remedy": None, "fingerprint": None}
            blackboard.move(c, ops, verb, row, reason=reason, fresh=True, owner=None, lease_until=None, ended_at=None, **cleared)
        blackboard.withdraw(c, planned.supersedes)
        blackboard.wake(c, ops, ids)
        journal.write(
            c, ops.clock, "workflow.rescued", f"{len(ids)} steps", actor=ops.operator.name, reason=reason, plan=planned.hash,
            steps=ids, supersedes=list(planned.supersedes), selection={k: v for k, v in selection.items() if v},
        )  # fmt: skip
    _set_aside(ops, planned.damaged)
    return planned


def _set_aside(ops: Ops, damaged: Collection[str]) -> None:
    """Move damaged objects out of the store, so that the same bytes can be stored again; they are kept as evidence."""
    folder = ops.settings.folder("quarantine") / "damaged"
    folder.mkdir(parents=True, exist_ok=True)
    for sha256 in damaged:
        if ops.store.has(sha256):
            shutil.copyfile(ops.store.path(sha256), folder / sha256)
            ops.store.remove(sha256)


def rescue(ops: Ops, *, reason: str, ticket: str, **selection: Any) -> RescuePlan:
    """Make the plan again from the same selection and carry it out; see `plan` and `apply`."""
    return apply(ops, plan(ops, **selection), reason=reason, ticket=ticket, **selection)
