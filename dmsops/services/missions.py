"""MAST's JWST search as its clients ask it: columns, search by conditions and place, the files of filesets.

Its shapes are those of MAST's recorded answers that astroquery ships, and of what ``astroquery.mast.MastMissions`` sends and reads.
A fileset is one observation of ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.holdings import is_possible
from dmsops.archive.tables import artifact, observation
from dmsops.archive.views import Column, View
from dmsops.core.errors import BadInput, NotFound
from dmsops.services import portal_filters as filters
from dmsops.services.portal import cone
from dmsops.services.portal_answers import pieces
from dmsops.services.portal_rows import LARGEST, Cone, lots_of, page, view_of
from dmsops.services.web import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.services.web import Call

MOST_FILESETS, MOST_CONDITIONS, MOST_PLACES, LIMIT = 20_000, 50, 100, 5_000
_TYPES = {"char": ("string", "VARCHAR"), "double": ("float", "FLOAT"), "int": ("integer", "INTEGER"), "long": ("integer", "INTEGER")}
_DEGREES = {"degrees": 1.0, "deg": 1.0, "arcminutes": 1 / 60, "arcmin": 1 / 60, "arcseconds": 1 / 3600, "arcsec": 1 / 3600}
_KEY = "fileSetName"


def routes() -> list[Route]:
    """Give the routes of the mission search."""
    return [
        Route(path="/search/util/api/v0.1/column_list", handler=_column_list),
        Route(path="/search/jwst/api/v0.1/search", handler=_search, methods=("POST",)),
        Route(path="/search/jwst/api/v0.1/post_list_products", handler=_products, methods=("POST",)),
    ]


def _column_list(call: Call) -> Response:
    from starlette.responses import JSONResponse

    if call.field("mission", "jwst").lower() != "jwst":
        raise NotFound(f"there is no mission '{call.field('mission')[:40]}' here: this archive holds jwst")
    return JSONResponse([_described(column) for column in view_of("filesets").columns])


def _described(column: Column) -> dict[str, str]:
    return {
        "field_name": column.name, "column_name": column.name, "qual_type": _TYPES[column.datatype][0], "description": column.description,
        "queryable": "yes", "default_output": "yes", "datatype": column.datatype,
    }  # fmt: skip


def _search(call: Call) -> Response:
    from starlette.responses import StreamingResponse

    asked = call.json()
    view = view_of("filesets")
    places = _places(asked)
    columns = _chosen(view, asked.get("select_cols"))
    limit, offset = _number(asked, "limit", LIMIT), _number(asked, "offset", 0)
    clauses = _conditions(view, asked.get("conditions"))
    order = _order(view, asked)
    only_counted = bool(asked.get("count_only"))
    size = 0 if only_counted else min(limit, LARGEST)
    found = page(call, view, columns, [clauses], places, start=offset, size=size, order=order)
    info = [{"name": c.name, "type": "DATETIME" if c.xtype == "timestamp" else _TYPES[c.datatype][1]} for c in columns]
    head = {"messages": [], "info": info, "search_params": {**asked, "count_only": only_counted}, "totalResults": found.total}
    return StreamingResponse(pieces(head, "results", found.named()), media_type="application/json")


def _places(asked: dict[str, Any]) -> list[Cone]:
    given = asked.get("target")
    if not given:
        return []
    if not isinstance(given, list) or len(given) > MOST_PLACES:
        raise BadInput(f"field 'target' is a list of up to {MOST_PLACES} places, each as '40.6 -0.01'", field="target")
    unit = _DEGREES.get(str(asked.get("radius_units") or "arcminutes").lower())
    if unit is None:
        raise BadInput(f"field 'radius_units' is one of {', '.join(_DEGREES)}", field="radius_units")
    return [_place(str(one)[:80], asked.get("radius"), unit) for one in given]


def _place(text: str, radius: Any, unit: float) -> Cone:
    try:
        ra, dec = (float(word) for word in re.split(r"[ ,]+", text.strip()))
        return cone(ra, dec, unit * float(3.0 if radius is None else radius))
    except (TypeError, ValueError, OverflowError):
        raise BadInput(f"'{text}' is no place: give right ascension and declination in degrees", field="target") from None


def _chosen(view: View, names: Any) -> tuple[Column, ...]:
    if not names:
        return view.columns
    if not isinstance(names, list):
        raise BadInput("field 'select_cols' is a list of columns", field="select_cols")
    return tuple(dict.fromkeys(filters.column_of(view, name) for name in [_KEY, *names]))


def _number(asked: dict[str, Any], name: str, default: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**9:
        raise BadInput(f"field '{name}' is '{str(value)[:20]}', not a whole number from 0 on", field=name)
    return value


def _conditions(view: View, given: Any) -> list[sa.ColumnElement[bool]]:
    if not given:
        return []
    if not isinstance(given, list) or len(given) > MOST_CONDITIONS or not all(isinstance(one, dict) for one in given):
        raise BadInput(f"field 'conditions' is a list of up to {MOST_CONDITIONS} objects", field="conditions")
    pairs = [pair for one in given for pair in one.items()]
    filters.need_few(len(pairs) + sum(str(value).count(",") for _, value in pairs))
    return [filters.in_search(filters.column_of(view, name), value) for name, value in pairs if value not in (None, "")]


def _order(view: View, asked: dict[str, Any]) -> tuple[Any, ...]:
    """Read by what rows are ordered; after that by the fileset, so that pages do not overlap."""
    names, downwards = asked.get("sort_by") or [], asked.get("sort_desc") or []
    if not isinstance(names, list) or not isinstance(downwards, list) or len(names) > len(view.columns):
        raise BadInput("fields 'sort_by' and 'sort_desc' are lists", field="sort_by")
    columns = [filters.column_of(view, name).expression for name in names]
    down = [*map(bool, downwards), *[False] * len(columns)]
    ordered = [column.desc() if less else column for column, less in zip(columns, down, strict=False)]
    return (*ordered, observation.c.id) if ordered else ()


def _products(call: Call) -> Response:
    from starlette.responses import StreamingResponse

    ids = _ids(call.json().get("dataset_ids"))
    view = view_of("products")
    found = page(call, view, view.columns, lots_of(ids), start=0, size=LARGEST, order=(observation.c.id, artifact.c.uri))
    if found.total > LARGEST:
        raise BadInput(f"these filesets have {found.total:,} files; {LARGEST:,} are listed at once: name fewer", field="dataset_ids")
    return StreamingResponse(pieces({"messages": []}, "products", map(_product, found.named())), media_type="application/json")


def _ids(given: Any) -> list[str]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise BadInput("field 'dataset_ids' is a list of filesets", field="dataset_ids")
    ids = sorted({name for word in words if is_possible(name := word.strip())})
    if len(ids) > MOST_FILESETS:
        raise BadInput(f"files of up to {MOST_FILESETS:,} filesets are listed at once, not of {len(ids):,}", field="dataset_ids")
    return ids


def _product(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "product_key": f"{row['obs_id']}_{row['productFilename']}", "access": row["dataRights"], "dataset": row["obs_id"],
        "instrument_name": row["instrument_name"], "filters": row["filters"] or "", "filename": row["productFilename"],
        "uri": f"{row['obs_id']}/{row['productFilename']}", "file_suffix": f"_{row['productSubGroupDescription'].lower()}",
        "category": str(row["calib_level"]), "size": row["size"], "type": row["productType"].lower(),
    }  # fmt: skip
