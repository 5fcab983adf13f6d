"""Search in the catalogue: by place, time, light, proposal, target and words; plain rows, one per plane, for eyes and services.

Candidates come from an index (`dmsops.archive.sky`); footprints are then looked at exactly (`dmsops.archive.shapes`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import sqlalchemy as sa

from dmsops.archive import sky
from dmsops.archive.tables import artifact as artifact_table
from dmsops.archive.tables import observation, plane, proposal
from dmsops.catalogue.naming import product_uri
from dmsops.catalogue.polygon import Vertex, counter_clockwise, fault_of
from dmsops.core.db import UtcTime, reading
from dmsops.core.errors import BadInput

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
MAST: Mapping[str, str] = {
    "obsid": "plane_id", "obs_id": "observation_id", "obs_collection": "collection", "intentType": "intent",
    "instrument_name": "instrument", "dataproduct_type": "data_product_type", "calib_level": "calibration_level", "filters": "bandpass",
    "target_name": "target", "s_ra": "ra", "s_dec": "dec", "s_region": "region", "proposal_id": "proposal_id", "proposal_pi": "pi_name",
    "obs_title": "title", "t_min": "time_min", "t_max": "time_max", "t_exptime": "exposure", "em_min": "em_min", "em_max": "em_max",
    "t_obs_release": "data_release", "provenance_name": "provenance",
}  # fmt: skip
"""MAST's column to ours. Units differ in two: MAST gives ``em_*`` in nanometres and ``t_obs_release`` as MJD, we metres and a time."""
LIMIT = 10_000
"""Most rows of a page."""
_FIRST_LOOK, _LARGEST_LOOK = 500, 20_000
"""Candidates taken from the database at a time while footprints are looked at."""
_o, _p, _a = observation.c, plane.c, artifact_table.c
_COLUMNS = (
    _p.id.label("plane_id"), *(c for c in _p if c.name not in {"id", "meta_checksum"}),
    _o.collection, _o.version, _o.intent, _o.type, _o.algorithm, _o.instrument, _o.target, _o.target_ra, _o.target_dec, _o.proposal_id,
    _o.changed_at, proposal.c.title, proposal.c.pi_name,
)  # fmt: skip
_ARTIFACT = (*_a, _p.observation_id, _p.product_id, _p.calibration_level, _p.software, _p.meta_release, _p.data_release)


class Filters(TypedDict, total=False):
    """What can be asked; all that is given must hold.

    Attributes
    ----------
    cone : (float, float, float)
        Right ascension, declination and radius, degrees: the footprint touches it.
    region : sequence of (float, float)
        A polygon on the sky, either way round, within 30 degrees of its middle: the footprint touches it.
    time, energy : (float, float)
        MJD (UTC) and metres: the plane's interval overlaps it, ends counted.
    proposal, target, instrument, collection : str
        The observation's own, as it is written.
    suffix, level : str, int
        The plane has a product with that suffix; its calibration level.
    text : str
        Stands in the observation's id, target, proposal's title or its PI, in capitals or not.
    public_at : datetime
        The data are public at that time.
    """

    cone: tuple[float, float, float]
    region: Sequence[Vertex]
    time: tuple[float, float]
    energy: tuple[float, float]
    proposal: str
    target: str
    instrument: str
    suffix: str
    level: int
    collection: str
    text: str
    public_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows in the order of observation and plane, whether more follow, and what to give as ``after`` to get them."""

    rows: list[Row]
    more: bool
    after: str | None


def search(ops: Ops, *, limit: int = 100, after: str | None = None, **asked: Unpack[Filters]) -> Page:
    """Give a page of the archived planes that match, with what is known of their observations and proposals.

    Times in rows are MJD (``time_*``) or aware times, ``em_*`` metres, sizes bytes, angles degrees; `MAST` says which is which there.

    Raises
    ------
    BadInput
        A filter has no sense: a radius below 0, a polygon that crosses itself, an interval that is reversed.
    """
    if not 1 <= limit <= LIMIT:
        raise BadInput(f"a page has 1 to {LIMIT} rows, not {limit}")
    wanted, place, found = _Wanted.of(asked), _Place.of(after), []
    with reading(ops.db) as c:
        for row in _matching(c, wanted, place, limit + 1):
            found.append(row)
            if len(found) > limit:
                break
    rows, more = found[:limit], len(found) > limit
    return Page(rows=rows, more=more, after=f"{rows[-1]['observation_id']}/{rows[-1]['product_id']}" if more else None)


def count(ops: Ops, **asked: Unpack[Filters]) -> int:
    """Count the archived planes that match `search`'s filters."""
    wanted = _Wanted.of(asked)
    with reading(ops.db) as c:
        if wanted.circle is None:
            form = _statement(c.dialect.name, "", wanted.names, counting=True)
            return int(c.execute(form, wanted.values).scalar_one())
        return sum(1 for _ in _matching(c, wanted, None, _LARGEST_LOOK))


