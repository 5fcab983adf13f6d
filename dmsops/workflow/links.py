"""Links between steps: a step uses what another one makes, or comes after it. Followed level by level along indexes.

Level by level, and not in one recursive query: the first link by which a step was reached is its reason, and both
databases stay on their indexes however wide a level is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.workflow.choose import parts
from dmsops.workflow.states import BLOCKING, StepState
from dmsops.workflow.tables import edge, make, need, step


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """``child`` uses ``product`` of ``parent``; without a product it only comes after it."""

    parent: int
    child: int
    product: str | None = None


def children(c: sa.Connection, parents: Collection[int], *, waiting: bool = False) -> list[Link]:
    """Give the links from these steps.

    Parameters
    ----------
    waiting : bool
        Only to steps that wait, and only over products that are not there yet.
    """
    found = [link for part in parts(sorted(parents)) for query in _queries(part, waiting) for link in _links(c, query)]
    if not waiting:
        return found
    here = _waiting(c, {link.child for link in found})
    return [link for link in found if link.child in here]


def _queries(part: Sequence[int], waiting: bool) -> tuple[Any, Any]:
    by_product = sa.select(make.c.step_id.label("parent"), need.c.step_id.label("child"), need.c.product)
    by_product = by_product.join(need, need.c.product == make.c.product).where(make.c.step_id.in_(part))
    by_edge = sa.select(edge.c.parent, edge.c.child, sa.null().label("product")).where(edge.c.parent.in_(part))
    return by_product.where(sa.not_(need.c.got)) if waiting else by_product, by_edge


def _waiting(c: sa.Connection, ids: Collection[int]) -> set[int]:
    query = sa.select(step.c.id, step.c.state)
    rows = (row for part in parts(sorted(ids)) for row in c.execute(query.where(step.c.id.in_(part))))
    return {row.id for row in rows if row.state == StepState.WAITING}


def _links(c: sa.Connection, query: Any) -> list[Link]:
    return [Link(parent=parent, child=child, product=product) for parent, child, product in c.execute(query)]


def reached(c: sa.Connection, roots: Collection[int], *, waiting: bool = False) -> dict[int, Link]:
    """Give every step that follows from the roots with the link that reached it first (the shortest way); no root among them."""
    found: dict[int, Link] = {}
    known, level = set(roots), set(roots)
    while level:
        fresh: dict[int, Link] = {}
        for link in children(c, level, waiting=waiting):
            if link.child not in known:
                fresh.setdefault(link.child, link)
        found |= fresh
        known |= fresh.keys()
        level = set(fresh)
    return found


def blocked(c: sa.Connection) -> dict[int, int]:
    """Give every waiting step that cannot go on by itself, with the failed, held or cancelled step that it comes after."""
    states = [s.value for s in BLOCKING]
    roots = list(c.execute(sa.select(step.c.id).where(step.c.state.in_(states))).scalars())
    origin: dict[int, int] = {}
    for child, link in reached(c, roots, waiting=True).items():
        origin[child] = origin.get(link.parent, link.parent)
    return origin
