"""Filters in MAST's words as clauses on published columns: values, ranges and wildcards; every value is bound, none is written into SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from dmsops.archive.published_mast import EXACTLY
from dmsops.archive.views import Column, View
from dmsops.core.errors import BadInput

MOST_VALUES, MOST_TESTS = 1000, 100
"""Values of one filter that are looked for as they are, and those that each take a test of their own: ranges, patterns."""
_LONGEST, _MOST_WILD = 200, 8
"""Characters and wildcards of one pattern: more would let a pattern take for ever."""
_SEPARATED = {"filters": ";", "opticalElements": ";"}
"""Columns that hold several words, and what stands between them."""
_COMPARISONS = ("<=", ">=", "<", ">")


MOST_TOGETHER = 5_000
"""Values of all filters of a request: a database takes only so many."""


def need_few(values: int) -> None:
    """Refuse a request whose filters have too many values together; raises `BadInput`."""
    if values > MOST_TOGETHER:
        raise BadInput(f"all filters together may have {MOST_TOGETHER:,} values, not {values:,}", field="filters")


def is_number(column: Column) -> bool:
    """Say whether a column holds numbers."""
    return column.datatype != "char"


def column_of(view: View, name: Any) -> Column:
    """Find a column by its name, in any case; raises `BadInput`."""
    found = view.column(name) if isinstance(name, str) else None
    if found is None:
        raise BadInput(f"there is no column '{str(name)[:80]}'; there are {', '.join(c.name for c in view.columns)}", field=str(name)[:80])
    return found


def number(column: Column, value: Any) -> float:
    """Read a finite number; raises `BadInput`."""
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadInput(f"column '{column.name}' holds numbers, and '{str(value)[:80]}' is none", field=column.name)
    return found


def one_of(column: Column, values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Give the clause that a column has one of the values; text in capitals or not."""
    if len(values) > MOST_VALUES:
        raise BadInput(f"a filter of '{column.name}' may have {MOST_VALUES} values, not {len(values)}", field=column.name)
    if is_number(column):
        return column.expression.in_([_fitting(column, number(column, value)) for value in values])
    words = [_text(column, value) for value in values]
    if column.name in _SEPARATED:
        return _has_word(column, words)
    if column.name in EXACTLY:
        return EXACTLY[column.name](words)
    return sa.func.lower(column.expression).in_([word.lower() for word in words])


def _has_word(column: Column, words: Sequence[str]) -> sa.ColumnElement[bool]:
    """Give the clause that one of a column's words, or the whole of it, is one of those given."""
    _need_few(column, words)
    mark = _SEPARATED[column.name]
    padded = sa.literal(mark) + sa.func.lower(column.expression) + mark
    return sa.or_(*(padded.contains(f"{mark}{word.lower()}{mark}", autoescape=True) for word in words))


def _need_few(column: Column, tests: Sequence[Any]) -> None:
    if len(tests) > MOST_TESTS:
        raise BadInput(f"a filter of '{column.name}' may have {MOST_TESTS} ranges or patterns, not {len(tests)}", field=column.name)


def _text(column: Column, value: Any) -> str:
    if isinstance(value, dict | list):
        raise BadInput(f"column '{column.name}' holds text, and a value that is given is none", field=column.name)
    text = str(value)
    if "\x00" in text or not _is_unicode(text):
        raise BadInput(f"a value of '{column.name}' has a character that no text has", field=column.name)
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fitting(column: Column, value: float) -> float:
    """Give whole numbers as such to columns of them: PostgreSQL would else compare as floats, without the index."""
    return int(value) if column.datatype in ("int", "long") and value == int(value) and abs(value) < 2**62 else value


def between(column: Column, low: Any, high: Any) -> sa.ColumnElement[bool]:
    """Give the clause that a number lies between two, the ends counted."""
    if not is_number(column):
        raise BadInput(f"column '{column.name}' holds text: it has values and wildcards, no range", field=column.name)
    return column.expression.between(_fitting(column, number(column, low)), _fitting(column, number(column, high)))


def like(column: Column, pattern: Any) -> sa.ColumnElement[bool]:
    """Give the clause that text matches a pattern: ``*`` and ``%`` stand for anything; without them it is part of the text."""
    text = _text(column, pattern).replace("*", "%")
    if len(text) > _LONGEST or text.count("%") > _MOST_WILD:
        raise BadInput(f"a pattern has up to {_LONGEST} characters and {_MOST_WILD} wildcards", field=column.name)
    if "%" not in text:
        text = f"%{text}%"
    escaped = text.replace("\\", "\\\\").replace("_", "\\_")
    return sa.cast(column.expression, sa.String()).ilike(escaped, escape="\\")


def in_portal(view: View, asked: Any) -> sa.ColumnElement[bool]:
    """Read one of the portal's filters: ``{paramName, values: [...], freeText, separator}``; a value may be ``{min, max}``."""
    if not isinstance(asked, dict):
        raise BadInput("a filter is an object with 'paramName' and 'values'")
    column = column_of(view, asked.get("paramName"))
    values = asked.get("values") or []
    if not isinstance(values, list):
        raise BadInput(f"the values of '{column.name}' are a list", field=column.name)
    _need_few(column, [value for value in values if isinstance(value, dict)])
    ranges = [between(column, value.get("min"), value.get("max")) for value in values if isinstance(value, dict)]
    plain = [value for value in values if not isinstance(value, dict)]
    found = [*ranges, *([one_of(column, plain)] if plain else [])]
    if asked.get("freeText"):
        found.append(like(column, asked["freeText"]))
    return sa.or_(*found) if found else sa.true()


def in_search(column: Column, asked: Any) -> sa.ColumnElement[bool]:
    """Read a condition of the mission search: values with commas between them.

    Each may begin with ``!`` (not), have wildcards, compare (``>=5``), or be a range (``5..10``).
    """
    parts = [part.strip() for part in _text(column, asked).split(",")]
    parts = [part for part in parts if part]
    if len(parts) > MOST_VALUES:
        raise BadInput(f"a condition of '{column.name}' may have {MOST_VALUES} values, not {len(parts)}", field=column.name)
    wanted = [part for part in parts if not part.startswith("!")]
    plain = [part for part in wanted if _is_plain(column, part)]
    _need_few(column, parts[len(plain) :])
    others = [_special(column, part) for part in wanted if not _is_plain(column, part)]
    found = [*others, *([one_of(column, plain)] if plain else [])]
    clauses = [sa.or_(*found)] if found else []
    clauses += [sa.not_(in_search(column, part.lstrip("!"))) for part in parts if part.startswith("!")]
    return sa.and_(sa.true(), *clauses)


def _is_plain(column: Column, part: str) -> bool:
    if is_number(column):
        return not (".." in part or part.startswith(_COMPARISONS))
    return not ("*" in part or "%" in part)


def _special(column: Column, part: str) -> sa.ColumnElement[bool]:
    if not is_number(column):
        return like(column, part)
    if ".." in part:
        low, _, high = part.partition("..")
        return between(column, low, high)
    sign = next(sign for sign in _COMPARISONS if part.startswith(sign))
    value = _fitting(column, number(column, part[len(sign) :]))
    expression: Any = column.expression
    return {"<=": expression <= value, ">=": expression >= value, "<": expression < value, ">": expression > value}[sign]  # type: ignore[no-any-return]
