"""Conditions of a query as SQL: comparisons, IN, LIKE, BETWEEN, EXISTS and what joins them; what has no function here is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from dmsops.distribution.adql.expressions import value, what
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.scope import Scope
from dmsops.distribution.adql.tables import Field, Key, Value

_REAL, _WHOLE, _TEXT = sa.Float(), sa.BigInteger(), sa.String()
Condition = sa.ColumnElement[bool]


def condition(node: Any, scope: Scope) -> Condition:
    """Translate an expression that is true or false."""
    made = _CONDITIONS.get(type(node).__name__)
    if made is None:
        raise wrong(node, "a condition is expected here, as a = b")
    return made(node, scope)


def _compare(sign: str) -> Callable[[Any, Scope], Condition]:
    return lambda node, scope: compared(sign, node.this, node.expression, scope, node)


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def compared(sign: str, left: Any, right: Any, scope: Scope, node: Any) -> Condition:
    """Compare two expressions; identifiers by what they stand for, and nothing with another kind."""
    one, other = value(left, scope), value(right, scope)
    if sign in {"=", "<>"} and one.key is not None:
        keyed = _by_key(one, other)
        if keyed is not None:
            return keyed if sign == "=" else sa.not_(keyed)
    if sign in {"=", "<>"} and other.key is not None and one.is_literal:
        return compared(sign, right, left, scope, node)
    one, other = _comparable(one, other, scope, node)
    made: Condition = _SIGNS[sign](one.sql, other.sql)
    return made


def _by_key(one: Value, other: Value) -> Condition | None:
    """Compare identifiers by the columns they stand for, which have an index."""
    assert one.key is not None
    if other.key is not None and other.key.name == one.key.name:
        return one.key.equals(other.key.parts)
    if isinstance(other.given, str):
        parts = one.key.split(other.given)
        return one.key.equals(parts) if parts is not None else sa.false()
    return None


def _comparable(one: Value, other: Value, scope: Scope, node: Any) -> tuple[Value, Value]:
    if one.is_null or other.is_null:
        return one, other
    if one.field.is_text == other.field.is_text:
        return one, other
    text, number = (one, other) if one.field.is_text else (other, one)
    read = _number_in(text, scope)
    if read is None:
        raise wrong(node, f"text and number are compared: {what(one)} with {what(other)}; a text stands in quotes")
    return (read, number) if one is text else (number, read)


def _number_in(text: Value, scope: Scope) -> Value | None:
    """Read a number that a query writes in quotes."""
    try:
        number = float(text.given) if isinstance(text.given, str) else None
    except ValueError:
        return None
    return None if number is None else Value(sql=scope.context.bound(number, _REAL), field=Field(name="number", datatype="double"))


def _between(node: Any, scope: Scope) -> Condition:
    low, high = node.args["low"], node.args["high"]
    return sa.and_(compared(">=", node.this, low, scope, node), compared("<=", node.this, high, scope, node))


def _in(node: Any, scope: Scope) -> Condition:
    if node.args.get("query") is not None:
        return _in_query(node, scope)
    if node.args.get("unnest") or node.args.get("field") or not node.expressions:
        raise wrong(node, "IN takes a list of values or a query")
    asked = value(node.this, scope)
    given = [value(item, scope) for item in node.expressions]
    if asked.key is not None and all(isinstance(item.given, str) for item in given):
        return _among(asked.key, [str(item.given) for item in given])
    return asked.sql.in_([_comparable(asked, item, scope, node)[1].sql for item in given])


def _among(key: Key, texts: list[str]) -> Condition:
    """Say that an identifier is one of those given, by the columns it stands for."""
    parts = [split for text in texts if (split := key.split(text)) is not None]
    if not parts:
        return sa.false()
    firsts = key.parts[0].in_(sorted({part[0] for part in parts}))
    # SQLite has an index for a list of values, and none for a list of pairs.
    return firsts if len(key.parts) == 1 else sa.and_(firsts, sa.tuple_(*key.parts).in_(parts))


def _in_query(node: Any, scope: Scope) -> Condition:
    inner = node.args["query"]
    select, fields = scope.context.query(inner.this if type(inner).__name__ == "Subquery" else inner, scope)
    if len(fields) != 1:
        raise wrong(node, "the query of IN must have one column")
    asked = value(node.this, scope)
    if asked.field.is_text != fields[0].is_text:
        raise wrong(node, "IN compares text with numbers")
    return asked.sql.in_(select)


def _like(node: Any, scope: Scope, escape: str = "") -> Condition:
    one, pattern = value(node.this, scope), value(node.expression, scope)
    if not (one.field.is_text and pattern.field.is_text):
        raise wrong(node, "LIKE compares texts")
    context, any_case = scope.context, type(node).__name__ == "ILike"
    if context.dialect != "postgresql":  # SQLite's own takes any case, always
        options = context.bound(escape, _TEXT), context.bound(int(any_case), _WHOLE)
        return context.call("like", one.sql, pattern.sql, *options, kind=_WHOLE) == sa.literal_column("1")
    # PostgreSQL's own escape is a backslash, ADQL has none unless it is named.
    escaped = sa.func.pg_catalog.like_escape(pattern.sql, context.bound(escape, _TEXT), type_=_TEXT)
    return one.sql.ilike(escaped) if any_case else one.sql.like(escaped)


def _escaped(node: Any, scope: Scope) -> Condition:
    inner, sign = node.this, node.expression
    if type(inner).__name__ not in {"Like", "ILike"} or not sign.is_string or len(sign.this) != 1:
        raise wrong(node, "ESCAPE stands after LIKE, and is one character")
    return _like(inner, scope, escape=sign.this)


def _is(node: Any, scope: Scope) -> Condition:
    if type(node.expression).__name__ != "Null":
        raise wrong(node, "IS stands before NULL or NOT NULL")
    return value(node.this, scope).sql.is_(None)


def _exists(node: Any, scope: Scope) -> Condition:
    select, _ = scope.context.query(node.this, scope)
    made: Condition = select.exists()
    return made


def _all_of(join: Callable[..., Any]) -> Callable[[Any, Scope], Condition]:
    return lambda node, scope: join(*(condition(part, scope) for part in node.flatten()))


_CONDITIONS: dict[str, Callable[[Any, Scope], Condition]] = {
    "And": _all_of(sa.and_),
    "Or": _all_of(sa.or_),
    "Not": lambda node, scope: sa.not_(condition(node.this, scope)),
    "Paren": lambda node, scope: condition(node.this, scope),
    "EQ": _compare("="),
    "NEQ": _compare("<>"),
    "LT": _compare("<"),
    "LTE": _compare("<="),
    "GT": _compare(">"),
    "GTE": _compare(">="),
    "Between": _between,
    "In": _in,
    "Like": _like,
    "ILike": _like,
    "Escape": _escaped,
    "Is": _is,
    "Exists": _exists,
}
