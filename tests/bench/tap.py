"""The Virtual Observatory's part at 50,000 planes (SQLite): VOTables against a limit, ADQL against the same SQL by the bare driver."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from dmsops.distribution.adql.sqlite import register
from dmsops.distribution.votable import Answer, tabledata
from dmsops.ops import Ops
from tests.bench.apart import site_apart
from tests.bench.row import Row
from tests.vo import BASE, answered, many, translated

OBSERVATIONS, ROWS = 26_000, 50_000
VOTABLE_LIMIT, TRANSLATE_LIMIT = 0.4, 0.002
"""CPU seconds."""
TURNS, REQUESTS = 5, 150
FEW = "obs_id, calib_level, s_ra, s_dec, t_min, t_max, instrument_name, s_region"
PLANE = "jw01001001001_02101_00001_nrca3"
QUERIES = {
    "one observation": f"SELECT * FROM ivoa.obscore WHERE obs_id = '{PLANE}'",
    "a cone of 2 degrees": (
        "SELECT obs_id, s_ra, s_dec FROM ivoa.obscore WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 120, 20, 2))"
    ),
    "footprints that touch a cone": "SELECT obs_id, s_region FROM ivoa.obscore WHERE 1 = INTERSECTS(s_region, CIRCLE('ICRS', 120, 20, 2))",
    "files of an observation": (
        f"SELECT a.uri FROM caom2.Plane AS p JOIN caom2.Artifact AS a ON a.planeID = p.planeID WHERE p.obsID = '{PLANE}'"
    ),
    "planes counted by instrument": "SELECT instrument_name, COUNT(*) FROM ivoa.obscore GROUP BY instrument_name",
}


def rows(place: Path) -> Iterator[Row]:
    """Load the site, ask everything, and give a row for each."""
    ops = many(place / "tap", OBSERVATIONS)
    yield from _votables(ops)
    yield from _translated(ops)
    with site_apart(ops) as base:
        yield from _asked(ops, base)
    ops.db.dispose()


def _row(name: str, ours: float, against: float, what: str, goal: str, *, met: bool | None, why: str = "", unit: str = "s") -> Row:
    return Row(row=name, ours=ours, against=against, against_what=what, ratio=ours / against, goal=goal, met=met, why=why, unit=unit)


def _cpu(work: Callable[[], object]) -> float:
    """Give the median of the CPU seconds that work takes."""
    took = []
    for _ in range(TURNS):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return statistics.median(took)


def _votables(ops: Ops) -> Iterator[Row]:
    for columns in (FEW, "*"):
        query = f"SELECT TOP {ROWS} {columns} FROM ivoa.obscore"
        fields, found = translated(ops, query, rows=ROWS).fields, answered(ops, query, rows=ROWS)
        lots = [found[n : n + 2000] for n in range(0, len(found), 2000)]
        ours = _cpu(lambda fields=fields, lots=lots: sum(map(len, tabledata(Answer(fields=fields, lots=lots, limit=ROWS)))))  # type: ignore[misc]
        peer = _astropy(fields, found)
        words = f"astropy's writer takes {peer:.2f} s, 1/{peer / ours:.1f} of the speed"
        name = f"{len(found):,} rows of {len(fields)} columns as a VOTable (CPU)"
        yield _row(name, ours, VOTABLE_LIMIT, "the limit", "<= 1", met=ours <= VOTABLE_LIMIT, why=words)


def _astropy(fields: Any, found: Any) -> float:
    from astropy.io.votable import from_table, writeto
    from astropy.table import MaskedColumn, Table

    table = Table()
    for place, field in enumerate(fields):
        values = [row[place] for row in found]
        empty = "" if field.is_text else 0
        filled = [empty if value is None else value for value in values]
        table[field.name] = MaskedColumn(filled, mask=[value is None for value in values])
    begun = time.process_time()
    writeto(from_table(table), io.BytesIO())
    return time.process_time() - begun


def _translated(ops: Ops) -> Iterator[Row]:
    for name, query in QUERIES.items():
        took = _cpu(lambda query=query: [translated(ops, query) for _ in range(20)]) / 20  # type: ignore[misc]
        yield _row(f"ADQL to SQL: {name} (CPU)", took, TRANSLATE_LIMIT, "the limit", "<= 1", met=took <= TRANSLATE_LIMIT)


def _asked(ops: Ops, base: str) -> Iterator[Row]:
    with httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        for name, query in QUERIES.items():
            bare = _times(_bare(ops, query))
            ours = _times(lambda query=query: client.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL"}).raise_for_status())  # type: ignore[misc]
            words = (
                f"p95 {_p95(ours) * 1e3:.1f} ms against {_p95(bare) * 1e3:.2f} ms; {1 / statistics.mean(ours):.0f} queries/s of one client"
            )
            what = "the same SQL by the bare driver"
            yield _row(f"TAP, whole answer: {name}", statistics.median(ours), statistics.median(bare), what, "none", met=None, why=words)


def _bare(ops: Ops, query: str) -> Callable[[], object]:
    """Give the same question as SQL text and values, on the driver's own connection."""
    made = translated(ops, query)
    compiled = made.statement.compile(dialect=ops.db.dialect, compile_kwargs={"render_postcompile": True})
    given = compiled.construct_params({"now": ops.clock.now(), "base": BASE})
    kinds = compiled._bind_processors
    values = [kinds[name](given[name]) if name in kinds else given[name] for name in compiled.positiontup]
    connection = ops.db.raw_connection().dbapi_connection
    register(connection)
    return lambda: connection.execute(str(compiled), values).fetchall()


def _times(work: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return found


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * len(times))]
