"""The FROM of a query: published tables, queries, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.distribution.adql.conditions import condition
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.nearby import cones
from dmsops.distribution.adql.scope import Scope
from dmsops.distribution.adql.tables import Relation, Table, Value

Query = Callable[[Any, Scope], tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a FROM names: a published table, or a query (``table`` None)."""

    node: Any
    alias: str
    table: Table | None


def names_of(tree: Any) -> frozenset[str] | None:
    """Give all names in a query in small letters; None where a ``*`` takes every column."""
    from sqlglot import exp

    for star in tree.find_all(exp.Star):
        if not (isinstance(star.parent, exp.Anonymous) and star.parent.name.upper() == "COUNT"):
            return None
    if any(join.args.get("method") for join in tree.find_all(exp.Join)):  # NATURAL
        return None
    return frozenset(identifier.name.lower() for identifier in tree.find_all(exp.Identifier))


def joined(node: Any, scope: Scope, query: Query) -> Any:
    """Translate the FROM of a SELECT; its relations stand in the scope afterwards."""
    joins = node.args.get("joins") or []
    sources = [_source(part, scope) for part in (node.args["from_"].this, *(join.this for join in joins))]
    aliases = [source.alias for source in sources]
    if twice := next((alias for alias in aliases if aliases.count(alias) > 1), None):
        raise wrong(node.args["from_"], f"'{twice[:80]}' stands twice in FROM: give each its own name")
    tables = {source.alias: source.table for source in sources if source.table is not None}
    near = cones(node.args.get("where"), tables)
    relations = [_relation(source, scope, query, near) for source in sources]
    scope.relations.append(relations[0])
    made: Any = relations[0].sql
    for join, relation in zip(joins, relations[1:], strict=True):
        made = _join(join, made, relation, scope)
    return made


def _source(node: Any, scope: Scope) -> Source:
    kind = type(node).__name__
    alias = node.args.get("alias")
    name = alias.name.lower() if alias is not None and alias.name else ""
    if kind == "Subquery":
        if not name:
            raise wrong(node, "a query in FROM needs a name")
        return Source(node=node, alias=name, table=None)
    if kind != "Table" or type(node.this).__name__ != "Identifier":
        raise wrong(node, "FROM names tables and queries")
    odd = sorted(key for key, given in node.args.items() if given and key not in {"this", "db", "alias"})
    if odd or (alias is not None and alias.args.get("columns")):
        raise wrong(node, f"table '{node.name[:80]}' is written with more than its schema and its name")
    full = f"{node.args['db'].name}.{node.name}".lower() if node.args.get("db") else node.name.lower()
    if full in scope.queries:
        return Source(node=node, alias=name or full, table=None)
    table = _table(node, full, scope)
    return Source(node=node, alias=name or table.name.lower(), table=table)


def _table(node: Any, full: str, scope: Scope) -> Table:
    tables = scope.context.tables
    if full in tables:
        return tables[full]
    alike = [table for known, table in tables.items() if known.rpartition(".")[2] == full]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise wrong(node, f"table '{full[:80]}' stands in more than one schema: {', '.join(sorted(t.name for t in alike))}")
    raise wrong(node, f"there is no table '{full[:80]}'; there are {', '.join(sorted(t.name for t in tables.values()))}")


def _relation(source: Source, scope: Scope, query: Query, near: dict[str, list[Any]]) -> Relation:
    relations = scope.context.relations
    if source.table is not None:
        return relations.of_table(source.table, source.alias, near.get(source.alias, ()))
    if type(source.node).__name__ == "Table":
        name = source.node.name.lower()
        return scope.queries[name](source.alias)
    inner, fields = query(source.node, Scope(context=scope.context, queries=dict(scope.queries)))
    return relations.of_query(inner, fields, source.alias)


def _join(node: Any, left: Any, relation: Relation, scope: Scope) -> Any:
    side, kind, natural = (str(node.args.get(name) or "").upper() for name in ("side", "kind", "method"))
    if side not in {"", "LEFT", "RIGHT", "FULL"} or kind not in {"", "INNER", "OUTER", "CROSS"} or natural not in {"", "NATURAL"}:
        raise wrong(node, f"a {side} {kind} JOIN is not known".replace("  ", " "))
    on, using = node.args.get("on"), [identifier.name.lower() for identifier in node.args.get("using") or ()]
    if natural:
        using = [low for low in relation.values if any(low in r.values for r in scope.relations)]
    clause: Any = sa.true()
    if using:
        clause = sa.and_(*(_same(node, low, relation, scope, side) for low in using))
    scope.relations.append(relation)
    if on is not None:
        clause = condition(on, scope)
    elif not using and not natural and (side or kind == "INNER"):
        raise wrong(node, "a JOIN needs ON or USING")
    if side == "RIGHT":
        return sa.join(relation.sql, left, clause, isouter=True)
    return sa.join(left, relation.sql, clause, isouter=bool(side), full=side == "FULL")


def _same(node: Any, low: str, relation: Relation, scope: Scope, side: str) -> Any:
    """Compare a column that USING names, which is one column afterwards."""
    held = [r.values[low] for r in scope.relations if low in r.values]
    mine: Value | None = scope.merged.get(low) or (held[0] if len(held) == 1 else None)
    theirs = relation.values.get(low)
    if mine is None or theirs is None:
        raise wrong(node, f"USING ({low[:80]}): the column must stand once on each side")
    if mine.field.is_text != theirs.field.is_text:
        raise wrong(node, f"USING ({low[:80]}): text is compared with numbers")
    merged = theirs if side == "RIGHT" else mine
    if side == "FULL":
        merged = Value(sql=sa.func.coalesce(mine.sql, theirs.sql), field=mine.field)
    scope.merged[low] = merged
    if mine.key is not None and theirs.key is not None and mine.key.name == theirs.key.name:
        return mine.key.equals(theirs.key.parts)
    return mine.sql == theirs.sql
