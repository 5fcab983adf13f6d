"""Whatever is sent, an answer in words comes back: no 500, no traceback, no header of the asker's making, nothing that is not theirs.

The same examples each time. A longer run, of others each time:
``DMSOPS_FUZZ_EXAMPLES=5000 .venv/bin/python -m pytest -n 0 tests/integration/leaks/test_fuzz.py``
"""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.services import site
from tests.integration.leaks import owned, wire
from tests.integration.leaks.world import Answer, Asker, World

MORE = int(os.environ.get("DMSOPS_FUZZ_EXAMPLES", "0"))
EXAMPLES = MORE or 250
ROUTES = sorted({(method, route.path) for route in site.routes() for method in route.methods})
FUZZ = settings(
    max_examples=EXAMPLES, derandomize=not MORE, database=None, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
CROOKED = [
    "", ".", "..", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/site.toml", "....//....//site.toml", "\x00",
    "a\x00b", "%00", "\r\nInjected: yes", "%0d%0aInjected:%20yes", "\u2028", "é",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "Ⅷ", "١٢", "%ff", "%c0%ae", "'", '"', "' OR 1=1 --",
    "'; DROP TABLE observation; --", "\\", "${7*7}", "{{7*7}}", "{0}", "%s%n", "*", "%", "_", "A" * 300, "9" * 40, "-1", "0", "1e999",
    "nan", "inf", "-inf", "0x10", "1_000", " ", "\t", "null", "true", "[]", "{}", "<x/>",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>", "file:///etc/passwd", "http://127.0.0.1/", "mast:JWST/product/../../x",
    "mast:", "2022-12-04T05:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+23:59", "2022-13-45", "24:00",
]  # fmt: skip
"""Values that have done harm elsewhere."""
_JOB = (
    "QUERY",
    "LANG",
    "REQUEST",
    "MAXREC",
    "RESPONSEFORMAT",
    "FORMAT",
    "UPLOAD",
    "PHASE",
    "ACTION",
    "RUNID",
    "WAIT",
    "DESTRUCTION",
    "AFTER",
    "LAST",
)
OF_ROUTE = {
    "/api/v0/invoke": ("request",),
    "/portal": ("colConfigId",),
    "/search/util": ("mission",),
    "/search/jwst/api/v0.1/retrieve_product": ("product_name",),
    "/api/v0.1/Download": ("uri", "hours"),
    "/api/v0/download": ("uri",),
    "/api/v0.1/stage": ("uri",),
    "/api/v0.1/events": ("subscription", "after", "format", "program", "event", "observation"),
    "/api/v0.1/grants": ("account", "program", "until", "reason"),
    "/caom": ("start", "since", "end", "until", "maxrec", "after"),
    "/sia2": (
        "POS", "BAND", "TIME", "POL", "FOV", "SPATRES", "SPECRP", "EXPTIME", "TIMERES", "ID", "COLLECTION", "FACILITY", "INSTRUMENT",
        "DPTYPE", "CALIB", "TARGET", "MAXREC", "RESPONSEFORMAT",
    ),
    "/datalink": ("ID", "MAXREC", "RESPONSEFORMAT"),
    "/esa/data": ("RETRIEVAL_TYPE", "ARTIFACTID", "PLANEID", "PRODUCT_TYPE", "CALIBRATIONLEVEL"),
    "/esa/tap/deletejobs": ("JOB_IDS",),
    "/esa/tap/tables": ("tables",),
    "/esa/tap": (*_JOB, "EXECUTIONDURATION"),
    "/tap": (*_JOB, "EXECUTIONDURATION"),
}  # fmt: skip
"""What the routes below an address read."""
FIELDS = sorted({name for names in OF_ROUTE.values() for name in names})
HEADERS = (
    "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Authorization", "Cookie", "Content-Type",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Original-URL", "X-HTTP-Method-Override", "Last-Event-ID", "Accept", "Accept-Encoding",
    "Transfer-Encoding", "Expect", "Origin", "Host", "Te", "Upgrade",
)  # fmt: skip
SAID = [
    "bytes=0-", "bytes=-1", "bytes=5-2", "bytes=0-0,0-0,0-0", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 4000, 2)), "bytes=abc",
    "bytes=--1", "bytes=99999999999999999999999-", "bytes=0-18446744073709551616", "octets=0-1", "token ", "token mast_x", "Bearer \xff",
    "Basic YTpi", "token " + "x" * 5000, "mast_token=x", 'mast_token="', "mast_token=" + "x" * 3000, "$Version=1; =;;",
    "application/json", "text/xml", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data; boundary=x",
    "Fri, 99 Foo 0000 00:00:00 GMT", "Sun, 06 Nov 99999 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 -9999", '"', 'W/"x', "*", ",,,,",
    "evil.example", "[", "[::1", "a:b:c", "x y", "127.0.0.1:99999", "@", "127.0.0.1", "chunked", "100-continue", "h2c", "evt-1", "-1",
    "99999999999",
]  # fmt: skip
values = st.one_of(st.sampled_from(CROOKED), st.text(max_size=40), st.integers(-(2**70), 2**70).map(str), st.floats().map(str))


