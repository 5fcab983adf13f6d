"""The catalogue at a million artifacts: loading against the bare driver, and what is asked of it against the driver's own query.

Rows are made as tuples, not through caom2: 83,000 exposures in visits of eight on a plausible sky, two planes and twelve artifacts each.
Both sides take the same lots in turn into the same tables with the same indexes; making the rows is nobody's time. A question is
measured three ways: the verb (transaction, filters, footprints looked at exactly), its statement on an open connection, and the
bare driver with the same SQL. Each question is asked in rounds and its middle time counts, so that what else the machine does in
between is nobody's; a statement is compiled, and its values are made, before the clock runs.
"""

from __future__ import annotations

import argparse
import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import rows as archive_rows
from dmsops.archive import search, sky
from dmsops.archive.tables import artifact, observation, plane
from dmsops.core.db import open_engine, reading, transact, upgrade
from tests import postgres
from tests.bench.row import Row

ARTIFACTS = 1_000_000
EACH, VISIT, LOT = 12, 8, 2_000
"""Artifacts of an exposure, exposures of a visit, exposures of one transaction."""
NOW = datetime(2024, 1, 1, tzinfo=UTC)
STATE = archive_rows.State(version=1, state="archived", xml_sha256="a" * 64, changed_at=NOW)
RELEASED = "2023-01-01T00:00:00.000000Z"
TURNS = 300
ROUNDS = 5
CONE = "cone of 0.5 degrees"
GOALS = {"one URI": 0.1, CONE: 0.2, "products of an observation": 0.2}
"""Milliseconds, 95 of 100 statements, on SQLite."""
SUFFIXES = (("uncal",), ("rate", "rateints", "cal", "i2d", "calints", "o_crf", "trapsfilled", "dark", "ramp", "jpg", "thumb"))
_OBSERVATION, _PLANE, _ARTIFACT = (tuple(t.c.keys()) for t in (observation, plane, artifact))
_COLUMNS = {"observation": _OBSERVATION, "plane": _PLANE, "artifact": _ARTIFACT}


@dataclass(frozen=True)
class Side:
    """A database that is measured: ours through the library, and another of the same shape by the driver alone."""

    name: str
    ops: Any
    driver: Any
    size: Callable[[], float]


@dataclass
class OnlyDatabase:
    """All that search asks of a site."""

    db: sa.Engine


def exposures(number: int) -> Iterator[archive_rows.Rows]:
    """Make exposures: visits of eight dithers, a third of them in twenty fields that are looked at again and again."""
    draw = random.Random(2)
    fields = [_place(draw) for _ in range(20)]
    mjd, ra, dec = 59_750.0, 0.0, 0.0
    for n in range(number):
        if n % VISIT == 0:
            ra, dec = _place(draw) if draw.random() < 0.67 else _near(draw, *draw.choice(fields), 2.0)
            mjd += draw.uniform(0.005, 0.15)
        mjd += 0.004
        yield _exposure(draw, n, *_near(draw, ra, dec, 0.02), mjd)


def _place(draw: random.Random) -> tuple[float, float]:
    return draw.uniform(0, 360), math.degrees(math.asin(draw.uniform(-1, 1)))


def _near(draw: random.Random, ra: float, dec: float, spread: float) -> tuple[float, float]:
    up = max(-89.9, min(89.9, dec + draw.gauss(0, spread)))
    return (ra + draw.gauss(0, spread) / math.cos(math.radians(up))) % 360, up


def _exposure(draw: random.Random, n: int, ra: float, dec: float, mjd: float) -> archive_rows.Rows:
    proposal = f"{1000 + (n // VISIT) * 700 // 10_400 % 700:05d}"
    name = f"jw{proposal}{n // VISIT % 1000:03d}001_{n // 8000 % 100:02d}{n % VISIT + 1:03d}_{n % 100_000:05d}_nrca3"
    half = 0.018
    wide = half / math.cos(math.radians(dec))
    corners = [(ra - wide, dec - half), (ra + wide, dec - half), (ra + wide, dec + half), (ra - wide, dec + half)]
    region = "POLYGON ICRS " + " ".join(f"{a % 360:.9f} {d:.9f}" for a, d in corners)
    circle, span = (ra, dec, half * 1.5), (mjd, mjd + draw.uniform(0.0005, 0.004))
    planes = tuple(_plane(draw, name, level, circle, region, span) for level in (1, 2))
    described = {
        "collection": "JWST", "kind": "simple", "intent": "science", "type": "NRC_IMAGE", "algorithm": "exposure", "proposal_id": proposal,
        "instrument": "NIRCAM", "target": f"TARGET-{n // VISIT}", "target_ra": ra, "target_dec": dec, "meta_release": RELEASED,
        "meta_checksum": "md5:" + "0" * 32, "checksum": "md5:" + "0" * 32,
    }  # fmt: skip
    return archive_rows.Rows(id=name, described=described, planes=planes, members=())


