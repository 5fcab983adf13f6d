"""The public services at 20,000 observations (SQLite), against a bare server on the same machine in the same run.

The bare server is Starlette under uvicorn, set up as ours: a file sent as it lies, rows of one SQL statement by the driver as JSON; no
policy, no record of access, no log. Each of the two is a process of its own (ours by its command), the clients are threads of a third:
several ask at once, each over one connection; a row is seconds of one request.
"""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dmsops.archive.ingest import ingest, product_of
from dmsops.ops import Ops
from dmsops.testing.products import write_product
from tests.bench.apart import app_apart, site_apart
from tests.bench.row import Row
from tests.vo import many

OBSERVATIONS, CLIENTS, REQUESTS = 20_000, 4, 60
WARM = 5
LARGE_SIDE = 4096
NAME = "jw01001001001_02101_00001_nrca3"
OWN, LARGE = "jw02726402001_03104_00001_nrca3", "jw02726402001_03104_00002_nrca3"
PROGRAM_SQL = "SELECT id, instrument, target, proposal_id, type FROM observation WHERE proposal_id = '01001' ORDER BY id LIMIT 500"
ONE_ADQL = f"SELECT obs_id, instrument_name, target_name, obs_collection, dataproduct_type FROM ivoa.obscore WHERE obs_id = '{NAME}'"
ONE_SQL = f"SELECT id, instrument, target, proposal_id, type FROM observation WHERE id = '{NAME}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, and what of the bare server stands against it; ``requests`` by each client."""

    name: str
    ours: Callable[[httpx.Client], Any]
    bare: str
    what: str
    requests: int = REQUESTS


def rows(place: Path) -> Iterator[Row]:
    """Load the site, ask everything of both servers in turn, and give a row for each."""
    ops = many(place / "serving", OBSERVATIONS)
    files = {OWN: _archived(ops, place, OWN), LARGE: _archived(ops, place, LARGE, side=LARGE_SIDE)}
    with site_apart(ops) as base, app_apart(bare_app, ops.db.url.database, files) as bare:
        for asked in _questions():
            yield _measured(asked, base, bare)
    ops.db.dispose()


def _archived(ops: Ops, place: Path, root: str, *, side: int = 0) -> Path:
    """Archive a product of a calibration, which is public at once; ``side`` makes it large."""
    path = write_product(place / f"{root}_cal.fits")
    if side:
        import numpy as np
        from astropy.io import fits

        fits.append(path, np.zeros((side, side), np.float32))
    ingest(ops, [product_of(path)])
    return path


def _questions() -> list[Asked]:
    search = "/search/jwst/api/v0.1/search"

    def tap(query: str) -> Callable[[httpx.Client], Any]:
        return lambda client: client.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "json"})

    def file(root: str) -> Callable[[httpx.Client], Any]:
        return lambda client: client.get("/api/v0.1/Download/file", params={"uri": f"mast:JWST/product/{root}_cal.fits"})

    return [
        Asked(
            name="search: one observation",
            ours=lambda client: client.post(search, json={"conditions": [{"fileSetName": NAME}]}),
            bare="/one", what="one SQL statement by the bare server",
        ),
        Asked(
            name="search: a program, 500 rows",
            ours=lambda client: client.post(search, json={"conditions": [{"program": "1001"}], "limit": 500}),
            bare="/program", what="one SQL statement by the bare server", requests=20,
        ),
        Asked(
            name="TAP: one observation", ours=tap(ONE_ADQL),
            bare="/one", what="one SQL statement by the bare server",
        ),
        Asked(name="download: 26 kB", ours=file(OWN), bare=f"/{OWN}", what="the file by the bare server"),
        Asked(name="download: 67 MB", ours=file(LARGE), bare=f"/{LARGE}", what="the file by the bare server", requests=4),
    ]  # fmt: skip


def bare_app(database: str, files: dict[str, Path]) -> Any:
    """Make the application that sends files and rows of statements without anything round them."""
    from starlette.applications import Starlette
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Route

    local = threading.local()

    def statement(text: str) -> Callable[[Any], Any]:
        def answer(_request: Any) -> JSONResponse:
            if not hasattr(local, "connection"):
                local.connection = sqlite3.connect(database, check_same_thread=False)
            return JSONResponse(local.connection.execute(text).fetchall())

        return answer

    routes = [Route(f"/{root}", lambda _request, path=path: FileResponse(path)) for root, path in files.items()]
    routes += [Route("/one", statement(ONE_SQL)), Route("/program", statement(PROGRAM_SQL))]
    return Starlette(routes=routes)


def _measured(asked: Asked, base: str, bare: str) -> Row:
    ours, took = _times(base, asked.ours, asked.requests)
    plain, plain_took = _times(bare, lambda client: client.get(asked.bare), asked.requests)
    number = CLIENTS * asked.requests
    words = (
        f"{number / took:.0f} requests/s against {number / plain_took:.0f}; "
        f"p95 {_p95(ours) * 1e3:.1f} ms against {_p95(plain) * 1e3:.1f} ms; {CLIENTS} clients at once"
    )
    median, against = statistics.median(ours), statistics.median(plain)
    return Row(
        row=asked.name, ours=median, against=against, against_what=asked.what, ratio=median / against, goal="none", met=None, why=words
    )


def _times(base: str, ask: Callable[[httpx.Client], Any], requests: int) -> tuple[list[float], float]:
    """Let several clients ask at once; gives the seconds of each request, and of all together."""
    found: list[float] = []
    ready = threading.Barrier(CLIENTS + 1)

    def client() -> None:
        with httpx.Client(base_url=base, trust_env=False, timeout=120) as one:
            for _ in range(min(WARM, requests)):
                ask(one).raise_for_status()
            ready.wait()
            for _ in range(requests):
                begun = time.perf_counter()
                ask(one).raise_for_status()
                found.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    return found, time.perf_counter() - begun


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]
