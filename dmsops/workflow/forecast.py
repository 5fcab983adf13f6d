"""When a workflow will be finished: p50 and p90 over what is left, and the latest start of a rescue that still helps.

All steps are taken to be slow together for p90, as on a busy machine: it errs towards warning early.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.clock import time_of_day
from dmsops.core.db import reading
from dmsops.workflow import schedule
from dmsops.workflow.choose import parts
from dmsops.workflow.queue import Queue
from dmsops.workflow.remaining import After, Remaining, remaining
from dmsops.workflow.runtimes import Runtimes
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.steps import kind_or_stand_in
from dmsops.workflow.tables import step_counter, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

_STILL = 0.1
"""A step that has run longer than usual is taken to need this share of its usual time still (ours)."""


class Standing(enum.StrEnum):
    """How open work stands to its deadline."""

    ON_TIME = "on time"
    AT_RISK = "at risk"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a workflow's last hand-over will be done, as seen at ``at``.

    Attributes
    ----------
    p50, p90 : datetime
        Half, and 9 of 10, of such workflows have ended by then, if what is blocked is rescued at ``at``.
    left : int
        Steps that it still takes, those included that are not planned yet.
    blocked : tuple of int
        Steps that do not go on by themselves: failed, held, dropped.
    outside : tuple of str
        Products that have to arrive first; they are taken to arrive at once.
    path : tuple of int
        The longest chain of steps, first to last (negative: not planned yet).
    """

    workflow_id: int
    dataset: str
    at: datetime
    due: datetime | None
    p50: datetime
    p90: datetime
    left: int
    blocked: tuple[int, ...] = ()
    outside: tuple[str, ...] = ()
    path: tuple[int, ...] = ()

    @property
    def rescue_by(self) -> datetime | None:
        """Latest start of a rescue after which 9 of 10 still end in time; None without a deadline."""
        return None if self.due is None else self.due - (self.p90 - self.at)

    @property
    def standing(self) -> Standing:
        """How it stands: at risk while it can still be helped, late when the limit has passed."""
        if self.due is None:
            return Standing.ON_TIME
        if self.at > self.due:
            return Standing.LATE
        return Standing.AT_RISK if self.blocked or self.p90 > self.due else Standing.ON_TIME

    @property
    def words(self) -> str:
        """The forecast in one sentence."""
        end = f"expected {time_of_day(self.p50, self.at)} to {time_of_day(self.p90, self.at)}"
        if self.due is None or self.rescue_by is None:
            return end
        due = f"{self.standing.value}: due {time_of_day(self.due, self.at)}, {end}"
        if not self.blocked:
            return due
        one = f"step {self.blocked[0]} stands in the way"
        if len(self.blocked) > 1:
            one = f"step {self.blocked[0]} and {len(self.blocked) - 1} more stand in the way"
        by = f"rescue before {time_of_day(self.rescue_by, self.at)}"
        late = "a rescue comes too late to keep it" if self.rescue_by < self.at else by
        return f"{due} if rescued now; {one}: {late}"


def running(ops: Ops, *, limit: int = 100) -> list[Forecast]:
    """Give the forecasts of all workflows with a deadline that are not finished, the soonest due first."""
    with reading(ops.db) as c:
        rows = c.execute(_with_deadline().order_by(workflow.c.due).limit(limit)).all()
        site = Queue(c)
        found = [predict(c, ops, row, queue=site) for row in rows]
    return [f for f in found if f is not None]


def of_dataset(ops: Ops, dataset: str) -> Forecast | None:
    """Give the forecast of the workflow on a dataset (a visit); None when it is finished or there is none."""
    return of_datasets(ops, [dataset]).get(dataset)


def of_datasets(ops: Ops, datasets: Collection[str]) -> dict[str, Forecast]:
    """Give the forecasts of the workflows on these datasets that are not finished; of several on one dataset the last to end."""
    found: dict[str, Forecast] = {}
    with reading(ops.db) as c:
        site = Queue(c)
        rows = [r for part in parts(sorted(datasets)) for r in c.execute(sa.select(workflow).where(workflow.c.dataset.in_(part)))]
        for seen in (predict(c, ops, row, queue=site) for row in rows):
            if seen is not None and (seen.dataset not in found or seen.p90 > found[seen.dataset].p90):
                found[seen.dataset] = seen
    return found


