"""Unmodified pyvo works against the site: TAP at once and as jobs, SIA2, DataLink; and nobody is told what they may not know."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from dmsops.archive.tables import observation_member, plane, plane_input
from dmsops.distribution import uws
from dmsops.distribution.audit import records
from dmsops.ops import Ops
from dmsops.services import tap as tap_service
from dmsops.services import tap_jobs, vo_answers
from tests.offered import EXCLUSIVE, HIDDEN, OPEN, RESTRICTED, YEAR, Tokens, moved, offered_site
from tests.serving import served
from tests.waiting import until

# pyvo leaves the connections of a session to the garbage collector, and lays a copy of its own deprecations over ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pyvo.dal.exceptions.DALOverflowWarning"),
]
SEEN = {*OPEN, EXCLUSIVE, RESTRICTED}
EVERY = "SELECT DISTINCT obs_id FROM ivoa.obscore"


@dataclass(frozen=True, kw_only=True)
class Site:
    ops: Ops
    base: str
    files: dict[str, bytes]
    tokens: Tokens


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    there = offered_site(tmp_path_factory.mktemp("pyvo") / "site")
    _relate(there.ops)
    with served(there.ops) as base:
        yield Site(ops=there.ops, base=base, files=there.files, tokens=there.tokens)
    there.ops.db.dispose()


def _relate(ops: Ops) -> None:
    """Let something public be made from what is hidden, and what is hidden from something public."""
    with ops.db.begin() as c:
        ids = {row[0]: row[1] for row in c.execute(sa.select(plane.c.observation_id, plane.c.id).where(plane.c.product_id == "level2"))}
        pairs = [(OPEN[1], OPEN[0]), (OPEN[1], HIDDEN), (HIDDEN, OPEN[0])]
        c.execute(sa.insert(plane_input), [{"plane_id": ids[made], "input": f"caom:JWST/{source}/level2"} for made, source in pairs])
        c.execute(sa.insert(observation_member), [{"observation_id": made, "member": f"caom:JWST/{source}"} for made, source in pairs])


def session(token: str = "") -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    if token:
        made.headers["Authorization"] = f"Bearer {token}"
    return made


def tap(site: Site, token: str = "") -> Any:
    from pyvo.dal import TAPService

    return TAPService(f"{site.base}/tap", session=session(token))


def names(result: Any, column: str = "obs_id") -> set[str]:
    return set(map(str, result.to_table()[column]))


def test_tables_and_their_columns_are_described(site: Site) -> None:
    tables = tap(site).tables
    assert {"ivoa.obscore", "caom2.Plane", "jwst.main", "tap_schema.columns"} <= set(tables.keys())
    described = {c.name: c for c in tables["ivoa.obscore"].columns}
    assert (described["s_ra"].unit, described["s_ra"].ucd) == ("deg", "pos.eq.ra")


def test_capabilities_name_the_standards_and_the_limits(site: Site) -> None:
    service = tap(site)
    assert "true" in session().get(f"{site.base}/tap/availability").text
    assert (service.maxrec, service.hardlimit) == (10_000, 1_000_000)
    capability = next(c for c in service.capabilities if c.standardid == "ivo://ivoa.net/std/TAP")
    assert {f.form for group in capability.languages[0].languagefeaturelists for f in group} >= {"POINT", "CONTAINS", "UNION", "WITH"}


def test_the_examples_that_are_given_can_be_asked(site: Site) -> None:
    given = tap(site).examples
    assert len(given) == 4
    for example in given:
        example.execute()


@pytest.mark.parametrize("way", ["search", "run_sync", "run_async"])
def test_a_query_is_answered_each_way(site: Site, way: str) -> None:
    result = getattr(tap(site), way)(EVERY)
    assert names(result) == SEEN


def test_a_cone_finds_what_it_holds(site: Site) -> None:
    result = tap(site).search(
        "SELECT obs_id, s_ra FROM ivoa.obscore WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 80.2, -69.5, 0.01))"
    )
    assert names(result) == {OPEN[2]}


def test_a_mistake_is_told_to_the_astronomer_in_words(site: Site) -> None:
    from pyvo.dal.exceptions import DALQueryError

    with pytest.raises(DALQueryError, match="at line 1, column 8: there is no column 'foo'"):
        tap(site).search("SELECT foo FROM ivoa.obscore")
    with pytest.raises(DALQueryError, match="at line 1, column 8: there is no column 'foo'"):
        tap(site).run_async("SELECT foo FROM ivoa.obscore")


def test_more_rows_than_wanted_are_told(site: Site) -> None:
    result = tap(site).search("SELECT obs_id FROM ivoa.obscore", maxrec=3)
    assert len(result) == 3
    assert result.query_status == "OVERFLOW"
    assert tap(site).search("SELECT TOP 3 obs_id FROM ivoa.obscore").query_status == "OK"


@pytest.mark.parametrize(
    ("who", "sees"), [("", False), ("other", False), ("partner", False), ("pi", True), ("full", True), ("staff", True)]
)
def test_who_may_know_of_an_observation_that_is_not_public(site: Site, who: str, sees: bool) -> None:
    service = tap(site, getattr(site.tokens, who) if who else "")
    for result in (service.search(EVERY), service.run_async(EVERY)):
        assert names(result) == SEEN | ({HIDDEN} if sees else set())


def test_a_hidden_observation_is_in_no_answer_to_a_stranger(site: Site) -> None:
    service = tap(site)
    texts = [str(service.search(f"SELECT * FROM {name}").to_table()) for name in service.tables.keys() if not name.startswith("tap_schema")]  # noqa: SIM118 - pyvo's own kind of mapping
    asked = session()
    addresses = (
        "/sia2/query?MAXREC=1000",
        f"/datalink/links?ID=ivo://dmsops/archive?{HIDDEN}/level2",
        f"/datalink/links?ID={HIDDEN}/level1",
    )
    texts += [
        asked.get(site.base + address).text.replace(f"ivo://dmsops/archive?{HIDDEN}", "").replace(f"{HIDDEN}/level1", "")
        for address in addresses
    ]
    assert [text for text in texts if HIDDEN in text] == []


def test_a_description_is_found_from_the_moment_of_its_release_on(site: Site) -> None:
    with moved(site.ops, YEAR - timedelta(hours=1) - timedelta(seconds=1)):
        assert HIDDEN not in names(tap(site).search(EVERY))
    with moved(site.ops, YEAR - timedelta(hours=1)):
        assert HIDDEN in names(tap(site).search(EVERY))


def test_a_job_can_be_followed_step_by_step(site: Site) -> None:
    service = tap(site, site.tokens.pi)
    job = service.submit_job("SELECT TOP 2 obs_id FROM ivoa.obscore ORDER BY obs_id", maxrec=1)
    assert (job.phase, job.owner, job.uws_version) == ("PENDING", "pi", "1.1")
    job.query = "SELECT TOP 3 obs_id FROM ivoa.obscore ORDER BY obs_id"
    job.execution_duration = 77
    assert job.execution_duration.to_value("s") == 77
    job.destruction = site.ops.clock.now() + timedelta(days=2)
    assert job.destruction is not None
    assert job.job_id in {listed.jobid for listed in service.get_job_list()}
    job.run().wait(timeout=60)
    job.raise_if_error()
    assert len(job.fetch_result()) == 1, "MAXREC was 1"
    job.delete()
    assert job.job_id not in {listed.jobid for listed in service.get_job_list()}


def test_a_job_is_seen_by_its_owner_alone(site: Site) -> None:
    service = tap(site, site.tokens.pi)
    job = service.submit_job(EVERY)
    for asked in (session(), session(site.tokens.other)):
        for path in ("", "/phase", "/parameters", "/results", "/results/result", "/error", "/owner", "/quote"):
            assert asked.get(job.url + path).status_code == 404
        assert asked.delete(job.url).status_code == 404
        assert asked.post(f"{job.url}/phase", data={"PHASE": "RUN"}).status_code == 404
        assert job.job_id not in asked.get(f"{site.base}/tap/async").text
    job.delete()


def test_the_jobs_of_a_list_are_those_asked_for(site: Site) -> None:
    service = tap(site, site.tokens.other)
    jobs = [service.submit_job(EVERY) for _ in range(3)]
    jobs[1].abort()
    assert {job.jobid for job in service.get_job_list(phases=["ABORTED"])} == {jobs[1].job_id}
    assert len(service.get_job_list(last=2)) == 2
    assert service.get_job_list(after=site.ops.clock.now()) == []
    assert session().get(f"{site.base}/tap/async?PHASE=DREAMING").status_code == 400
    for job in jobs:
        job.delete()


def test_a_job_under_way_is_aborted_and_its_runner_is_free_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmsops.services.tap_runner.BEAT", 0.05)
    monkeypatch.setattr("dmsops.services.tap_runner.RUNNERS", 1)
    slow = "SELECT COUNT(*) FROM tap_schema.columns a, tap_schema.columns b, tap_schema.columns c, tap_schema.columns d"
    job = tap(site, site.tokens.pi).submit_job(slow)
    job.run()
    until(lambda: job.phase not in {"PENDING", "QUEUED"})
    assert job.phase == "EXECUTING"
    job.abort()
    assert job.phase == "ABORTED"
    assert len(tap(site, site.tokens.pi).run_async(EVERY, timeout=60)) > 0
    job.delete()


def test_waiting_for_a_job_ends_when_it_does(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_jobs, "LONGEST_WAIT", 0.3)
    job = tap(site).submit_job(EVERY)
    assert "PENDING" in session().get(job.url, params={"WAIT": "-1"}).text
    assert session().get(job.url, params={"WAIT": "soon"}).status_code == 400
    job.run()
    job.wait(timeout=60)
    assert job.phase == uws.COMPLETED


@pytest.mark.parametrize("form", ["csv", "tsv", "json", "fits", "parquet", "votable/b2", "application/x-votable+xml"])
def test_an_answer_has_the_form_asked_for(site: Site, form: str) -> None:
    got = session().get(f"{site.base}/tap/sync", params={"QUERY": EVERY, "LANG": "ADQL", "RESPONSEFORMAT": form})
    assert got.status_code == 200
    assert got.content[:4] in {b"obs_", b'{"me', b"SIMP", b"PAR1", b"<?xm"}
    assert (OPEN[0].encode() in got.content) == (form != "votable/b2") or form == "parquet"


def test_a_large_answer_goes_through_a_file_and_is_the_same(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = {"QUERY": "SELECT * FROM tap_schema.columns ORDER BY table_name, column_index", "LANG": "ADQL"}
    small = session().post(f"{site.base}/tap/sync", data=ask)
    monkeypatch.setattr(vo_answers, "IN_MEMORY", 1000)
    large = session().post(f"{site.base}/tap/sync", data=ask)
    assert large.content == small.content
    assert large.headers["content-length"] == str(len(small.content))
    assert list((site.ops.settings.folder("work") / vo_answers.FOLDER).glob("tmp*")) == [], "it has no name, so that nothing is left of it"


def test_more_queries_than_can_be_answered_at_once_are_told_to_come_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_service, "_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(tap_service, "PATIENCE", 0.05)
    with tap_service._AT_ONCE:
        got = session().post(f"{site.base}/tap/sync", data={"QUERY": EVERY, "LANG": "ADQL"})
    assert got.status_code == 429
    assert int(got.headers["Retry-After"]) >= 0
    assert session().post(f"{site.base}/tap/sync", data={"QUERY": EVERY, "LANG": "ADQL"}).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"QUERY": ""}, "QUERY is missing"), ({"QUERY": EVERY, "LANG": "SQL"}, "LANG is ADQL, not 'SQL'"),
        ({"QUERY": EVERY, "MAXREC": "-1"}, "MAXREC is a number of rows"),
        ({"QUERY": EVERY, "FORMAT": "excel"}, "there is no format 'excel'"),
        ({"QUERY": EVERY, "UPLOAD": "a,param:a"}, "tables cannot be uploaded here"),
        ({"QUERY": EVERY, "REQUEST": "x"}, "REQUEST is doQuery"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_used_is_refused_as_a_votable(site: Site, fields: dict[str, str], words: str) -> None:
    for method in ("GET", "POST"):
        given = {"params": fields} if method == "GET" else {"data": fields}
        got = session().request(method, f"{site.base}/tap/sync", **given)
        assert got.status_code == 400
        assert '<INFO name="QUERY_STATUS" value="ERROR">' in got.text
        assert words in got.text.replace("&apos;", "'")


def test_images_are_found_by_sia(site: Site) -> None:
    from astropy.time import Time
    from pyvo.dal import SIA2Service

    service = SIA2Service(f"{site.base}/sia2", session=session())
    assert names(service.search(maxrec=1000)) == SEEN
    assert names(service.search(pos=(80.2, -69.5, 0.005))) == {OPEN[2]}
    assert names(service.search(pos=(80.19, -69.6, 80.21, -69.6, 80.21, -69.4, 80.19, -69.4))) == {OPEN[2]}
    assert OPEN[0] in names(service.search(pos=(79, 80.05, -70, -69)))
    assert OPEN[2] not in names(service.search(pos=(79, 80.05, -70, -69)))
    assert names(service.search(target_name="STAR-1")) == {OPEN[1]}
    both = session().get(f"{site.base}/sia2/query?TARGET=STAR-1&target=STAR-3&RESPONSEFORMAT=csv").text  # pyvo sends the last one only
    assert {root for root in SEEN if root in both} == {OPEN[1], OPEN[3]}
    assert {row.calib_level for row in service.search(calib_level=[2])} == {2}
    assert len(service.search(instrument="NIRSPEC")) == len(service.search(collection="HST")) == 0
    assert names(service.search(band=(2.0e-6, 2.2e-6), maxrec=1000)) == SEEN
    assert len(service.search(band=(5e-6, 6e-6))) == 0
    row = service.search(pos=(80.2, -69.5, 0.005))[0]
    assert names(service.search(publisher_did=row["obs_publisher_did"])) == {OPEN[2]}
    assert len(service.search(time=(Time(10000, format="mjd"), Time(10001, format="mjd")))) == 0


@pytest.mark.parametrize(
    "query",
    [
        "POS=CIRCLE+1+2", "POS=CIRCLE+1+2+x", "POS=CIRCLE+1+95+1", "POS=BOX+1+2+3+4", "POS=POLYGON+0+0+1+1", "POS=POLYGON+0+0+1+1+0+1+1+0",
        "BAND=2+1", "BAND=x", "TIME=1+2+3", "BAND=NaN", "CALIB=two", "CALIB=99999", "MAXREC=x", "RESPONSEFORMAT=excel", "POS=RANGE+5+1+0+1",
        "POS=CIRCLE+Inf+0+1", "TARGET=" + "x" * 300,
    ],
)  # fmt: skip
def test_a_parameter_of_sia_that_has_no_sense_is_refused_in_words(site: Site, query: str) -> None:
    got = session().get(f"{site.base}/sia2/query?{query}")
    assert got.status_code == 400
    assert query.partition("=")[0] in got.text or "format" in got.text


def links(site: Site, token: str, did: str) -> Any:
    from pyvo.dal.adhoc import DatalinkResults

    return DatalinkResults.from_result_url(f"{site.base}/datalink/links?ID={did}", session=session(token))


def test_a_row_leads_to_its_files(site: Site) -> None:
    row = tap(site).search(f"SELECT * FROM ivoa.obscore WHERE obs_id = '{OPEN[0]}' AND calib_level = 2")[0]
    found = row.getdatalink()
    these = list(found.bysemantics("#this", include_narrower=False))
    assert {link.access_url.rpartition("%2F")[2] for link in these} == {f"{OPEN[0]}_cal.fits", f"{OPEN[0]}_rate.fits"}
    for link in these:
        name = link.access_url.rpartition("%2F")[2]
        content = session().get(link.access_url).content
        assert hashlib.sha256(content).digest() == hashlib.sha256(site.files[name]).digest()
        assert (link.content_length, link.content_type) == (len(content), "application/fits")


@pytest.mark.parametrize(
    ("who", "authorised"), [("", False), ("other", False), ("partner", False), ("pi", True), ("full", True), ("staff", True)]
)
def test_a_link_says_whether_it_is_the_askers(site: Site, who: str, authorised: bool) -> None:
    token = getattr(site.tokens, who) if who else ""
    found = links(site, token, f"ivo://dmsops/archive?{EXCLUSIVE}/level2").to_table()
    assert set(found["link_auth"]) == {"true"}
    assert set(map(bool, found["link_authorized"])) == {authorised}
    before = len(records(site.ops, uris=[f"mast:JWST/product/{EXCLUSIVE}_cal.fits"]))
    status = {session(token).get(address).status_code for address in found["access_url"]}
    assert status == ({200} if authorised else {401 if not who else 403})
    assert len(records(site.ops, uris=[f"mast:JWST/product/{EXCLUSIVE}_cal.fits"])) == before + 1
    restricted = links(site, token, f"{RESTRICTED}/level2").to_table()
    assert set(map(bool, restricted["link_authorized"])) == {who in {"full", "staff"}}


def test_data_are_linked_as_everybodys_from_the_moment_of_their_release_on(site: Site) -> None:
    did = f"{EXCLUSIVE}/level2"
    release = tap(site).search(f"SELECT dataRelease FROM caom2.Plane WHERE planeID = '{did}'")[0]["dataRelease"]
    from datetime import datetime

    wait = datetime.fromisoformat(release) - site.ops.clock.now()
    with moved(site.ops, wait - timedelta(seconds=1)):
        assert set(links(site, "", did).to_table()["link_auth"]) == {"true"}
    with moved(site.ops, wait):
        assert set(links(site, "", did).to_table()["link_auth"]) == {"false"}


def test_bad_identifiers_are_rows_that_say_so(site: Site) -> None:
    asked = [f"{OPEN[0]}/level2", "nonsense", f"{HIDDEN}/level2", "<&>", "x/../y"]
    got = session().get(f"{site.base}/datalink/links", params=[("ID", text) for text in asked])
    assert got.status_code == 200
    import io

    from astropy.io.votable import parse_single_table

    table = parse_single_table(io.BytesIO(got.content)).to_table()
    faults = {str(row["ID"]): str(row["error_message"]) for row in table if row["error_message"]}
    assert set(faults) == set(asked[1:])
    assert all(text.startswith("NotFoundFault: ") for text in faults.values())
    assert got.headers["content-type"] == "application/x-votable+xml;content=datalink"


def relatives(site: Site, token: str, root: str, kind: str) -> set[str]:
    found = links(site, token, f"{root}/level2").bysemantics(kind, include_narrower=False)
    return {link.access_url.partition("%3F")[2] for link in found}


def test_what_a_public_description_names_is_told_but_for_what_is_hidden(site: Site) -> None:
    query = "SELECT provenance_inputs FROM caom2.Plane WHERE obsID = '{}' AND productID = 'level2'"
    assert tap(site).search(query.format(OPEN[1]))[0]["provenance_inputs"] == f"caom:JWST/{OPEN[0]}/level2"
    assert tap(site, site.tokens.pi).search(query.format(HIDDEN))[0]["provenance_inputs"] == f"caom:JWST/{OPEN[0]}/level2"
    with moved(site.ops, YEAR):
        assert HIDDEN in tap(site).search(query.format(OPEN[1]))[0]["provenance_inputs"]
        assert HIDDEN in str(tap(site).search("SELECT memberid FROM jwst.observationmember").to_table())


def test_what_was_made_from_what_is_linked_both_ways(site: Site) -> None:
    found = {(root, kind): relatives(site, "", root, kind) for root in OPEN[:2] for kind in ("#progenitor", "#derivation")}
    assert found[OPEN[1], "#progenitor"] == {f"{OPEN[0]}%2Flevel2"}
    assert found[OPEN[0], "#derivation"] == {f"{OPEN[1]}%2Flevel2"}
    assert relatives(site, site.tokens.pi, OPEN[1], "#progenitor") == {f"{root}%2Flevel2" for root in (OPEN[0], HIDDEN)}
