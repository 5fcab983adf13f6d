"""Where the translation stands in a query: what may be named there, and what all of it shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.tables import Field, Relation, Relations, Table, Value

LARGEST_WHOLE = 2**63 - 1


@dataclass(slots=True, kw_only=True)
class Context:
    """What the whole of a translation shares: the dialect, the tables, literals that were met, and what the database must be able to do."""

    dialect: str
    tables: Mapping[str, Table]
    relations: Relations
    query: Callable[[Any, Scope], tuple[Any, tuple[Field, ...]]]
    """Translates a query within a query."""
    literals: dict[tuple[type, Any], sa.BindParameter[Any]] = field(default_factory=dict)
    functions: bool = False
    """Whether functions of ours are called (`dms_...`)."""

    def bound(self, given: str | float, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
        """Give a value as a bound parameter: the same value is the same parameter, so that an expression equals itself in GROUP BY."""
        key = (type(given), given)
        if key not in self.literals:
            self.literals[key] = sa.bindparam(f"v{len(self.literals)}", given, type_=kind)
        return self.literals[key]

    def call(self, name: str, *arguments: Any, kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
        """Call a function of ours: SQLite has it by connection, PostgreSQL in the session's own schema."""
        self.functions = True
        where: Any = sa.func.pg_temp if self.dialect == "postgresql" else sa.func
        called: sa.ColumnElement[Any] = getattr(where, f"dms_{name}")(*arguments, type_=kind)
        return called


@dataclass(slots=True, kw_only=True)
class Scope:
    """What may be named at a place: the relations of a SELECT, those of the queries round it, the WITH queries before it."""

    context: Context
    outer: Scope | None = None
    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Value] = field(default_factory=dict)
    """Columns that JOIN ... USING made one."""
    queries: dict[str, Callable[[str], Relation]] = field(default_factory=dict)
    aggregates: bool = False
    """Whether COUNT and its like may stand here."""

    def lifted(self) -> list[sa.FromClause]:
        """Give the relations of all queries round this one."""
        found, scope = [], self.outer
        while scope is not None:
            found += [relation.sql for relation in scope.relations]
            scope = scope.outer
        return found

    def column(self, node: Any) -> Value:
        """Find what a column's name stands for: here first, then in the queries round this one."""
        name, qualifier = node.name.lower(), qualifier_of(node)
        scope: Scope | None = self
        while scope is not None:
            found = scope.here(node, name, qualifier)
            if found is not None:
                return found
            scope = scope.outer
        if qualifier and not self._knows(qualifier):
            raise wrong(node, f"there is no table '{qualifier[:80]}' in this FROM")
        raise wrong(node, f"there is no column '{node.name[:80]}'{_near(self, name)}")

    def here(self, node: Any, name: str, qualifier: str) -> Value | None:
        """Find a column among the relations of this place alone."""
        if not qualifier and name in self.merged:
            return self.merged[name]
        holding = [relation for relation in self.matching(qualifier) if name in relation.values]
        if len(holding) > 1:
            which = ", ".join(sorted(relation.alias for relation in holding))
            raise wrong(node, f"column '{node.name[:80]}' stands in more than one table ({which[:120]}): name the table before it")
        if not holding:
            return None
        value = holding[0].values[name]
        if value is None:
            raise wrong(node, f"column '{node.name[:80]}' is twice in '{holding[0].alias[:80]}'")
        return value

    def matching(self, qualifier: str) -> list[Relation]:
        """Give the relations that a qualifier names: an alias, or a table with or without its schema; all where it is empty."""
        if not qualifier:
            return self.relations
        return [r for r in self.relations if qualifier == r.alias or (r.alias == r.table and r.table.endswith(f".{qualifier}"))]

    def _knows(self, qualifier: str) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if scope.matching(qualifier):
                return True
            scope = scope.outer
        return False


def qualifier_of(node: Any) -> str:
    """Give what stands before a column's name, in small letters; empty where nothing does."""
    parts = [node.args[name].name for name in ("catalog", "db", "table") if node.args.get(name) is not None]
    return ".".join(parts).lower()


def _near(scope: Scope, name: str) -> str:
    from difflib import get_close_matches

    tables = scope.context.tables
    known = {low for r in scope.relations for low in (tables[r.table].columns if r.table in tables else r.values)}
    close = get_close_matches(name, known, n=1)
    return f"; '{close[0]}' is one" if close else ""
