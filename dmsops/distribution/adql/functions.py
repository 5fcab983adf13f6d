"""ADQL's functions of numbers and texts, each with what it takes and what it is on either database.

Where a function has no value (the root of a negative number, a division by 0) it is NULL on both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.counting import fitting
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.tables import Field, Value
from dmsops.distribution.described import WHOLE

if TYPE_CHECKING:
    from dmsops.distribution.adql.scope import Context

_REAL, _WHOLE, _TEXT, _EXACT = sa.Float(), sa.BigInteger(), sa.String(), sa.Numeric()
Make = Callable[["Context", list[Value]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: how many arguments it takes, of numbers or texts, and how it is made; ``like`` keeps the kind of its argument."""

    least: int
    most: int
    make: Make
    takes: str = "number"
    gives: str = "double"
    like: bool = False


def _plain(name: str, *, needs: Callable[[Any], Any] | None = None) -> Make:
    """Give a function of mathematics: ours on SQLite, PostgreSQL's own where its argument allows."""

    def make(context: Context, values: list[Value]) -> Any:
        arguments: list[Any] = [sa.cast(v.sql, _REAL) if v.field.datatype in WHOLE else v.sql for v in values]
        if context.dialect != "postgresql":
            return context.call(name, *arguments, kind=_REAL)
        if needs is not None:
            arguments[0] = sa.case((needs(arguments[0]), arguments[0]))
        return getattr(sa.func, _OWN.get(name, name))(*arguments, type_=_REAL)

    return make


_OWN = {"log": "ln", "log10": "log"}


def _power(context: Context, values: list[Value]) -> Any:
    base, exponent = (sa.cast(v.sql, _REAL) for v in values)
    if context.dialect != "postgresql":
        return context.call("power", base, exponent, kind=_REAL)
    sound = sa.or_(base > 0, sa.and_(base == 0, exponent >= 0), sa.and_(base < 0, exponent == sa.func.floor(exponent)))
    return sa.func.power(sa.case((sound, base)), exponent, type_=_REAL)


def _round(name: str) -> Make:
    def make(context: Context, values: list[Value]) -> Any:
        places = sa.cast(values[1].sql, sa.Integer()) if len(values) > 1 else sa.literal_column("0", sa.Integer())
        if context.dialect != "postgresql":
            return context.call(name, values[0].sql, places, kind=_REAL)
        return sa.cast(getattr(sa.func, "trunc" if name == "truncate" else "round")(sa.cast(values[0].sql, _EXACT), places), _REAL)

    return make


def _mod(context: Context, values: list[Value]) -> Any:
    one, other = values[0].sql, sa.func.nullif(values[1].sql, 0)
    if all(v.field.datatype in WHOLE for v in values):
        return sa.type_coerce(one % sa.type_coerce(other, _WHOLE), _WHOLE)
    if context.dialect != "postgresql":
        return context.call("mod", one, values[1].sql, kind=_REAL)
    return sa.cast(sa.func.mod(sa.cast(one, _EXACT), sa.cast(other, _EXACT)), _REAL)


def _rand(context: Context, _values: list[Value]) -> Any:
    return sa.func.random(type_=_REAL) if context.dialect == "postgresql" else context.call("rand", kind=_REAL)


def _rounded(name: str) -> Make:
    """Give FLOOR and CEILING: whole numbers as doubles."""
    return lambda context, values: (
        getattr(sa.func, name)(sa.cast(values[0].sql, _REAL), type_=_REAL)
        if context.dialect == "postgresql"
        else context.call(name, values[0].sql, kind=_REAL)
    )


