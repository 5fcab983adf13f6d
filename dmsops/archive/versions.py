"""Versions of products: which bytes are current under a name, and which were before; nothing is ever taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import archived_product
from dmsops.catalogue.describe import Product
from dmsops.core.names import parse_any

if TYPE_CHECKING:
    from dmsops.ops import Ops

_p = archived_product.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of an observation's products: names with new bytes, and names that are not current any more."""

    changed: tuple[str, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


def current(c: sa.Connection, observation_id: str) -> Sequence[sa.Row[Any]]:
    """Give an observation's current products in order of name."""
    query = sa.select(archived_product).where(_p.observation_id == observation_id, _p.current).order_by(_p.name)
    return c.execute(query).all()


def first_archived(c: sa.Connection, observation_id: str) -> datetime | None:
    """Give when the first product of an observation came; None when none did."""
    found: datetime | None = c.execute(sa.select(sa.func.min(_p.archived_at, type_=_p.archived_at.type)).where(
        _p.observation_id == observation_id
    )).scalar()  # fmt: skip
    return found


def put(c: sa.Connection, observation_id: str, products: Iterable[Product], members: Sequence[str], at: datetime) -> Changes:
    """Make these the current products of an observation: new bytes get a new version, what is not among them is current no more."""
    offered = {product.name: product for product in products}
    gone = sa.update(archived_product).where(_p.observation_id == observation_id, _p.current, _p.name.not_in(list(offered)))
    names = sorted(r.name for r in c.execute(gone.values(current=False).returning(_p.name)))
    changed = [name for name, product in sorted(offered.items()) if _put(c, observation_id, product, members, at)]
    return Changes(changed=tuple(changed), gone=tuple(names))


def retire(c: sa.Connection, observation_id: str, names: Sequence[str]) -> tuple[str, ...]:
    """Make products of an observation current no more; gives those that were."""
    gone = sa.update(archived_product).where(_p.observation_id == observation_id, _p.current, _p.name.in_(list(names)))
    return tuple(sorted(r.name for r in c.execute(gone.values(current=False).returning(_p.name))))


def _put(c: sa.Connection, observation_id: str, product: Product, members: Sequence[str], at: datetime) -> bool:
    """Make a product's bytes its current version; says whether that changed anything."""
    rows = c.execute(sa.select(archived_product).where(_p.name == product.name).order_by(_p.version)).all()
    if [r.sha256 for r in rows if r.current] == [product.sha256]:
        return False
    c.execute(sa.update(archived_product).where(_p.name == product.name, _p.current).values(current=False))
    values = {
        "observation_id": observation_id, "name": product.name, "version": rows[-1].version + 1 if rows else 1,
        "suffix": parse_any(product.name).suffix, "sha256": product.sha256, "size": product.path.stat().st_size,
        "current": True, "archived_at": at, "members": sorted(set(members)) or None,
    }  # fmt: skip
    c.execute(sa.insert(archived_product).values(**values))
    return True


def products_of(ops: Ops, rows: Iterable[Any]) -> list[Product]:
    """Give rows of products as products whose bytes are read from the store; raises `NotFound` where they are gone."""
    return [Product(name=row.name, sha256=row.sha256, path=ops.store.path(row.sha256)) for row in rows]
