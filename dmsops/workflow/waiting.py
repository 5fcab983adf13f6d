"""Why a step does not run yet: what is missing, who makes it and when it is expected, and what stands in the way."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.clock import time_of_day
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.workflow import forecast, pick
from dmsops.workflow.choose import rows
from dmsops.workflow.states import FUTILE, GOOD, SENTENCES, StepState
from dmsops.workflow.tables import dispatcher, edge, make, need, step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

_GOOD = [s.value for s in GOOD]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One thing that a step waits for.

    Attributes
    ----------
    product : str or None
        Name of a product that is not there; None for a step that has to end first.
    maker : int or None
        Step that makes it; None when nothing on this site does: it has to arrive.
    kind, dataset, state : str
        Of the maker; empty without one.
    p50, p90 : datetime or None
        When it is expected; None when nobody can say: it comes from outside, or something stands in the way.
    stopped_by : tuple of int
        Failed, held or dropped steps that it depends on: it does not come until they are seen to.
    """

    product: str | None
    maker: int | None = None
    kind: str = ""
    dataset: str = ""
    state: str = ""
    p50: datetime | None = None
    p90: datetime | None = None
    stopped_by: tuple[int, ...] = ()

    def words(self, now: datetime) -> str:
        """Say it in a sentence."""
        if self.maker is None:
            return f"{self.product} has to arrive from outside (procedure P04 when it is late)"
        what = (
            f"{self.product}, made by step {self.maker} ({self.kind}, {self.state})"
            if self.product
            else f"step {self.maker} ({self.kind}, {self.state})"
        )
        if self.stopped_by:
            more = f" and {len(self.stopped_by) - 1} more" if len(self.stopped_by) > 1 else ""
            return f"{what}: it does not come until step {self.stopped_by[0]}{more} is rescued or released"
        if self.p50 is None or self.p90 is None:
            return f"{what}: nobody can say when"
        return f"{what}: expected {time_of_day(self.p50, now)} to {time_of_day(self.p90, now)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a step stands where it stands; ``state`` is ``futile`` where it cannot go on by itself."""

    step_id: int
    state: str
    sentence: str
    missing: tuple[Missing, ...] = ()


def why(ops: Ops, step_id: int) -> Why:
    """Say why a step does not run.

    Raises
    ------
    NotFound
        No such step.
    """
    with reading(ops.db) as c:
        found = rows(c, [step_id])
        if not found:
            raise NotFound(f"there is no step {step_id} on this site", step=step_id)
        row, state = found[0], StepState(found[0].state)
        if state is StepState.WAITING:
            return _waits(c, ops, row)
        sentence = {StepState.READY: _ready, StepState.HELD: _held}.get(state, _stands)(c, ops, row)
    return Why(step_id=step_id, state=row.state, sentence=sentence)


def _stands(c: sa.Connection, ops: Ops, row: Any) -> str:
    return SENTENCES[StepState(row.state)]


def _held(c: sa.Connection, ops: Ops, row: Any) -> str:
    until = f"until {time_of_day(row.held_until, ops.clock.now())}" if row.held_until else "until a person releases it"
    return f"It is held {until}: {row.held_reason}"


def _ready(c: sa.Connection, ops: Ops, row: Any) -> str:
    for pause in pick.pauses(c, ops):
        if pause.scope == "engine" or pause.target in {str(row.workflow_id), row.kind}:
            return f"It is ready, and nothing of this {pause.scope} starts: paused by {pause.actor}: {pause.reason}"
    if not c.execute(sa.select(dispatcher.c.owner).where(dispatcher.c.until > ops.clock.now())).scalar():
        return "It is ready, and no engine runs: `dmsops engine run` starts one."
    earlier = sa.and_(step.c.state == StepState.READY.value, step.c.rank < row.rank)
    n = int(c.execute(sa.select(sa.func.count()).select_from(step).where(earlier)).scalar() or 0)
    return f"It is ready and starts when a worker is free; {counted(n, 'ready step is', 'ready steps are')} more urgent."


def _waits(c: sa.Connection, ops: Ops, row: Any) -> Why:
    makers = _makers(c, row.id)
    flow = c.execute(sa.select(workflow).where(workflow.c.id == row.workflow_id)).one()
    work, ends = forecast.ends_of(c, ops, flow)
    known = {r.id: r for r in rows(c, {i for i in makers.values() if i is not None} | set(_parents(c, row.id)))}
    blockers = {i: work.stopped_by(i) for i in known}
    missing = [_missing(name, None if maker is None else known[maker], ends, blockers) for name, maker in sorted(makers.items())]
    told = {m.maker for m in missing}
    missing += [_missing(None, r, ends, blockers) for r in known.values() if r.id not in told and r.state not in _GOOD]
    stopped = {i for m in missing for i in m.stopped_by}
    return Why(
        step_id=row.id, state=FUTILE if stopped else row.state, missing=tuple(missing), sentence=_sentence(missing, stopped, ends, row, ops)
    )  # fmt: skip


def _sentence(missing: list[Missing], stopped: Collection[int], ends: dict[int, tuple[datetime, datetime]], row: Any, ops: Ops) -> str:
    if stopped:
        many = f"{len(stopped)} steps before it have failed, are held or were dropped"
        return f"It cannot go on by itself: {many if len(stopped) > 1 else 'a step before it has failed, is held or was dropped'}."
    things = f"It waits for {len(missing)} things" if len(missing) > 1 else "It waits for one thing"
    outside = sum(m.maker is None for m in missing)
    if outside:
        return f"{things}, from outside." if outside == len(missing) else f"{things}, {outside} of them from outside."
    if row.id not in ends:
        return f"{things}."
    p50, p90 = ends[row.id]
    now = ops.clock.now()
    return f"{things}, and will have ended {time_of_day(p50, now)} to {time_of_day(p90, now)}."


def _makers(c: sa.Connection, step_id: int) -> dict[str, int | None]:
    query = sa.select(need.c.product, sa.func.max(make.c.step_id)).outerjoin(make, make.c.product == need.c.product)
    query = query.where(need.c.step_id == step_id, sa.not_(need.c.got)).group_by(need.c.product)
    return {name: maker for name, maker in c.execute(query)}  # noqa: C416 - rows are not pairs to a type checker


def _parents(c: sa.Connection, step_id: int) -> list[int]:
    return list(c.execute(sa.select(edge.c.parent).where(edge.c.child == step_id)).scalars())


def _missing(name: str | None, maker: Any, ends: dict[int, tuple[datetime, datetime]], blockers: dict[int, tuple[int, ...]]) -> Missing:
    if maker is None:
        return Missing(product=name)
    stopped = blockers[maker.id]
    p50, p90 = (None, None) if stopped else ends.get(maker.id, (None, None))
    return Missing(
        product=name, maker=maker.id, kind=maker.kind, dataset=maker.dataset, state=maker.state, p50=p50, p90=p90, stopped_by=stopped
    )
