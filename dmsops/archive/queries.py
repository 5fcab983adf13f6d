"""What the archive holds, as plain rows for eyes; nothing here changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import archive_outbox, archived_product, observation
from dmsops.core.db import reading

if TYPE_CHECKING:
    from dmsops.ops import Ops

_p = archived_product.c


def _rows(ops: Ops, query: Any) -> list[dict[str, Any]]:
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query).mappings()]


def observations(ops: Ops, *, prefix: str = "") -> list[dict[str, Any]]:
    """Give the observations (whose id begins so), each with the number and size of its current products."""
    counted = (
        sa.select(_p.observation_id, sa.func.count().label("products"), sa.func.sum(_p.size).label("bytes"))
        .where(_p.current)
        .group_by(_p.observation_id)
        .subquery()
    )
    zero = sa.literal(0)
    columns = (sa.func.coalesce(counted.c.products, zero).label("products"), sa.func.coalesce(counted.c.bytes, zero).label("bytes"))
    query = sa.select(observation, *columns).outerjoin(counted, counted.c.observation_id == observation.c.id)
    return _rows(ops, query.where(observation.c.id.startswith(prefix, autoescape=True)).order_by(observation.c.id))


def products(ops: Ops, *, observation_id: str | None = None, prefix: str = "", superseded: bool = False) -> list[dict[str, Any]]:
    """Give the current products (with ``superseded``, all versions) of one observation, or whose name begins so."""
    query = sa.select(archived_product).where(_p.name.startswith(prefix, autoescape=True)).order_by(_p.name, _p.version)
    if observation_id is not None:
        query = query.where(_p.observation_id == observation_id)
    return _rows(ops, query if superseded else query.where(_p.current))


def counts_by_suffix(ops: Ops, *, prefix: str = "") -> dict[str, int]:
    """Count the current products by suffix: ``{"uncal": 22, "cal": 21}``."""
    query = sa.select(_p.suffix, sa.func.count().label("n")).where(_p.current, _p.name.startswith(prefix, autoescape=True))
    return {row["suffix"]: row["n"] for row in _rows(ops, query.group_by(_p.suffix).order_by(_p.suffix))}


def caom_summary(ops: Ops) -> dict[str, int]:
    """Count the observations, and those whose newest description was not sound."""
    query = sa.select(sa.func.count().label("n"), sa.func.sum(sa.case((observation.c.valid, 0), else_=1)).label("invalid"))
    row = _rows(ops, query)[0]
    return {"observations": row["n"], "invalid": int(row["invalid"] or 0)}


def unsent(ops: Ops) -> list[dict[str, Any]]:
    """Give the events that nobody was told yet, oldest first."""
    return _rows(ops, sa.select(archive_outbox).where(archive_outbox.c.sent_at.is_(None)).order_by(archive_outbox.c.id))
