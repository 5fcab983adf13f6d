"""Lineage: everything that was made from a file, a calibration reference or an engineering file, and by which way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.workflow.choose import parts
from dmsops.workflow.links import Link, reached
from dmsops.workflow.tables import make, need, product, step, use

if TYPE_CHECKING:
    from dmsops.ops import Ops


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One step in a lineage: ``name`` is what it uses, ``parent`` the step that made that (None: a given name itself)."""

    step_id: int
    kind: str
    dataset: str
    state: str
    name: str | None
    parent: int | None

    @property
    def why(self) -> str:
        """Say by what it belongs to the lineage."""
        if self.parent is None:
            return f"uses {self.name}"
        return f"comes after step {self.parent}" if self.name is None else f"uses {self.name} of step {self.parent}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What comes from the given names.

    Attributes
    ----------
    steps : dict of int to Derived
        Every step that used one of the names, or what was made from it; the nearest first.
    products : tuple of str
        Published products of these steps, current ones.
    makers : tuple of int
        Steps that made the given names themselves; not among ``steps``.
    unknown : tuple of str
        Names that nothing on this site made, received or used.
    """

    names: tuple[str, ...]
    steps: dict[int, Derived]
    products: tuple[str, ...]
    makers: tuple[int, ...]
    unknown: tuple[str, ...]

    def chain(self, step_id: int) -> tuple[str, ...]:
        """Say how a step comes from the given names, from the name to the step."""
        words: list[str] = []
        at: int | None = step_id
        while at is not None and at in self.steps:
            here = self.steps[at]
            words.append(f"step {at} ({here.kind} {here.dataset}) {here.why}")
            at = here.parent
        return tuple(reversed(words))


def derived(ops: Ops, names: Collection[str]) -> Lineage:
    """Find every step and product that comes from the given names.

    Parameters
    ----------
    names : collection of str
        Raw files, products, engineering files (by name), calibration references that a step said it used.
    """
    wanted = tuple(dict.fromkeys(names))
    with reading(ops.db) as c:
        uses = users(c, wanted)
        ways = {i: Link(parent=0, child=i, product=name) for i, name in uses.items()} | reached(c, uses)
        rows = {r.id: r for part in parts(list(ways)) for r in c.execute(_shown().where(step.c.id.in_(part)))}
        made = {p for part in parts(list(ways)) for p in c.execute(_made().where(make.c.step_id.in_(part))).scalars()}
        makers = sorted(
            {i for part in parts(wanted) for i in c.execute(sa.select(make.c.step_id).where(make.c.product.in_(part))).scalars()}
        )
        unknown = tuple(sorted(set(wanted) - _known(c, wanted)))
    steps = {
        i: Derived(step_id=i, kind=rows[i].kind, dataset=rows[i].dataset, state=rows[i].state, name=way.product, parent=way.parent or None)
        for i, way in ways.items()
    }
    return Lineage(
        names=wanted, steps=steps, products=tuple(sorted(made)), makers=tuple(i for i in makers if i not in steps), unknown=unknown
    )


def _shown() -> sa.Select[tuple[int, str, str, str]]:
    return sa.select(step.c.id, step.c.kind, step.c.dataset, step.c.state)


def _made() -> sa.Select[tuple[str]]:
    return sa.select(product.c.name).join(make, make.c.product == product.c.name).where(product.c.current)


def users(c: sa.Connection, names: Sequence[str]) -> dict[int, str]:
    """Give the steps that need, or said they used, one of these names, each with the first such name."""
    found: dict[int, str] = {}
    for part in parts(names):
        for query in (
            sa.select(need.c.step_id, need.c.product).where(need.c.product.in_(part)),
            sa.select(use.c.step_id, use.c.name).where(use.c.name.in_(part)),
        ):
            for step_id, name in c.execute(query.order_by("step_id")):
                found.setdefault(step_id, name)
    return found


def _known(c: sa.Connection, names: tuple[str, ...]) -> set[str]:
    columns = (product.c.name, need.c.product, use.c.name)
    return {
        n for part in parts(names) for column in columns for n in c.execute(sa.select(column).where(column.in_(part)).distinct()).scalars()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file that a product was made with, directly or not: its name, its version's sha256."""

    name: str
    sha256: str


def origins(ops: Ops, names: Collection[str], wanted: Callable[[str], bool]) -> dict[str, frozenset[Origin]]:
    """Find, for the current version of each product, the nearest files among what it was made with whose names are wanted.

    A version was made with the versions that were the newest when it was published. Every way up ends at the first file
    that is wanted. Followed level by level for all products together; products that come from no such file, or were not
    made here, are left out.
    """
    found: dict[str, set[Origin]] = {}
    with reading(ops.db) as c:
        level = {row.name: [row] for row in _versions(c, names) if row.current}
        seen = {name: {row.id for row in rows} for name, rows in level.items()}
        while level:
            above = _level_above(c, level, wanted, found)
            level = {name: fresh for name, rows in above.items() if (fresh := [r for r in rows if r.id not in seen[name]])}
            for name, rows in level.items():
                seen[name] |= {r.id for r in rows}
    return {name: frozenset(there) for name, there in found.items() if there}


def _level_above(
    c: sa.Connection, level: dict[str, list[Any]], wanted: Callable[[str], bool], found: dict[str, set[Origin]]
) -> dict[str, list[Any]]:
    """Give what the versions of a level were made with; a file that is wanted ends the way up from its version."""
    needs = _needs(c, {row.step_id for rows in level.values() for row in rows if row.step_id is not None})
    versions: dict[str, list[Any]] = {}
    for version in _versions(c, {name for names in needs.values() for name in names}):
        versions.setdefault(version.name, []).append(version)
    above: dict[str, list[Any]] = {}
    for name, rows in level.items():
        for row in rows:
            used = [_newest_before(versions.get(need, ()), row.id) for need in needs.get(row.step_id, ())]
            hits = [v for v in used if v is not None and wanted(v.name)]
            found.setdefault(name, set()).update(Origin(name=v.name, sha256=v.sha256) for v in hits)
            above.setdefault(name, []).extend(v for v in used if v is not None and not hits)
    return above


def _newest_before(versions: Iterable[Any], number: int) -> Any:
    return max((v for v in versions if v.id < number), key=lambda v: v.id, default=None)


def _versions(c: sa.Connection, names: Collection[str]) -> list[Any]:
    query = sa.select(product)
    return [row for part in parts(sorted(names)) for row in c.execute(query.where(product.c.name.in_(part)))]


def _needs(c: sa.Connection, steps: Collection[int]) -> dict[int, list[str]]:
    needs: dict[int, list[str]] = {}
    for part in parts(sorted(steps)):
        for step_id, name in c.execute(sa.select(need.c.step_id, need.c.product).where(need.c.step_id.in_(part))):
            needs.setdefault(step_id, []).append(name)
    return needs
