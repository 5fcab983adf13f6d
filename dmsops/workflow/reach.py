"""Reach: what comes after steps and what came before them, over products and edges, in one recursive query."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from dmsops.workflow.choose import parts
from dmsops.workflow.tables import edge, make, need


def _links() -> Any:
    by_product = sa.select(make.c.step_id.label("parent"), need.c.step_id.label("child")).join(need, need.c.product == make.c.product)
    return sa.union_all(by_product, sa.select(edge.c.parent, edge.c.child)).subquery("links")


def _closure(c: sa.Connection, roots: Collection[int], start: str, end: str) -> set[int]:
    found: set[int] = set()
    for part in parts(sorted(roots)):
        links = _links()
        reach = sa.select(links.c[end].label("id")).where(links.c[start].in_(part)).cte("reach", recursive=True)
        again = _links()
        reach = reach.union(sa.select(again.c[end]).join(reach, reach.c.id == again.c[start]))
        found.update(c.execute(sa.select(reach.c.id)).scalars())
    return found


def following(c: sa.Connection, roots: Collection[int]) -> list[int]:
    """Give all steps that use, directly or not, what the roots make, in the order of their numbers."""
    return sorted(_closure(c, roots, "parent", "child"))


def before(c: sa.Connection, roots: Collection[int]) -> list[int]:
    """Give all steps whose products the roots use, directly or not, in the order of their numbers."""
    return sorted(_closure(c, roots, "child", "parent"))


def users_of(c: sa.Connection, products: Collection[str]) -> set[int]:
    """Give the steps that need one of these products."""
    return {i for part in parts(sorted(products)) for i in c.execute(sa.select(need.c.step_id).where(need.c.product.in_(part))).scalars()}
