"""SIA 2.0: images and cubes by place, light, time and words; rows of ``ivoa.obscore``.

A parameter given several times is one condition whose parts are alternatives; different parameters must all hold (DALI, SIA 2.0 section 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import sky
from dmsops.archive.published_obscore import OBSCORE
from dmsops.archive.views import selected
from dmsops.catalogue.polygon import counter_clockwise, fault_of
from dmsops.core.errors import BadInput
from dmsops.distribution.access import may_have
from dmsops.distribution.adql import sphere
from dmsops.distribution.adql.run import ask
from dmsops.distribution.adql.scope import Context
from dmsops.distribution.adql.tables import Relations, field_of
from dmsops.distribution.adql.translate import Translated
from dmsops.distribution.forms import form_of
from dmsops.distribution.votable import Answer
from dmsops.services.vo_answers import rows_of, sent, spooled, told_votable
from dmsops.services.vosi import service_routes
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

SECONDS = 60.0
MOST_VALUES = 200
"""Values of one parameter."""
_ROOT, _QUERY = "/sia2", "/sia2/query"
Clause = sa.ColumnElement[bool]
_OVERLAPS = {"BAND": ("em_min", "em_max"), "TIME": ("t_min", "t_max")}
_WITHIN = {"FOV": "s_fov", "SPATRES": "s_resolution", "SPECRP": "em_res_power", "EXPTIME": "t_exptime", "TIMERES": "t_resolution"}
_EQUAL = {
    "COLLECTION": "obs_collection", "FACILITY": "facility_name", "INSTRUMENT": "instrument_name", "DPTYPE": "dataproduct_type",
    "TARGET": "target_name",
}  # fmt: skip


def routes() -> list[Route]:
    """Give the routes of SIA."""
    query = Route(path=_QUERY, handler=_answer, methods=("GET", "POST"), told=told_votable, cost=5.0)
    return [query, *service_routes(_ROOT, "ivo://ivoa.net/std/SIA#query-2.0", _QUERY)]


def _answer(call: Call) -> Response:
    given: dict[str, list[str]] = {}
    for name, value in call.fields:
        given.setdefault(name.upper(), []).append(value)
    one = {name: values[0] for name, values in given.items()}
    rows, form = rows_of(one.get("MAXREC", "")), form_of(one.get("RESPONSEFORMAT", ""))
    with call.ops.db.execution_options(reading=True).connect() as c:
        context = Context(dialect=c.dialect.name, tables={}, relations=Relations(None), query=lambda *_: ((), ()))
        clauses = [sa.or_(*alternatives) for alternatives in _conditions(given, c, context)]
    seen = may_have(call.requester, OBSCORE.meta_release, OBSCORE.program, call.now)
    statement = selected(OBSCORE, seen, _expression("dataproduct_type").in_(["image", "cube"]), *clauses).limit(rows + 1)
    fields = tuple(map(field_of, OBSCORE.columns))
    query = Translated(statement=statement, fields=fields, rows=rows, functions=context.functions)
    lots = ask(call.ops.db, query, {"now": call.now, "base": call.base}, seconds=SECONDS)
    answer = Answer(fields=fields, lots=lots, limit=rows, infos=(("SERVICE_PROTOCOL", "2.0"),))
    return sent(spooled(call.ops, form.write(answer)), form.type)


def _expression(name: str) -> sa.ColumnElement[Any]:
    column = OBSCORE.column(name)
    assert column is not None
    return column.expression


def _conditions(given: Mapping[str, Sequence[str]], c: sa.Connection, context: Context) -> list[list[Clause]]:
    """Read the parameters; those that are not SIA's are passed over (DALI 3.1)."""
    readers: dict[str, Callable[[str], Clause]] = {
        "POS": lambda text: _place(text, c, context),
        "ID": _identifier,
        "CALIB": lambda text: _expression("calib_level") == _whole("CALIB", text),
        "POL": lambda text: _expression("pol_states").like(f"%/{_word('POL', text).upper()}/%"),
        **{name: _overlap(name, *columns) for name, columns in _OVERLAPS.items()},
        **{name: _within(name, column) for name, column in _WITHIN.items()},
        **{name: _equal(name, column) for name, column in _EQUAL.items()},
    }
    if given.get("UPLOAD"):
        raise BadInput("tables cannot be uploaded here", field="UPLOAD")
    found = []
    for name, reader in readers.items():
        values = [value for value in given.get(name, ()) if value.strip()]
        if len(values) > MOST_VALUES:
            raise BadInput(f"{name} takes up to {MOST_VALUES} values, not {len(values)}", field=name)
        if values:
            found.append([reader(value) for value in values])
    return found


def _word(name: str, text: str) -> str:
    if len(text) > 200:
        raise BadInput(f"{name} is longer than 200 characters", field=name)
    return text.strip()


