"""What a query may name: published tables, and what a query makes of them on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import sqlalchemy as sa

from dmsops.core.errors import BadInput
from dmsops.distribution.adql.grammar import REMEDY
from dmsops.distribution.described import TEXT, WHOLE, Described

MOST_RELATIONS = 100
"""Tables and queries that one query may come to: WITH can name one twice, and that twice again."""
Near = Callable[[float, float, float], sa.ColumnElement[bool]]
"""Gives the clause of rows that may touch a cone (right ascension, declination, radius; degrees): too many, never too few."""
REAL = frozenset({"float", "double"})


class Published(Described, Protocol):
    """A column as the archive publishes it (`dmsops.archive.views.Column`)."""

    @property
    def expression(self) -> sa.ColumnElement[Any]:
        """What it is in the archive's tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column of an answer, as VOTable describes it."""

    name: str
    datatype: str
    arraysize: str = ""
    unit: str = ""
    ucd: str = ""
    utype: str = ""
    xtype: str = ""
    description: str = ""

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.datatype in TEXT

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.datatype in WHOLE or (self.datatype in REAL and not self.arraysize)

    def named(self, name: str) -> Field:
        """Give the same under another name."""
        return replace(self, name=name)


def field_of(column: Published) -> Field:
    """Describe a published column."""
    size = "*" if column.datatype in TEXT else ""
    return Field(
        name=column.name, datatype=column.datatype, arraysize=size, unit=column.unit, ucd=column.ucd, utype=column.utype,
        xtype=column.xtype, description=column.description,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What an identifier stands for: columns of the same key are compared part by part, texts are split first."""

    name: str
    parts: tuple[sa.ColumnElement[Any], ...]
    split: Callable[[str], tuple[str, ...] | None]

    def equals(self, parts: Iterable[Any]) -> sa.ColumnElement[bool]:
        """Compare it with columns or texts, part by part."""
        return sa.and_(*(mine == theirs for mine, theirs in zip(self.parts, parts, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that may be asked.

    Attributes
    ----------
    where : tuple
        Clauses that every row meets: among them what the requester may see.
    near : mapping
        By the names of a place's two columns, or of a footprint: how the index of the sky is asked.
    centres : mapping
        By the name of a footprint: the columns of its middle.
    """

    name: str
    columns: Mapping[str, Published]
    source: sa.FromClause
    where: tuple[sa.ColumnElement[bool], ...] = ()
    near: Mapping[tuple[str, ...], Near] = field(default_factory=dict)
    centres: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def by_name(columns: Iterable[Published]) -> dict[str, Published]:
    """Give columns by their names in small letters."""
    return {column.name.lower(): column for column in columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """An expression of the query: its SQL, and what an answer says of it; ``given`` is what a literal gives, ``is_null`` marks a NULL."""

    sql: sa.ColumnElement[Any]
    field: Field
    key: Key | None = None
    given: str | float | None = None
    is_null: bool = False
    centre: tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]] | None = None

    @property
    def is_literal(self) -> bool:
        """Whether the query's text gives it."""
        return self.given is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """Something that stands in a FROM: columns by name in small letters, in order; a name that is twice in it is None."""

    alias: str
    table: str
    sql: sa.FromClause
    values: Mapping[str, Value | None]
    listed: tuple[Value, ...]


class Relations:
    """Makes relations; each gets a name of ours in the SQL.

    Parameters
    ----------
    wanted : frozenset of str or None
        Columns that are taken; None takes all.
    apart : bool
        The rows that may be seen are chosen before anything else is looked at: no test of the query meets any other row, and none
        of its failures can tell of one. It is slower, for the tests cannot use the tables' indexes then.
    """

    def __init__(self, wanted: frozenset[str] | None, *, apart: bool = False) -> None:
        self._wanted, self._number, self._apart = wanted, 0, apart

    def _name(self) -> str:
        self._number += 1
        if self._number > MOST_RELATIONS:
            message = f"the query comes to more than {MOST_RELATIONS} tables, those of WITH counted wherever they are named"
            raise BadInput(message, remedy=REMEDY, field="QUERY")
        return f"t{self._number}"

    def of_table(self, table: Table, alias: str, clauses: Iterable[sa.ColumnElement[bool]] = ()) -> Relation:
        """Give a published table's rows, under an alias; columns that the query does not name are left out."""
        taken = {low: column for low, column in table.columns.items() if self._wanted is None or low in self._wanted}
        for low in list(taken):
            taken |= {name: table.columns[name] for name in table.centres.get(low, ())}
        chosen: dict[str, sa.ColumnElement[Any]] = {low: column.expression for low, column in taken.items()}
        for low, column in taken.items():
            chosen |= {f"{low} {place}": part for place, part in enumerate(getattr(column, "parts", ()))}
        labelled = [expression.label(name.replace(" ", "__")) for name, expression in chosen.items()] or [sa.literal(1).label("one")]
        rows = sa.select(*labelled).select_from(table.source).where(*table.where, *clauses)
        made = (rows.offset(sa.literal_column("0")) if self._apart else rows).subquery(self._name())
        values = {low: _value(table, column, made) for low, column in taken.items()}
        listed = tuple(values[low] for low in table.columns if low in values)
        return Relation(alias=alias.lower(), table=table.name.lower(), sql=made, values=values, listed=listed)

    def of_query(self, query: Any, fields: Iterable[Field], alias: str) -> Relation:
        """Give a query's rows under an alias; its columns are called c1, c2, ... in the SQL."""
        made = query.subquery(self._name())
        listed = tuple(Value(sql=made.c[f"c{number}"], field=f) for number, f in enumerate(fields, start=1))
        values: dict[str, Value | None] = {}
        for value in listed:
            low = value.field.name.lower()
            values[low] = None if low in values else value
        return Relation(alias=alias.lower(), table="", sql=made, values=values, listed=listed)


def _value(table: Table, column: Published, made: Any) -> Value:
    low, key = column.name.lower(), None
    if parts := getattr(column, "parts", ()):
        held = tuple(made.c[f"{low}__{place}"] for place in range(len(parts)))
        key = Key(name=column.key, parts=held, split=column.split)  # type: ignore[attr-defined]
    middle = table.centres.get(low)
    centre = (made.c[middle[0]], made.c[middle[1]]) if middle else None
    return Value(sql=made.c[low], field=field_of(column), key=key, centre=centre)
