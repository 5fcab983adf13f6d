"""VOSI 1.1: what the Virtual Observatory's services can do, whether they are there, which tables they have."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from dmsops.archive import published
from dmsops.archive.published_schema import KEYS, SCHEMAS, told
from dmsops.archive.views import Column, View
from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.distribution.adql.functions import FUNCTIONS
from dmsops.distribution.uws import MOST_SECONDS, SECONDS
from dmsops.services.vo_answers import MOST_ROWS, ROWS
from dmsops.services.vo_examples import examples
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NAMES = {
    "vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0", "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0", "tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0", "xsi": _XSI,
}  # fmt: skip
_TABLES = {
    "vosi": "http://www.ivoa.net/xml/VOSITables/v1.0", "vs": "http://www.ivoa.net/xml/VODataService/v1.1", "xsi": _XSI,
}  # fmt: skip
ESA = "/esa/tap"
"""Where ESA's client finds TAP."""
_PLUS = "http://esa.int/xml/EsaTapPlus"
_FLAGS = f"{{{_PLUS}}}flags"
_GEOMETRY = (
    "POINT", "CIRCLE", "BOX", "POLYGON", "REGION", "CENTROID", "CONTAINS", "INTERSECTS", "DISTANCE", "AREA", "COORD1", "COORD2", "COORDSYS",
)  # fmt: skip
_FEATURES = {
    "features-adqlgeo": _GEOMETRY,
    "features-adql-string": ("LOWER", "UPPER", "ILIKE"),
    "features-adql-sets": ("UNION", "EXCEPT", "INTERSECT"),
    "features-adql-common-table": ("WITH",),
    "features-adql-type": ("CAST",),
    "features-adql-offset": ("OFFSET",),
}
_FORMATS = (
    ("application/x-votable+xml", ("votable", "votable/td"), "ivo://ivoa.net/std/TAPRegExt#output-votable-td"),
    ("application/x-votable+xml;serialization=binary2", ("votable/b2",), "ivo://ivoa.net/std/TAPRegExt#output-votable-binary2"),
    ("text/csv;header=present", ("csv",), ""),
    ("text/tab-separated-values", ("tsv",), ""),
    ("application/json", ("json",), ""),
    ("application/fits", ("fits",), ""),
    ("application/vnd.apache.parquet", ("parquet",), ""),
)


def tap_routes(root: str) -> list[Route]:
    """Give the routes of VOSI below a TAP service."""

    def interfaces(call: Call) -> Response:
        return capabilities_of(_tap(f"{call.base}{root}"), f"{call.base}{root}")

    def described(call: Call) -> Response:
        return tables(call, flags=root == ESA)

    return [
        Route(path=f"{root}/capabilities", handler=interfaces),
        Route(path=f"{root}/availability", handler=availability),
        Route(path=f"{root}/tables", handler=described),
        Route(path=f"{root}/tables/{{name}}", handler=described),
        Route(path=f"{root}/examples", handler=examples),
    ]


def service_routes(root: str, standard: str, address: str) -> list[Route]:
    """Give the routes of VOSI below a service with one standard (an IVOID) at one address."""

    def interfaces(call: Call) -> Response:
        return capabilities_of([offered(standard, f"{call.base}{address}")], f"{call.base}{root}")

    return [Route(path=f"{root}/capabilities", handler=interfaces), Route(path=f"{root}/availability", handler=availability)]


def _xml(root: Any) -> Response:
    from lxml import etree
    from starlette.responses import Response

    return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), media_type="text/xml")


