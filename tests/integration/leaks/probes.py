"""How each route is asked, and what it may show: what a route of the site has no probe for fails its test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dmsops.archive.published_obscore import AUTHORITY
from tests.integration.leaks.world import Answer, Asker, Thing, World

Ask = Callable[[World, Asker, Thing], Answer]
ALL = "SELECT * FROM {}"
TABLES = (
    "ivoa.obscore", "caom2.Observation", "caom2.Plane", "caom2.Artifact", "jwst.main", "jwst.archive", "jwst.observation", "jwst.plane",
    "jwst.artifact",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A way to ask a route.

    ``shows`` is ``list`` (of all things exactly those whose description may be seen), ``one`` (one thing's description, or what a thing
    that never was would get), ``file`` (one thing's bytes), or ``nothing``. Of ``one``, ``mark`` gives what tells that it is shown.
    """

    shows: str
    ask: Ask
    mark: Callable[[Thing], str] = lambda thing: thing.target
    name: str = ""
    brief: bool = False
    """Whether few kinds of things are enough: the same question is asked of all kinds by another way in."""


def get(path: str, **params: Any) -> Ask:
    """Ask by GET; `{root}`, `{uri}` and so on in values are those of the thing."""
    return lambda world, asker, thing: world.ask(asker, "GET", _path(path, thing), params=_filled(params, thing) or None)


def form(path: str, **fields: Any) -> Ask:
    return lambda world, asker, thing: world.ask(asker, "POST", _path(path, thing), data=_filled(fields, thing))


def posted(path: str, document: Any) -> Ask:
    return lambda world, asker, thing: world.ask(asker, "POST", _path(path, thing), json=_filled(document, thing))


def _path(path: str, thing: Thing) -> str:
    return path.replace("{root}", thing.root)


def _filled(given: Any, thing: Thing) -> Any:
    if isinstance(given, dict):
        return {key: _filled(value, thing) for key, value in given.items()}
    if isinstance(given, list):
        return [_filled(value, thing) for value in given]
    if not isinstance(given, str):
        return given
    for name in ("root", "uri", "file", "target", "plane", "obsid", "did"):
        given = given.replace(f"{{{name}}}", getattr(thing, name))
    return given


def invoke(service: str, **params: Any) -> dict[str, Any]:
    return {"service": service, "params": params, "format": "json", "pagesize": 50, "page": 1}


def portal(method: str, document: dict[str, Any]) -> Ask:
    """Ask the portal: the request is JSON in a field, in the query or in a form."""

    def ask(world: World, asker: Asker, thing: Thing) -> Answer:
        field = {"request": json.dumps(_filled(document, thing))}
        where: dict[str, Any] = {"params": field} if method == "GET" else {"data": field}
        return world.ask(asker, method, "/api/v0/invoke", **where)

    return ask


def _portal(method: str) -> list[Probe]:
    cone = {"ra": 0, "dec": 0, "radius": 180}
    rows = [{"paramName": "obs_id", "values": ["{root}"]}]
    free = [{"paramName": "obs_id", "values": [], "freeText": "%{root}%"}]
    by_target = [{"paramName": "target_name", "values": ["{target}"]}]
    brief = method == "GET"
    return [
        Probe(shows="list", name="filtered", ask=portal(method, invoke("Mast.Caom.Filtered", columns="*", filters=[]))),
        Probe(shows="list", name="cone", ask=portal(method, invoke("Mast.Caom.Cone", **cone))),
        Probe(
            shows="list",
            name="position",
            ask=portal(method, invoke("Mast.Caom.Filtered.Position", columns="*", filters=[], position="0, 0, 180")),
        ),
        Probe(shows="nothing", name="all", ask=portal(method, invoke("Mast.Caom.All"))),
        Probe(shows="one", brief=brief, name="by name", ask=portal(method, invoke("Mast.Caom.Filtered", columns="*", filters=rows))),
        Probe(shows="one", brief=True, name="free text", ask=portal(method, invoke("Mast.Caom.Filtered", columns="*", filters=free))),
        Probe(
            shows="count",
            brief=True,
            name="counted by name",
            ask=portal(method, invoke("Mast.Caom.Filtered", columns="COUNT_BIG(*)", filters=rows)),
            mark=lambda _: '"Column1": 1}',
        ),
        Probe(
            shows="count",
            brief=True,
            name="counted by target",
            ask=portal(method, invoke("Mast.Caom.Filtered", columns="COUNT_BIG(*)", filters=by_target)),
            mark=lambda _: '"Column1": 1}',
        ),
        Probe(
            shows="one",
            name="files of a guessed obsid",
            ask=portal(method, invoke("Mast.Caom.Products", obsid="{obsid}")),
            mark=lambda thing: thing.file,
        ),
    ]


