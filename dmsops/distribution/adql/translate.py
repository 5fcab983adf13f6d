"""A query's tree as a query of the database: SELECT and its parts, queries within it, and what was known of it for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.distribution.adql.conditions import condition
from dmsops.distribution.adql.expressions import value
from dmsops.distribution.adql.geometry import number_of
from dmsops.distribution.adql.grammar import REMEDY, parse, wrong
from dmsops.distribution.adql.grouping import check_grouped, is_grouped
from dmsops.distribution.adql.scope import Context, Scope, qualifier_of
from dmsops.distribution.adql.sources import joined, names_of
from dmsops.distribution.adql.tables import Field, Relations, Table, Value

_SELECT = frozenset({"with_", "expressions", "distinct", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "kind"})
_SETS = {"Union": sa.union, "Intersect": sa.intersect, "Except": sa.except_}
_INT = sa.BigInteger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A query ready to be asked.

    Attributes
    ----------
    statement : Any
        SQLAlchemy's; the time and the address of the site are still open in it (``now``, ``base``).
    rows : int
        Rows that are wanted; the statement gives one more where there are more.
    functions : bool
        Whether it calls functions of ours.
    """

    statement: Any
    fields: tuple[Field, ...]
    rows: int
    functions: bool


def translate(text: str, tables: Mapping[str, Table], dialect: str, *, rows: int, apart: bool = False) -> Translated:
    """Translate a query.

    Parameters
    ----------
    tables : mapping
        What may be asked, by names in small letters; each has in it what the requester may see.
    dialect : str
        ``sqlite`` or ``postgresql``.
    rows : int
        Most rows of the answer.
    apart : bool
        See `Relations`.

    Raises
    ------
    BadInput
        It is no ADQL, or names what is not there; the message says where.
    """
    tree = parse(text)
    context = Context(dialect=dialect, tables=tables, relations=Relations(names_of(tree), apart=apart), query=_inner)
    try:
        statement, fields = _query(tree, Scope(context=context))
        statement = _at_most(statement, tree, rows + 1, context)
    except RecursionError:
        raise BadInput("the query is nested too deeply", remedy=REMEDY, field="QUERY") from None
    return Translated(statement=statement, fields=fields, rows=rows, functions=context.functions)


def _inner(node: Any, scope: Scope) -> tuple[Any, tuple[Field, ...]]:
    """Translate a query that stands for a value or a set: it may name columns of the queries round it."""
    return _query(node, Scope(context=scope.context, outer=scope, queries=dict(scope.queries)))


def _query(node: Any, scope: Scope) -> tuple[Any, tuple[Field, ...]]:
    kind = type(node).__name__
    _take_with(node, scope)
    if kind == "Subquery":
        _need_plain(node)
        return _query(node.this, scope)
    if kind in _SETS:
        return _set(node, kind, scope)
    if kind != "Select":
        raise wrong(node, "a query must be a SELECT")
    return _select(node, scope)


def _need_plain(node: Any) -> None:
    odd = sorted(name for name, given in node.args.items() if given and name not in {"this", "alias", "with_"})
    if odd:
        raise wrong(node, f"'{odd[0].rstrip('_')}' may not stand after parentheses")


def _take_with(node: Any, scope: Scope) -> None:
    """Keep the queries of WITH by their names; each is made anew wherever it is named."""
    given = node.args.get("with_")
    if not given:
        return
    if given.args.get("recursive"):
        raise wrong(given, "WITH RECURSIVE is not known")
    for part in given.expressions:
        before = dict(scope.queries)
        columns = [c.name for c in (part.args["alias"].args.get("columns") or ())]

        def make(alias: str, part: Any = part, before: Any = before, columns: list[str] = columns) -> Any:
            inner, fields = _query(part.this, Scope(context=scope.context, queries=dict(before)))
            if columns and len(columns) != len(fields):
                raise wrong(part, f"WITH names {counted(len(columns), 'column')}, and its query has {len(fields)}")
            named = [f.named(name) for f, name in zip(fields, columns, strict=True)] if columns else fields
            return scope.context.relations.of_query(inner, named, alias)

        scope.queries[part.alias.lower()] = make