def _plane(draw: random.Random, name: str, level: int, circle: Any, region: str, span: tuple[float, float]) -> archive_rows.PlaneRows:
    values = (
        f"level{level}", level, "image", RELEASED, RELEASED, "CALJWST", "1.13.4", "jwst_1188.pmap", RELEASED, region, *circle, *span,
        107.4, 1.99e-6, 2.23e-6, "F212N", "md5:" + "0" * 32,
    )  # fmt: skip
    artifacts = tuple(
        (f"mast:JWST/product/{name}_{suffix}.fits", "this", "data", "application/fits", draw.randrange(10**8),
         f"sha256:{draw.getrandbits(256):064x}", None, "md5:" + "0" * 32)
        for suffix in SUFFIXES[level - 1]
    )  # fmt: skip
    return archive_rows.PlaneRows(values=values, artifacts=artifacts, inputs=(), circle=circle, span=span)


def rows(place: Path, artifacts: int = ARTIFACTS, turns: int = TURNS) -> Iterator[Row]:
    """Measure SQLite, PostgreSQL as it is, and PostgreSQL without pgsphere where it has it."""
    with sqlite_side(place) as side:
        yield from _measured(side, artifacts, turns)
    programs = postgres.binaries()
    if programs is None:
        yield _missing("PostgreSQL is not on this machine")
        return
    with postgres.server(programs) as server, postgresql_side(server) as side:
        yield from _measured(side, artifacts, turns)
        with reading(side.ops.db) as c:
            if c.exec_driver_sql("SELECT to_regclass('ix_plane_circle') IS NULL").scalar():
                return
        transact(side.ops.db, lambda c: [c.exec_driver_sql(text) for text in ("DROP INDEX ix_plane_circle", sky.BOXES, "ANALYZE plane")])
        bare = Side("PostgreSQL without pgsphere", OnlyDatabase(open_engine(str(_url(side.ops.db)))), side.driver, side.size)
        yield from asked(bare, turns, only=(CONE, f"{CONE} round a plane"))
        bare.ops.db.dispose()


