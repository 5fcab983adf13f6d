"""The partners' feed over HTTP: torkeep's form, conditions, policy, words; nothing that is asked gives a 500 or what is not public."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from starlette.testclient import TestClient

from dmsops.archive import withdraw
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation
from dmsops.catalogue.xml import from_xml
from dmsops.core.db import reading
from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution import accounts, grants, partners
from dmsops.distribution.audit import Recorder, records
from dmsops.distribution.limits import Limits
from dmsops.ops import Ops
from dmsops.services import feed, web
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site

BASE = "http://archive.example"
ROOTS = [f"jw02726402001_03104_{n:05d}_nrca3" for n in (1, 2, 3)]
LATER = timedelta(days=10)


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give three observations, ten seconds between each; the third has a description that is public ten days later."""
    opened = small_site(tmp_path / "site", START)
    for n, root in enumerate(ROOTS):
        made = [write_product(tmp_path / f"{root}_{suffix}.fits", value=n, CATEGORY="GO") for suffix in ("rate", "cal")]
        ingest(opened, [product_of(path) for path in made])
        opened.clock.advance(timedelta(seconds=10))
    with opened.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == ROOTS[2]).values(meta_release=opened.clock.now() + LATER))
    yield opened
    opened.db.dispose()


@pytest.fixture
def ask(ops: Ops) -> Callable[..., TestClient]:
    """Give a client, without a token or with one."""
    service = web.Service(ops=ops, recorder=Recorder(ops), limits=Limits(0, 1), base=BASE)
    app = web.make_app(service, feed.routes())

    def client(token: str = "") -> TestClient:
        return TestClient(app, raise_server_exceptions=False, headers={"Authorization": f"token {token}"} if token else {})

    return client


def token(ops: Ops, name: str = "esa", kind: str = "partner", scopes: tuple[str, ...] = ("harvest",), files: str = "public") -> str:
    accounts.put(ops, name, kind, reason="agreed", files=files)
    return accounts.give_token(ops, name, reason="agreed", scopes=scopes, days=366)


def lines(answer) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/tab-separated-values")
    return [line.split("\t") for line in answer.text.splitlines()]


def names(answer) -> list[str]:
    return [line[1] for line in lines(answer)]


def test_a_list_has_torkeeps_four_fields_in_the_order_of_times(ops: Ops, ask) -> None:
    rows = lines(ask().get("/caom/observations/JWST"))
    with reading(ops.db) as c:
        sums = dict(c.execute(sa.select(observation.c.id, observation.c.checksum)).all())
    assert rows == [
        ["JWST", root, f"2022-12-04T{(START + n * timedelta(seconds=10)).time().isoformat('milliseconds')}", sums[root]]
        for n, root in enumerate(ROOTS[:2])
    ]
    assert ask().get("/caom/observations").text == ask().get("/caom/deletions").text == "JWST\n"


@pytest.mark.parametrize("path", ["/caom/observations/JWST", "/caom/JWST"])
def test_both_ways_to_ask_give_the_same(ops: Ops, ask, path: str) -> None:
    start = (START + timedelta(seconds=5)).isoformat().replace("+", "%2B")
    assert names(ask().get(f"{path}?start={start}")) == names(ask().get(f"{path}?SINCE={start}")) == [ROOTS[1]]
    assert names(ask().get(f"{path}?end={start}")) == names(ask().get(f"{path}?until={start}")) == [ROOTS[0]]
    assert ask().get(f"{path}/{ROOTS[0]}").status_code == 200


def test_pages_go_on_where_the_header_says(ops: Ops, ask) -> None:
    client, path, seen = ask(token(ops)), f"{BASE}/caom/observations/JWST?maxrec=1", []
    while path:
        answer = client.get(path.removeprefix(BASE))
        seen += names(answer)
        path = answer.links.get("next", {}).get("url", "")
        assert not path or path.startswith(f"{BASE}/caom/observations/JWST?")
    assert seen == ROOTS
    assert names(client.get("/caom/observations/JWST?maxrec=0")) == []


def test_a_list_without_a_bound_is_whole(ops: Ops, ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed.feed, "PAGE", 1)
    monkeypatch.setattr(feed.feed.all_listed, "__kwdefaults__", {"withdrawn": False, "page": 1})
    assert names(ask(token(ops)).get("/caom/observations/JWST")) == ROOTS