def products_of(ops: Ops, observation_id: str) -> list[Row]:
    """Give the artifacts of an observation, plane by plane, with their plane's level and release."""
    return _listed(ops, _PRODUCTS, {"id": observation_id})


def artifact(ops: Ops, uri: str) -> Row | None:
    """Give one artifact by its URI, with its observation and plane; None when the catalogue has none."""
    return next(iter(_listed(ops, _ARTIFACT_OF, {"uri": uri})), None)


def by_name(ops: Ops, name: str) -> Row | None:
    """Give one artifact by its file name."""
    return artifact(ops, product_uri(name))


_PRODUCTS = (
    sa.select(*_ARTIFACT).join_from(plane, artifact_table).where(_p.observation_id == sa.bindparam("id")).order_by(_p.product_id, _a.uri)
)
_ARTIFACT_OF = sa.select(*_ARTIFACT).join_from(artifact_table, plane).where(_a.uri == sa.bindparam("uri"))


def _listed(ops: Ops, query: Any, values: Mapping[str, Any]) -> list[Row]:
    with reading(ops.db) as c:
        result = c.execute(query, values)
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result.all()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    observation_id: str
    product_id: str

    @classmethod
    def of(cls, after: str | None) -> _Place | None:
        if after is None:
            return None
        first, slash, second = after.rpartition("/")
        if not slash:
            raise BadInput(f"'{after}' is no place in a search; give what the page before it gave")
        return cls(observation_id=first, product_id=second)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Filters that were looked through: the statement's values, and the circle and the polygon that footprints must touch."""

    names: frozenset[str]
    values: dict[str, Any]
    circle: tuple[float, float, float] | None
    cone: tuple[float, float, float] | None
    region: tuple[Vertex, ...] | None

    @classmethod
    def of(cls, asked: Filters) -> _Wanted:
        unknown = set(asked) - Filters.__optional_keys__
        if unknown:
            raise BadInput(f"'{min(unknown)}' is nothing to search by; there are {', '.join(sorted(Filters.__optional_keys__))}")
        given = {name: value for name, value in asked.items() if value is not None}
        cone, region = _cone_of(given.get("cone")), _region_of(given.get("region"))
        circles = [c for c in (cone, sky.circle_of(region) if region else None) if c is not None]
        names = frozenset(given) - {"cone", "region"}
        values: dict[str, Any] = {}
        for name in names:
            values |= _value(name, given[name])
        return cls(names=names, values=values, circle=min(circles, key=lambda c: c[2], default=None), cone=cone, region=region)


def _value(name: str, given: Any) -> dict[str, Any]:
    if name in {"time", "energy"}:
        low, high = (float(x) for x in given)
        if not low <= high:
            raise BadInput(f"the {name} interval {low:g} to {high:g} is reversed or no number")
        return {"span_t0": low, "span_t1": high} if name == "time" else {"em_0": low, "em_1": high}
    if name == "suffix":
        return {"suffix": f"%\\_{_escaped(given)}.%"}
    return {name: f"%{_escaped(given)}%" if name == "text" else given}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _cone_of(given: Any) -> tuple[float, float, float] | None:
    if given is None:
        return None
    ra, dec, radius = (float(x) for x in given)
    if not (math.isfinite(ra) and -90 <= dec <= 90 and 0 <= radius <= 180):
        raise BadInput(f"a cone has a right ascension, a declination of -90 to 90 and a radius of 0 to 180 degrees, not {given}")
    return ra % 360.0, dec, radius