def _set(node: Any, kind: str, scope: Scope) -> tuple[Any, tuple[Field, ...]]:
    sides = [
        _query(side, Scope(context=scope.context, outer=scope.outer, queries=dict(scope.queries))) for side in (node.this, node.expression)
    ]
    (one, fields), (other, others) = sides
    if len(fields) != len(others):
        raise wrong(node, f"the two sides of {kind.upper()} have {len(fields)} and {len(others)} columns")
    for mine, theirs in zip(fields, others, strict=True):
        if mine.is_text != theirs.is_text:
            raise wrong(node, f"column '{mine.name[:40]}' of {kind.upper()} is text on one side and a number on the other")
    if not node.args.get("distinct") and kind != "Union":
        raise wrong(node, f"{kind.upper()} ALL is not known")
    join = _SETS[kind] if node.args.get("distinct") else sa.union_all
    plain = [_unlimited(side) for side in (one, other)]
    made = join(*plain)
    widest = tuple(_wider(mine, theirs) for mine, theirs in zip(fields, others, strict=True))
    ordered = [_by_position(part, widest) for part in _parts(node, "order")]
    made = made.order_by(*ordered) if ordered else made
    return _cut(made, node, scope.context), widest


def _wider(one: Field, other: Field) -> Field:
    ranks = ("short", "int", "long", "float", "double", "char", "unicodeChar")
    best = max((one.datatype, other.datatype), key=ranks.index)
    return Field(
        name=one.name, datatype=best, arraysize=one.arraysize, unit=one.unit if one.unit == other.unit else "", ucd=one.ucd,
        utype=one.utype, xtype=one.xtype if one.xtype == other.xtype else "", description=one.description,
    )  # fmt: skip


def _unlimited(statement: Any) -> Any:
    """Wrap what has an order or a limit: SQLite takes neither within a union."""
    odd = not isinstance(statement, sa.Select) or statement._limit_clause is not None or statement._offset_clause is not None  # noqa: SLF001
    if not odd and not statement._order_by_clauses:  # noqa: SLF001
        return statement
    inner = statement.subquery()
    return sa.select(*inner.c)


def _by_position(node: Any, fields: tuple[Field, ...]) -> Any:
    """Order the rows of a union: by a column of its result."""
    names = [f.name.lower() for f in fields]
    asked = node.this
    if type(asked).__name__ == "Literal" and not asked.is_string and asked.this.isdigit() and 1 <= int(asked.this) <= len(names):
        place = int(asked.this)
    elif type(asked).__name__ == "Column" and not asked.args.get("table") and names.count(asked.name.lower()) == 1:
        place = names.index(asked.name.lower()) + 1
    else:
        raise wrong(node, "the rows of a union are ordered by a column of its result, by name or number")
    column: Any = sa.literal_column(f"c{place}")
    return column.desc() if node.args.get("desc") else column


def _parts(node: Any, name: str) -> list[Any]:
    given = node.args.get(name)
    return list(given.expressions) if given else []


