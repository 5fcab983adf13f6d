"""The archive's objects whose last reading was bad, a page at a time, for eyes; nothing here changes anything."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.fixity import is_held
from dmsops.archive.reconcile import CORRECT
from dmsops.archive.tables import archived_product, fixity, observation
from dmsops.core.db import mappings, reading

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_o, _p, _f = observation.c, archived_product.c, fixity.c


def damaged(ops: Ops, *, text: str = "", limit: int = 500, offset: int = 0) -> list[Row]:
    """Give the objects whose last reading was not good, the last read first.

    Parameters
    ----------
    text : str
        Words, each a part of a product's name, of the observation's id, of the sum or of what came of the reading.

    Returns
    -------
    list of dict
        ``sha256, checked_at, outcome, observed, names, observation_id, size``.
    """
    query = sa.select(fixity).where(*_tests(text)).order_by(_f.checked_at.desc(), _f.sha256).limit(limit).offset(offset)
    with reading(ops.db) as c:
        rows = [dict(row) for row in c.execute(query).mappings()]
        sums = [row["sha256"] for row in rows]
        held: dict[str, list[Any]] = defaultdict(list)
        columns = (_p.sha256, _p.name, _p.version, _p.observation_id, _p.size)
        for row in c.execute(sa.select(*columns).where(_p.sha256.in_(sums)).order_by(_p.name, _p.version)):
            held[row.sha256].append(row)
        left = [one for one in sums if one not in held]
        written = sa.select(_o.xml_sha256, _o.id).where(_o.xml_sha256.in_(left))
        documents = {row.xml_sha256: row.id for row in c.execute(written)} if left else {}
    return [{**row, **_owner(held[row["sha256"]], documents.get(row["sha256"]))} for row in rows]


def number_of_damaged(ops: Ops, *, text: str = "") -> int:
    """Count what `damaged` would give without a limit."""
    query = sa.select(sa.func.count().label("n")).select_from(fixity).where(*_tests(text))
    return int(mappings(ops.db, query)[0]["n"])


def _tests(text: str) -> list[Any]:
    """Ask for the bad readings of what the archive still answers for."""
    tests = [_f.outcome != CORRECT, is_held()]
    for word in text.split():
        product = sa.select(_p.id).where(_p.sha256 == _f.sha256, _holds(word, _p.name, _p.observation_id))
        document = sa.select(_o.xml_sha256).where(_holds(word, _o.id))
        tests.append(sa.or_(_holds(word, _f.sha256, _f.outcome, _f.observed), product.exists(), _f.sha256.in_(document)))
    return tests


def _holds(word: str, *columns: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.or_(*(column.contains(word, autoescape=True) for column in columns))


def _owner(products: list[Any], document: str | None) -> Row:
    if products:
        names = [f"{row.name} (version {row.version})" for row in products]
        return {"names": names, "observation_id": products[0].observation_id, "size": products[0].size}
    return {"names": [f"{document}_caom.xml"] if document else [], "observation_id": document, "size": None}
