"""A page of steps: those that need a person first, or in the order of a column; and how many there are.

The usual order is read state by state along an index, so a page costs the same on a full site.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.workflow.choose import parts
from dmsops.workflow.states import GOOD, StepState
from dmsops.workflow.tables import step, workflow

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
FIRST = (StepState.FAILED, StepState.HELD, StepState.RUNNING, StepState.LEASED, StepState.READY, StepState.WAITING)
ORDER = (*FIRST, *(s for s in StepState if s not in FIRST))
"""What needs a person, what runs, what comes, the rest."""
_KEY = (step.c.rank, step.c.due, step.c.id)
_PLACE = sa.case({s.value: n for n, s in enumerate(ORDER)}, value=step.c.state)
SINCE = sa.case((step.c.state == StepState.RUNNING.value, step.c.started_at), else_=sa.func.coalesce(step.c.ended_at, step.c.created_at))
"""The time that counts for a step: when it ended, or started when it runs, or was planned when it waits."""
SORTS: dict[str, Any] = {
    "state": _PLACE, "id": step.c.id, "kind": step.c.kind, "dataset": step.c.dataset, "since": SINCE, "tries": step.c.attempt,
    "fault": step.c.fault,
}  # fmt: skip
"""What steps can be sorted by."""


def steps(
    ops: Ops,
    *,
    ids: Sequence[int] = (),
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    workflow_dataset: str | None = None,
    fingerprint: str | None = None,
    text: str = "",
    sort: str = "",
    limit: int = 2000,
    offset: int = 0,
) -> list[Row]:
    """Give steps, those that need a person first, then running, then the rest; with the workflow's name, dataset and class.

    Parameters
    ----------
    ids : sequence of int
        Steps by number.
    workflow_dataset : str, optional
        Only of the workflows of this dataset, as a visit.
    fingerprint : str, optional
        Only this kind of failure.
    text : str
        Part of the dataset, the fault or the kind.
    sort : str
        One of `SORTS`, with a minus before it from the last to the first; empty keeps the usual order.

    Raises
    ------
    BadInput
        Steps cannot be sorted by that.
    """
    tests = _tests(ids, kinds, workflow_dataset, fingerprint)
    wanted = [s for s in ORDER if not states or s in states]
    with reading(ops.db) as c:
        if sort or ids or workflow_dataset is not None or fingerprint is not None:
            numbers = _small(c, [*tests, *_holds(text)], wanted, _order(sort), limit, offset)
        else:
            numbers = _along(c, tests, text, wanted, limit, offset)
        rows = {r["id"]: dict(r) for part in parts(numbers) for r in c.execute(_whole().where(step.c.id.in_(part))).mappings()}
    return [rows[i] for i in numbers]


def matching(
    ops: Ops, *, kinds: Sequence[str] = (), workflow_dataset: str | None = None, fingerprint: str | None = None, text: str = ""
) -> dict[str, int]:  # fmt: skip
    """Count the steps that a filter of `steps` finds, by state; states without any are left out."""
    tests = [*_tests((), kinds, workflow_dataset, fingerprint), *_holds(text)]
    query = sa.select(step.c.state, sa.func.count()).where(*tests).group_by(step.c.state)
    with reading(ops.db) as c:
        return {state: int(n) for state, n in c.execute(query)}


def _order(sort: str) -> list[Any]:
    name = sort.removeprefix("-")
    if not name:
        return [_PLACE, *_KEY]
    if name not in SORTS:
        raise BadInput(f"steps are not sorted by '{name}'; by {', '.join(SORTS)} they are", field="sort")
    column = SORTS[name]
    return [(column.desc() if sort.startswith("-") else column.asc()).nulls_last(), step.c.id]


def _whole() -> sa.Select[Any]:
    names = (workflow.c.name.label("workflow"), workflow.c.dataset.label("workflow_dataset"), workflow.c.cls)
    return sa.select(step, *names).join(workflow, workflow.c.id == step.c.workflow_id)


def _tests(ids: Sequence[int], kinds: Sequence[str], dataset: str | None, fingerprint: str | None) -> list[Any]:
    tests: list[Any] = []
    if ids:
        tests.append(step.c.id.in_(ids))
    if kinds:
        tests.append(step.c.kind.in_(kinds))
    if dataset is not None:
        tests.append(step.c.workflow_id.in_(sa.select(workflow.c.id).where(workflow.c.dataset == dataset)))
    if fingerprint is not None:
        tests.append(step.c.fingerprint == fingerprint)
    return tests


def _holds(text: str, state: StepState | None = None) -> list[Any]:
    """Test for a text; a step that ended well has no fault to look in."""
    columns = (step.c.dataset, step.c.kind) if state in GOOD else (step.c.dataset, step.c.kind, step.c.fault)
    return [sa.or_(*(col.contains(text, autoescape=True) for col in columns))] if text else []


def _small(
    c: sa.Connection, tests: list[Any], states: Sequence[StepState], order: list[Any], limit: int, offset: int
) -> list[int]:  # fmt: skip
    """Give the numbers of a narrow choice, found by its own index and then put in order; or of any choice in another order."""
    query = sa.select(step.c.id).where(*tests).order_by(*order).limit(limit).offset(offset)
    if len(states) < len(ORDER):
        query = query.where(step.c.state.in_([s.value for s in states]))
    return list(c.execute(query).scalars())


def _along(c: sa.Connection, tests: list[Any], text: str, states: Sequence[StepState], limit: int, offset: int) -> list[int]:
    """Give the numbers of a wide choice: state by state in the order of the index, until the page is full."""
    found: list[int] = []
    for state in states:
        here = (step.c.state == state.value, *tests, *_holds(text, state))
        if offset:
            there = int(c.execute(sa.select(sa.func.count()).select_from(step).where(*here)).scalar() or 0)
            if there <= offset:
                offset -= there
                continue
        query = sa.select(step.c.id).where(*here).order_by(*_KEY).limit(limit - len(found)).offset(offset)
        offset = 0
        found += c.execute(query).scalars()
        if len(found) >= limit:
            break
    return found