def _select(node: Any, scope: Scope) -> tuple[Any, tuple[Field, ...]]:
    odd = sorted(name for name, given in node.args.items() if given and name not in _SELECT)
    if odd:
        raise wrong(node, f"'{odd[0].rstrip('_').upper()}' is not known")
    if not node.args.get("from_"):
        raise wrong(node, "a SELECT needs a FROM")
    source = joined(node, scope, _query)
    where = node.args.get("where")
    wanted = condition(where.this, scope) if where else None
    grouped = [value(part, scope) for part in _parts(node, "group")]
    scope.aggregates = True
    listed = _listed(node, scope)
    having = node.args.get("having")
    kept = condition(having.this, scope) if having else None
    if is_grouped(node):
        check_grouped(node, scope)
    labels = [v.sql.label(f"c{number}") for number, v in enumerate(listed, start=1)]
    made = sa.select(*labels).select_from(source)
    made = made.where(wanted) if wanted is not None else made
    made = made.group_by(*(v.sql for v in grouped)) if grouped else made
    made = made.having(kept) if kept is not None else made
    made = made.distinct() if node.args.get("distinct") else made
    order = [_ordered(part, listed, labels, scope, distinct=bool(node.args.get("distinct"))) for part in _parts(node, "order")]
    made = made.order_by(*order) if order else made
    if lifted := scope.lifted():
        made = made.correlate(*lifted)
    return _cut(made, node, scope.context), tuple(v.field for v in listed)


def _listed(node: Any, scope: Scope) -> list[Value]:
    """Give the columns of the result, each under its name."""
    found: list[Value] = []
    for item in node.expressions:
        kind = type(item).__name__
        if kind == "Star":
            found += _everything(scope)
        elif kind == "Column" and type(item.this).__name__ == "Star":
            found += _all_of(item, scope)
        elif kind == "Alias":
            made = value(item.this, scope)
            found.append(Value(sql=made.sql, field=made.field.named(item.alias)))
        else:
            made = value(item, scope)
            found.append(made)
    if not found:
        raise wrong(node, "a SELECT needs columns")
    return found


def _everything(scope: Scope) -> list[Value]:
    rest = [v for relation in scope.relations for v in relation.listed if v.field.name.lower() not in scope.merged]
    return [*scope.merged.values(), *rest]


def _all_of(item: Any, scope: Scope) -> list[Value]:
    qualifier = qualifier_of(item)
    holding = scope.matching(qualifier)
    if len(holding) != 1:
        raise wrong(item, f"there is no one table '{qualifier[:80]}' in this FROM")
    return list(holding[0].listed)


def _ordered(node: Any, listed: list[Value], labels: list[Any], scope: Scope, *, distinct: bool) -> Any:
    asked = node.this
    place = _place_of(asked, [v.field.name.lower() for v in listed])
    if place is not None:
        column = labels[place]
    elif distinct:
        raise wrong(node, "with DISTINCT, rows are ordered by columns of the result")
    else:
        column = value(asked, scope).sql
    return column.desc() if node.args.get("desc") else column.asc()


def _place_of(asked: Any, names: list[str]) -> int | None:
    if type(asked).__name__ == "Literal" and not asked.is_string:
        if not (asked.this.isdigit() and 1 <= int(asked.this) <= len(names)):
            raise wrong(asked, f"ORDER BY {asked.this[:20]}: the result has {counted(len(names), 'column')}")
        return int(asked.this) - 1
    if type(asked).__name__ == "Column" and not asked.args.get("table") and names.count(asked.name.lower()) == 1:
        return names.index(asked.name.lower())
    return None


def _whole(node: Any, what: str) -> int:
    number = number_of(node)
    if number is None or number < 0 or number != int(number) or number > 2**53:
        raise wrong(node, f"{what} takes a whole number")
    return int(number)


def _cut(made: Any, node: Any, context: Context) -> Any:
    """Put TOP and OFFSET on a query."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    if limit is not None:
        if type(limit).__name__ != "Limit":
            raise wrong(node, "TOP takes a whole number")
        made = made.limit(context.bound(_whole(limit.expression, "TOP"), _INT))
    if offset is not None:
        made = made.offset(context.bound(_whole(offset.expression, "OFFSET"), _INT))
    return made


def _at_most(made: Any, tree: Any, rows: int, context: Context) -> Any:
    """Bound the rows of the whole answer."""
    limit = tree.args.get("limit")
    top = _whole(limit.expression, "TOP") if limit is not None and type(tree).__name__ == "Select" else rows
    return made.limit(context.bound(min(top, rows), _INT))
