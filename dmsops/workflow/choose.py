"""Which steps a verb is meant for: by number, or by filter over state, kind, class, dataset, visit, kind of failure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa

from dmsops.core.errors import BadInput, NotFound
from dmsops.workflow.tables import step, workflow

_CHUNK = 900
"""Numbers in one query: SQLite takes 32,766 at most, and plans are made from thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice of steps; what is given must all hold, an empty choice is refused.

    Attributes
    ----------
    steps : tuple of int
        Step numbers.
    states, kinds, classes : tuple of str
        Any of these.
    text : str
        Part of the dataset's or the workflow's name.
    visit : str
        Dataset of the workflow, whole.
    fingerprint : str
        Kind of failure.
    assigned_to : str
        Person who has it.
    """

    steps: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    text: str = ""
    visit: str = ""
    fingerprint: str = ""
    assigned_to: str = ""

    @classmethod
    def of(cls, given: dict[str, Any]) -> Selection:
        """Make a selection from plain data (a stored command, a form).

        Raises
        ------
        BadInput
            A field is not known.
        """
        known = {f.name for f in fields(cls)}
        for name in given:
            if name not in known:
                raise BadInput(f"'{name}' is nothing to choose steps by; known: {', '.join(sorted(known))}", field=name)
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list | tuple | set | frozenset) else v for k, v in given.items()}
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Give what was chosen by, without what was left open."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v}

    @property
    def empty(self) -> bool:
        """True when nothing was chosen by."""
        return not self.as_dict()


def chosen(c: sa.Connection, selection: Selection) -> list[Any]:
    """Give the chosen steps with their workflow's name, dataset and class, in the order of their numbers.

    Raises
    ------
    BadInput
        Nothing was chosen.
    NotFound
        A step number is not on this site.
    """
    if selection.empty:
        raise BadInput("no step was chosen: give step numbers, all failed ones, or a filter", field="steps")
    if not selection.steps:
        return list(c.execute(_filtered(selection).order_by(step.c.id)))
    found = rows(c, selection.steps, _filtered(selection))
    missing = sorted(set(selection.steps) - {r.id for r in rows(c, selection.steps)})
    if missing:
        raise NotFound(f"there is no step {missing[0]} on this site", step=missing[0])
    return found


def rows(c: sa.Connection, ids: Iterable[int], query: sa.Select[Any] | None = None) -> list[Any]:
    """Give the steps of the numbers that exist, in the order of the numbers."""
    wanted = sorted(set(ids))
    base = _everything() if query is None else query
    return [row for part in parts(wanted) for row in c.execute(base.where(step.c.id.in_(part)).order_by(step.c.id))]


def parts[T](items: Sequence[T]) -> list[Sequence[T]]:
    """Cut a list into pieces that fit into one query."""
    return [items[at : at + _CHUNK] for at in range(0, len(items), _CHUNK)]


def _everything() -> sa.Select[Any]:
    columns = (workflow.c.name.label("workflow"), workflow.c.dataset.label("workflow_dataset"), workflow.c.cls)
    return sa.select(step, *columns).join(workflow, workflow.c.id == step.c.workflow_id)


def _filtered(selection: Selection) -> sa.Select[Any]:
    tests: list[Any] = []
    if selection.states:
        tests.append(step.c.state.in_(selection.states))
    if selection.kinds:
        tests.append(step.c.kind.in_(selection.kinds))
    if selection.classes:
        tests.append(workflow.c.cls.in_(selection.classes))
    if selection.text:
        tests.append(sa.or_(*(col.contains(selection.text, autoescape=True) for col in (step.c.dataset, workflow.c.dataset))))
    if selection.visit:
        tests.append(workflow.c.dataset == selection.visit)
    if selection.fingerprint:
        tests.append(step.c.fingerprint == selection.fingerprint)
    if selection.assigned_to:
        tests.append(step.c.assigned_to == selection.assigned_to)
    return _everything().where(*tests)
