"""MAST's portal as its clients ask it (``/api/v0/invoke``): observations by place and by filters, their products, who asks.

The shapes are those of MAST's recorded answers that astroquery ships, and of what astroquery.mast sends and reads. Here every answer is
whole at once: there is no ``EXECUTING``. Names of objects are resolved by a server of MAST's own that clients ask themselves.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import published_mast
from dmsops.archive.tables import artifact, observation
from dmsops.archive.views import Column, View
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DmsError
from dmsops.services import portal_filters as filters
from dmsops.services.portal_answers import answer, configured, mashup, told_whoami, whoami
from dmsops.services.portal_rows import LARGEST, Cone, Rows, count, lots_of, page, view_of, visible
from dmsops.services.web import Route, json_object

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.services.web import Call

MOST_OBSERVATIONS, MOST_FILTERS = 20_000, 50
_LOT = 1_000
_PLACED = {"Mast.Caom.Cone", "Mast.Caom.Filtered.Position"}
_DISTANCE = Column(name="distance", expression=sa.null(), datatype="double", unit="arcsec", description="To the footprint's middle")


def routes() -> list[Route]:
    """Give the routes of the portal."""
    both = ("GET", "POST")
    return [
        Route(path="/api/v0/invoke", handler=_invoke, methods=both, told=_told),
        Route(path="/portal/Mashup/Mashup.asmx/columnsconfig", handler=_columns_config, methods=both, told=_told),
        Route(path="/whoami", handler=whoami, told=told_whoami),
    ]


def _told(status: int, error: DmsError) -> Response:
    """Tell an error as the portal does: status ERROR and a sentence, which clients show; where only the request is bad, HTTP says 200."""
    from starlette.responses import Response

    words = error.message if isinstance(error, BadInput) else f"{error.message}. {error.remedy}"
    told = {"status": "ERROR", "msg": words, "data": [], "fields": [], "error": error.as_dict()}
    return Response(json.dumps(told), 200 if status in (400, 404) else status, media_type="application/json")


def _invoke(call: Call) -> Response:
    asked = json_object(call.field("request") or call.body, "field 'request'")
    service, params = asked.get("service"), asked.get("params") or {}
    handler = _SERVICES.get(service) if isinstance(service, str) else None
    if handler is None:
        raise BadInput(f"there is no service '{str(service)[:80]}' here; there are {', '.join(_SERVICES)}", field="service")
    if not isinstance(params, dict):
        raise BadInput("field 'params' is not an object", field="params")
    if asked.get("format", "json") not in ("json", "extjs"):
        raise BadInput(f"format '{str(asked['format'])[:20]}' is not written here: ask for json, or use TAP", field="format")
    found: Response = handler(call, str(service), params, asked)
    return found


def _observations(call: Call, service: str, params: dict[str, Any], asked: dict[str, Any]) -> Response:
    view = view_of("observations")
    places = _cone_of(service, params)
    clauses = _clauses(view, params)
    if "COUNT_BIG" in str(params.get("columns", "")).upper():
        number = count(call, view, clauses, places)
        return mashup([("Column1", "string")], [{"Column1": number}], page_of={"page": 1}, total=1)
    start, size, paging = _paging(asked)
    found = page(call, view, _chosen(view, params), [clauses], places, start=start, size=size)
    return answer(_with_distance(found, places[0]) if places else found, paging)


def _clauses(view: View, params: dict[str, Any]) -> list[sa.ColumnElement[bool]]:
    given = params.get("filters") or []
    if not isinstance(given, list) or len(given) > MOST_FILTERS:
        raise BadInput(f"field 'filters' is a list of up to {MOST_FILTERS} filters", field="filters")
    filters.need_few(sum(len(one.get("values") or ()) for one in given if isinstance(one, dict) and isinstance(one.get("values"), list)))
    return [filters.in_portal(view, one) for one in given]


def _cone_of(service: str, params: dict[str, Any]) -> tuple[Cone, ...]:
    """Read the place: ``ra, dec, radius`` of a cone, ``position`` with commas; degrees."""
    if service not in _PLACED:
        return ()
    named = service == "Mast.Caom.Cone"
    given = [params.get(name) for name in ("ra", "dec", "radius")] if named else str(params.get("position")).split(",")
    try:
        ra, dec, radius = (float(value) for value in given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise BadInput("a place is a right ascension, a declination and a radius, in degrees", field="position") from None
    return (cone(ra, dec, radius),)


def cone(ra: float, dec: float, radius: float) -> Cone:
    """Look through a place and radius (degrees); raises `BadInput`."""
    if not (math.isfinite(ra) and -90 <= dec <= 90 and 0 <= radius <= 180):
        raise BadInput(f"there is no place {ra:g}, {dec:g} with radius {radius:g} degrees on the sky", field="position")
    return ra % 360.0, dec, radius


def _chosen(view: View, params: dict[str, Any]) -> tuple[Column, ...]:
    text = params.get("columns") or "*"
    if not isinstance(text, str):
        raise BadInput("field 'columns' is text with commas, or '*'", field="columns")
    names = [name.strip() for name in text.split(",")]
    return view.columns if "*" in names else tuple(dict.fromkeys(filters.column_of(view, name) for name in names))


def _paging(asked: dict[str, Any]) -> tuple[int, int, dict[str, int]]:
    """Read which page is wanted; a page that would be larger than allowed is as large as that."""
    number, size = _whole(asked.get("page"), "page", 1), _whole(asked.get("pagesize"), "pagesize", LARGEST)
    size = min(size, LARGEST)
    return (number - 1) * size, size, {"page": number, "pageSize": size}


def _whole(value: Any, name: str, default: int) -> int:
    if value is None or value == "":
        return default
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError):
        found = 0
    if not 1 <= found <= 10**9:
        raise BadInput(f"field '{name}' is '{str(value)[:20]}', not a whole number from 1 on", field=name)
    return found


def _with_distance(found: Rows, place: Cone) -> Rows:
    from dmsops.archive.footprints import distance

    names = [column.name for column in found.columns]
    if not {"s_ra", "s_dec"} <= set(names):
        return found
    ra, dec = names.index("s_ra"), names.index("s_dec")
    rows = [(*row, 3600 * distance(place[0], place[1], row[ra], row[dec])) for row in found.rows]
    return Rows(columns=(*found.columns, _DISTANCE), rows=rows, total=found.total)


def _products(call: Call, _service: str, params: dict[str, Any], asked: dict[str, Any]) -> Response:
    view = view_of("products")
    clauses = _clauses(view, params)
    ids = _observation_ids(call, params.get("obsid"))
    start, size, paging = _paging(asked)
    order = (observation.c.id, artifact.c.uri)
    return answer(page(call, view, _chosen(view, params), lots_of(ids, clauses), start=start, size=size, order=order), paging)


def _observation_ids(call: Call, given: Any) -> list[str]:
    """Find the observations of MAST's integer names; one that is none is passed over."""
    words = [str(word).strip() for word in (given if isinstance(given, list) else str(given or "").split(","))]
    numbers = sorted({int(word) for word in words if word.isdecimal() and word.isascii() and len(word) < 18})
    if not numbers:
        raise BadInput("field 'obsid' names no observation: give numbers from the column obsid, with commas between them", field="obsid")
    if len(numbers) > MOST_OBSERVATIONS:
        raise BadInput(f"products of up to {MOST_OBSERVATIONS:,} observations are listed at once, not of {len(numbers):,}", field="obsid")
    found: list[str] = []
    with reading(call.ops.db) as c:
        for i in range(0, len(numbers), _LOT):
            clause = published_mast.numbered(numbers[i : i + _LOT])
            found += c.execute(sa.select(observation.c.id).where(clause)).scalars()
    return sorted(found)


