"""``tap_schema``: the published tables described as tables (TAP 1.1, section 4), made of the views themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from dmsops.archive.views import Column, View
from dmsops.core.db import UtcTime

SCHEMAS = {
    "ivoa": "The IVOA's core model of observations.",
    "caom2": "The archive's own model, the Common Archive Observation Model 2.4, as CADC publishes it.",
    "jwst": "The tables of ESA's JWST archive.",
    "tap_schema": "The published tables themselves.",
}
RESERVED = frozenset({"size", "public", "position", "key", "keys", "section", "value"})
"""Names of ours that ADQL reserves: where they are told, they stand in quotes."""
KEYS = (
    ("caom2.Plane", "caom2.Observation", "obsID", "obsID"),
    ("caom2.Artifact", "caom2.Plane", "planeID", "planeID"),
    ("jwst.plane", "jwst.observation", "obsid", "obsid"),
    ("jwst.artifact", "jwst.plane", "planeid", "planeid"),
    ("jwst.observationmember", "jwst.observation", "parentid", "obsid"),
    ("tap_schema.tables", "tap_schema.schemas", "schema_name", "schema_name"),
    ("tap_schema.columns", "tap_schema.tables", "table_name", "table_name"),
    ("tap_schema.keys", "tap_schema.tables", "from_table", "table_name"),
    ("tap_schema.keys", "tap_schema.tables", "target_table", "table_name"),
    ("tap_schema.key_columns", "tap_schema.keys", "key_id", "key_id"),
)
"""From table, target table, from column, target column."""
_ALWAYS = sa.literal(datetime(1970, 1, 1, tzinfo=UTC), UtcTime())
_Described = tuple[str, str, str]
_SCHEMAS: tuple[_Described, ...] = (
    ("schema_name", "char", "Name of the schema."), ("utype", "char", "Its place in a data model."),
    ("description", "unicodeChar", "What is in it."), ("schema_index", "int", "Where it stands in a list."),
)  # fmt: skip
_TABLES: tuple[_Described, ...] = (
    ("schema_name", "char", "Schema of the table."), ("table_name", "char", "Name of the table, with its schema."),
    ("table_type", "char", "table or view."), ("utype", "char", "Its place in a data model."),
    ("description", "unicodeChar", "What is in it."), ("table_index", "int", "Where it stands in a list."),
)  # fmt: skip
_COLUMNS: tuple[_Described, ...] = (
    ("table_name", "char", "Table of the column."), ("column_name", "char", "Name of the column."),
    ("datatype", "char", "Kind of its values, as VOTable has it."), ("arraysize", "char", "* for texts."),
    ("xtype", "char", "What its values mean, as DALI has it."), ("size", "int", "Not used: see arraysize."),
    ("description", "unicodeChar", "What it is."), ("utype", "char", "Its place in a data model."), ("unit", "char", "Unit."),
    ("ucd", "char", "UCD."), ("indexed", "int", "1: conditions on it are quick."), ("principal", "int", "1: most users want it."),
    ("std", "int", "1: a standard defines it."), ("column_index", "int", "Where it stands in its table."),
)  # fmt: skip
_KEYS: tuple[_Described, ...] = (
    ("key_id", "char", "Name of the key."), ("from_table", "char", "Table that refers."), ("target_table", "char", "Table referred to."),
    ("utype", "char", "Its place in a data model."), ("description", "unicodeChar", "What it is."),
)  # fmt: skip
_KEY_COLUMNS: tuple[_Described, ...] = (
    ("key_id", "char", "Name of the key."), ("from_column", "char", "Column that refers."),
    ("target_column", "char", "Column referred to."),
)  # fmt: skip


def told(name: str) -> str:
    """Give a column's name as a query must write it."""
    return f'"{name}"' if name.lower() in RESERVED else name


def tap_schema(views: Sequence[View], dialect: str) -> tuple[View, ...]:
    """Give the views of ``tap_schema`` that describe those given, and themselves."""
    described = {"schemas": _SCHEMAS, "tables": _TABLES, "columns": _COLUMNS, "keys": _KEYS, "key_columns": _KEY_COLUMNS}
    own = [_view(name, columns, [], dialect) for name, columns in described.items()]
    rows = _rows([*views, *own])
    return tuple(_view(name, columns, rows[name], dialect) for name, columns in described.items())


def _rows(views: Sequence[View]) -> dict[str, list[tuple[Any, ...]]]:
    names = list(dict.fromkeys(view.name.partition(".")[0] for view in views))
    tables = [
        (view.name.partition(".")[0], view.name, "view", view.utype or None, view.description, place) for place, view in enumerate(views)
    ]
    return {
        "schemas": [(name, None, SCHEMAS.get(name), place) for place, name in enumerate(names)],
        "tables": tables,
        "columns": [_row(view, column, place) for view in views for place, column in enumerate(view.columns)],
        "keys": [(f"key{n}", key[0], key[1], None, f"{key[2]} of {key[0]} is {key[3]} of {key[1]}") for n, key in enumerate(KEYS)],
        "key_columns": [(f"key{n}", key[2], key[3]) for n, key in enumerate(KEYS)],
    }


def _row(view: View, column: Column, place: int) -> tuple[Any, ...]:
    size = "*" if column.datatype in {"char", "unicodeChar"} else None
    empty = tuple(value or None for value in (column.description, column.utype, column.unit, column.ucd))
    flags = (int(column.indexed), int(column.principal), int(column.std), place)
    return (view.name, told(column.name), column.datatype, size, column.xtype or None, None, *empty, *flags)


def _view(name: str, columns: Sequence[_Described], rows: Sequence[tuple[Any, ...]], dialect: str) -> View:
    """Give rows as a view: one document, which the database lays out."""
    document = sa.literal(json.dumps(rows), sa.String())
    source: Any
    if dialect == "postgresql":
        source = sa.func.json_array_elements(sa.cast(document, sa.JSON())).table_valued(sa.column("value", sa.JSON()), name=f"told_{name}")
        cells = [source.c.value.op("->>")(place) for place in range(len(columns))]
    else:
        source = sa.func.json_each(document).table_valued("value", name=f"told_{name}")
        cells = [sa.func.json_extract(source.c.value, f"$[{place}]") for place in range(len(columns))]
    made = tuple(_column(described, cell) for described, cell in zip(columns, cells, strict=True))
    return View(
        name=f"tap_schema.{name}", description=f"TAP_SCHEMA: {name.replace('_', ' ')}.", columns=made, source=source,
        meta_release=_ALWAYS, program=sa.literal("", sa.String()),
    )  # fmt: skip


def _column(described: _Described, cell: Any) -> Column:
    name, datatype, words = described
    kind = sa.Integer() if datatype == "int" else sa.String()
    return Column(name=name, expression=sa.cast(cell, kind), datatype=datatype, description=words, std=True, principal=True)
