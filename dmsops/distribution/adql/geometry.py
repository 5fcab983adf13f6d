"""Geometry of ADQL as SQL: places and circles by numbers, footprints and polygons by the exact tests of `sphere`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.catalogue.polygon import fault_of
from dmsops.distribution.adql import sphere
from dmsops.distribution.adql.grammar import wrong
from dmsops.distribution.adql.tables import Field, Value

if TYPE_CHECKING:
    from dmsops.distribution.adql.scope import Context, Scope

FOOTPRINT = "adql:REGION"
SHAPES = frozenset({"POINT", "CIRCLE", "BOX", "POLYGON", "REGION", "CENTROID"})
TESTS = frozenset({"CONTAINS", "INTERSECTS"})
MEASURES = frozenset({"DISTANCE", "AREA", "COORD1", "COORD2", "COORDSYS"})
_FRAMES = frozenset({"", "ICRS", "ICRS GEOCENTER", "ICRS BARYCENTER", "ICRS TOPOCENTER"})
_REAL, _INT, _TEXT = sa.Float(), sa.Integer(), sa.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A place (radius None) or a circle: expressions, and the numbers where all are given."""

    ra: sa.ColumnElement[Any]
    dec: sa.ColumnElement[Any]
    radius: sa.ColumnElement[Any] | None
    given: tuple[float, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A polygon of given vertices (degrees)."""

    vertices: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A column of footprints, and its middle."""

    value: Value


_NO_ANGLE = 1e-100
"""Degrees that are none: PostgreSQL refuses their squares (underflow)."""
Geometry = Round | Outline | Footprint
Compile = Callable[[Any, "Scope"], Value]


def number_of(node: Any) -> float | None:
    """Give the number that a piece of the text stands for without the database: literals and their sums; None of anything else."""
    from sqlglot import exp

    if isinstance(node, exp.Literal) and not node.is_string:
        return float(node.this)
    if isinstance(node, exp.Paren):
        return number_of(node.this)
    if isinstance(node, exp.Neg):
        inner = number_of(node.this)
        return None if inner is None else -inner
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div):
        return _reckoned(node, number_of(node.this), number_of(node.expression))
    return None