def test_a_document_is_conditional_by_its_checksum(ops: Ops, ask) -> None:
    path = f"/caom/observations/JWST/{ROOTS[0]}"
    first = ask().get(path)
    etag = first.headers["etag"]
    assert from_xml(first.content).acc_meta_checksum.uri == etag.strip('"')
    assert parsedate_to_datetime(first.headers["last-modified"]) == START.replace(microsecond=0)
    for header, value, status in (
        ("If-None-Match", etag, 304), ("If-None-Match", etag.strip('"'), 304), ("If-None-Match", f'"x", W/{etag}', 304),
        ("If-None-Match", "*", 304), ("If-None-Match", '"x"', 200), ("If-Match", etag, 200), ("If-Match", "*", 200),
        ("If-Match", '"x"', 412), ("If-Match", "", 412),
    ):  # fmt: skip
        answer = ask().get(path, headers={header: value})
        assert (answer.status_code, answer.headers["etag"]) == (status, etag)
        assert status != 304 or answer.content == b""
    head = ask().head(path)
    assert (head.status_code, head.headers["etag"], head.content) == (200, etag, b"")


def test_an_anonymous_harvester_sees_a_description_from_its_release_on_and_then_in_its_list(ops: Ops, ask) -> None:
    hidden, none = (ask().get(f"/caom/observations/JWST/{name}") for name in (ROOTS[2], "x" * len(ROOTS[2])))
    assert (hidden.status_code, hidden.text.replace(ROOTS[2], "")) == (404, none.text.replace("x" * len(ROOTS[2]), ""))
    assert ROOTS[2] not in names(ask().get("/caom/observations/JWST"))
    assert ask().get(f"/caom/files/JWST/{ROOTS[2]}").status_code == 404
    seen = ops.clock.now()
    ops.clock.advance(LATER)
    found = lines(ask().get(f"/caom/observations/JWST?start={(seen - timedelta(seconds=300)).isoformat().replace('+', '%2B')}"))
    assert [row[1] for row in found] == ROOTS  # the others changed within the look-back
    late = [row[2] for row in found if row[1] == ROOTS[2]]
    assert late == [(START + timedelta(seconds=30) + LATER).replace(tzinfo=None).isoformat(timespec="milliseconds")]
    assert ask().get(f"/caom/observations/JWST/{ROOTS[2]}").status_code == 200


def test_who_may_see_what_is_not_public(ops: Ops, ask) -> None:
    reads = token(ops, "reads", scopes=("read",))
    full = token(ops, "full", scopes=("read",), files="all")
    pi = token(ops, "pi", "astronomer", ("read",))
    grants.grant(ops, "pi", "02726", kind="pi", reason="their program")
    with ops.db.begin() as c:
        for name, role in (("looker", Role.VIEWER), ("shift", Role.OPERATOR)):
            put_person(c, name, role)
        looker, shift = (put_token(c, name) for name in ("looker", "shift"))
    other = token(ops, "other", "astronomer", ("harvest", "read"))
    given = {"": 2, token(ops): 3, reads: 2, full: 3, pi: 3, other: 2, looker: 2, shift: 3}
    for who, n in given.items():
        assert len(names(ask(who).get("/caom/observations/JWST"))) == n
        assert ask(who).get(f"/caom/observations/JWST/{ROOTS[2]}").status_code == (200 if n == 3 else 404)


def test_files_have_an_address_when_they_may_be_had(ops: Ops, ask) -> None:
    def addresses(who: str, name: str = ROOTS[0]) -> list[str]:
        return [row[4] for row in lines(ask(who).get(f"/caom/files/JWST/{name}"))]

    partner = token(ops)
    full = token(ops, "full", scopes=("read", "harvest"), files="all")
    assert addresses(partner) == addresses("") == ["", ""]
    assert addresses(full) == [
        f"{BASE}/api/v0.1/Download/file?uri=mast:JWST/product/{ROOTS[0]}_{suffix}.fits" for suffix in ("cal", "rate")
    ]
    ops.clock.advance(timedelta(days=365))
    assert addresses(partner) == addresses(full)


def test_deletions_are_listed_until_they_are_taken_back(ops: Ops, ask) -> None:
    document = from_xml(ask().get(f"/caom/observations/JWST/{ROOTS[0]}").content)
    for back in (False, True):
        act = withdraw.restore if back else withdraw.withdraw
        act(ops, [ROOTS[0]], ticket=withdraw.preview(ops, [ROOTS[0]], back=back).hash, reason="x")
        gone = lines(ask().get("/caom/deletions/JWST"))
        assert gone == lines(ask().get("/caom-deleted/JWST"))
        assert [row[:3] for row in gone] == ([] if back else [[str(document._id), "JWST", ROOTS[0]]])
        assert ask().get(f"/caom/observations/JWST/{ROOTS[0]}").status_code == (200 if back else 404)


def test_what_the_public_never_saw_is_not_told_as_deleted(ops: Ops, ask) -> None:
    withdraw.withdraw(ops, [ROOTS[2]], ticket=withdraw.preview(ops, [ROOTS[2]]).hash, reason="x")
    assert lines(ask().get("/caom/deletions/JWST?maxrec=5")) == []
    assert len(lines(ask(token(ops)).get("/caom/deletions/JWST?maxrec=5"))) == 1


