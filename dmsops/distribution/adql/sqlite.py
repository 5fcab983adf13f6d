"""The functions that SQLite lacks, as user functions of one connection (`dms_...`); a bad argument gives NULL, never an error."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dmsops.distribution.adql import sphere

_LARGEST = 9.2e18


def register(connection: Any) -> None:
    """Give a connection (of `sqlite3`) the functions."""
    for name, function in _FUNCTIONS.items():
        connection.create_function(f"dms_{name}", -1, _or_null(function), deterministic=name != "rand")


def _or_null(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        if None in arguments:
            return None
        try:
            return function(*arguments)
        except (ArithmeticError, TypeError, ValueError):
            return None

    return called


def _distance(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    up, along = math.radians(dec2 - dec1) / 2, math.radians(ra2 - ra1) / 2
    half = math.sin(up) ** 2 + math.cos(math.radians(dec1)) * math.cos(math.radians(dec2)) * math.sin(along) ** 2
    return math.degrees(2 * math.asin(math.sqrt(min(half, 1.0))))


def _pair(test: Callable[[sphere.Shape, sphere.Shape], bool]) -> Callable[[str, str], int | None]:
    def called(one: str, other: str) -> int | None:
        first, second = sphere.read(one), sphere.read(other)
        return None if first is None or second is None else int(test(first, second))

    return called


def _area(text: str) -> float | None:
    shape = sphere.read(text)
    return None if shape is None else sphere.area(shape)


@lru_cache(maxsize=256)
def _pieces(pattern: str, escape: str, any_case: int) -> tuple[re.Pattern[str], ...]:
    """Give what stands between the % of a pattern; none of it can match in more than one length, so that no pattern takes long."""
    pieces, signs = [""], iter(pattern)
    for sign in signs:
        if sign == "%":
            pieces.append("")
        elif sign == escape:
            pieces[-1] += re.escape(next(signs, ""))
        else:
            pieces[-1] += "." if sign == "_" else re.escape(sign)
    return tuple(re.compile(piece, re.DOTALL | (re.IGNORECASE if any_case else 0)) for piece in pieces)


def _like(text: str, pattern: str, escape: str, any_case: int) -> int:
    first, *between = _pieces(pattern, escape, any_case)
    if not between:
        return int(first.fullmatch(text) is not None)
    found = first.match(text)
    place = found.end() if found else -1
    for piece in between[:-1]:
        found = piece.search(text, place) if found else None
        place = found.end() if found else -1
    return int(found is not None and _ends(between[-1], text, place))


def _ends(piece: re.Pattern[str], text: str, place: int) -> bool:
    """Say whether a piece, which has one length, stands at the end of a text."""
    length = len(re.sub(r"\\(.)", r"\1", piece.pattern, flags=re.DOTALL))
    start = len(text) - length
    return start >= place and piece.fullmatch(text, start) is not None


def _rounded(number: float, places: int) -> float:
    return math.copysign(math.floor(abs(number) * 10.0**places + 0.5) / 10.0**places, number)


def _truncated(number: float, places: int) -> float:
    return math.trunc(number * 10.0**places) / 10.0**places


def _number(given: Any) -> float | None:
    number = float(given)
    return number if math.isfinite(number) else None


def _whole(given: Any) -> int | None:
    number = float(given)
    return round(number) if abs(number) < _LARGEST else None


def _finite(function: Callable[..., Any]) -> Callable[..., float | None]:
    def called(*arguments: Any) -> float | None:
        found = function(*arguments)  # a power may be complex
        return found if isinstance(found, int | float) and math.isfinite(found) else None

    return called


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: _finite(getattr(math, name))
        for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "exp", "sqrt", "degrees", "radians")
    },
    "cot": _finite(lambda x: 1 / math.tan(x)),
    "log": _finite(math.log),
    "log10": _finite(math.log10),
    "power": _finite(math.pow),
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "mod": _finite(math.fmod),
    "round": _finite(_rounded),
    "truncate": _finite(_truncated),
    "rand": lambda: random.random(),  # noqa: S311, PLW0108 - ADQL's RAND
    "number": _number,
    "whole": _whole,
    "like": _like,
    "distance": _distance,
    "circle": lambda ra, dec, radius: sphere.circle(ra, dec, radius).text if radius >= 0 else None,
    "contains": _pair(sphere.contains),
    "intersects": _pair(sphere.intersects),
    "area": _area,
}
