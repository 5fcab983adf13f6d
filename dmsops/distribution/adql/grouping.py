"""What GROUP BY allows in a list of columns: the same on both databases, of which one would take anything."""

from __future__ import annotations

from typing import Any

from dmsops.distribution.adql.functions import AGGREGATES
from dmsops.distribution.adql.geometry import name_of
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.scope import Scope

_QUERIES = frozenset({"Select", "Union", "Intersect", "Except", "Subquery"})


def is_grouped(node: Any) -> bool:
    """Say whether a SELECT gives one row for each group: it has GROUP BY, HAVING or an aggregate."""
    if node.args.get("group") or node.args.get("having"):
        return True
    return any(name_of(piece) in AGGREGATES for item in node.expressions for piece in _own(item))


def _own(node: Any) -> list[Any]:
    """Give the pieces of an expression, those of queries within it left out."""
    return list(node.walk(prune=lambda piece: type(piece).__name__ in _QUERIES))


def check_grouped(node: Any, scope: Scope) -> None:
    """Refuse columns that are not the same for a whole group."""
    given = node.args.get("group")
    groups = list(given.expressions) if given else []
    columns = {id(scope.column(g).sql) for g in groups if type(g).__name__ == "Column"}
    having = node.args.get("having")
    for item in [*node.expressions, *([having.this] if having else [])]:
        _look(item, groups, columns, scope)


def _look(node: Any, groups: list[Any], columns: set[int], scope: Scope) -> None:
    kind = type(node).__name__
    if name_of(node) in AGGREGATES or kind in _QUERIES or any(node == group for group in groups):
        return
    if kind == "Star" or (kind == "Column" and type(node.this).__name__ == "Star"):
        raise wrong(node, "with GROUP BY or an aggregate, columns are named, not *")
    if kind == "Column":
        if id(scope.column(node).sql) not in columns:
            raise wrong(node, f"column '{node.name[:80]}' stands neither in GROUP BY nor in an aggregate")
        return
    for child in node.iter_expressions():
        if type(child).__name__ not in {"Identifier", "DataType"}:
            _look(child, groups, columns, scope)