def fields_of(path: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    read = next((names for begin, names in OF_ROUTE.items() if path.startswith(begin)), FIELDS)
    good = st.sampled_from(
        ["OBSERVATION", "PRODUCT", "CIRCLE 10 -9 1", "RANGE 0 10 -90 90", "SELECT * FROM ivoa.obscore", "json", "1", "*"]
    )
    return st.lists(st.tuples(st.sampled_from(read), st.one_of(values, good)), min_size=1, max_size=4)


fielded = st.sampled_from(ROUTES).flatmap(lambda route: st.tuples(st.just(route), fields_of(route[1]), fields_of(route[1])))
raw = st.one_of(
    st.sampled_from([word.encode("utf-8", "replace") for word in CROOKED]), st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: quote(text.encode("utf-8", "replace")).encode()),
)  # fmt: skip
said = st.one_of(st.sampled_from(SAID), st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=30)).map(
    lambda text: text.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
)
segments = st.one_of(st.sampled_from([b"JWST", b"jw01111001001_02101_00001_nrca3", b"ivoa.obscore", b"1"]), raw)
askers = st.sampled_from(["anonymous", "other", "pi without scope read", "pi with scope grant alone", "partner", "revoked"])


def looked_at(world: World, answer: Answer | None, asker: Asker, sent: str, path: str) -> None:
    """Look through an answer: the service's own words, and nothing of anybody else's."""
    if answer is None:
        return
    before = (
        owned.everything(world) if path.startswith(("/api/v0.1/stage", "/api/v0.1/subscriptions")) else ""
    )  # what other tests asked for
    world.search(asker, answer, sent + before, f"X {path}")
    names = {name for name, _ in answer.headers}
    assert "injected" not in names
    assert not any(re.search(r"[\r\n]", value) for _, value in answer.headers)
    text = answer.text
    assert "root:x:0:0" not in text
    assert "sqlalchemy" not in text.lower()
    assert str(world.ops.settings.site) not in text, "a path of this machine"


def safe(target: bytes) -> bytes:
    """Give a target that is one word of a request line; the rest is as it is."""
    return re.sub(rb"[\x00-\x20]", lambda found: b"%%%02x" % found[0][0], target) or b"/"


@FUZZ
@given(
    route=st.sampled_from(ROUTES),
    parts=st.lists(segments, min_size=2, max_size=2),
    tail=st.one_of(st.just(b""), raw),
    query=st.lists(raw, max_size=3),
    asker=askers,
)
def test_paths_and_queries_as_bytes(
    either: World, route: tuple[str, str], parts: list[bytes], tail: bytes, query: list[bytes], asker: str
) -> None:
    who, (method, path) = either.askers[asker], route
    left = iter(parts)
    target = re.sub(rb"\{\w+\}", lambda _: next(left), path.encode()) + tail
    asked = safe(target + (b"?" + b"&".join(query) if query else b""))
    headers = [(name.encode(), value.encode()) for name, value in who.headers.items()]
    answer = wire.exchange(either.base, wire.request(method, asked, headers))
    looked_at(either, answer, who, asked.decode("latin-1"), path)


@FUZZ
@given(
    route=st.sampled_from(ROUTES), headers=st.lists(st.tuples(st.sampled_from(HEADERS), said), max_size=5), asker=askers,
    kind=st.sampled_from(["public", "exclusive", "hidden"]),
)  # fmt: skip
def test_headers_of_every_kind_twice_and_huge(
    either: World, route: tuple[str, str], headers: list[tuple[str, bytes]], asker: str, kind: str
) -> None:
    who, (method, path), thing = either.askers[asker], route, either.thing(kind)
    target = re.sub(r"\{\w+\}", thing.root, path) + f"?uri={thing.uri}&product_name={thing.file}&ID={quote(thing.did)}"
    own = [(name.encode(), value.encode()) for name, value in who.headers.items()]
    sent = wire.request(method, target.encode(), [*own, *((name.encode(), value) for name, value in headers)])
    looked_at(either, wire.exchange(either.base, sent), who, sent.decode("latin-1"), path)


