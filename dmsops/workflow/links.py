"""Links between steps: a step uses what another one makes, or comes after it. Followed level by level along indexes.

Level by level, and not in one recursive query: the first link by which a step was reached is its reason, and both
databases stay on their indexes however wide a level is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from dmsops.workflow.choose import parts
from dmsops.workflow.tables import edge, make, need


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """``child`` uses ``product`` of ``parent``; without a product it only comes after it."""

    parent: int
    child: int
    product: str | None = None


def children(c: sa.Connection, parents: Collection[int]) -> list[Link]:
    """Give the links from these steps."""
    by_product = sa.select(make.c.step_id, need.c.step_id, need.c.product).join(need, need.c.product == make.c.product)
    by_edge = sa.select(edge.c.parent, edge.c.child, sa.null())
    found = []
    for part in parts(sorted(parents)):
        for query in (by_product.where(make.c.step_id.in_(part)), by_edge.where(edge.c.parent.in_(part))):
            found += [Link(parent=parent, child=child, product=product) for parent, child, product in c.execute(query)]
    return found


def reached(c: sa.Connection, roots: Collection[int]) -> dict[int, Link]:
    """Give every step that follows from the roots with the link that reached it first (the shortest way); no root among them."""
    found: dict[int, Link] = {}
    known, level = set(roots), set(roots)
    while level:
        fresh: dict[int, Link] = {}
        for link in children(c, level):
            if link.child not in known:
                fresh.setdefault(link.child, link)
        found |= fresh
        known |= fresh.keys()
        level = set(fresh)
    return found