def _all(call: Call, _service: str, _params: dict[str, Any], _asked: dict[str, Any]) -> Response:
    """Give the histogram of collections, as the portal's opening page has it (``extjs``)."""
    from starlette.responses import JSONResponse

    view = view_of("observations")
    query = sa.select(observation.c.collection, sa.func.count()).select_from(view.source).where(*view.where, visible(call, view))
    with reading(call.ops.db) as c:
        counts = {row[0]: int(row[1]) for row in c.execute(query.group_by(observation.c.collection))}
    hist = {"hist": [{"key": name, "fieldCount": number} for name, number in counts.items()], **counts}
    facet = {"text": "obs_collection", "dataIndex": "obs_collection", "ExtendedProperties": {"histObj": hist}}
    return JSONResponse({"status": "COMPLETE", "msg": "", "data": {"Tables": [{"name": "All", "Columns": [facet]}]}})


def _no_names(_call: Call, _service: str, _params: dict[str, Any], _asked: dict[str, Any]) -> Response:
    raise BadInput("names of objects are not resolved here: give coordinates instead", remedy="SIMBAD and NED know where objects are.")


_SERVICES: Mapping[str, Any] = {
    "Mast.Caom.All": _all,
    "Mast.Caom.Cone": _observations,
    "Mast.Caom.Filtered": _observations,
    "Mast.Caom.Filtered.Position": _observations,
    "Mast.Caom.Products": _products,
    "Mast.Name.Lookup": _no_names,
}


def _columns_config(call: Call) -> Response:
    from starlette.responses import JSONResponse

    name = call.field("colConfigId")
    if name not in _SERVICES:
        raise BadInput(f"there are no columns of '{name[:80]}'; there are of {', '.join(_SERVICES)}", field="colConfigId")
    view = view_of("products" if name == "Mast.Caom.Products" else "observations")
    return JSONResponse({column.name: configured(column) for column in view.columns})
