"""The archive asked in ADQL without a service, and sites with many observations, for tests of the Virtual Observatory's part."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmsops.archive.bulk import load
from dmsops.distribution.access import ANONYMOUS, Requester
from dmsops.distribution.adql.run import ask
from dmsops.distribution.adql.tables import Field
from dmsops.distribution.adql.translate import Translated, translate
from dmsops.ops import Ops
from dmsops.services.vo_answers import tables_for
from dmsops.testing.observations import clean
from dmsops.testing.sites import small_site

NOW = datetime(2024, 12, 4, 4, tzinfo=UTC)
"""A day on which all that `dmsops.testing.observations` makes is public."""
BASE = "http://archive.test"


def many(folder: Path, number: int, *, now: datetime = NOW, **settings: Any) -> Ops:
    """Give a site with so many observations in its catalogue, without bytes."""
    ops = small_site(folder, now, **settings)
    load(ops, ((described, "0" * 64) for described in clean(number)))
    return ops


def translated(ops: Ops, query: str, *, asker: Requester = ANONYMOUS, rows: int = 10_000) -> Translated:
    """Translate a query for somebody."""
    with ops.db.execution_options(reading=True).connect() as c:
        return translate(query, tables_for(ops, c, asker, ops.clock.now()), ops.db.dialect.name, rows=rows)


def answered(ops: Ops, query: str, *, asker: Requester = ANONYMOUS, rows: int = 10_000, seconds: float = 30.0) -> list[tuple[Any, ...]]:
    """Give the rows of a query's answer."""
    made = translated(ops, query, asker=asker, rows=rows)
    lots = ask(ops.db, made, {"now": ops.clock.now(), "base": BASE}, seconds=seconds)
    return [tuple(row) for lot in lots for row in lot]


def column(ops: Ops, query: str, **options: Any) -> list[Any]:
    """Give the only column of a query's answer."""
    return [row[0] for row in answered(ops, query, **options)]


def fields(ops: Ops, query: str) -> dict[str, Field]:
    """Give the columns of a query's answer by their names."""
    return {field.name: field for field in translated(ops, query).fields}