def _reckoned(node: Any, a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    return {"Add": a + b, "Sub": a - b, "Mul": a * b, "Div": a / b if b else None}[type(node).__name__]


def name_of(node: Any) -> str:
    """Give the name of a function in capitals; empty of anything else."""
    from sqlglot import exp

    return str(node.this).upper() if isinstance(node, exp.Anonymous) else ""


def shape(node: Any, scope: Scope, compiled: Compile) -> Geometry:
    """Read a shape: POINT, CIRCLE, BOX, POLYGON, REGION, CENTROID, or a column of footprints."""
    from sqlglot import exp

    if isinstance(node, exp.Paren):
        return shape(node.this, scope, compiled)
    if isinstance(node, exp.Column):
        value = scope.column(node)
        if value.field.xtype != FOOTPRINT:
            raise wrong(node, f"column '{node.name[:80]}' holds no places or footprints")
        return Footprint(value=value)
    name = name_of(node)
    if name not in SHAPES:
        raise wrong(node, "a place or a shape is expected here: POINT, CIRCLE, BOX, POLYGON, or a column of footprints")
    return _drawn(node, name, scope, compiled)


def _drawn(node: Any, name: str, scope: Scope, compiled: Compile) -> Geometry:
    if name == "CENTROID":
        return _centroid(node, scope, compiled)
    if name == "REGION":
        return _region(node, scope)
    arguments = _without_frame(node)
    if name in {"POINT", "CIRCLE"}:
        return (_point if name == "POINT" else _circle)(node, arguments, scope, compiled)
    return _outline(node, _box(node, arguments) if name == "BOX" else _pairs(node, arguments))


def _without_frame(node: Any) -> list[Any]:
    arguments = list(node.expressions)
    if arguments and arguments[0].is_string:
        if arguments[0].this.strip().upper() not in _FRAMES:
            raise wrong(node, f"the coordinates '{arguments[0].this[:40]}' are not known here: all are ICRS")
        return arguments[1:]
    return arguments


def _numbers(node: Any, arguments: list[Any], scope: Scope, compiled: Compile) -> tuple[list[Any], tuple[float, ...] | None]:
    found: list[Any] = []
    given: list[float] = []
    for argument in arguments:
        fixed = number_of(argument)
        if fixed is not None:
            if not math.isfinite(fixed):
                raise wrong(node, "a coordinate is no finite number")
            given.append(fixed if abs(fixed) > _NO_ANGLE else 0.0)
            found.append(scope.context.bound(given[-1], _REAL))
            continue
        value = compiled(argument, scope)
        if not value.field.is_number:
            raise wrong(argument, "a coordinate must be a number")
        found.append(value.sql)
    return found, tuple(given) if len(given) == len(arguments) else None


def _point(node: Any, arguments: list[Any], scope: Scope, compiled: Compile) -> Round:
    if len(arguments) != 2:
        raise wrong(node, "POINT takes a right ascension and a declination (degrees)")
    (ra, dec), given = _numbers(node, arguments, scope, compiled)
    if given is not None and not -90 <= given[1] <= 90:
        raise wrong(node, f"the declination {given[1]:g} is not within -90 and 90 degrees")
    return Round(ra=ra, dec=dec, radius=None, given=given)


def _circle(node: Any, arguments: list[Any], scope: Scope, compiled: Compile) -> Round:
    if len(arguments) == 2:
        middle = shape(arguments[0], scope, compiled)
        if not isinstance(middle, Round) or middle.radius is not None:
            raise wrong(node, "the middle of a CIRCLE must be a POINT")
        (radius,), size = _numbers(node, arguments[1:], scope, compiled)
        given = (*middle.given, *size) if middle.given is not None and size is not None else None
        made = Round(ra=middle.ra, dec=middle.dec, radius=radius, given=given)
    elif len(arguments) == 3:
        (ra, dec, radius), given = _numbers(node, arguments, scope, compiled)
        made = Round(ra=ra, dec=dec, radius=radius, given=given)
    else:
        raise wrong(node, "CIRCLE takes a right ascension, a declination and a radius (degrees)")
    if made.given is not None and not (-90 <= made.given[1] <= 90 and 0 <= made.given[2] <= 180):
        raise wrong(node, "a CIRCLE has a declination of -90 to 90 and a radius of 0 to 180 degrees")
    return made


def _fixed(node: Any, arguments: list[Any]) -> list[float]:
    numbers = [number_of(argument) for argument in arguments]
    if any(n is None or not math.isfinite(n) for n in numbers):
        raise wrong(node, f"{name_of(node)} takes numbers, no columns")
    return [n for n in numbers if n is not None]


def _box(node: Any, arguments: list[Any]) -> list[tuple[float, float]]:
    """Give the corners of a BOX (ADQL 2.1, 4.2.9: the polygon of its corners in right ascension and declination)."""
    if len(arguments) == 3 and name_of(arguments[0]) == "POINT":
        arguments = [*_without_frame(arguments[0]), *arguments[1:]]
    if len(arguments) != 4:
        raise wrong(node, "BOX takes a right ascension, a declination, a width and a height (degrees)")
    ra, dec, width, height = _fixed(node, arguments)
    if not (-90 <= dec <= 90 and 0 < width < 180 and 0 < height < 180):
        raise wrong(node, "a BOX has a declination of -90 to 90, a width and a height of more than 0 and less than 180 degrees")
    low, high = max(dec - height / 2, -90.0), min(dec + height / 2, 90.0)
    west, east = (ra - width / 2) % 360, (ra + width / 2) % 360
    return [(east, high), (west, high), (west, low), (east, low)]


def _pairs(node: Any, arguments: list[Any]) -> list[tuple[float, float]]:
    if arguments and all(name_of(argument) == "POINT" for argument in arguments):
        arguments = [number for argument in arguments for number in _without_frame(argument)]
    numbers = _fixed(node, arguments)
    if len(numbers) < 6 or len(numbers) % 2:
        raise wrong(node, "POLYGON takes three vertices or more, each a right ascension and a declination (degrees)")
    return [(ra % 360, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=True)]


def _outline(node: Any, vertices: list[tuple[float, float]]) -> Outline:
    if vertices[0] == vertices[-1]:
        vertices = vertices[:-1]
    fault = fault_of(vertices)
    if fault is not None and "clockwise" not in fault:
        raise wrong(node, f"the {name_of(node)} {fault}")
    return Outline(vertices=tuple(vertices))


def _region(node: Any, scope: Scope) -> Geometry:
    words = node.expressions[0].this.replace(",", " ").replace("(", " ").replace(")", " ").split() if _one_text(node) else []
    kind = words[0].upper() if words else ""
    try:
        numbers = [float(word) for word in words[1:] if word.upper() not in _FRAMES]
    except ValueError:
        numbers = []
    if kind == "CIRCLE" and len(numbers) == 3 and -90 <= numbers[1] <= 90 and 0 <= numbers[2] <= 180:
        bound = [scope.context.bound(x, _REAL) for x in numbers]
        return Round(ra=bound[0], dec=bound[1], radius=bound[2], given=tuple(numbers))
    if kind == "POLYGON" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        return _outline(node, [(ra % 360, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=True)])
    raise wrong(node, "REGION takes a text as 'CIRCLE ICRS ra dec radius' or 'POLYGON ICRS ra dec ra dec ra dec'")


def _one_text(node: Any) -> bool:
    return len(node.expressions) == 1 and bool(node.expressions[0].is_string)


def _centroid(node: Any, scope: Scope, compiled: Compile) -> Round:
    if len(node.expressions) != 1:
        raise wrong(node, "CENTROID takes one shape")
    inner = shape(node.expressions[0], scope, compiled)
    if isinstance(inner, Round):
        return Round(ra=inner.ra, dec=inner.dec, radius=None, given=inner.given and inner.given[:2])
    if isinstance(inner, Outline):
        given = sphere.bounding(inner.vertices)[:2]
        ra, dec = (scope.context.bound(x, _REAL) for x in given)
        return Round(ra=ra, dec=dec, radius=None, given=given)
    if inner.value.centre is None:
        raise wrong(node, "the middle of this footprint is not known")
    return Round(ra=inner.value.centre[0], dec=inner.value.centre[1], radius=None, given=None)


def test(name: str, first: Geometry, second: Geometry, context: Context) -> sa.ColumnElement[Any]:
    """Give CONTAINS or INTERSECTS as 1, 0 or NULL."""
    rounds = [g for g in (first, second) if isinstance(g, Round)]
    contained_point = name == "CONTAINS" and len(rounds) == 2 and rounds[0].radius is None
    if contained_point or (name == "INTERSECTS" and len(rounds) == 2):
        near = distance(rounds[0], rounds[1], context) <= _reach(rounds)
        return sa.case((near, sa.literal_column("1", _INT)), (sa.not_(near), sa.literal_column("0", _INT)))
    return context.call(name.lower(), _text(first, context), _text(second, context), kind=_INT)


def _reach(rounds: list[Round]) -> Any:
    reach: Any = sa.literal_column("1e-9", _REAL)  # degrees: what touches, touches
    for one in rounds:
        reach = reach if one.radius is None else one.radius + reach
    return reach


def _text(geometry: Geometry, context: Context) -> Any:
    if isinstance(geometry, Footprint):
        return geometry.value.sql
    if isinstance(geometry, Outline):
        return context.bound(sphere.polygon(geometry.vertices).text, _TEXT)
    if geometry.given is not None:
        ra, dec, *radius = geometry.given
        return context.bound(sphere.circle(ra, dec, *(radius or [0.0])).text, _TEXT)
    size = context.bound(0.0, _REAL) if geometry.radius is None else geometry.radius
    return context.call("circle", geometry.ra, geometry.dec, size, kind=_TEXT)


def distance(one: Round, other: Round, context: Context) -> sa.ColumnElement[Any]:
    """Give the angle between two places in degrees (haversine)."""
    if context.dialect != "postgresql":
        return context.call("distance", one.ra, one.dec, other.ra, other.dec, kind=_REAL)
    f = sa.func
    up, along = f.sin(f.radians(other.dec - one.dec) / 2.0), f.sin(f.radians(other.ra - one.ra) / 2.0)
    half = up * up + f.cos(f.radians(one.dec)) * f.cos(f.radians(other.dec)) * along * along
    most: sa.ColumnElement[Any] = sa.case((half <= 1.0, half), (half.is_not(None), 1.0))  # LEAST would take 1 for what is not known
    return f.degrees(2.0 * f.asin(f.sqrt(most, type_=_REAL), type_=_REAL), type_=_REAL)


def area(geometry: Geometry, context: Context) -> sa.ColumnElement[Any]:
    """Give the area in square degrees."""
    return context.call("area", _text(geometry, context), kind=_REAL)


def shown(geometry: Geometry, name: str) -> Value:
    """Give a shape as an answer has it (DALI's forms: numbers with spaces between them)."""
    if isinstance(geometry, Footprint):
        return geometry.value
    if isinstance(geometry, Outline):
        words = " ".join(f"{x!r}" for vertex in geometry.vertices for x in vertex)
        return Value(sql=sa.literal(words, _TEXT), field=Field(name=name, datatype="double", arraysize="*", xtype="polygon", unit="deg"))
    parts = [geometry.ra, geometry.dec, *([] if geometry.radius is None else [geometry.radius])]
    text: Any = sa.cast(parts[0], _TEXT)
    for part in parts[1:]:
        text = text + " " + sa.cast(part, _TEXT)
    kind = "point" if geometry.radius is None else "circle"
    return Value(sql=text, field=Field(name=name, datatype="double", arraysize=str(len(parts)), xtype=kind, unit="deg"))
