"""What the archive holds, as plain rows for eyes; nothing here changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import (
    archive_outbox,
    archived_product,
    artifact,
    finding,
    ingest_error,
    observation,
    observation_member,
    plane,
    plane_input,
    tombstone,
)
from dmsops.core.db import mappings
from dmsops.core.errors import NotFound

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_o, _p = observation.c, archived_product.c


def observations(
    ops: Ops, *, prefix: str = "", text: str = "", withdrawn: bool = True, newest: bool = False, limit: int | None = None, offset: int = 0
) -> list[Row]:  # fmt: skip
    """Give observations in the order of their ids, each with the number and size of its current products.

    Parameters
    ----------
    prefix : str
        How the id begins.
    text : str
        Words, each a part of the id, the target, the instrument or the state.
    withdrawn : bool
        Whether those that were withdrawn are among them.
    newest : bool
        Those that changed last come first.
    """
    order = (lambda o: (o.changed_at.desc(), o.id)) if newest else (lambda o: (o.id,))
    query = sa.select(observation).where(*_wanted(prefix, text, withdrawn)).order_by(*order(_o))
    page = (query if limit is None else query.limit(limit).offset(offset)).cte("page")
    sums = sa.select(_p.observation_id, sa.func.count().label("products"), sa.func.sum(_p.size).label("bytes"))
    held = sums.where(_p.current, _p.observation_id.in_(sa.select(page.c.id))).group_by(_p.observation_id).subquery()
    products, size = (sa.func.coalesce(column, 0) for column in (held.c.products, held.c.bytes))
    columns = (page, products.label("products"), sa.cast(size, sa.BigInteger).label("bytes"))
    return mappings(ops.db, sa.select(*columns).outerjoin(held, held.c.observation_id == page.c.id).order_by(*order(page.c)))


def number_of_observations(ops: Ops, *, text: str = "") -> int:
    """Count what `observations` would give without a limit."""
    query = sa.select(sa.func.count().label("n")).select_from(observation).where(*_wanted("", text, withdrawn=True))
    return int(mappings(ops.db, query)[0]["n"])


def _wanted(prefix: str, text: str, withdrawn: bool) -> list[Any]:
    columns = (_o.id, _o.target, _o.instrument, _o.state)
    tests = [sa.or_(*(column.contains(word, autoescape=True) for column in columns)) for word in text.split()]
    tests += [_o.id.startswith(prefix, autoescape=True)] if prefix else []
    return tests if withdrawn else [*tests, _o.state == ARCHIVED]


def products(ops: Ops, *, observation_id: str | None = None, prefix: str = "", superseded: bool = False) -> list[Row]:
    """Give the current products (with ``superseded``, all versions) of one observation, or whose name begins so."""
    query = sa.select(archived_product).where(_p.name.startswith(prefix, autoescape=True)).order_by(_p.name, _p.version)
    if observation_id is not None:
        query = query.where(_p.observation_id == observation_id)
    return mappings(ops.db, query if superseded else query.where(_p.current))


def counts_by_suffix(ops: Ops, *, prefix: str = "") -> dict[str, int]:
    """Count the current products by suffix: ``{"uncal": 22, "cal": 21}``."""
    query = sa.select(_p.suffix, sa.func.count().label("n")).where(_p.current, _p.name.startswith(prefix, autoescape=True))
    return {row["suffix"]: row["n"] for row in mappings(ops.db, query.group_by(_p.suffix).order_by(_p.suffix))}


def caom_summary(ops: Ops) -> dict[str, int]:
    """Count the archived observations, and what is not sound: open ingest errors, and observations with open findings of errors."""
    e, f = ingest_error.c, finding.c
    refused = sa.select(e.observation_id).where(e.state == "open")
    found = sa.select(f.observation_id).where(f.severity == "error", f.state == "open", f.observation_id.is_not(None))
    unsound = refused.union(found).subquery()
    there = sa.select(sa.func.count()).select_from(observation).where(_o.state == ARCHIVED).scalar_subquery()
    bad = sa.select(sa.func.count()).select_from(unsound).scalar_subquery()
    row = mappings(ops.db, sa.select(there.label("observations"), bad.label("invalid")))[0]
    return {"observations": int(row["observations"]), "invalid": int(row["invalid"])}


def unsent(ops: Ops) -> list[Row]:
    """Give the events that nobody was told yet, oldest first."""
    return mappings(ops.db, sa.select(archive_outbox).where(archive_outbox.c.sent_at.is_(None)).order_by(archive_outbox.c.id))


def story(ops: Ops, observation_id: str) -> dict[str, Any]:
    """Give all that the archive knows of one observation.

    Returns
    -------
    dict
        ``observation`` (its row), ``planes`` (each with ``artifacts`` and ``inputs``), ``members``, ``products`` (all versions),
        ``events``, ``errors``, ``findings``, ``withdrawals``.

    Raises
    ------
    NotFound
        Neither an observation nor an ingest error has that id.
    """
    mine = mappings(ops.db, sa.select(observation).where(_o.id == observation_id))
    errors = _of(ops, ingest_error, observation_id)
    if not mine and not errors:
        raise NotFound(f"the archive knows no observation '{observation_id}'", observation=observation_id)
    m = observation_member.c
    members = sa.select(m.member).where(m.observation_id == observation_id).order_by(m.member)
    return {
        "observation": mine[0] if mine else None,
        "planes": _planes(ops, observation_id),
        "members": [row["member"] for row in mappings(ops.db, members)],
        "products": products(ops, observation_id=observation_id, superseded=True),
        "events": _of(ops, archive_outbox, observation_id),
        "errors": errors,
        "findings": _of(ops, finding, observation_id),
        "withdrawals": _of(ops, tombstone, observation_id),
    }


def _of(ops: Ops, table: sa.Table, observation_id: str) -> list[Row]:
    return mappings(ops.db, sa.select(table).where(table.c.observation_id == observation_id).order_by(table.c.id))


def _planes(ops: Ops, observation_id: str) -> list[Row]:
    planes = mappings(ops.db, sa.select(plane).where(plane.c.observation_id == observation_id).order_by(plane.c.product_id))
    numbers = [row["id"] for row in planes]
    artifacts = mappings(ops.db, sa.select(artifact).where(artifact.c.plane_id.in_(numbers)).order_by(artifact.c.uri))
    inputs = mappings(ops.db, sa.select(plane_input).where(plane_input.c.plane_id.in_(numbers)).order_by(plane_input.c.input))
    for row in planes:
        row["artifacts"] = [a for a in artifacts if a["plane_id"] == row["id"]]
        row["inputs"] = [i["input"] for i in inputs if i["plane_id"] == row["id"]]
    return planes