def _url(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def _missing(why: str) -> Row:
    return Row(row="catalogue", ours=None, against=None, against_what="the bare driver", ratio=None, goal="-", met=None, why=why)


@contextmanager
def sqlite_side(place: Path) -> Iterator[Side]:
    """Two SQLite files of the present schema, and Python's sqlite3 on the second."""
    ours, other = place / "catalogue.db", place / "bare.db"
    for path in (ours, other):
        upgrade(f"sqlite:///{path}")
    engine = open_engine(f"sqlite:///{ours}")
    driver = sqlite3.connect(other, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        driver.execute(f"PRAGMA {pragma}")
    yield Side("SQLite", OnlyDatabase(engine), driver, lambda: _checkpointed(engine, ours))
    engine.dispose()
    driver.close()
    for path in place.glob("*.db*"):
        path.unlink()


def _checkpointed(engine: sa.Engine, path: Path) -> float:
    with engine.connect() as c:
        c.rollback()
        c.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    return path.stat().st_size / 1e6


@contextmanager
def postgresql_side(server: postgres.Server) -> Iterator[Side]:
    """Two databases of one server (its disk is memory where there is /dev/shm), and psycopg on the second."""
    import psycopg

    engine = open_engine(server.new_database())
    other = sa.make_url(server.new_database())
    driver = psycopg.connect(host=str(other.query["host"]), user=other.username, dbname=other.database)
    has = driver.execute("SELECT to_regclass('ix_plane_circle') IS NOT NULL").fetchone()
    driver.commit()
    name = "PostgreSQL with pgsphere" if has and has[0] else "PostgreSQL without pgsphere"
    yield Side(name, OnlyDatabase(engine), driver, lambda: _database_size(engine))
    engine.dispose()
    driver.close()


def _database_size(engine: sa.Engine) -> float:
    with reading(engine) as c:
        return float(c.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()) / 1e6


def _measured(side: Side, artifacts: int, turns: int) -> Iterator[Row]:
    yield from loaded(side, artifacts)
    transact(side.ops.db, lambda c: c.exec_driver_sql("ANALYZE"))
    yield from asked(side, turns)


def loaded(side: Side, artifacts: int) -> Iterator[Row]:
    """Load both sides lot by lot, each lot one transaction; who is first changes from lot to lot."""
    ours = theirs = 0.0
    bare = Bare(side.driver)
    lot: list[tuple[archive_rows.Rows, archive_rows.State]] = []
    number = artifacts // EACH
    for n, made in enumerate(exposures(number), 1):
        lot.append((made, STATE))
        if len(lot) < LOT and n < number:
            continue
        tables = bare.laid_out(lot)
        for mine in (True, False) if (n // LOT) % 2 else (False, True):
            began = time.perf_counter()
            if mine:
                transact(side.ops.db, lambda c, lot=lot: archive_rows.insert(c, lot))  # type: ignore[misc]
                ours += time.perf_counter() - began
            else:
                bare.insert(tables)
                theirs += time.perf_counter() - began
        lot = []
    yield Row(
        row=f"catalogue, {side.name}: {number * EACH:,} artifacts loaded",
        ours=number * EACH / ours / 1000,
        against=number * EACH / theirs / 1000,
        against_what="bare driver, the same rows",
        ratio=theirs / ours,
        goal=">= 0.8 of it" + (", <= 15 s" if side.name == "SQLite" else ""),
        met=theirs / ours >= 0.8 and (ours <= 15.0 or side.name != "SQLite"),
        unit="thousand artifacts/s",
        why=f"{ours:.1f} s against {theirs:.1f} s; {side.size():.0f} MB",
    )


class Bare:
    """The driver alone: the same tuples, numbered and boxed beforehand."""

    def __init__(self, driver: Any) -> None:
        self.driver, self.planes, self.artifacts = driver, 0, 0

    def laid_out(self, lot: Sequence[tuple[archive_rows.Rows, archive_rows.State]]) -> dict[str, list[tuple[Any, ...]]]:
        """Lay rows out by table, with the boxes of SQLite's index."""
        tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ("observation", "plane", "artifact", "plane_sky", "plane_span")}
        more = {"version": 1, "state": "archived", "xml_sha256": "a" * 64, "changed_at": "2024-01-01T00:00:00.000000Z"}
        for made, _ in lot:
            whole = {"id": made.id, **made.described, **more}
            tables["observation"].append(tuple(whole[name] for name in _OBSERVATION))
            for part in made.planes:
                self.planes += 1
                tables["plane"].append((self.planes, made.id, *part.values))
                tables["plane_sky"].append((self.planes, *sky.box(*part.circle)))  # type: ignore[arg-type]
                tables["plane_span"].append((self.planes, *part.span))
                for values in part.artifacts:
                    self.artifacts += 1
                    tables["artifact"].append((self.artifacts, self.planes, *values))
        return tables

    def insert(self, tables: dict[str, list[tuple[Any, ...]]]) -> None:
        """Insert them in one transaction."""
        columns = {"observation": _OBSERVATION, "plane": _PLANE, "artifact": _ARTIFACT}
        if isinstance(self.driver, sqlite3.Connection):
            self.driver.execute("BEGIN IMMEDIATE")
            for name, some in tables.items():
                into = f"{name} ({', '.join(columns[name])})" if name in columns else name
                self.driver.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(some[0]))})", some)
            self.driver.execute("COMMIT")
            return
        with self.driver.cursor() as cursor:
            for name, names in _COLUMNS.items():
                with cursor.copy(f"COPY {name} ({', '.join(names)}) FROM STDIN") as copy:
                    for row in tables[name]:
                        copy.write_row(row)
        self.driver.commit()


def asked(side: Side, turns: int, *, only: Sequence[str] = ()) -> Iterator[Row]:
    """Ask each question of both."""
    for title, verb, statement, values in questions(side.ops, turns):
        if only and title not in only:
            continue
        rounds = [_round(side, verb, [statement(v) for v in values], values) for _ in range(ROUNDS)]
        verbs, statements, bare = (_middle(times) for times in zip(*(times for times, _ in rounds), strict=True))
        yield _answered(side, title, verbs, statements, bare, rounds[0][1])


def _round(
    side: Side, verb: Callable[[Any], Any], statements: Sequence[Any], values: Sequence[Any]
) -> tuple[tuple[list[float], list[float], list[float]], list[int]]:
    """Ask all once: milliseconds of verbs, statements and the bare driver; and the rows found."""
    verbs = [_ms(verb, v) for v in values]
    with reading(side.ops.db) as c:
        took, found = _statements(c, statements)
    with side_connection(side) as cursor:
        bare = _bare(cursor, side.ops.db.dialect, statements)
    return (verbs, took, bare), found


