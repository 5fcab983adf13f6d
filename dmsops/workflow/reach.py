"""Reach: what comes after steps and what came before them, as numbers; the links themselves are in `dmsops.workflow.links`."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from dmsops.workflow.choose import parts
from dmsops.workflow.links import reached
from dmsops.workflow.tables import edge, make, need


def following(c: sa.Connection, roots: Collection[int]) -> list[int]:
    """Give all steps that use, directly or not, what the roots make, in the order of their numbers."""
    return sorted(reached(c, roots))


def before(c: sa.Connection, roots: Collection[int]) -> list[int]:
    """Give all steps whose products the roots use, directly or not, in the order of their numbers."""
    found: set[int] = set()
    level = set(roots)
    while level:
        level = _parents(c, level) - found - set(roots)
        found |= level
    return sorted(found)


def _parents(c: sa.Connection, ids: Collection[int]) -> set[int]:
    makers = sa.select(make.c.step_id).join(need, need.c.product == make.c.product)
    found: set[int] = set()
    for part in parts(sorted(ids)):
        found.update(c.execute(makers.where(need.c.step_id.in_(part))).scalars())
        found.update(c.execute(sa.select(edge.c.parent).where(edge.c.child.in_(part))).scalars())
    return found


def products_of(c: sa.Connection, ids: Collection[int]) -> set[str]:
    """Give the names of the products that the steps make."""
    return {p for part in parts(sorted(ids)) for p in c.execute(sa.select(make.c.product).where(make.c.step_id.in_(part))).scalars()}


def users_of(c: sa.Connection, products: Collection[str]) -> set[int]:
    """Give the steps that need one of these products."""
    return {i for part in parts(sorted(products)) for i in c.execute(sa.select(need.c.step_id).where(need.c.product.in_(part))).scalars()}