def _region_of(given: Any) -> tuple[Vertex, ...] | None:
    if given is None:
        return None
    vertices = counter_clockwise([(float(ra), float(dec)) for ra, dec in given])
    fault = fault_of(vertices)
    if fault is not None:
        raise BadInput(f"the polygon to search in {fault}")
    return tuple(vertices)


def _matching(c: sa.Connection, wanted: _Wanted, place: _Place | None, look: int) -> Iterator[Row]:
    """Give matching rows in order; candidates are taken in growing lots, so that memory stays bounded."""
    if wanted.circle is not None:
        look = max(look, _FIRST_LOOK)
    while True:
        rows = _candidates(c, wanted, place, look)
        if wanted.circle is None:
            yield from rows
        else:
            from dmsops.archive.footprints import touching

            yield from touching(rows, wanted.cone, wanted.region)
        if len(rows) < look:
            return
        place = _Place(observation_id=rows[-1]["observation_id"], product_id=rows[-1]["product_id"])
        look = min(4 * look, _LARGEST_LOOK)


def _candidates(c: sa.Connection, wanted: _Wanted, place: _Place | None, look: int) -> list[Row]:
    values, kind = dict(wanted.values), ""
    if wanted.circle is not None:
        kind = sky.cone_kind(c, wanted.circle[2])
        values |= sky.cone_values(*wanted.circle)
    if place is not None:
        values |= {"after_observation": place.observation_id, "after_product": place.product_id}
    result = c.execute(_statement(c.dialect.name, kind, wanted.names, look=look, after=place is not None), values)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result.all()]


@lru_cache(maxsize=256)
def _statement(dialect: str, kind: str, names: frozenset[str], *, look: int = 1, after: bool = False, counting: bool = False) -> Any:
    """Make the statement for a set of filters once; every value is left open but the number of rows.

    (PostgreSQL plans a prepared statement for a number of rows that it does not know as for a few: it would walk the order's index.)
    """
    source = plane.join(observation).outerjoin(proposal, proposal.c.id == _o.proposal_id)
    clauses = [_o.state == "archived", *(_clause(dialect, name) for name in sorted(names))]
    if kind:
        clauses.append(sky.cone_clause(kind))
    if after:
        key = (sa.bindparam("after_observation", type_=sa.String()), sa.bindparam("after_product", type_=sa.String()))
        clauses.append(sa.tuple_(_p.observation_id, _p.product_id) > sa.tuple_(*key))
    if counting:
        return sa.select(sa.func.count()).select_from(source).where(*clauses)
    query = sa.select(*_COLUMNS).select_from(source).where(*clauses).order_by(_p.observation_id, _p.product_id)
    return query.limit(sa.literal_column(str(int(look)), sa.Integer()))


_EQUAL = {
    "proposal": _o.proposal_id,
    "target": _o.target,
    "instrument": _o.instrument,
    "collection": _o.collection,
    "level": _p.calibration_level,
}


def _clause(dialect: str, name: str) -> Any:
    value: sa.BindParameter[Any] = sa.bindparam(name)
    if name in _EQUAL:
        return _EQUAL[name] == value
    if name == "time":
        return sky.span_clause(dialect)
    if name == "energy":
        return (_p.em_max >= sa.bindparam("em_0", type_=sa.Float())) & (_p.em_min <= sa.bindparam("em_1", type_=sa.Float()))
    if name == "suffix":
        has = sa.exists().where(_a.plane_id == _p.id, _a.uri.like(value, escape="\\"))
        return has.correlate(plane)
    if name == "public_at":
        return _p.data_release <= sa.bindparam(name, type_=UtcTime())
    return sa.or_(*(c.ilike(value, escape="\\") for c in (_o.id, _o.target, proposal.c.title, proposal.c.pi_name)))