@FUZZ
@given(asked=fielded, asker=askers, segment=values)
def test_fields_of_queries_and_forms(either: World, asked: Any, asker: str, segment: str) -> None:
    (method, path), query, form = asked
    who = either.askers[asker]
    where = re.sub(r"\{\w+\}", lambda _: quote(segment.encode("utf-8", "replace"), safe=""), path)
    encoded = [urlencode([(name, value.encode("utf-8", "replace")) for name, value in fields]).encode() for fields in (query, form)]
    headers = [(name.encode(), value.encode()) for name, value in who.headers.items()]
    body = encoded[1] if method == "POST" else b""
    headers += [(b"Content-Type", b"application/x-www-form-urlencoded")] if body else []
    sent = wire.request(method, where.encode() + b"?" + encoded[0], headers, body)
    looked_at(either, wire.exchange(either.base, sent), who, f"{sent.decode('latin-1')} {query} {form} {segment}", path)


@FUZZ
@given(
    fields=st.lists(st.tuples(st.sampled_from(("RUNID", "QUERY", "LANG", "x", "y\x01", "\x00")), values), min_size=1, max_size=5),
    run=st.booleans(),
)
def test_a_job_of_crooked_fields_is_shown_as_it_was_made(either: World, fields: list[tuple[str, str]], run: bool) -> None:
    who = either.askers["anonymous"]
    form = [(name, value.encode("utf-8", "replace")) for name, value in [*fields, *([("PHASE", "RUN")] if run else [])]]
    made = either.client.post("/tap/async", content=urlencode(form), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert made.status_code in (303, 400), made.text
    if made.status_code == 303:
        place = made.headers["location"].removeprefix(either.base)
        for part in ("", "/parameters", "/owner", "/results", "/results/result", "/error"):
            got = either.client.get(place + part)
            looked_at(
                either, Answer(status=got.status_code, headers=got.headers.multi_items(), body=got.content), who, str(fields), "/tap/async"
            )


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), values)
trees = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)), max_leaves=8
)
NAMES = (
    "service", "params", "format", "page", "pagesize", "columns", "filters", "paramName", "values", "freeText", "ra", "dec", "radius",
    "position", "obsid", "target", "radius_units", "limit", "offset", "conditions", "select_cols", "sort_by", "sort_desc", "count_only",
    "dataset_ids", "uris", "events", "channel", "address", "program", "instrument", "catch_up", "after", "refusals", "taken", "uri",
    "reason", "account", "until", "min", "max", "obs_id", "s_ra", "fileSetName", "productLevel", "target_name",
)  # fmt: skip
known = st.sampled_from([
    "Mast.Caom.Filtered", "Mast.Caom.Cone", "Mast.Caom.Filtered.Position", "Mast.Caom.Products", "Mast.Caom.All", "*", "obs_id",
    "COUNT_BIG(*)", "New", "stream", "webhook", "http://127.0.0.1:1/", "http://[::1]/", "gopher://x/", "json", "target_name", "0, 0, 1",
    "s_ra",
])  # fmt: skip
documents = st.recursive(
    st.one_of(leaves, known),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)),
    max_leaves=14,
)  # fmt: skip
JSON_ROUTES = (
    "/api/v0/invoke", "/search/jwst/api/v0.1/search", "/search/jwst/api/v0.1/post_list_products", "/api/v0.1/Download/sign",
    "/api/v0.1/stage", "/api/v0.1/Download/bundle.sh", "/api/v0.1/subscriptions", "/api/v0.1/grants", "/caom/refusals",
    "/api/v0.1/subscriptions/1/again",
)  # fmt: skip


@FUZZ
@given(path=st.sampled_from(JSON_ROUTES), document=st.dictionaries(st.sampled_from(NAMES), documents, max_size=6), asker=askers)
def test_json_of_any_shape(either: World, path: str, document: dict[str, Any], asker: str) -> None:
    who = either.askers[asker]
    body = json.dumps(document)
    headers = {"Content-Type": "application/json"} | who.headers
    got = either.client.post(path, content=body, headers=headers)
    answer = Answer(status=got.status_code, headers=got.headers.multi_items(), body=got.content)
    looked_at(either, answer, who, body + str(document), path)


