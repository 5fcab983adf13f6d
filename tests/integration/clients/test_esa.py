"""Unmodified astroquery.esa.jwst works against the site, but for what needs the resolvers of names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from astropy import units as u
from astropy.coordinates import SkyCoord

from dmsops.distribution.audit import records
from dmsops.ops import Ops
from tests.archive_template import archive_copy
from tests.certified import certificate_in
from tests.offered import EXCLUSIVE, HIDDEN, PROGRAM, offered_site
from tests.serving import served

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
EXPOSURE = "jw02726402001_03104_00001_nrca3"
OF_PROGRAM = f"SELECT * FROM jwst.archive WHERE proposal_id = '{PROGRAM}'"
SEEN_BY_ALL = 4
PLACE = SkyCoord(80.0, -69.5, unit="deg")


def client(base: str) -> Any:
    """Make the client as its documentation says: two settings, and an object."""
    from astroquery.esa.jwst import conf
    from astroquery.esa.jwst.core import JwstClass

    with conf.set_temp("JWST_TAP_SERVER", f"{base}/esa/tap"), conf.set_temp("JWST_DATA_SERVER", f"{base}/esa/data?"):
        return JwstClass(show_messages=True)


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    made = archive_copy(tmp_path_factory.mktemp("esa") / "site")
    made = replace(made, settings=made.settings.model_copy(update={"serve_per_second": 0}))
    made.clock.advance(timedelta(days=400))  # type: ignore[attr-defined]
    yield made
    made.db.dispose()


@pytest.fixture(scope="module")
def jwst(ops: Ops) -> Iterator[Any]:
    with served(ops) as base:
        yield client(base)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def combined(ops: Ops) -> str:
    with ops.db.connect() as c:
        return str(c.exec_driver_sql("SELECT id FROM observation WHERE kind = 'derived' ORDER BY id").scalar())


def test_tables_are_loaded(jwst: Any) -> None:
    found = {table.get_qualified_name() for table in jwst.load_tables()}
    assert {"jwst.main", "jwst.observation", "jwst.plane", "jwst.artifact", "jwst.observationmember", "jwst.archive"} <= found
    assert {"observationid", "public"} <= {column.name for column in jwst.load_table("jwst.main").columns}


@pytest.mark.parametrize("way", [{"radius": 1 * u.deg}, {"width": 1 * u.deg, "height": 1 * u.deg}])
def test_a_region_is_searched(jwst: Any, way: dict[str, Any]) -> None:
    found = jwst.query_region(PLACE, **way)
    assert len(found) == 6
    assert set(jwst.JWST_DEFAULT_COLUMNS) <= set(found.colnames)
    assert len(jwst.query_region(SkyCoord(10, 10, unit="deg"), **way)) == 0


def test_a_cone_is_searched_with_every_condition(jwst: Any) -> None:
    options = {
        "cal_level": 2, "prod_type": "image", "instrument_name": "NIRCAM", "filter_name": "F212N", "proposal_id": "02726",
        "only_public": True,
        "observation_id": EXPOSURE, "show_all_columns": True,
    }  # fmt: skip
    found = jwst.cone_search(PLACE, 1 * u.deg, **options).get_results()
    assert list(found["observationid"]) == [EXPOSURE]
    assert len(jwst.cone_search(PLACE, 1 * u.deg, **options | {"instrument_name": "MIRI"}).get_results()) == 0
    assert len(jwst.cone_search(PLACE, 1 * u.deg, async_job=True).get_results()) == 6


@pytest.mark.parametrize("form", ["votable", "votable_plain", "csv", "json", "fits"])
@pytest.mark.parametrize("later", [False, True])
def test_a_query_is_answered_in_each_form(jwst: Any, form: str, later: bool) -> None:
    query = "SELECT TOP 3 observationid, calibrationlevel, target_ra FROM jwst.main ORDER BY observationid"
    found = jwst.launch_job(query, output_format=form, async_job=later).get_results()
    assert [name.lower() for name in found.colnames] == ["observationid", "calibrationlevel", "target_ra"]
    assert len(found) == 3


def test_jobs_are_deleted_by_their_names(jwst: Any) -> None:
    job = jwst.launch_job("SELECT TOP 1 observationid FROM jwst.main", async_job=True)
    jwst.load_async_job(jobid=job.jobid)
    jwst.remove_jobs([job.jobid])
    with pytest.raises(Exception, match=r"404|there is no job"):
        jwst.load_async_job(jobid=job.jobid)


def test_a_mistake_is_told(jwst: Any) -> None:
    with pytest.raises(requests.exceptions.HTTPError, match="there is no column 'foo'"):
        jwst.launch_job("SELECT foo FROM jwst.main")
    with pytest.raises(SystemError, match="there is no column 'foo'"):
        jwst.launch_job("SELECT foo FROM jwst.main", async_job=True).get_results()


def test_products_are_listed(jwst: Any, ops: Ops) -> None:
    found = jwst.get_product_list(observation_id=EXPOSURE)
    assert {str(name).rpartition("_")[2] for name in found["filename"]} == {"uncal.fits", "rate.fits", "rateints.fits", "cal.fits"}
    assert set(found["public"]) == {"true"}
    level3 = jwst.get_product_list(observation_id=combined(ops), cal_level=3, product_type="science")
    assert list(level3["calibrationlevel"]) == [3]
    every = jwst.get_product_list(observation_id=combined(ops))
    assert len(every) == 9, "its own, and those of its members"


def test_what_belongs_together_is_found(jwst: Any, ops: Ops) -> None:
    assert list(jwst.get_related_observations(observation_id=EXPOSURE)) == [combined(ops)]
    assert EXPOSURE in jwst.get_related_observations(observation_id=combined(ops))


def test_a_product_is_downloaded_by_name_and_by_id(jwst: Any, ops: Ops, here: Path) -> None:
    by_name = Path(jwst.get_product(file_name=f"{EXPOSURE}_cal.fits"))
    uri = f"mast:JWST/product/{EXPOSURE}_rate.fits"
    by_id = Path(jwst.get_product(artifact_id=uri))
    for path in (by_name, by_id):
        with ops.db.connect() as c:
            (sha256,) = c.exec_driver_sql("SELECT sha256 FROM archived_product WHERE name = ? AND current", (path.name,)).one()
        assert hashlib.sha256((here / path).read_bytes()).hexdigest() == sha256
    assert [row["route"] for row in records(ops, uris=[uri])] == ["esa"]


def test_the_products_of_an_observation_come_together(jwst: Any, here: Path) -> None:
    found = jwst.get_obs_products(observation_id=EXPOSURE)
    assert {Path(name).name for name in found} == {f"{EXPOSURE}_{s}.fits" for s in ("uncal", "rate", "rateints", "cal")} | {
        "sha256sums.txt"
    }
    only = jwst.get_obs_products(observation_id=EXPOSURE, cal_level=2, product_type="science", output_file=str(here / "two" / "all.tar"))
    assert len([name for name in only if name.endswith(".fits")]) == 3


def test_what_is_exclusive_is_listed_and_not_given_and_what_is_hidden_is_neither(tmp_path: Path, here: Path) -> None:
    there = offered_site(tmp_path / "site")
    with served(there.ops) as base:
        other = client(base)
        listed = other.get_product_list(observation_id=EXCLUSIVE)
        assert set(listed["public"]) == {"false"}
        with pytest.raises(ValueError, match="Error retrieving product"):
            other.get_product(file_name=f"{EXCLUSIVE}_cal.fits")
        with pytest.raises(ValueError, match="does not exist"):
            other.get_product_list(observation_id=HIDDEN)
        assert len(other.launch_job(OF_PROGRAM).get_results()) == SEEN_BY_ALL
    there.ops.db.dispose()


def test_who_signs_in_gets_what_is_theirs_until_they_sign_out(tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, files = offered_site(tmp_path / "site"), certificate_in(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.chain))
    with served(there.ops, files) as base:
        mine = client(base)
        mine.login(user="pi", password=there.tokens.pi)
        name = f"{EXCLUSIVE}_cal.fits"
        assert (here / mine.get_product(file_name=name)).read_bytes() == there.files[name]
        assert len(mine.get_product_list(observation_id=HIDDEN)) > 0
        assert len(mine.launch_job(OF_PROGRAM).get_results()) > SEEN_BY_ALL
        assert len(mine.launch_job(OF_PROGRAM, async_job=True).get_results()) > SEEN_BY_ALL
        assert [(row["who"], row["verdict"]) for row in records(there.ops, uris=[f"mast:JWST/product/{name}"])] == [("pi", "granted")]
        mine.logout()
        with pytest.raises(ValueError, match="does not exist"):
            mine.get_product_list(observation_id=HIDDEN)
        assert len(mine.launch_job(OF_PROGRAM).get_results()) == SEEN_BY_ALL
    there.ops.db.dispose()


def test_who_signs_in_wrongly_is_told_so_and_stays_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, files = offered_site(tmp_path / "site"), certificate_in(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.chain))
    with served(there.ops, files) as base:
        other = client(base)
        for user, password in (("pi", "mast_nonsense"), ("pi", there.tokens.other), ("nobody", there.tokens.pi)):
            with pytest.raises(requests.HTTPError, match=r"the name or the password is wrong.*P18"):
                other.login(user=user, password=password)
        assert len(other.launch_job(OF_PROGRAM).get_results()) == SEEN_BY_ALL
        other.login(user="other", password=there.tokens.other)
        with pytest.raises(ValueError, match="Error retrieving product"):
            other.get_product(file_name=f"{EXCLUSIVE}_cal.fits")
    there.ops.db.dispose()


def test_names_of_targets_are_resolved_elsewhere(jwst: Any) -> None:
    with pytest.raises(Exception, match=r"simbad|Connection|resolver"):
        jwst.query_target("M1", radius=1 * u.deg)
