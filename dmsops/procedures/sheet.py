"""What a runbook's cell shows: tables and notes, as plain text and as markdown, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from dmsops.core.journal import local_time


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Rows under headings; an empty table says so in words."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "nothing"

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, empty: str = "nothing") -> Self:
        """Make a table of plain rows: the named columns, each value in words."""
        return cls(tuple(columns), tuple(tuple(words(row.get(name)) for name in columns) for row in rows), empty)

    def __repr__(self) -> str:
        if not self.rows:
            return f"({self.empty})"
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_markdown_(self) -> str:
        if not self.rows:
            return f"*{self.empty}*"
        lines = ["| " + " | ".join(_escape(cell) for cell in line) + " |" for line in (self.columns, *self.rows)]
        return "\n".join([lines[0], "|" + "---|" * len(self.columns), *lines[1:]])


@dataclass(frozen=True, slots=True, repr=False)
class Note:
    """Sentences, one a line; ``level`` is ``info``, ``warning`` or ``done``."""

    text: str
    level: str = "info"

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        lead = {"warning": "**Attention:** ", "done": "**Done.** "}.get(self.level, "")
        return lead + "  \n".join(_escape(line) for line in self.text.splitlines())


@dataclass(frozen=True, slots=True, repr=False)
class Log:
    """Lines of a log, shown as they are."""

    text: str

    def __repr__(self) -> str:
        return self.text or "(no log)"

    def _repr_markdown_(self) -> str:
        return "\n".join(f"    {line}" for line in repr(self).splitlines())


def words(value: Any) -> str:
    """Put a value into a cell: times in UTC, lists with commas, yes and no, a dash for nothing."""
    if value is None or (isinstance(value, str | list | tuple) and not value):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return local_time(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(words(item) for item in value)
    return " ".join(str(value).split())


def _escape(text: str) -> str:
    """Take markdown's and HTML's own meaning out of text that may come from outside."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, "\\" + mark)
    return text
