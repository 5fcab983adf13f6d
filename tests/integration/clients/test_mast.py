"""Unmodified astroquery.mast works against the site: the release that astronomers have, and the newest that is to come."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dmsops.distribution.audit import records
from dmsops.ops import Ops
from tests.offered import EXCLUSIVE, OPEN, RESTRICTED, SUFFIXES, Tokens, offered_site, uri
from tests.serving import served

HERE = Path(__file__).parent
MINE, PUBLIC = f"{EXCLUSIVE}_cal.fits", f"{OPEN[0]}_cal.fits"
SEEN = sorted([EXCLUSIVE, RESTRICTED, *OPEN])
"""What anybody may know of."""


@dataclass(frozen=True, kw_only=True)
class Site:
    ops: Ops
    base: str
    files: dict[str, bytes]
    tokens: Tokens
    folder: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mast")
    there = offered_site(folder / "site")
    with served(there.ops) as base:
        yield Site(ops=there.ops, base=base, files=there.files, tokens=there.tokens, folder=folder)
    there.ops.db.dispose()


@pytest.fixture(scope="module", params=["astroquery", "astroquery-dev"])
def version(request, require) -> Path | None:
    """Give the folder with another astroquery than the installed one."""
    return None if request.param == "astroquery" else require(request.param)


def astronomer(site: Site, version: Path | None, what: str) -> dict[str, Any]:
    """Run an astronomer's script, whose configuration names the server; gives what it printed."""
    folder = site.folder / f"{what}-{'dev' if version else 'release'}"
    place = folder / "config" / "astropy"
    place.mkdir(parents=True)
    (place / "astroquery.cfg").write_text(f"[mast]\nserver = {site.base}\n")
    environment = {
        "PATH": os.environ["PATH"],
        "XDG_CONFIG_HOME": str(folder / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "HOME": str(folder),
    }
    environment |= {"PYTHONPATH": str(version)} if version else {}
    command = [sys.executable, str(HERE / f"mast_{what}.py"), str(folder), site.tokens.pi]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told | {"folder": folder}


@pytest.fixture(scope="module")
def told(site, version):
    return astronomer(site, version, "observations")


@pytest.fixture(scope="module")
def missions(site, version):
    return astronomer(site, version, "missions")


def test_the_version_under_test_is_the_one_that_is_meant(told, version):
    assert ("dev" in told["version"]) == (version is not None)


def test_observations_are_found_by_place_and_counted(told):
    assert told["missions"] == ["JWST"]
    assert told["near"] == sorted([EXCLUSIVE, RESTRICTED, OPEN[0]])
    assert told["near count"] == 3
    assert told["place and criteria"] == [OPEN[1]]


def test_observations_are_found_by_every_kind_of_filter(told):
    assert told["criteria"] == SEEN
    assert told["criteria count"] == len(SEEN)
    assert told["wildcard"] == told["filter"] == told["program padded"] == told["range"] == list(OPEN)
    assert told["several"] == [OPEN[1], OPEN[3]]
    assert told["nothing"] == 0


def test_all_pages_are_fetched_and_one_can_be_asked_for(told):
    assert told["pages"] == SEEN
    assert told["second page"] == 2


def test_rights_are_said_as_of_now(told):
    assert told["public"] == list(OPEN)
    assert told["exclusive"] == [EXCLUSIVE]


def test_columns_have_the_units_of_mast(told):
    row = told["near row"]
    assert set(told["metadata"]) <= {*told["near columns"]}
    assert (row["em_min"], row["t_min"], row["t_obs_release"], row["calib_level"]) == ("2109.0", "59917.1", "60282.25", "2")
    assert row["proposal_id"] == "1234"
    assert row["obsid"].isdecimal()


def test_what_cannot_be_asked_is_said_in_words(told):
    assert "does not exist" in told["unknown column"]
    assert "there is no service 'Mast.Nonsense'" in told["bad service"]
    assert "names of objects are not resolved here" in told["names"]


def test_products_are_listed_and_filtered(told, site):
    products = told["products"]
    wanted = sorted(f"{root}_{suffix}.fits" for root in (EXCLUSIVE, OPEN[0]) for suffix in SUFFIXES)
    assert products["files"] == wanted
    assert products["sizes"] == {name: len(site.files[name]) for name in wanted}
    assert products["by id"] == len(SUFFIXES)
    assert products["filtered"] == sorted([EXCLUSIVE, OPEN[0]])
    assert set(products["columns"]) == set(told["product metadata"])


def fetched(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.fits")}


def test_nobody_gets_an_exclusive_file_and_its_pi_does(told, site):
    downloads = told["downloads"]
    assert downloads["anonymous"][MINE][0] == "ERROR"
    assert "401" in downloads["anonymous"][MINE][1]
    assert fetched(told["folder"] / "anonymous") == {PUBLIC: site.files[PUBLIC]}
    assert {row[0] for row in downloads["pi"].values()} == {row[0] for row in downloads["again"].values()} == {"COMPLETE"}
    assert fetched(told["folder"] / "pi") == {name: site.files[name] for name in (PUBLIC, MINE)}
    assert downloads["nothing"][0] == "ERROR"
    assert "404" in downloads["nothing"][1]


def test_a_login_is_answered_with_who_it_is(told):
    downloads = told["downloads"]
    assert "token invalid" in downloads["wrong login"]
    assert downloads["nobody"]["anon"] is True
    assert downloads["somebody"]["anon"] is False
    assert downloads["somebody"]["attrib"]["display_name"] == "PI"


def test_the_curl_script_fetches_what_its_reader_may_have(told, site, tmp_path):
    path, status = told["downloads"]["script"]
    assert status == "COMPLETE"
    run = lambda **env: subprocess.run(  # noqa: E731
        ["bash", path, str(tmp_path / "fetched")], env={"PATH": os.environ["PATH"], **env}, capture_output=True, text=True, check=False
    )
    first = run()
    assert first.returncode == 1
    assert {*fetched(tmp_path)} == {f"{OPEN[0]}_{suffix}.fits" for suffix in SUFFIXES}
    second = run(MAST_API_TOKEN=site.tokens.pi)
    assert second.returncode == 0, second.stderr
    wanted = {f"{root}_{suffix}.fits" for root in (EXCLUSIVE, OPEN[0]) for suffix in SUFFIXES}
    assert fetched(tmp_path) == {name: site.files[name] for name in wanted}
    assert second.stdout.count("have ") == 3
    assert site.tokens.pi not in Path(path).read_text() + second.stdout + second.stderr


def test_the_mission_search_finds_by_place_and_conditions(missions):
    assert missions["near"] == sorted([EXCLUSIVE, RESTRICTED, OPEN[0]])
    assert missions["criteria"] == list(OPEN)
    assert missions["several"] == [OPEN[1], OPEN[3]]
    assert missions["not"] == [root for root in OPEN if root != OPEN[1]]
    assert missions["wildcard"] == [OPEN[2]]
    assert missions["range"] == list(OPEN[2:])
    assert missions["place and criteria"] == [OPEN[1]]
    assert set(missions["near columns"]) == set(missions["columns"])


def test_the_mission_search_chooses_orders_and_limits(missions):
    assert missions["chosen"] == ["fileSetName", "targ_ra"]
    assert missions["sorted"] == list(reversed(OPEN))
    assert missions["limited"] == 2
    assert "does not exist" in missions["unknown column"]
    assert "invalid input" in missions["bad value"]


def test_the_newest_mission_search_counts_and_takes_several_places(missions, version):
    if version is None:
        pytest.skip("the released astroquery cannot ask this")
    assert missions["only counted"] == len(OPEN)
    assert missions["two places"] == sorted([EXCLUSIVE, RESTRICTED, OPEN[0], OPEN[2]])


def test_the_mission_search_gives_files_to_whom_they_belong(missions, site):
    assert missions["files"] == sorted(f"{root}_{suffix}.fits" for root in (EXCLUSIVE, OPEN[0]) for suffix in SUFFIXES)
    assert missions["anonymous"][MINE][0] == "ERROR"
    assert fetched(missions["folder"] / "anonymous") == {PUBLIC: site.files[PUBLIC]}
    assert fetched(missions["folder"] / "pi") == {name: site.files[name] for name in (PUBLIC, MINE)}


def test_every_file_that_was_given_or_refused_is_on_record(told, missions, site):
    found = {(row["who"], row["verdict"]) for row in records(site.ops, uris=[uri(EXCLUSIVE)], limit=1000)}
    assert {("anonymous", "denied"), ("pi", "granted")} <= found
    assert ("anonymous", "granted") not in found


def test_sums_come_with_files(site):
    import httpx2

    response = httpx2.get(f"{site.base}/api/v0.1/Download/file", params={"uri": uri(OPEN[0])})
    digest = hashlib.sha256(site.files[PUBLIC]).digest()
    assert response.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert response.headers["etag"] == f'"{digest.hex()}"'
