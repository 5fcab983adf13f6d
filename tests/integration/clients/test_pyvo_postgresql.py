"""The Virtual Observatory's services say the same on both databases, and nothing that is asked makes them fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.ops import Ops
from tests.serving import served
from tests.vo import many
from tests.waiting import until

SOME = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROOT = "jw01001001001_02101_00001_nrca3"


@dataclass(frozen=True, kw_only=True)
class Site:
    ops: Ops
    base: str
    http: requests.Session

    def text(self, path: str, *fields: tuple[str, Any], status: int = 200) -> str:
        got = self.http.get(self.base + path, params=fields, timeout=60)
        assert got.status_code == status, got.text
        return got.text.replace(self.base, "BASE")


@pytest.fixture(scope="module")
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    """Serve the same observations from SQLite and from PostgreSQL."""
    folder = tmp_path_factory.mktemp("both")
    database = request.getfixturevalue("postgresql").new_database()
    both = [many(folder / "sqlite", 60, serve_per_second=0), many(folder / "postgresql", 60, serve_per_second=0, database=database)]
    with served(both[0]) as first, served(both[1]) as second, requests.Session() as http:
        http.trust_env = False
        yield Site(ops=both[0], base=first, http=http), Site(ops=both[1], base=second, http=http)
    for ops in both:
        ops.db.dispose()


def rows(text: str) -> list[str]:
    return sorted(text.splitlines())


@pytest.mark.parametrize(
    "fields",
    [
        (), (("POS", "CIRCLE 120 20 40"),), (("POS", "RANGE 100 200 -30 40"),), (("POS", "RANGE -Inf +Inf 20 +Inf"),),
        (("POS", "POLYGON 110 -15 145 -15 145 20 110 20"),), (("POS", "CIRCLE 10 10 20"), ("POS", "CIRCLE 200 -40 20")),
        (("BAND", "2e-6 3e-6"),), (("BAND", "4.4e-6"), ("CALIB", "2")), (("TIME", "59917.1 59917.2"),), (("TIME", "-Inf 59917.2"),),
        (("POL", "I"),), (("FOV", "0.01 1"),), (("SPATRES", "0 1"),), (("EXPTIME", "300"),),
        (("INSTRUMENT", "MIRI"), ("INSTRUMENT", "FGS")),
        (("ID", f"ivo://dmsops/archive?{ROOT}/level2"),), (("COLLECTION", "JWST"), ("FACILITY", "JWST"), ("DPTYPE", "image")),
        (("TARGET", "STAR-01001"),),
        (("TIMERES", "1"),), (("SPECRP", "1 2"),),
    ],
    ids=str,
)  # fmt: skip
def test_sia_finds_the_same(sites: tuple[Site, Site], fields: tuple[tuple[str, str], ...]) -> None:
    one, other = (rows(site.text("/sia2/query", *fields, ("RESPONSEFORMAT", "csv"))) for site in sites)
    assert one == other
    nothing = {"POL", "SPATRES", "TIMERES", "SPECRP"}
    assert (len(one) > 1) == (not {name for name, _ in fields} & nothing)


def test_what_a_database_cannot_take_is_refused_and_no_empty_answer(sites: tuple[Site, Site]) -> None:
    for site in sites:
        assert "has a character that no text has" in site.text("/sia2/query", ("TARGET", "a\0b"), status=400)


def test_links_are_the_same(sites: tuple[Site, Site]) -> None:
    fields = (("ID", f"{ROOT}/level2"), ("ID", "jw01010-o001_t001_nircam_clear-f200w-nrcb1-01/level3"), ("ID", "x/y"))
    one, other = (site.text("/datalink/links", *fields) for site in sites)
    assert one == other
    assert "#progenitor" in one or "#this" in one


def test_jobs_run_on_both(sites: tuple[Site, Site]) -> None:
    query = "SELECT obs_id FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, CIRCLE(120, 20, 60)) ORDER BY obs_id"
    found = []
    for site in sites:
        made = site.http.post(f"{site.base}/tap/async", data={"QUERY": query, "LANG": "ADQL", "PHASE": "RUN", "RESPONSEFORMAT": "csv"})
        assert made.url.startswith(f"{site.base}/tap/async/")
        phase = made.url.removeprefix(site.base) + "/phase"
        assert until(lambda site=site, phase=phase: (said := site.text(phase)) not in {"QUEUED", "EXECUTING"} and said) == "COMPLETED"
        found.append(site.text(made.url.removeprefix(site.base) + "/results/result"))
    assert found[0] == found[1]
    assert len(found[0].split()) > 5


def test_a_job_on_postgresql_is_stopped_when_it_is_aborted(sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmsops.services.tap_runner.BEAT", 0.05)
    monkeypatch.setattr("dmsops.distribution.adql.run._WATCH", 0.05)
    site = sites[1]
    four = ", ".join(f"caom2.Artifact {alias}" for alias in "abcd")
    slow = f"SELECT COUNT(*) FROM {four} WHERE a.contentLength < b.contentLength"
    url = site.http.post(f"{site.base}/tap/async", data={"QUERY": slow, "LANG": "ADQL", "PHASE": "RUN"}).url
    until(lambda: site.http.get(f"{url}/phase").text == "EXECUTING")
    until(lambda: running(site) > 0)
    site.http.post(f"{url}/phase", data={"PHASE": "ABORT"})
    until(lambda: running(site) == 0, seconds=20)
    assert site.http.get(f"{url}/phase").text == "ABORTED"


def running(site: Site) -> int:
    mine = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE {mine} AND state = 'active' AND query LIKE 'FETCH%%'"
    with site.ops.db.execution_options(reading=True).connect() as c:
        return int(c.exec_driver_sql(query).scalar_one())


odd = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["CIRCLE 1 2 3", "RANGE 0 1 0 1", "POLYGON 1 1 2 2 3 1", "-Inf +Inf", "NaN", "1e999", "0", "-1", "9" * 40, "\x00", "votable", "../.."]
)  # fmt: skip
parameters = st.sampled_from([
    "POS", "BAND", "TIME", "POL", "FOV", "SPATRES", "SPECRP", "EXPTIME", "TIMERES", "ID", "COLLECTION", "CALIB", "TARGET", "MAXREC",
    "RESPONSEFORMAT", "QUERY", "LANG", "PHASE", "WAIT", "LAST", "AFTER", "DESTRUCTION", "EXECUTIONDURATION", "ACTION", "RUNID", "REQUEST",
])  # fmt: skip
paths = st.sampled_from(["/sia2/query", "/datalink/links", "/tap/sync", "/tap/async", "/tap/tables", "/esa/data", "/tap/async/" + "0" * 32])


@SOME
@given(path=paths, fields=st.lists(st.tuples(parameters, odd), max_size=4), post=st.booleans(), second=st.booleans())
def test_whatever_is_asked_is_answered_or_refused_in_words(
    sites: tuple[Site, Site], path: str, fields: list[tuple[str, str]], post: bool, second: bool
) -> None:
    site = sites[second]
    given = [pair for pair in fields if pair[0] != "WAIT"]
    got = site.http.request("POST" if post else "GET", site.base + path, timeout=60, **({"data": given} if post else {"params": given}))
    assert got.status_code in {200, 400, 404, 405, 409}, got.text
    assert "Traceback" not in got.text
    assert got.text or got.status_code != 200