def test_a_document_that_the_store_lacks_is_our_damage_and_no_deletion(ops: Ops, ask) -> None:
    with reading(ops.db) as c:
        sums = dict(c.execute(sa.select(observation.c.id, observation.c.xml_sha256)).all())
    ops.store.path(sums[ROOTS[0]]).unlink()
    answer = ask().get(f"/caom/observations/JWST/{ROOTS[0]}")
    assert answer.status_code == 500
    assert "lacks the document" in answer.text
    path = ops.store.path(sums[ROOTS[1]])
    path.chmod(0o600)
    path.write_bytes(b"?")
    assert ask().get(f"/caom/observations/JWST/{ROOTS[1]}").status_code == 500


def test_a_known_harvester_stands_in_the_record_and_an_unknown_one_does_not(ops: Ops, ask) -> None:
    ask().get("/caom/observations/JWST")
    assert records(ops) == []
    client = ask(token(ops))
    client.get("/caom/observations/JWST?maxrec=1")
    assert partners.harvests(ops)["esa"]["until"] == START
    client.get("/caom/observations/JWST?maxrec=9")
    assert partners.harvests(ops)["esa"]["until"] == ops.clock.now()
    client.get("/caom/deletions/JWST")
    client.get("/caom/observations/JWST")
    assert [row["route"] for row in records(ops)] == ["feed", "feed.deletions", "feed", "feed"]


def test_refusals_are_taken_from_partners_about_what_is_ours(ops: Ops, ask) -> None:
    good = {"refusals": [{"uri": f"caom:JWST/{ROOTS[0]}", "reason": "mismatching checksums"}, {"uri": "caom:JWST/none", "reason": "x"}]}
    assert ask().post("/caom/refusals", json=good).status_code == 401
    assert ask(token(ops, "r", scopes=("read",))).post("/caom/refusals", json=good).status_code == 403
    client = ask(token(ops))
    assert client.post("/caom/refusals", json=good).json() == {"new": 1, "again": 0, "taken": 0, "unknown": ["caom:JWST/none"]}
    file = f"mast:JWST/product/{ROOTS[0]}_cal.fits"
    assert client.post("/caom/refusals", json={"refusals": [{"uri": file, "reason": "diffChecksum"}]}).json()["new"] == 1
    assert client.post("/caom/refusals", json={"taken": [file]}).json()["taken"] == 1
    assert [row["uri"] for row in partners.refusals(ops)] == [f"caom:JWST/{ROOTS[0]}"]


BODIES = [b"", b"[]", b"{", b'{"refusals": 1}', b'{"refusals": [1]}', b'{"refusals": [{"uri": 1, "reason": "x"}]}', b'{"taken": [1]}',
          b'{"taken": ["\\u0000"]}', b'{"refusals": [{"uri": "x", "reason": "\\ud800"}]}', b'{"taken": "abc"}', b"\xff"]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_none_is_refused_in_words(ops: Ops, ask, body: bytes) -> None:
    answer = ask(token(ops)).post("/caom/refusals", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


FIELD = st.sampled_from(["start", "end", "since", "until", "after", "maxrec", "MAXREC"])
VALUE = st.text(max_size=30) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2022-12-04", "-1", "99999999999999", "٣", "1e3", "\x00", "' OR 1=1 --"]
)  # fmt: skip
PLACE = st.binary(max_size=20).map(quote_from_bytes) | st.text(max_size=20).map(quote)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["observations", "deletions", "files"]), place=PLACE, fields=st.lists(st.tuples(FIELD, VALUE), max_size=4))
def test_whatever_is_asked_is_answered_in_words_and_shows_nothing_hidden(ops: Ops, ask, kind: str, place: str, fields) -> None:
    client = ask()
    for path in (f"/caom/{kind}/JWST", f"/caom/{kind}/JWST/{place}", f"/caom/{place}"):
        answer = client.get(path, params=fields)
        assert answer.status_code in {200, 400, 404}
        assert ROOTS[2] not in answer.text


def test_capabilities_name_what_harvesters_look_for(ops: Ops, ask) -> None:
    root = etree.fromstring(ask().get("/caom/capabilities").content)
    found = {one.get("standardID"): one.findtext(".//accessURL") for one in root.iter("capability")}
    assert found["vos://cadc.nrc.ca~vospace/CADC/std/CAOM2Repository#obs-1.2"] == f"{BASE}/caom/observations"
    assert etree.fromstring(ask().get("/caom/availability").content).findtext("{*}available") == "true"


def test_another_collection_is_not_here(ops: Ops, ask) -> None:
    for path in ("observations/HST", f"observations/HST/{ROOTS[0]}", "deletions/HST", f"files/HST/{ROOTS[0]}"):
        answer = ask().get(f"/caom/{path}")
        assert (answer.status_code, "there is JWST" in answer.text) == (404, True)
