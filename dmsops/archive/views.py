"""What is published of the catalogue: views with the columns that astronomers' protocols name, made of the archive's own tables.

A view is an expression per column over joined tables; nothing is kept twice. Who may see a row is not decided here: a view names the
columns that the policy of access needs (`View.meta_release`, `View.program`). The bound value `NOW` is the time of the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dmsops.core.db import UtcTime

NOW = sa.bindparam("now", type_=UtcTime())


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A published column.

    Attributes
    ----------
    datatype : str
        VOTable's: ``char`` (text), ``short``, ``int``, ``long``, ``float``, ``double``, ``boolean``; ``xtype`` as in DALI.
    """

    name: str
    expression: sa.ColumnElement[Any]
    datatype: str
    unit: str = ""
    ucd: str = ""
    utype: str = ""
    xtype: str = ""
    description: str = ""
    principal: bool = False
    indexed: bool = False
    std: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A published table: ``name`` with its schema, as ``ivoa.obscore``."""

    name: str
    description: str
    columns: tuple[Column, ...]
    source: sa.FromClause
    where: tuple[sa.ColumnElement[bool], ...] = ()
    meta_release: sa.ColumnElement[Any]
    program: sa.ColumnElement[Any]
    utype: str = ""

    def column(self, name: str) -> Column | None:
        """Find a column by its name, in any case."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


def selected(view: View, *clauses: sa.ColumnElement[bool], columns: tuple[Column, ...] | None = None) -> sa.Select[Any]:
    """Give the query of a view's rows that meet all clauses, each column under its published name."""
    chosen = [column.expression.label(column.name) for column in columns or view.columns]
    return sa.select(*chosen).select_from(view.source).where(*view.where, *clauses)
