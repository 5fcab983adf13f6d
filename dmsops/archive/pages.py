"""Long lists of the archive, a page at a time, for eyes; nothing here changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.tables import archived_product, fixity, observation
from dmsops.core.db import reading

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_o, _p, _f = observation.c, archived_product.c, fixity.c


def observations(ops: Ops, *, text: str = "", limit: int = 100, offset: int = 0) -> list[Row]:
    """Give observations, the last changed first, each with the number and size of its current products.

    Parameters
    ----------
    text : str
        Words, each a part of the id, the target, the instrument or the state.
    """
    query = sa.select(observation).where(*_tests(text)).order_by(_o.changed_at.desc(), _o.id).limit(limit).offset(offset)
    sums = sa.select(_p.observation_id, sa.func.count().label("products"), sa.func.sum(_p.size).label("bytes"))
    with reading(ops.db) as c:
        found = [dict(row) for row in c.execute(query).mappings()]
        mine = sums.where(_p.current, _p.observation_id.in_([row["id"] for row in found])).group_by(_p.observation_id)
        held = {row.observation_id: {"products": row.products, "bytes": int(row.bytes)} for row in c.execute(mine)}
    return [{**row, **held.get(row["id"], {"products": 0, "bytes": 0})} for row in found]


def number(ops: Ops, *, text: str = "") -> int:
    """Count what `observations` would give without a limit."""
    with reading(ops.db) as c:
        return int(c.execute(sa.select(sa.func.count()).select_from(observation).where(*_tests(text))).scalar_one())


def _tests(text: str) -> list[Any]:
    columns = (_o.id, _o.target, _o.instrument, _o.state)
    return [sa.or_(*(column.contains(word, autoescape=True) for column in columns)) for word in text.split()]


def damaged(ops: Ops, *, limit: int = 500) -> list[Row]:
    """Give the objects whose last reading was not good: ``sha256, checked_at, outcome, observed, names, observation_id, size``."""
    query = sa.select(fixity).where(_f.outcome != "correct").order_by(_f.checked_at.desc(), _f.sha256).limit(limit)
    with reading(ops.db) as c:
        rows = [dict(row) for row in c.execute(query).mappings()]
        sums = [row["sha256"] for row in rows]
        held = c.execute(sa.select(_p.sha256, _p.name, _p.version, _p.observation_id, _p.size).where(_p.sha256.in_(sums))).all()
        documents = {row.xml_sha256: row.id for row in c.execute(sa.select(_o.xml_sha256, _o.id).where(_o.xml_sha256.in_(sums)))}
    return [{**row, **_owner(row["sha256"], held, documents)} for row in rows]


def _owner(sha256: str, held: Any, documents: dict[str, str]) -> Row:
    mine = [row for row in held if row.sha256 == sha256]
    if mine:
        names = [f"{row.name} (version {row.version})" for row in mine]
        return {"names": names, "observation_id": mine[0].observation_id, "size": mine[0].size}
    owner = documents.get(sha256)
    return {"names": [f"{owner}_caom.xml"] if owner else [], "observation_id": owner, "size": None}