def _with_deadline() -> sa.Select[Any]:
    good = [s.value for s in (*GOOD, StepState.CANCELLED)]
    some_open = sa.exists().where(
        step_counter.c.workflow_id == workflow.c.id, step_counter.c.state.not_in(good), step_counter.c.n > 0
    )  # fmt: skip
    return sa.select(workflow).where(workflow.c.due.is_not(None), some_open)


def predict(
    c: sa.Connection, ops: Ops, flow: Any, *, act: After | None = None, queue: Queue | None = None
) -> Forecast | None:  # fmt: skip
    """Predict when a workflow ends.

    Parameters
    ----------
    flow : row
        Of the table ``workflow``.
    act : After, optional
        What an act would change: the forecast is of the site after it.
    queue : Queue, optional
        What the site runs and how long steps take, looked up already.

    Returns
    -------
    Forecast or None
        None when nothing is left, or only work after its last hand-over.
    """
    work = remaining(c, flow.id, act)
    if not work.items or (_handed_over(c, flow.id) and not _hands_over(work)):
        return None
    now, graph = ops.clock.now(), {i: work.before[i] for i in work.upstream(work.goals)}
    p50, p90 = _ends(ops, flow, work, graph, queue or Queue(c))
    return Forecast(
        workflow_id=flow.id, dataset=flow.dataset, at=now, due=flow.due, left=len(graph),
        p50=max(p50.ends[i] for i in work.goals), p90=max(p90.ends[i] for i in work.goals),
        blocked=tuple(i for i in sorted(work.blocked) if i in graph), outside=tuple(work.outside),
        path=tuple(schedule.critical_path(graph, p90.seconds)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Timed:
    seconds: dict[int, float]
    ends: dict[int, datetime]


def _ends(ops: Ops, flow: Any, work: Remaining, graph: schedule.Graph, queue: Queue) -> tuple[_Timed, _Timed]:
    now, workers = ops.clock.now(), max(1, ops.settings.workers)
    first = queue.before(flow)
    found = []
    for share in ("p50", "p90"):
        seconds = _seconds(work, queue.usual, share, now)
        ahead = sum(n * getattr(queue.usual.of(kind), share) for kind, n in first.items()) / workers
        ends = schedule.finishes(graph, seconds, workers, ahead=ahead)
        found.append(_Timed(seconds, {i: now + timedelta(seconds=end) for i, end in ends.items()}))
    return found[0], found[1]


def ends_of(c: sa.Connection, ops: Ops, flow: Any) -> tuple[Remaining, dict[int, tuple[datetime, datetime]]]:
    """Give what a workflow still needs, and for each step of it when it will have ended: p50 and p90."""
    work = remaining(c, flow.id)
    p50, p90 = _ends(ops, flow, work, {i: work.before[i] for i in work.items}, Queue(c))
    return work, {i: (p50.ends[i], p90.ends[i]) for i in work.items}


def _handed_over(c: sa.Connection, workflow_id: int) -> bool:
    good = [s.value for s in GOOD]
    kinds = c.execute(
        sa.select(step_counter.c.kind).where(
            step_counter.c.workflow_id == workflow_id, step_counter.c.state.in_(good), step_counter.c.n > 0
        )
    )
    return any(kind_or_stand_in(kind).external for kind in kinds.scalars())


def _hands_over(work: Remaining) -> bool:
    return any(kind_or_stand_in(work.items[i].kind).external for i in work.goals)


def _seconds(work: Remaining, usual: Runtimes, share: str, now: datetime) -> dict[int, float]:
    found = {}
    for number, item in work.items.items():
        whole = float(getattr(usual.of(item.kind, item.dataset), share))
        gone = 0.0 if item.started_at is None else (now - item.started_at).total_seconds()
        found[number] = max(whole - gone, _STILL * whole)
    return found