def _missions() -> list[Probe]:
    search = "/search/jwst/api/v0.1/search"
    return [
        Probe(shows="list", name="all", ask=posted(search, {"limit": 5000})),
        Probe(shows="list", name="place", ask=posted(search, {"target": ["0 0"], "radius": 180, "radius_units": "degrees"})),
        Probe(shows="one", name="by name", ask=posted(search, {"conditions": [{"fileSetName": "{root}"}]})),
        Probe(
            shows="one",
            name="sorted by a hidden one",
            ask=posted(search, {"conditions": [{"fileSetName": "{root}"}], "sort_by": ["title"]}),
        ),
        Probe(
            shows="count",
            brief=True,
            name="counted",
            ask=posted(search, {"conditions": [{"fileSetName": "{root}"}], "count_only": True}),
            mark=lambda _: '"totalResults": 1',
        ),
        Probe(shows="nothing", name="not that one", ask=posted(search, {"conditions": [{"fileSetName": "!{root}"}], "count_only": True})),
    ]


def tap(root: str, method: str) -> list[Probe]:
    """Ask TAP in every way in which a row can be told of."""
    path = f"{root}/sync"

    def asked(query: str, **more: str) -> Ask:
        fields = {"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "csv"} | more
        return get(path, **fields) if method == "GET" else form(path, **fields)

    if (root, method) != ("/tap", "POST"):  # the same code by another way in
        return [
            Probe(shows="list", name="all", ask=asked(ALL.format("jwst.main"))),
            Probe(shows="list", name="fits", ask=asked(ALL.format("ivoa.obscore"), RESPONSEFORMAT="fits")),
            Probe(shows="one", brief=True, ask=asked("SELECT target_name FROM ivoa.obscore WHERE obs_id = '{root}'")),
        ]
    listing = [Probe(shows="list", name=table, ask=asked(ALL.format(table))) for table in TABLES]
    forms = [
        Probe(shows="list", name=word, ask=asked(ALL.format("ivoa.obscore"), RESPONSEFORMAT=word)) for word in ("votable", "json", "fits")
    ]
    by_name = {
        "one": "SELECT target_name FROM ivoa.obscore WHERE obs_id = '{root}'",
        "joined": "SELECT o.target_name FROM caom2.Observation o JOIN caom2.Plane p ON p.obsID = o.obsID WHERE p.obsID = '{root}'",
        "subquery": "SELECT target_name FROM caom2.Observation WHERE obsID IN (SELECT obsID FROM caom2.Plane WHERE planeID = '{plane}')",
        "union": "SELECT target_name FROM jwst.main WHERE observationid = '{root}'"
        " UNION SELECT target_name FROM ivoa.obscore WHERE obs_id = '{root}'",
        "with": "WITH x AS (SELECT * FROM jwst.observation) SELECT target_name FROM x WHERE observationid = '{root}'",
        "left join": "SELECT b.target_name FROM tap_schema.tables a LEFT JOIN ivoa.obscore b ON b.obs_id = '{root}'",
        "or true": "SELECT target_name FROM ivoa.obscore WHERE obs_id = '{root}' AND (1=1 OR 1=1) OR obs_id = '{root}'",
    }  # fmt: skip
    counted = {
        "count": "SELECT COUNT(*) AS n FROM ivoa.obscore WHERE obs_id = '{root}'",
        "count of files": "SELECT COUNT(*) AS n FROM caom2.Artifact WHERE uri = '{uri}'",
        "count by target": "SELECT COUNT(*) AS n FROM jwst.main WHERE target_name = '{target}'",
        "exists": "SELECT COUNT(*) AS n FROM tap_schema.tables WHERE table_name = 'ivoa.obscore' AND EXISTS"
        " (SELECT * FROM ivoa.obscore WHERE obs_id = '{root}')",
        "group": "SELECT n FROM (SELECT COUNT(*) AS n FROM ivoa.obscore WHERE obs_id = '{root}' GROUP BY target_name) AS x",
    }
    return [
        *listing, *forms,
        *(Probe(shows="one", name=name, ask=asked(query), brief=name != "one") for name, query in by_name.items()),
        *(Probe(shows="count", name=name, ask=asked(query), mark=lambda _: "\n1\r\n", brief=True) for name, query in counted.items()),
        Probe(shows="nothing", name="no rows", ask=asked(ALL.format("ivoa.obscore"), MAXREC="0", RESPONSEFORMAT="votable")),
        Probe(shows="nothing", name="a column that is none", ask=asked("SELECT nothing FROM ivoa.obscore WHERE obs_id = '{root}'")),
        Probe(shows="nothing", name="a table that is none", ask=asked("SELECT * FROM observation WHERE id = '{root}'")),
        Probe(shows="nothing", name="schema", ask=asked("SELECT * FROM tap_schema.columns")),
    ]  # fmt: skip


def _sia(method: str) -> list[Probe]:
    path = "/sia2/query"
    ask = get if method == "GET" else form
    return [
        Probe(shows="list", name="all", ask=ask(path, RESPONSEFORMAT="csv")),
        Probe(shows="list", name="place", ask=ask(path, POS="CIRCLE 0 0 180", RESPONSEFORMAT="csv")),
        Probe(shows="one", name="by id", ask=ask(path, ID=f"{AUTHORITY}{{plane}}", RESPONSEFORMAT="csv")),
        Probe(shows="nothing", name="no rows", ask=ask(path, MAXREC="0")),
    ]


def _datalink(method: str) -> list[Probe]:
    ask = get if method == "GET" else form
    found = ask("/datalink/links", ID=f"{AUTHORITY}{{plane}}", RESPONSEFORMAT="csv")
    return [Probe(shows="one", ask=found, mark=lambda thing: quote(thing.uri, safe=""))]


def _download(path: str, method: str, **params: str) -> list[Probe]:
    def asked(headers: dict[str, str]) -> Ask:
        return lambda world, asker, thing: world.ask(asker, method, path, params=_filled(params, thing), headers=_filled(headers, thing))

    ways: dict[str, dict[str, str]] = {"whole": {}}
    if path.endswith("Download/file"):
        ways |= {
            "range": {"Range": "bytes=0-2879"},
            "ranges": {"Range": "bytes=0-79,80-2879,-100"},
            "unknown since": {"If-None-Match": '"x"', "If-Modified-Since": "Fri, 01 Jan 2010 00:00:00 GMT"},
        }
    probes = [Probe(shows="file" if method == "GET" else "head", name=name, ask=asked(headers)) for name, headers in ways.items()]
    known = {
        "its ETag": {"If-None-Match": '"{sha}"'},
        "any ETag": {"If-None-Match": "*"},
        "far range": {"Range": "bytes=99999999-"},
        "if range": {"Range": "bytes=0-0", "If-Range": '"{sha}"'},
    }

    def conditional(headers: dict[str, str]) -> Ask:
        return lambda world, asker, thing: world.ask(
            asker, method, path, params=_filled(params, thing), headers={k: v.replace("{sha}", "0" * 64) for k, v in headers.items()}
        )

    guessed = [Probe(shows="existence", name=name, ask=conditional(headers), brief=True) for name, headers in known.items()]
    return [*probes, *guessed] if path == "/api/v0.1/Download/file" else probes


def _esa(method: str) -> list[Probe]:
    ask = get if method == "GET" else form
    wanted = {"RETRIEVAL_TYPE": "OBSERVATION", "PLANEID": "{plane}"}
    return [
        Probe(shows="file", name="product", ask=ask("/esa/data", RETRIEVAL_TYPE="PRODUCT", ARTIFACTID="{uri}")),
        Probe(shows="tar", name="tar", ask=ask("/esa/data", **wanted)),
    ]


def _feed(path: str) -> list[Probe]:
    return [
        Probe(shows="list", name="whole", ask=get(path)),
        Probe(shows="list", name="page", ask=get(path, maxrec="1000", start="2000-01-01T00:00:00.000")),
    ]


def _sums(thing: Thing) -> str:
    return thing.sha256


def _atom() -> list[Probe]:
    return [
        Probe(shows="list", name="all", ask=get("/api/v0.1/events.atom")),
        Probe(shows="one", name="of one", ask=get("/api/v0.1/events.atom", observation="{root}")),
    ]


def _quiet(method: str, path: str) -> list[Probe]:
    return [Probe(shows="nothing", ask=lambda world, asker, _: world.ask(asker, method, path))]


def simple() -> Iterator[tuple[tuple[str, str], list[Probe]]]:
    """Give the probes of the routes that are asked once, without anything before."""
    for method in ("GET", "POST"):
        yield (method, "/api/v0/invoke"), _portal(method)
        yield (method, "/tap/sync"), tap("/tap", method)
        yield (method, "/esa/tap/sync"), tap("/esa/tap", method)
        yield (method, "/sia2/query"), _sia(method)
        yield (method, "/datalink/links"), _datalink(method)
        yield (method, "/esa/data"), _esa(method)
        bundle = get if method == "GET" else form
        script = bundle("/api/v0.1/Download/bundle.sh", uri="{uri}")
        yield (method, "/api/v0.1/Download/bundle.sh"), [Probe(shows="one", ask=script, mark=_sums)]
        config = "/portal/Mashup/Mashup.asmx/columnsconfig"
        yield (method, config), [Probe(shows="nothing", ask=bundle(config, colConfigId="Mast.Caom.Cone"))]
    for method in ("GET", "HEAD"):
        yield (method, "/"), _quiet(method, "/")
        for path in ("/api/v0.1/Download/file", "/api/v0/download/file"):
            yield (method, path), _download(path, method, uri="{uri}")
        retrieve = "/search/jwst/api/v0.1/retrieve_product"
        yield (method, retrieve), _download(retrieve, method, product_name="{root}/{file}")
    search = "/search/jwst/api/v0.1"
    yield ("POST", f"{search}/search"), _missions()
    listed = posted(f"{search}/post_list_products", {"dataset_ids": ["{root}"]})
    yield ("POST", f"{search}/post_list_products"), [Probe(shows="one", ask=listed, mark=lambda thing: thing.file)]
    yield ("GET", "/api/v0.1/events.atom"), _atom()
    for name in ("/caom/observations/{collection}", "/caom/{collection}"):
        yield ("GET", name), _feed(name.replace("{collection}", "JWST"))
        document = name.replace("{collection}", "JWST") + "/{root}"
        yield (
            ("GET", f"{name}/{{observation}}"),
            [
                Probe(shows="one", name="document", ask=get(document)),
                Probe(
                    shows="existence",
                    name="its sum guessed",
                    ask=lambda world, asker, thing, d=document: world.ask(asker, "GET", _path(d, thing), headers={"If-None-Match": "*"}),
                ),
            ],
        )
    yield (
        ("GET", "/caom/files/{collection}/{observation}"),
        [
            Probe(shows="one", name="listed", ask=get("/caom/files/JWST/{root}"), mark=_sums),
            Probe(shows="address", name="address", ask=get("/caom/files/JWST/{root}"), mark=lambda thing: f"?uri={thing.uri}"),
        ],
    )
    for name in ("/caom/deletions/{collection}", "/caom-deleted/{collection}"):
        yield ("GET", name), _quiet("GET", name.replace("{collection}", "JWST"))
    for name in (
        "/caom/availability", "/caom/capabilities", "/caom/observations", "/caom/deletions", "/whoami", "/search/util/api/v0.1/column_list",
        "/tap/notification", "/esa/tap/notification",
        *(f"{root}/{part}" for root in ("/tap", "/esa/tap") for part in ("capabilities", "availability", "tables", "examples")),
        *(f"{root}/{part}" for root in ("/sia2", "/datalink") for part in ("capabilities", "availability")),
    ):  # fmt: skip
        yield ("GET", name), _quiet("GET", name)
    for root in ("/tap", "/esa/tap"):
        yield ("GET", f"{root}/tables/{{name}}"), _quiet("GET", f"{root}/tables/ivoa.obscore")
