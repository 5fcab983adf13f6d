"""STILTS, which knows the IVOA's standards, finds nothing wrong with the site's TAP service and with its tables."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from dmsops.ops import Ops
from tests.serving import served
from tests.vo import many

STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS EXA"
"""All stages but those for what the site has not: ObsLocTAP, and uploads."""


@pytest.fixture(scope="module")
def stilts(require: Callable[[str], Path]) -> Path:
    return require("stilts")


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    made = many(tmp_path_factory.mktemp("stilts") / "site", 40, serve_per_second=0)
    yield made
    made.db.dispose()


@pytest.fixture(scope="module")
def base(ops: Ops) -> Iterator[str]:
    with served(ops) as address:
        yield address


def said(stilts: Path, *words: str) -> str:
    environment = {**os.environ, "http_proxy": "", "https_proxy": ""}
    done = subprocess.run([stilts, *words], capture_output=True, text=True, timeout=300, check=False, env=environment)
    return done.stdout + done.stderr


def test_taplint_finds_no_error(stilts: Path, base: str) -> None:
    found = said(stilts, "taplint", f"tapurl={base}/tap", "report=EWF", f"stages={STAGES}", "maxrepeat=20")
    told = re.search(r"Totals: (.*)", found)
    assert told, found
    problems = [line for line in found.splitlines() if re.match(r"[EF]-", line)]
    warnings = [line for line in found.splitlines() if re.match(r"W-", line) and "No HTTP Server header" not in line]
    assert problems == []
    assert warnings == []
    assert told[1].startswith("Errors: 0;")


@pytest.mark.parametrize(
    "path",
    [
        "/tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+ivoa.obscore", "/tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+jwst.main",
        "/tap/sync?LANG=ADQL&QUERY=SELECT+*+FROM+caom2.Plane&MAXREC=3",
        "/tap/sync?LANG=ADQL&QUERY=SELECT+TOP+3+POINT(s_ra,s_dec),CIRCLE(s_ra,s_dec,1),AREA(s_region)+FROM+ivoa.obscore",
        "/tap/sync?LANG=ADQL&RESPONSEFORMAT=votable/b2&QUERY=SELECT+*+FROM+caom2.Observation", "/sia2/query?MAXREC=10",
        "/datalink/links?ID=jw01001001001_02101_00001_nrca3/level2&ID=x", "/tap/sync?LANG=ADQL&QUERY=SELECT",
    ],
)  # fmt: skip
def test_votlint_finds_nothing_wrong_with_a_table(stilts: Path, base: str, path: str, tmp_path: Path) -> None:
    document = tmp_path / "table.vot"
    document.write_bytes(requests.get(base + path, timeout=60).content)
    found = said(stilts, "votlint", f"votable={document}", "version=1.4")
    assert [line for line in found.splitlines() if re.match(r"(ERROR|WARNING)", line)] == [], found
