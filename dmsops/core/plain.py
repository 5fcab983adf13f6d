"""Records as plain data: one strict way between our frozen dataclasses and what JSON and TOML can hold.

Names become text, times become ISO text with Z, tuples become lists. Reading checks every field: nothing
unknown, nothing missing (unless the record has a default), nothing of another type, no number that is not finite.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dmsops.core.clock import iso, parse_iso
from dmsops.core.errors import BadInput, BadName
from dmsops.core.names import Name

SPARSE = {"sparse": True}
"""Metadata of a field that is written only when it is not its default: a field that few records need."""
_SCALARS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


def to_plain(value: Any) -> Any:
    """Write a record (or a part of one) as plain data."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, datetime):
        return _iso(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value) if not _left_out(f, value)}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def _left_out(field: dataclasses.Field[Any], record: Any) -> bool:
    return "sparse" in field.metadata and getattr(record, field.name) == field.default


def _iso(when: datetime) -> str:
    if when.microsecond % 1000:
        return when.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return iso(when)


def from_plain[T](kind: type[T], plain: Any, *, source: str, error: type[BadInput] = BadInput) -> T:
    """Read a record from plain data.

    Parameters
    ----------
    kind : type
        The frozen dataclass to read.
    plain : object
        What `json.load` or `tomllib.load` gave.
    source : str
        File name for messages.
    error : type
        Class of error to raise.

    Raises
    ------
    BadInput
        (or ``error``) A field does not fit; the message names file and field.
    """
    try:
        record: T = _record(kind, plain, "")
    except _Misfit as misfit:
        where = f"field '{misfit.where}'" if misfit.where else "the whole document"
        raise error(f"{source}: {where} {misfit}", file=source, field=misfit.where) from None
    return record


class _Misfit(Exception):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where


def _read(kind: Any, plain: Any, where: str) -> Any:
    return _scalar(kind, plain, where) if kind in _SCALARS else _compound(kind, plain, where)


def _compound(kind: Any, plain: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return None if plain is None else _read(next(k for k in get_args(kind) if k is not types.NoneType), plain, where)
    if origin is Literal:
        return _choice(kind, plain, where)
    if origin is tuple:
        return _items(get_args(kind)[0], plain, where)
    if isinstance(kind, type) and issubclass(kind, Name):
        return _name(kind, plain, where)
    if dataclasses.is_dataclass(kind):
        return _record(kind, plain, where)
    return _time(plain, where)


def _record(kind: Any, plain: Any, where: str) -> Any:
    if not isinstance(plain, Mapping):
        raise _Misfit(where, "is not a table of fields")
    types_, defaults = _fields(kind)
    prefix = f"{where}." if where else ""
    unknown = sorted(set(map(str, plain)) - types_.keys())
    if unknown:
        raise _Misfit(prefix + unknown[0], "is not known")
    given = {}
    for name, type_ in types_.items():
        if name in plain:
            given[name] = _read(type_, plain[name], prefix + name)
        elif name not in defaults:
            if not _optional(type_):
                raise _Misfit(prefix + name, "is missing")
            given[name] = None
    return kind(**given)


@cache
def _fields(kind: type) -> tuple[dict[str, Any], frozenset[str]]:
    """Give the types of a record's fields, and which have defaults; worked out once, as the types are compiled from text."""
    fields, hints = dataclasses.fields(kind), get_type_hints(kind)
    required = {f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING}
    return {f.name: hints[f.name] for f in fields}, frozenset(f.name for f in fields) - required


def _optional(kind: Any) -> bool:
    return types.NoneType in get_args(kind)


def _items(kind: Any, plain: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, list | tuple):
        raise _Misfit(where, "is not a list")
    return tuple(_read(kind, item, f"{where}[{i}]") for i, item in enumerate(plain))


def _choice(kind: Any, plain: Any, where: str) -> Any:
    if plain not in get_args(kind):
        raise _Misfit(where, f"is {plain!r}; it may be {', '.join(map(str, get_args(kind)))}")
    return plain


def _name(kind: type[Name], plain: Any, where: str) -> Name:
    try:
        return kind.parse(plain) if isinstance(plain, str) else kind.parse(repr(plain))
    except BadName as bad:
        raise _Misfit(where, f"is not usable: {bad.message}") from None


def _time(plain: Any, where: str) -> datetime:
    try:
        return parse_iso(plain if isinstance(plain, str) else plain.isoformat())
    except (ValueError, AttributeError, OverflowError):
        raise _Misfit(where, f"is {plain!r}, not a time as 2022-12-04T03:42:02.580Z") from None


def _scalar(kind: type, plain: Any, where: str) -> Any:
    if kind is float and isinstance(plain, int | float) and not isinstance(plain, bool):
        if not math.isfinite(plain):
            raise _Misfit(where, "is not a finite number")
        return float(plain)
    if kind is int and isinstance(plain, int) and not isinstance(plain, bool):
        return plain
    if kind in {str, bool} and isinstance(plain, kind):
        return plain
    raise _Misfit(where, f"is {plain!r}, not {_SCALARS[kind]}")