def _sub(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    from lxml import etree

    element = etree.SubElement(parent, name, attributes)
    element.text = text
    return element


def _interface(capability: Any, address: str, *, use: str, kind: str = "vs:ParamHTTP", role: str = "std", version: str = "") -> None:
    found = _sub(capability, "interface", **{f"{{{_XSI}}}type": kind})
    if role:
        found.set("role", role)
    if version:
        found.set("version", version)
    _sub(found, "accessURL", address, use=use)


def offered(standard: str, address: str, *, use: str = "full") -> Any:
    """Describe one capability: a standard by its IVOID, and the address at which it is offered."""
    from lxml import etree

    capability = etree.Element("capability", {"standardID": standard}, nsmap={"xsi": _XSI})
    _interface(capability, address, use=use)
    return capability


def _tap(address: str) -> list[Any]:
    from lxml import etree

    capability = etree.Element("capability", {"standardID": "ivo://ivoa.net/std/TAP", f"{{{_XSI}}}type": "tr:TableAccess"}, nsmap=_NAMES)
    _interface(capability, address, use="base", version="1.1")
    _sub(capability, "dataModel", "ObsCore-1.1", **{"ivo-id": "ivo://ivoa.net/std/ObsCore#core-1.1"})
    capability.append(_language())
    for mime, aliases, identity in _FORMATS:
        form = _sub(capability, "outputFormat", **({"ivo-id": identity} if identity else {}))
        _sub(form, "mime", mime)
        for alias in aliases:
            _sub(form, "alias", alias)
    for name, default, hard in (("retentionPeriod", 7 * 86400, 30 * 86400), ("executionDuration", SECONDS, MOST_SECONDS)):
        bound = _sub(capability, name)
        _sub(bound, "default", str(default))
        _sub(bound, "hard", str(hard))
    limit = _sub(capability, "outputLimit")
    _sub(limit, "default", str(ROWS), unit="row")
    _sub(limit, "hard", str(MOST_ROWS), unit="row")
    rest = [
        offered("ivo://ivoa.net/std/VOSI#tables-1.1", f"{address}/tables"),
        offered("ivo://ivoa.net/std/DALI#examples", f"{address}/examples"),
    ]
    return [capability, *rest]


def _language() -> Any:
    from lxml import etree

    language = etree.Element("language")
    _sub(language, "name", "ADQL")
    for version in ("2.0", "2.1"):
        _sub(language, "version", version, **{"ivo-id": f"ivo://ivoa.net/std/ADQL#v{version}"})
    _sub(language, "description", f"Functions beside geometry: {', '.join(sorted(FUNCTIONS))}.")
    for kind, forms in _FEATURES.items():
        features = _sub(language, "languageFeatures", type=f"ivo://ivoa.net/std/TAPRegExt#{kind}")
        for form in forms:
            _sub(_sub(features, "feature"), "form", form)
    return language


def capabilities_of(own: Sequence[Any], root: str) -> Response:
    """Answer with what a service below an address can do: its own capabilities, and VOSI's."""
    from lxml import etree

    document = etree.Element(f"{{{_NAMES['vosi']}}}capabilities", nsmap=_NAMES)
    shared = [offered(f"ivo://ivoa.net/std/VOSI#{name}", f"{root}/{name}") for name in ("capabilities", "availability")]
    for capability in (*own, *shared):
        document.append(capability)
    return _xml(document)


def availability(call: Call) -> Response:
    """Say whether the database answers."""
    from lxml import etree

    namespace = "http://www.ivoa.net/xml/VOSIAvailability/v1.0"
    root = etree.Element(f"{{{namespace}}}availability", nsmap={"vosi": namespace})
    with reading(call.ops.db) as c:
        c.exec_driver_sql("SELECT 1")
    _sub(root, f"{{{namespace}}}available", "true")
    return _xml(root)


def tables(call: Call, *, flags: bool = False) -> Response:
    """Describe the tables: all, one by its name (``/tables/ivoa.obscore``), or ESA's ``?tables=``.

    Parameters
    ----------
    flags : bool
        Whether columns have ESA's attribute, which its client wants and the schema of VOSI forbids.
    """
    wanted = call.path.get("name") or call.field("tables")
    views = published.views(call.ops.db.dialect.name)
    if wanted:
        chosen = [view for view in views if view.name.lower() == wanted.lower()]
        if not chosen:
            raise NotFound(f"there is no table '{wanted[:80]}'", remedy="`/tap/tables` lists them (procedure P17).")
        return _xml(_one(chosen[0], flags) if call.path.get("name") else _set(tuple(chosen), flags))
    return _xml(_set(views, flags))


@cache
def _set(views: tuple[View, ...], flags: bool) -> Any:
    from lxml import etree

    root = etree.Element(f"{{{_TABLES['vosi']}}}tableset", nsmap=_TABLES | ({"esatapplus": _PLUS} if flags else {}))
    for schema in dict.fromkeys(view.name.partition(".")[0] for view in views):
        element = _sub(root, "schema")
        _sub(element, "name", schema)
        _sub(element, "description", SCHEMAS.get(schema, ""))
        for view in views:
            if view.name.partition(".")[0] == schema:
                _describe(_sub(element, "table", type="view"), view, flags)
    return root


def _one(view: View, flags: bool) -> Any:
    from lxml import etree

    root = etree.Element(f"{{{_TABLES['vosi']}}}table", {"type": "view"}, nsmap=_TABLES | ({"esatapplus": _PLUS} if flags else {}))
    _describe(root, view, flags)
    return root


def _describe(element: Any, view: View, flags: bool) -> None:
    _sub(element, "name", view.name)
    _sub(element, "description", view.description)
    if view.utype:
        _sub(element, "utype", view.utype)
    for column in view.columns:
        _column(element, column, flags)
    for start, target, mine, theirs in KEYS:
        if start == view.name:
            key = _sub(element, "foreignKey")
            _sub(key, "targetTable", target)
            pair = _sub(key, "fkColumn")
            _sub(pair, "fromColumn", mine)
            _sub(pair, "targetColumn", theirs)


def _column(table: Any, column: Column, flags: bool) -> None:
    element = _sub(table, "column", **({_FLAGS: "0"} if flags else {}) | ({"std": "true"} if column.std else {}))
    _sub(element, "name", column.name if flags else told(column.name))
    for name, value in (("description", column.description), ("unit", column.unit), ("ucd", column.ucd), ("utype", column.utype)):
        if value:
            _sub(element, name, value)
    kind = {"arraysize": "*"} if column.datatype in {"char", "unicodeChar"} else {}
    kind |= {"extendedType": column.xtype} if column.xtype else {}
    _sub(element, "dataType", column.datatype, **{f"{{{_XSI}}}type": "vs:VOTableType", **kind})
    for name, there in (("indexed", column.indexed), ("primary", column.principal)):
        if there:
            _sub(element, "flag", name)
