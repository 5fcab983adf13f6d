"""Which index of the sky a WHERE can use: cones about places and footprints of its tables, found before anything is translated.

A cone only leaves out rows that the exact test would leave out too; the test itself stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmsops.core.errors import BadInput
from dmsops.distribution.adql.geometry import TESTS, Geometry, Outline, Round, name_of, number_of, shape
from dmsops.distribution.adql.scope import Context, Scope
from dmsops.distribution.adql.sphere import bounding
from dmsops.distribution.adql.tables import Relations, Table

Cone = tuple[float, float, float]
_MARGIN = 1e-6
"""Degrees: what touches within the tests' tolerance is a candidate."""


def cones(where: Any, tables: Mapping[str, Table]) -> dict[str, list[Any]]:
    """Give for each alias the clauses of rows that may pass the conditions which all must hold."""
    found: dict[str, list[Any]] = {}
    parts = _conjuncts(where.this) if where is not None else ()
    for one, other, reach in filter(None, map(_brought_near, parts)):
        for held, drawn in ((one, other), (other, one)):
            cone, columns = _cone(drawn, reach), _columns(held, tables)
            if cone is not None and columns is not None:
                alias, names = columns
                found.setdefault(alias, []).append(tables[alias].near[names](*cone))
                break
    return found


def _conjuncts(node: Any) -> list[Any]:
    kind = type(node).__name__
    if kind == "Paren":
        return _conjuncts(node.this)
    return [piece for part in node.flatten() for piece in _conjuncts(part)] if kind == "And" else [node]


def _brought_near(node: Any) -> tuple[Any, Any, float] | None:
    """Give the two shapes that a condition brings near each other, and how far apart they may be (degrees); None where it brings none."""
    kind = type(node).__name__
    if kind not in {"EQ", "LT", "LTE", "GT", "GTE"}:
        return None
    turned = kind in {"GT", "GTE"} or (kind == "EQ" and not name_of(node.this))
    called, number = (node.expression, node.this) if turned else (node.this, node.expression)
    name, bound = name_of(called), number_of(number)
    if not name or bound is None or len(called.expressions) != 2:
        return None
    if kind == "EQ":
        return (*called.expressions, 0.0) if name in TESTS and bound == 1 else None
    return (*called.expressions, bound) if name == "DISTANCE" else None


def _cone(node: Any, reach: float) -> Cone | None:
    """Give the circle round a shape of given numbers, and as far round it."""
    if name_of(node) not in {"POINT", "CIRCLE", "BOX", "POLYGON", "REGION"}:
        return None
    context = Context(dialect="sqlite", tables={}, relations=Relations(None), query=lambda *_: ((), ()))
    try:
        read: Geometry = shape(node, Scope(context=context), _no_columns)
    except BadInput:  # told with its place when it is translated
        return None
    if isinstance(read, Outline):
        ra, dec, radius = bounding(read.vertices)
    elif isinstance(read, Round) and read.given is not None:
        ra, dec, radius = (*read.given, 0.0)[:3]
    else:
        return None
    return ra % 360.0, dec, min(max(radius + reach, 0.0) + _MARGIN, 180.0)


def _no_columns(node: Any, _scope: Scope) -> Any:
    raise BadInput("a column")


def _columns(node: Any, tables: Mapping[str, Table]) -> tuple[str, tuple[str, ...]] | None:
    """Give the alias and the columns of a place or a footprint that has an index."""
    if name_of(node) == "POINT":
        parts = [part for part in node.expressions if type(part).__name__ == "Column"]
        if len(parts) != 2 or len(node.expressions) - len(parts) > 1:
            return None
    elif type(node).__name__ == "Column":
        parts = [node]
    else:
        return None
    names = tuple(part.name.lower() for part in parts)
    qualifiers = {part.args["table"].name.lower() if part.args.get("table") else "" for part in parts}
    holding = [alias for alias, table in tables.items() if names in table.near and _meant(qualifiers, alias, table)]
    return (holding[0], names) if len(holding) == 1 else None


def _meant(qualifiers: set[str], alias: str, table: Table) -> bool:
    if qualifiers == {""}:
        return True
    return qualifiers == {alias} or (alias == table.name.lower() and qualifiers == {alias.rpartition(".")[2]})
