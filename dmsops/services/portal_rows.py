"""Pages of published rows that an asker may see: counted whole, cut in pages, by place where a place is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import footprints, published_mast, sky
from dmsops.archive.tables import observation, plane
from dmsops.archive.views import NOW, Column, View, selected
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.distribution.access import may_have, rights_word

if TYPE_CHECKING:
    from dmsops.services.web import Call

LARGEST, MOST_PLACED, MOST_ORDERED = 50_000, 200_000, 20_000
"""Rows of a page, rows that are found by place (some seconds' work), and those of them that are ordered by a column."""
_FIRST_LOOK, _LARGEST_LOOK, _LOT, _NAMED = 500, 20_000, 2_000, 1_000
_o, _p = observation.c, plane.c
Cone = tuple[float, float, float]
"""Right ascension, declination, radius; degrees."""
Clauses = Sequence[sa.ColumnElement[bool]]


@cache
def view_of(name: str) -> View:
    """Give one of MAST's tables (``observations``, ``products``, ``filesets``), with rights as of the request."""
    make = getattr(published_mast, name)
    found: View = make(lambda release: rights_word(release, NOW))  # type: ignore[arg-type]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of a page in the order of the columns, and how many there are in all pages."""

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    total: int

    def named(self) -> Iterator[dict[str, Any]]:
        """Give the rows with the names of their columns."""
        names = [column.name for column in self.columns]
        return (dict(zip(names, row, strict=True)) for row in self.rows)


def lots_of(ids: Sequence[str], clauses: Clauses = ()) -> list[Clauses]:
    """Give the clauses of observations by their names, in lots that a database takes, each with what else must hold."""
    return [[_o.id.in_(some), *clauses] for some in batched(ids, _NAMED)]


def visible(call: Call, view: View) -> sa.ColumnElement[bool]:
    """Give the clause of the rows that the asker may know of."""
    return may_have(call.requester, view.meta_release, view.program, call.now)


def count(call: Call, view: View, clauses: Clauses, places: Sequence[Cone]) -> int:
    """Count the rows that match."""
    with reading(call.ops.db) as c:
        return len(_placed(c, call, view, clauses, places)) if places else _counted(c, call, view, clauses)


def page(
    call: Call, view: View, columns: tuple[Column, ...], lots: Sequence[Clauses], places: Sequence[Cone] = (),
    *, start: int, size: int, order: Sequence[Any] = (),
) -> Rows:  # fmt: skip
    """Give rows ``start`` to ``start + size``.

    Parameters
    ----------
    lots : sequence of sequences of clauses
        What is wanted, one lot after the other; all clauses of a lot must hold.
    places : sequence of (float, float, float)
        Cones: the footprint touches one of them; goes with a single lot.
    order : sequence
        By what rows are ordered within a lot; default the observation.

    Raises
    ------
    BadInput
        More rows in places than can be ordered by something else.
    """
    with reading(call.ops.db) as c:
        if not places:
            return _of_lots(c, call, view, columns, lots, start, size, order or (_o.id,))
        ids = _placed(c, call, view, lots[0], places)
        if order:
            if len(ids) > MOST_ORDERED:
                raise BadInput(f"{len(ids):,} rows are found: up to {MOST_ORDERED:,} are ordered by a column; narrow the search")
            return _of_lots(c, call, view, columns, [[_o.id.in_(ids)]], start, size, order)
        rows: list[tuple[Any, ...]] = []
        for some in batched(ids[start : start + size], _LOT):
            rows += _fetched(c, call, view, columns, [_o.id.in_(some)], 0, _LOT, (_o.id,))
        return Rows(columns=columns, rows=rows, total=len(ids))


def _placed(c: sa.Connection, call: Call, view: View, clauses: Clauses, places: Sequence[Cone]) -> list[str]:
    found: dict[str, None] = {}
    for cone in places:
        for identity in _in_cone(c, call, view, clauses, cone):
            found[identity] = None
            if len(found) > MOST_PLACED:
                raise BadInput(f"more than {MOST_PLACED:,} observations lie there: give a smaller radius, or search without a place")
    return list(found) if len(places) == 1 else sorted(found)


def _of_lots(
    c: sa.Connection, call: Call, view: View, columns: tuple[Column, ...], lots: Any, start: int, size: int, order: Any
) -> Rows:  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    total = 0
    for clauses in lots:
        number = _counted(c, call, view, clauses)
        skip, left = max(start - total, 0), size - len(rows)
        if skip < number and left > 0:
            rows += _fetched(c, call, view, columns, clauses, skip, left, order)
        total += number
    return Rows(columns=columns, rows=rows, total=total)


def _counted(c: sa.Connection, call: Call, view: View, clauses: Clauses) -> int:
    query = sa.select(sa.func.count()).select_from(view.source).where(*view.where, visible(call, view), *clauses)
    return int(c.execute(query, {"now": call.now}).scalar_one())


def _fetched(
    c: sa.Connection, call: Call, view: View, columns: tuple[Column, ...], clauses: Any, start: int, size: int, order: Any
) -> list[tuple[Any, ...]]:  # fmt: skip
    query = selected(view, visible(call, view), *clauses, columns=columns).order_by(*order).limit(size).offset(start)
    return [tuple(row) for row in c.execute(query, {"now": call.now})]


def _in_cone(c: sa.Connection, call: Call, view: View, clauses: Clauses, cone: Cone) -> Iterator[str]:
    """Give the observations whose footprint touches a cone, in order; candidates of the index are looked at exactly, lot by lot."""
    near = sky.cone(c, *cone)
    query = sa.select(_o.id, _p.ra, _p.dec, _p.radius, _p.region).select_from(view.source)
    query = query.where(*view.where, visible(call, view), near, *clauses).order_by(_o.id)
    last, look = "", _FIRST_LOOK
    while True:
        rows = [dict(row) for row in c.execute(query.where(_o.id > last).limit(look), {"now": call.now}).mappings()]
        yield from (row["id"] for row in footprints.touching(rows, cone, None))
        if len(rows) < look:
            return
        last, look = rows[-1]["id"], min(4 * look, _LARGEST_LOOK)