def _equal(name: str, column: str) -> Callable[[str], Clause]:
    return lambda text: _expression(column) == _word(name, text)


def _whole(name: str, text: str) -> int:
    if not (text.strip().isascii() and text.strip().lstrip("-").isdigit() and len(text.strip()) < 4):
        raise BadInput(f"{name} is a small whole number, not '{text[:40]}'", field=name)
    return int(text)


def _numbers(name: str, words: Sequence[str]) -> list[float]:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise BadInput(f"{name} holds something that is no number: '{' '.join(words)[:80]}'", field=name) from None
    if any(math.isnan(number) for number in numbers):
        raise BadInput(f"{name} holds something that is no number", field=name)
    return numbers


def _interval(name: str, text: str) -> tuple[float, float]:
    numbers = _numbers(name, text.split())
    if len(numbers) not in {1, 2} or numbers[0] > numbers[-1]:
        raise BadInput(f"{name} is a number, or the two ends of an interval, not '{text[:80]}'", field=name)
    return numbers[0], numbers[-1]


def _bounded(column: sa.ColumnElement[Any], low: float | None, high: float | None) -> Clause:
    tests: list[Clause] = [column.is_not(None)]
    tests += [column >= low] if low is not None and math.isfinite(low) else []
    tests += [column <= high] if high is not None and math.isfinite(high) else []
    return sa.and_(*tests)


def _overlap(name: str, least: str, greatest: str) -> Callable[[str], Clause]:
    def read(text: str) -> Clause:
        low, high = _interval(name, text)
        return sa.and_(_bounded(_expression(least), None, high), _bounded(_expression(greatest), low, None))

    return read


def _within(name: str, column: str) -> Callable[[str], Clause]:
    return lambda text: _bounded(_expression(column), *_interval(name, text))


def _identifier(text: str) -> Clause:
    column: Any = OBSCORE.column("obs_publisher_did")
    parts = column.split(_word("ID", text))
    return sa.and_(*(a == b for a, b in zip(column.parts, parts, strict=True))) if parts is not None else sa.false()


def _place(text: str, c: sa.Connection, context: Context) -> Clause:
    kind, *words = text.split() or [""]
    numbers = _numbers("POS", words)
    if kind.upper() == "RANGE" and len(numbers) == 4:
        return _range(context, *numbers)
    if not all(map(math.isfinite, numbers)):
        raise BadInput("POS: only a RANGE may be without an end", field="POS")
    if kind.upper() == "CIRCLE" and len(numbers) == 3 and -90 <= numbers[1] <= 90 and 0 <= numbers[2] <= 180:
        ra, dec, radius = numbers
        shape = sphere.circle(ra, dec, radius)
        near = (ra % 360, dec, min(radius + 1e-6, 180.0))
    elif kind.upper() == "POLYGON" and len(numbers) >= 6 and len(numbers) % 2 == 0:
        vertices = counter_clockwise([(ra % 360, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=True)])
        if fault := fault_of(vertices):
            raise BadInput(f"POS: the polygon {fault}", field="POS")
        shape, (ra, dec, radius) = sphere.polygon(vertices), sphere.bounding(vertices)
        near = (ra, dec, radius + 1e-6)
    else:
        raise BadInput(
            f"POS is CIRCLE ra dec radius, RANGE ra1 ra2 dec1 dec2, or POLYGON ra dec ra dec ra dec ... (degrees), not '{text[:80]}'",
            field="POS",
        )
    exactly = context.call("intersects", _expression("s_region"), context.bound(shape.text, sa.String()), kind=sa.Integer())
    return sa.and_(sky.cone(c, *near), exactly == 1)


def _range(context: Context, ra1: float, ra2: float, dec1: float, dec2: float) -> Clause:
    """Give what touches a range of coordinates, a footprint being taken for the circle round it."""
    if ra1 > ra2 or dec1 > dec2:
        raise BadInput("POS: a RANGE has its lesser ends first", field="POS")
    ra, dec, radius = _expression("s_ra"), _expression("s_dec"), _expression("s_fov") / 2.0
    tests = [_bounded(dec + radius, dec1, None), _bounded(dec - radius, None, dec2)]
    angle = dec * (math.pi / 180.0)
    flat = sa.func.cos(angle) if context.dialect == "postgresql" else context.call("cos", angle, kind=sa.Float())
    wide = radius / sa.case((sa.func.abs(dec) < 89.0, flat), else_=0.01)
    if math.isfinite(ra1) or math.isfinite(ra2):
        turns = [sa.and_(_bounded(ra + wide, ra1 + turn, None), _bounded(ra - wide, None, ra2 + turn)) for turn in (-360, 0, 360)]
        tests.append(sa.or_(*turns))
    return sa.and_(*tests)
