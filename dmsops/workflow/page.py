"""A page of steps: those that need a person first. Read state by state along an index, so a page costs the same on a full site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
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


def steps(
    ops: Ops,
    *,
    ids: Sequence[int] = (),
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    workflow_dataset: str | None = None,
    fingerprint: str | None = None,
    text: str = "",
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
    """
    tests = _tests(ids, kinds, workflow_dataset, fingerprint)
    wanted = [s for s in ORDER if not states or s in states]
    with reading(ops.db) as c:
        if ids or workflow_dataset is not None or fingerprint is not None:
            numbers = _small(c, [*tests, *_holds(text)], wanted, limit, offset)
        else:
            numbers = _along(c, tests, text, wanted, limit, offset)
        rows = {r["id"]: dict(r) for part in parts(numbers) for r in c.execute(_whole().where(step.c.id.in_(part))).mappings()}
    return [rows[i] for i in numbers]


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


def _small(c: sa.Connection, tests: list[Any], states: Sequence[StepState], limit: int, offset: int) -> list[int]:
    """Give the numbers of a narrow choice: found by its own index, then put in order."""
    order = sa.case({s.value: n for n, s in enumerate(ORDER)}, value=step.c.state)
    query = sa.select(step.c.id).where(*tests).order_by(order, *_KEY).limit(limit).offset(offset)
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