_within = lambda x: sa.and_(x >= -1, x <= 1)  # noqa: E731
FUNCTIONS: dict[str, Function] = {
    **{name.upper(): Function(least=1, most=1, make=_plain(name)) for name in ("sin", "cos", "tan", "atan", "degrees", "radians")},
    "EXP": Function(least=1, most=1, make=_plain("exp", needs=lambda x: sa.and_(x >= -700, x <= 700))),
    "ACOS": Function(least=1, most=1, make=_plain("acos", needs=_within)),
    "ASIN": Function(least=1, most=1, make=_plain("asin", needs=_within)),
    "COT": Function(least=1, most=1, make=_plain("cot", needs=lambda x: x != 0)),
    "SQRT": Function(least=1, most=1, make=_plain("sqrt", needs=lambda x: x >= 0)),
    "LOG": Function(least=1, most=1, make=_plain("log", needs=lambda x: x > 0)),
    "LOG10": Function(least=1, most=1, make=_plain("log10", needs=lambda x: x > 0)),
    "ATAN2": Function(least=2, most=2, make=_plain("atan2")),
    "PI": Function(least=0, most=0, make=lambda c, _: c.bound(3.141592653589793, _REAL)),
    "RAND": Function(least=0, most=1, make=_rand),
    "ABS": Function(least=1, most=1, make=lambda _, v: sa.func.abs(v[0].sql, type_=v[0].sql.type), like=True),
    "CEILING": Function(least=1, most=1, make=_rounded("ceil")),
    "FLOOR": Function(least=1, most=1, make=_rounded("floor")),
    "POWER": Function(least=2, most=2, make=_power),
    "MOD": Function(least=2, most=2, make=_mod, like=True),
    "ROUND": Function(least=1, most=2, make=_round("round")),
    "TRUNCATE": Function(least=1, most=2, make=_round("truncate")),
    "LOWER": Function(least=1, most=1, make=lambda _, v: sa.func.lower(v[0].sql, type_=_TEXT), takes="text", gives="char", like=True),
    "UPPER": Function(least=1, most=1, make=lambda _, v: sa.func.upper(v[0].sql, type_=_TEXT), takes="text", gives="char", like=True),
    "COALESCE": Function(
        least=1, most=50, make=lambda _, v: sa.func.coalesce(*(x.sql for x in v), type_=v[0].sql.type), takes="any", like=True
    ),
}
AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})


def call(node: Any, name: str, values: list[Value], context: Context) -> Value:
    """Make a call of a function."""
    function = FUNCTIONS[name]
    if not function.least <= len(values) <= function.most:
        many = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        raise wrong(node, f"{name} takes {many} {fitting(function.most, 'argument')}, not {len(values)}")
    for value in values:
        fits = value.field.is_number if function.takes == "number" else value.field.is_text or function.takes == "any"
        if not fits:
            raise wrong(node, f"{name} takes a {function.takes}")
    if name == "COALESCE" and len({v.field.is_text for v in values}) > 1:
        raise wrong(node, "the arguments of COALESCE must be all numbers or all texts")
    field = values[0].field.named(name.lower()) if function.like else Field(name=name.lower(), datatype=function.gives)
    if name == "MOD" and not all(v.field.datatype in WHOLE for v in values):
        field = Field(name="mod", datatype="double", unit=field.unit)
    if name == "COALESCE" and any(v.field.datatype in {"float", "double"} for v in values):
        field = Field(name="coalesce", datatype="double", unit=field.unit)
    return Value(sql=function.make(context, values), field=field)


def aggregate(node: Any, name: str, value: Value | None, *, distinct: bool) -> Value:
    """Make COUNT and its like; ``value`` None is COUNT(*)."""
    if value is None:
        return Value(sql=sa.func.count(), field=Field(name="count", datatype="long"))
    if name in {"SUM", "AVG"} and not value.field.is_number:
        raise wrong(node, f"{name} takes a number")
    inner = sa.distinct(value.sql) if distinct else value.sql
    if name == "COUNT":
        return Value(sql=sa.func.count(inner), field=Field(name="count", datatype="long"))
    if name in {"MIN", "MAX"}:
        return Value(sql=getattr(sa.func, name.lower())(inner, type_=value.sql.type), field=value.field.named(name.lower()))
    whole = name == "SUM" and value.field.datatype in WHOLE
    kind, sql = (_WHOLE, "long") if whole else (_REAL, "double")
    made = sa.cast(getattr(sa.func, name.lower())(inner), kind)
    return Value(sql=made, field=Field(name=name.lower(), datatype=sql, unit=value.field.unit, ucd=value.field.ucd))