def _middle(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Give each question's middle time of several rounds."""
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def questions(ops: Any, turns: int) -> Iterator[tuple[str, Callable[[Any], Any], Callable[[sa.Connection | None, Any], Any], list[Any]]]:
    """Give title, verb, statement with its values, and what to ask about."""
    draw = random.Random(3)
    with reading(ops.db) as c:
        most = c.execute(sa.select(sa.func.max(plane.c.id))).scalar_one()
        ids = [draw.randint(1, most) for _ in range(turns)]
        p = plane.c
        seen = c.execute(sa.select(p.observation_id, p.ra, p.dec, p.time_min).where(p.id.in_(ids))).all()
        uris = list(c.execute(sa.select(artifact.c.uri).where(artifact.c.plane_id.in_(ids))).scalars())
        proposals = list(c.execute(sa.select(observation.c.proposal_id).distinct().limit(20)).scalars())
        kind = sky.cone_kind(c, 0.5)
    plain = search._statement
    dialect, none = ops.db.dialect.name, frozenset[str]()
    for title, cones in (
        (CONE, [(*_place(draw), 0.5) for _ in seen]),
        (f"{CONE} round a plane", [(r.ra, r.dec, 0.5) for r in seen]),
    ):
        yield (
            title, lambda v: search.search(ops, cone=v, limit=1000),
            lambda v: (plain(dialect, kind, none, look=1001), sky.cone_values(*v)), cones,
        )  # fmt: skip
    yield (
        "planes of 15 minutes", lambda v: search.search(ops, time=v, limit=1000),
        lambda v: (plain(dialect, "", frozenset({"time"}), look=1001), {"span_t0": v[0], "span_t1": v[1]}),
        [(r.time_min, r.time_min + 0.01) for r in seen],
    )  # fmt: skip
    yield (
        "one URI",
        lambda v: search.artifact(ops, v),
        lambda v: (search._ARTIFACT_OF, {"uri": v}),
        draw.sample(uris, min(turns, len(uris))),
    )
    yield (
        "products of an observation",
        lambda v: search.products_of(ops, v),
        lambda v: (search._PRODUCTS, {"id": v}),
        [r.observation_id for r in seen],
    )
    yield (
        "planes of a proposal", lambda v: search.search(ops, proposal=v, limit=10_000),
        lambda v: (plain(dialect, "", frozenset({"proposal"}), look=10_001), {"proposal": v}), proposals,
    )  # fmt: skip


def _ms(verb: Callable[[Any], Any], value: Any) -> float:
    began = time.perf_counter()
    verb(value)
    return 1000 * (time.perf_counter() - began)


def _statements(c: sa.Connection, statements: Sequence[Any]) -> tuple[list[float], list[int]]:
    took, found = [], []
    for query, given in statements:
        began = time.perf_counter()
        got = c.execute(query, given).all()
        took.append(1000 * (time.perf_counter() - began))
        found.append(len(got))
    return took, found


@contextmanager
def side_connection(side: Side) -> Iterator[Any]:
    """Give a bare cursor on the same data as ours."""
    raw = side.ops.db.raw_connection()
    yield raw.cursor()
    raw.rollback()
    raw.close()


def _bare(cursor: Any, dialect: Any, statements: Sequence[Any]) -> list[float]:
    took = []
    for text, values in [_compiled(query, given, dialect) for query, given in statements]:
        began = time.perf_counter()
        cursor.execute(text, values)
        cursor.fetchall()
        took.append(1000 * (time.perf_counter() - began))
    return took


def _compiled(query: Any, given: Any, dialect: Any) -> tuple[str, Any]:
    made = _made(query, dialect)
    known = made.construct_params(given)
    return made.string, [known[name] for name in made.positiontup] if made.positiontup else known


@lru_cache
def _made(query: Any, dialect: Any) -> Any:
    return query.compile(dialect=dialect)


def _answered(
    side: Side, title: str, verbs: list[float], statements: list[float], bare: list[float], found: list[int]
) -> Row:  # fmt: skip
    goal = GOALS.get(title) if side.name == "SQLite" else None
    ours, verb, theirs = (_p95(times) for times in (statements, verbs, bare))
    return Row(
        row=f"catalogue, {side.name}: {title}, 95 of 100 statements",
        ours=ours,
        against=theirs,
        against_what="bare driver, the same SQL",
        ratio=ours / theirs,
        goal=f"<= {goal:g} ms" if goal else "-",
        met=ours <= goal if goal else None,
        unit="ms",
        why=(
            f"medians {statistics.median(statements):.3f} and {statistics.median(bare):.3f} ms; the library's verb {verb:.3f} ms, "
            f"median {statistics.median(verbs):.3f} ms; {statistics.mean(found):.1f} rows in the mean, {_p95(found)} in 95 of 100; "
            f"the middle of {ROUNDS} rounds"
        ),
    )


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(0.95 * len(times)))]


def main() -> None:
    """Measure at any size and print the lines."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--artifacts", type=float, default=ARTIFACTS)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), int(given.artifacts)):
            print(row.line(), flush=True)


if __name__ == "__main__":
    main()
