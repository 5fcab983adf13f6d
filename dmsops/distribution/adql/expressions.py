"""Values of a query as SQL: each kind of node has its function here, and what has none is refused with its place."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from dmsops.core.counting import counted
from dmsops.distribution.adql import geometry
from dmsops.distribution.adql.functions import AGGREGATES, FUNCTIONS, aggregate, call
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.scope import LARGEST_WHOLE, Scope
from dmsops.distribution.adql.tables import Field, Value
from dmsops.distribution.described import WHOLE

_REAL, _WHOLE, _TEXT = sa.Float(), sa.BigInteger(), sa.String()


def value(node: Any, scope: Scope) -> Value:
    """Translate an expression that has a value."""
    made = _VALUES.get(type(node).__name__)
    if made is None:
        raise wrong(node, f"'{_kind(node)}' is nothing that has a value in ADQL")
    return made(node, scope)


def _kind(node: Any) -> str:
    return str(getattr(node, "key", type(node).__name__)).upper()[:40]


def _literal(node: Any, scope: Scope) -> Value:
    text = str(node.this)
    if node.is_string:
        return Value(sql=scope.context.bound(text, _TEXT), field=Field(name="text", datatype="char", arraysize="*"), given=text)
    if text.isascii() and text.isdigit() and int(text) <= LARGEST_WHOLE:
        return Value(sql=scope.context.bound(int(text), _WHOLE), field=Field(name="number", datatype="long"), given=int(text))
    try:
        number = float(text)
    except ValueError:
        raise wrong(node, f"'{text[:40]}' is no number") from None
    if not math.isfinite(number):
        raise wrong(node, f"the number {text[:40]} is too large")
    return Value(sql=scope.context.bound(number, _REAL), field=Field(name="number", datatype="double"), given=number)


def _null(_node: Any, _scope: Scope) -> Value:
    return Value(sql=sa.cast(sa.null(), _TEXT), field=Field(name="null", datatype="char", arraysize="*"), is_null=True)


def _negative(node: Any, scope: Scope) -> Value:
    inner = _number(node.this, scope)
    given = -inner.given if isinstance(inner.given, int | float) else None
    return Value(
        sql=_grouped(-inner.sql, inner.sql.type),
        field=Field(name="negative", datatype=inner.field.datatype, unit=inner.field.unit),
        given=given,
    )


def _number(node: Any, scope: Scope) -> Value:
    found = value(node, scope)
    if not found.field.is_number:
        raise wrong(node, f"a number is expected here, and {what(found)} is text")
    return found


def what(found: Value) -> str:
    """Call a value by what the query's text calls it."""
    return f"'{str(found.given)[:40]}'" if found.is_literal else f"'{found.field.name[:40]}'"


def _arithmetic(sign: str) -> Callable[[Any, Scope], Value]:
    def made(node: Any, scope: Scope) -> Value:
        one, other = _number(node.this, scope), _number(node.expression, scope)
        whole = one.field.datatype in WHOLE and other.field.datatype in WHOLE
        kind: Any = _WHOLE if whole else _REAL
        left, right = (sa.type_coerce(v.sql, _WHOLE if v.field.datatype in WHOLE else _REAL) for v in (one, other))
        if sign == "/":
            right = sa.type_coerce(sa.func.nullif(right, sa.literal_column("0")), right.type)
        sql: Any = left.op(sign)(right)
        unit = one.field.unit if sign in "+-" and one.field.unit == other.field.unit else ""
        return Value(sql=_grouped(sql, kind), field=Field(name="number", datatype="long" if whole else "double", unit=unit))

    return made


def _grouped(sql: Any, kind: Any) -> Any:
    """Put parentheses round an expression, whatever it will stand in."""
    from sqlalchemy.sql.elements import Grouping

    return sa.type_coerce(Grouping(sql), kind)


def _join_texts(node: Any, scope: Scope) -> Value:
    parts = [value(part, scope) for part in (node.this, node.expression)]
    one, other = (p.sql if p.field.is_text else sa.cast(p.sql, _TEXT) for p in parts)
    unicode = any(p.field.datatype == "unicodeChar" for p in parts)
    return Value(
        sql=_grouped(one.op("||")(other), _TEXT), field=Field(name="text", datatype="unicodeChar" if unicode else "char", arraysize="*")
    )


_CASTS: dict[str, tuple[Any, str]] = {
    "VARCHAR": (_TEXT, "char"), "CHAR": (_TEXT, "char"), "TEXT": (_TEXT, "char"), "INT": (_WHOLE, "int"), "SMALLINT": (_WHOLE, "short"),
    "BIGINT": (_WHOLE, "long"), "FLOAT": (_REAL, "float"), "DOUBLE": (_REAL, "double"),
}  # fmt: skip


def _cast(node: Any, scope: Scope) -> Value:
    inner, wanted = value(node.this, scope), node.args["to"].this
    found = _CASTS.get(getattr(wanted, "name", str(wanted)).upper())
    if found is None:
        raise wrong(node, "CAST makes CHAR, VARCHAR, SMALLINT, INTEGER, BIGINT, REAL or DOUBLE PRECISION")
    kind, datatype = found
    sql = inner.sql
    if kind is not _TEXT and inner.field.is_text:
        sql = scope.context.call("number", sql, kind=_REAL)
    if kind is _WHOLE and (inner.field.is_text or inner.field.datatype not in WHOLE):
        sql = scope.context.call("whole", sql, kind=_WHOLE)
    return Value(sql=sa.cast(sql, kind), field=Field(name=inner.field.name, datatype=datatype, arraysize="*" if kind is _TEXT else ""))