WORDS = (
    "SELECT", "FROM", "WHERE", "TOP 5", "DISTINCT", "*", "COUNT(*)", "ivoa.obscore", "caom2.Plane", "observation", "sqlite_master",
    "account_token", "people", "information_schema.tables", "pg_catalog.pg_user", "obs_id", "target_name", "meta_release", "NOW", ":now",
    "?", "$1", "JOIN", "ON", "UNION", "ALL", "ORDER BY", "GROUP BY", "OFFSET", "LIMIT", "(", ")", ",", "=", "'", "''", "--", "/*", "*/",
    ";", "1", "OR", "AND", "NOT", "EXISTS", "CASE", "WHEN", "THEN", "END", "LIKE", "'%'", "IN",
    "CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 10, 10, 1))", "WITH", "AS", "x", "DELETE", "UPDATE", "INSERT", "ATTACH",
    "PRAGMA", "load_extension('x')", "readfile('/etc/passwd')", "pg_read_file('/etc/passwd')", "COPY", "[", "]", "`", '"', "\\", "\x00",
    "é", "IS NULL", "BETWEEN", "CAST", "INTO", "TABLE", "RETURNING", "LATERAL", "VALUES", "randomblob(1e9)", "zeroblob(1e9)",
)  # fmt: skip
START = (
    "SELECT * FROM ivoa.obscore WHERE obs_id = 'x' OR 1 = 1",
    "SELECT o.target_name, COUNT(*) FROM caom2.Observation AS o JOIN caom2.Plane AS p ON p.obsID = o.obsID GROUP BY o.target_name",
    (
        "WITH x AS (SELECT obs_id, target_name FROM ivoa.obscore)"
        " SELECT * FROM x WHERE EXISTS (SELECT 1 FROM jwst.main WHERE observationid = x.obs_id)"
    ),
    "SELECT a.* FROM tap_schema.tables AS a LEFT JOIN jwst.archive AS b ON 1 = 1 UNION SELECT * FROM tap_schema.tables ORDER BY 1 OFFSET 1",
)
changes = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["put", "drop", "swap"]), st.sampled_from(WORDS)), max_size=8)


@FUZZ
@given(start=st.sampled_from(START), changed=changes, asker=askers)
def test_adql_that_was_changed_at_random(either: World, start: str, changed: list[tuple[int, str, str]], asker: str) -> None:
    words = start.split()
    for place, what, word in changed:
        where = place % (len(words) + 1)
        words[where : where + (what != "put")] = [] if what == "drop" else [word]
    query, who = " ".join(words), either.askers[asker]
    got = either.client.post(
        "/tap/sync", data={"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "csv", "MAXREC": "200"}, headers=who.headers
    )
    answer = Answer(status=got.status_code, headers=got.headers.multi_items(), body=got.content)
    looked_at(either, answer, who, query, "/tap/sync")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v0.1/events.atom?program=%00", "/api/v0.1/events.atom?observation=%00", "/datalink/links?ID=ivo://dmsops/archive?a%00/b",
        "/esa/data?RETRIEVAL_TYPE=OBSERVATION&PLANEID=a%00/level2", "/api/v0.1/stage/%00", "/tap/sync?QUERY=%00", "/tap/tables/%00",
        "/caom/observations/JWST/%00", "/sia2/query?%00=1",
    ],
)  # fmt: skip
def test_what_no_database_takes_for_text_is_refused(either: World, path: str) -> None:
    assert either.ask(either.askers["pi"], "GET", path).status == 400


@pytest.mark.parametrize("size", [8_000, 60_000, 200_000])
def test_a_very_long_path_query_or_header_is_refused(either: World, size: int) -> None:
    who = either.askers["anonymous"]
    for sent in (
        wire.request("GET", b"/" + b"a" * size, []),
        wire.request("GET", b"/tap/sync?QUERY=" + b"a" * size, []),
        wire.request("GET", b"/whoami", [(b"Cookie", b"mast_token=" + b"a" * size)]),
        wire.request("GET", b"/whoami", [(b"X-A", b"b")] * (size // 100)),
    ):
        looked_at(either, wire.exchange(either.base, sent), who, "", "/")