def _case(node: Any, scope: Scope) -> Value:
    from dmsops.distribution.adql.conditions import compared, condition  # each is made of the other

    whens, subject = [], node.this
    for branch in node.args["ifs"]:
        test = condition(branch.this, scope) if subject is None else compared("=", subject, branch.this, scope, node)
        whens.append((test, value(branch.args["true"], scope)))
    default = node.args.get("default")
    last = value(default, scope) if default is not None else None
    results = [v for _, v in whens] + ([last] if last is not None else [])
    shown = [v for v in results if not v.is_null] or results
    if len({v.field.is_text for v in shown}) > 1:
        raise wrong(node, "the results of CASE must be all numbers or all texts")
    first = next((v for v in shown if v.field.datatype == "double"), shown[0])
    clean = [(test, _as(v, first)) for test, v in whens]
    sql = sa.case(*clean, else_=_as(last, first) if last is not None else None)
    return Value(
        sql=sa.type_coerce(sql, first.sql.type), field=Field(name="case", datatype=first.field.datatype, arraysize=first.field.arraysize)
    )


def _as(found: Value, wanted: Value) -> Any:
    return sa.cast(sa.null(), wanted.sql.type) if found.is_null else found.sql


def _function(node: Any, scope: Scope) -> Value:
    name = geometry.name_of(node)
    if name in AGGREGATES:
        return _aggregate(node, name, scope)
    if name in geometry.TESTS:
        pair = _shapes(node, 2, scope)
        return Value(sql=geometry.test(name, pair[0], pair[1], scope.context), field=Field(name=name.lower(), datatype="int"))
    if name in geometry.SHAPES:
        return geometry.shown(geometry.shape(node, scope, value), name.lower())
    if name in geometry.MEASURES:
        return _measure(node, name, scope)
    if name not in FUNCTIONS:
        raise wrong(node, f"there is no function {name[:60]}")
    return call(node, name, [value(argument, scope) for argument in node.expressions], scope.context)


def _shapes(node: Any, count: int, scope: Scope) -> list[Any]:
    if len(node.expressions) != count:
        raise wrong(node, f"{geometry.name_of(node)} takes {counted(count, 'shape')}")
    return [geometry.shape(argument, scope, value) for argument in node.expressions]


def _measure(node: Any, name: str, scope: Scope) -> Value:
    context = scope.context
    if name == "DISTANCE":
        return Value(sql=_distance(node, scope), field=Field(name="distance", datatype="double", unit="deg", ucd="pos.angDistance"))
    (only,) = _shapes(node, 1, scope)
    if name == "AREA":
        return Value(sql=geometry.area(only, context), field=Field(name="area", datatype="double", unit="deg**2", ucd="phys.angArea"))
    if name == "COORDSYS":
        return Value(sql=context.bound("ICRS", _TEXT), field=Field(name="coordsys", datatype="char", arraysize="*"))
    if not isinstance(only, geometry.Round) or only.radius is not None:
        raise wrong(node, f"{name} takes a POINT")
    first = name == "COORD1"
    return Value(
        sql=only.ra if first else only.dec,
        field=Field(name=name.lower(), datatype="double", unit="deg", ucd="pos.eq.ra" if first else "pos.eq.dec"),
    )


def _distance(node: Any, scope: Scope) -> Any:
    if len(node.expressions) == 4:
        numbers = [_number(argument, scope).sql for argument in node.expressions]
        pair: list[Any] = [geometry.Round(ra=numbers[i], dec=numbers[i + 1], radius=None, given=None) for i in (0, 2)]
    else:
        pair = _shapes(node, 2, scope)
    if any(not isinstance(g, geometry.Round) or g.radius is not None for g in pair):
        raise wrong(node, "DISTANCE takes two POINTs, or four numbers")
    return geometry.distance(pair[0], pair[1], scope.context)


def _aggregate(node: Any, name: str, scope: Scope) -> Value:
    if not scope.aggregates:
        raise wrong(node, f"{name} may not stand here")
    scope.aggregates = False
    try:
        return _aggregated(node, name, scope)
    finally:
        scope.aggregates = True


def _aggregated(node: Any, name: str, scope: Scope) -> Value:
    kinds = [type(argument).__name__ for argument in node.expressions]
    if kinds == ["Star"] and name == "COUNT":
        return aggregate(node, name, None, distinct=False)
    inner, distinct = node.expressions, kinds == ["Distinct"]
    if distinct:
        inner = node.expressions[0].expressions
    if len(inner) != 1:
        raise wrong(node, f"{name} takes one argument")
    return aggregate(node, name, value(inner[0], scope), distinct=distinct)


def _subquery_value(node: Any, scope: Scope) -> Value:
    select, fields = scope.context.query(node.this, scope)
    if len(fields) != 1:
        raise wrong(node, "a query that stands for a value must have one column")
    return Value(sql=select.scalar_subquery(), field=fields[0])


_VALUES: dict[str, Callable[[Any, Scope], Value]] = {
    "Column": lambda node, scope: scope.column(node),
    "Literal": _literal,
    "Null": _null,
    "Paren": lambda node, scope: value(node.this, scope),
    "Neg": _negative,
    "Add": _arithmetic("+"),
    "Sub": _arithmetic("-"),
    "Mul": _arithmetic("*"),
    "Div": _arithmetic("/"),
    "DPipe": _join_texts,
    "Cast": _cast,
    "Case": _case,
    "Anonymous": _function,
    "Subquery": _subquery_value,
}
