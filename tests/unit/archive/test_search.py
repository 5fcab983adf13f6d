"""Search: what is found is what brute force finds, on every index; pages, filters, and words for what makes no sense."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.archive import rows, search, shapes, sky
from dmsops.archive.tables import observation, plane, proposal
from dmsops.core.db import open_engine, reading, transact, upgrade
from dmsops.core.errors import BadInput

NOW = datetime(2024, 1, 1, tzinfo=UTC)
FOOTPRINTS = 400
INDEXES = ("rtree", "no rtree", "boxes", "pgsphere")


@dataclass
class Catalogue:
    """All that search asks of a site."""

    db: sa.Engine
    polygons: dict[str, list[tuple[float, float]]]
    spans: dict[str, tuple[float, float]]
    drawn: dict[str, Drawn]


def footprint(rng: np.random.Generator, ra: float, dec: float, size: float) -> list[tuple[float, float]]:
    """A star-shaped polygon of 3 to 7 corners about a place, counter-clockwise, right over poles and wrap."""
    corners = rng.integers(3, 8)
    turns = np.sort(rng.uniform(0, 1, corners) / corners + np.arange(corners) / corners) * 2 * np.pi
    a, d = math.radians(ra), math.radians(dec)
    out = np.array([math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)])
    east, north = (
        np.array([-math.sin(a), math.cos(a), 0.0]),
        np.array([-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d)]),
    )
    reach = np.tan(np.radians(size * rng.uniform(0.3, 1.0, corners)))
    units = out + reach[:, None] * (np.sin(turns)[:, None] * -east + np.cos(turns)[:, None] * north) * -1.0
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    return [(float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arcsin(z)))) for x, y, z in units]


def places(rng: np.random.Generator) -> Iterator[tuple[float, float, float]]:
    for n in range(FOOTPRINTS):
        size = float(10 ** rng.uniform(-2, 0.9))
        ra = float(rng.uniform(0, 360)) if n % 4 else float(rng.uniform(-3, 3) % 360)
        dec = float(np.degrees(np.arcsin(rng.uniform(-1, 1))))
        yield ra, (math.copysign(90 - rng.uniform(0, 3), dec) if n % 5 == 0 else dec), size


def made(kind: str, request: pytest.FixtureRequest, folder) -> sa.Engine:
    if kind in {"rtree", "no rtree"}:
        url = f"sqlite:///{folder / 'catalogue.db'}"
        upgrade(url)
        engine = open_engine(url)
        if kind == "no rtree":
            changes = [*sky.DROP["sqlite"], *sky.CREATE["sqlite without rtree"]]
            transact(engine, lambda c: [c.exec_driver_sql(text) for text in changes])
        return engine
    engine = open_engine(request.getfixturevalue("postgresql").new_database())
    with reading(engine) as c:
        has = c.exec_driver_sql("SELECT to_regclass('ix_plane_circle') IS NOT NULL").scalar()
    if kind == "pgsphere" and not has:
        engine.dispose()
        words = "pgsphere is not in this PostgreSQL (Debian: postgresql-15-pgsphere)"
        (pytest.fail if "pgsphere" in os.environ.get("DMSOPS_REQUIRE", "").split(",") else pytest.skip)(words)
    if kind == "boxes" and has:
        transact(engine, lambda c: [c.exec_driver_sql(text) for text in ("DROP INDEX ix_plane_circle", sky.BOXES)])
    return engine


@pytest.fixture(scope="module", params=INDEXES)
def catalogue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    engine = made(request.param, request, tmp_path_factory.mktemp("catalogue"))
    rng = np.random.default_rng(7)
    drawn = {f"jw{n:011d}_03104_00001_nrca3": footprint(rng, *place) for n, place in enumerate(places(rng), 1)}
    found = Catalogue(engine, drawn, {name: _span(rng) for name in drawn}, {name: Drawn(polygon) for name, polygon in drawn.items()})
    state = rows.State(version=1, state="archived", xml_sha256=None, changed_at=NOW)
    given_rows = [(_rows(name, polygon, found.spans[name], n), state) for n, (name, polygon) in enumerate(drawn.items())]
    given_rows.append((_rows("jw00000000000_03104_00001_nrca3", None, None, 0), state))
    transact(engine, lambda c: _write(c, given_rows))
    yield found
    engine.dispose()


def _write(c: sa.Connection, given_rows: list) -> None:
    c.execute(sa.insert(proposal).values(id="00003", title="Deep Field 100%", pi_name="Poe_t", changed_at=NOW))
    rows.insert(c, given_rows)


def _span(rng: np.random.Generator) -> tuple[float, float]:
    start = float(rng.uniform(59900, 60900))
    return start, start + float(10 ** rng.uniform(-4, 2))


def _rows(name: str, polygon, span, n: int) -> rows.Rows:
    circle = sky.circle_of(polygon) if polygon else (None, None, None)
    region = "POLYGON ICRS " + " ".join(f"{x:.12f}" for vertex in polygon for x in vertex) if polygon else None
    release = "2023-06-01T00:00:00.000000Z" if n % 2 else "2024-06-01T00:00:00.000000Z"
    values = dict.fromkeys(list(plane.c.keys())[2:]) | {"product_id": "level2", "calibration_level": 2 + n % 2, "region": region}
    values |= dict(zip(("ra", "dec", "radius"), circle, strict=True)) | {"data_release": release, "em_min": 1e-6 + n * 1e-9, "em_max": 2e-6}
    values |= dict(zip(("time_min", "time_max"), span or (None, None), strict=True))
    uri = f"mast:JWST/product/{name}_{'cal' if n % 3 else 'rate'}.fits"
    artifact = (uri, "this", "data", "application/fits", 2880, "sha256:00", None, None)
    part = rows.PlaneRows(values=tuple(values.values()), artifacts=(artifact,), inputs=(), circle=circle, span=span or (None, None))
    described = dict.fromkeys(set(observation.c.keys()) - {"id", "version", "state", "xml_sha256", "changed_at"})
    described |= {"collection": "JWST", "kind": "simple", "proposal_id": f"{n % 10:05d}", "instrument": "NIRCAM", "target": f"STAR_{n}"}
    return rows.Rows(id=name, described=described, planes=(part,), members=())


def unit(ra: float, dec: float) -> np.ndarray:
    a, d = math.radians(ra), math.radians(dec)
    return np.array([math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)])


class Drawn:
    """A polygon for brute force: corners and a fine walk along its edges, as unit vectors."""

    def __init__(self, polygon: list[tuple[float, float]], steps: int = 200) -> None:
        self.corners = np.array([unit(*vertex) for vertex in polygon])
        self.ends = np.roll(self.corners, -1, axis=0)
        t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
        walk = (self.corners * (1 - t) + self.ends * t).reshape(-1, 3)
        self.walk = walk / np.linalg.norm(walk, axis=1, keepdims=True)
        middle = self.corners.sum(axis=0) / np.linalg.norm(self.corners.sum(axis=0))
        self.cap = middle, float(np.arccos(np.minimum(self.corners @ middle, 1.0)).max())

    def holds(self, place: np.ndarray) -> bool:
        """The angles under which the corners are seen sum to a full turn."""
        seen = self.corners - (self.corners @ place)[:, None] * place
        following = np.roll(seen, -1, axis=0)
        turns = np.arctan2(np.cross(seen, following) @ place, (seen * following).sum(axis=1))
        return abs(turns.sum()) > 3 and self.corners.sum(axis=0) @ place > 0

    def gap(self, place: np.ndarray) -> float:
        """Degrees from a place."""
        if self.holds(place):
            return 0.0
        return math.degrees(2 * math.asin(min(1.0, float(np.linalg.norm(self.walk - place, axis=1).min()) / 2)))

    def apart(self, other: Drawn) -> float:
        """Degrees between the edges' walks."""
        return math.degrees(math.acos(min(1.0, float((self.walk @ other.walk.T).max()))))

    def clear_of(self, other: Drawn) -> bool:
        """The caps round both do not touch."""
        (a, r), (b, s) = self.cap, other.cap
        return math.acos(min(1.0, a @ b)) > r + s + 1e-6

    def surely_shares(self, other: Drawn) -> bool:
        """A point of one's edges lies in the other."""
        return any(map(self.holds, other.walk[::10])) or any(map(other.holds, self.walk[::10]))


SKY = st.tuples(st.floats(-10, 370), st.one_of(st.floats(-90, 90), st.sampled_from((-90.0, 90.0, 0.0))))


@given(where=SKY, radius=st.one_of(st.just(0.0), st.floats(0.01, 12), st.sampled_from((60.0, 95.0, 180.0))))
@settings(max_examples=12)
def test_a_cone_finds_what_brute_force_finds(catalogue: Catalogue, where: tuple[float, float], radius: float) -> None:
    found = {row["observation_id"] for row in search.search(catalogue, cone=(*where, radius), limit=1000).rows}
    for name, drawn in catalogue.drawn.items():
        apart = drawn.gap(unit(*where))
        if abs(apart - radius) > 0.002 or apart == 0:
            assert (name in found) == (apart <= radius), (name, apart)
    assert found <= set(catalogue.polygons)


def test_the_middle_of_every_footprint_finds_it(catalogue: Catalogue) -> None:
    with reading(catalogue.db) as c:
        for name, polygon in catalogue.polygons.items():
            ra, dec, _ = sky.circle_of(polygon)
            query = sa.select(plane.c.observation_id).where(sky.cone(c, ra, dec, 0.0))
            assert name in set(c.execute(query).scalars())


@given(where=SKY, size=st.floats(0.02, 12), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_a_polygon_finds_those_that_share_a_point_with_it(catalogue: Catalogue, where, size: float, seed: int) -> None:
    asked = footprint(np.random.default_rng(seed), *where, size)
    found = {row["observation_id"] for row in search.search(catalogue, region=asked[:: 1 if seed % 2 else -1], limit=1000).rows}
    other = Drawn(asked)
    for name, drawn in catalogue.drawn.items():
        if drawn.clear_of(other):
            assert name not in found
        elif drawn.surely_shares(other):
            assert name in found
        elif name in found:
            assert drawn.apart(other) < 0.2, name


def test_a_polygon_finds_itself_one_in_it_and_one_round_it() -> None:
    square = [(0.5, -0.5), (359.5, -0.5), (359.5, 0.5), (0.5, 0.5)]
    inner = [(0.1, -0.1), (359.9, -0.1), (359.9, 0.1), (0.1, 0.1)]
    apart = [(2.5, -0.5), (1.5, -0.5), (1.5, 0.5), (2.5, 0.5)]
    corner = [(0.5, 0.5), (0.9, 0.5), (0.9, 0.9)]
    polygons = shapes.pack([square, inner, apart, corner])
    assert shapes.overlap(polygons, shapes.units(square)).tolist() == [True, True, False, True]
    assert shapes.overlap(polygons, shapes.units(inner)).tolist() == [True, True, False, False]


@given(t0=st.floats(59800, 61100), length=st.one_of(st.just(0.0), st.floats(0, 300)))
@settings(max_examples=12)
def test_a_time_finds_exactly_the_spans_that_overlap_it(catalogue: Catalogue, t0: float, length: float) -> None:
    found = {row["observation_id"] for row in search.search(catalogue, time=(t0, t0 + length), limit=1000).rows}
    assert found == {name for name, (first, last) in catalogue.spans.items() if last >= t0 and first <= t0 + length}


@pytest.mark.parametrize(
    ("asked", "those"),
    [
        ({"proposal": "00003"}, lambda n: n % 10 == 3),
        ({"target": "STAR_17"}, lambda n: n == 17),
        ({"instrument": "MIRI"}, lambda _: False),
        ({"level": 3}, lambda n: n % 2 == 1),
        ({"suffix": "rate"}, lambda n: n % 3 == 0),
        ({"suffix": "_ate"}, lambda _: False),
        ({"collection": "JWST"}, lambda _: True),
        ({"text": "star_3"}, lambda n: str(n).startswith("3")),
        ({"text": "100%"}, lambda n: n % 10 == 3),
        ({"text": "poe_T"}, lambda n: n % 10 == 3),
        ({"energy": (0.0, 1.1e-6)}, lambda n: n <= 100),
        ({"public_at": NOW}, lambda n: n % 2 == 1),
        ({"cone": (0.0, 90.0, 180.0), "time": (59e3, 62e3), "proposal": "00001", "suffix": "cal"}, lambda n: n % 10 == 1 and n % 3 != 0),
    ],
)  # fmt: skip
def test_each_filter_finds_its_own_and_count_agrees(catalogue: Catalogue, asked: dict, those) -> None:
    found = search.search(catalogue, limit=1000, **asked)
    numbers = sorted(int(row["target"].removeprefix("STAR_")) for row in found.rows)
    wanted = [n for n in range(FOOTPRINTS) if those(n)]
    wanted = sorted([*wanted, *([0] if those(0) and "cone" not in asked and "time" not in asked else [])])
    assert numbers == wanted
    assert search.count(catalogue, **asked) == len(wanted)


@pytest.mark.parametrize("asked", [{}, {"cone": (10.0, -80.0, 70.0)}])
def test_pages_follow_one_another_and_miss_nothing(catalogue: Catalogue, asked: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FIRST_LOOK", 20)
    whole = search.search(catalogue, limit=1000, **asked)
    assert not whole.more
    page, got = search.search(catalogue, limit=37, **asked), []
    while True:
        got += page.rows
        if not page.more:
            break
        assert len(page.rows) == 37
        page = search.search(catalogue, limit=37, after=page.after, **asked)
    assert got == whole.rows


def test_a_plane_without_footprint_is_in_no_cone(catalogue: Catalogue) -> None:
    assert search.count(catalogue, cone=(0.0, 0.0, 180.0)) == FOOTPRINTS
    assert search.count(catalogue) == FOOTPRINTS + 1


def test_products_are_found_by_observation_uri_and_name(catalogue: Catalogue) -> None:
    name = next(iter(catalogue.polygons))
    (row,) = search.products_of(catalogue, name)
    assert search.artifact(catalogue, row["uri"]) == row
    assert search.by_name(catalogue, f"{name}_rate.fits") == row
    assert (row["observation_id"], row["product_id"], row["calibration_level"]) == (name, "level2", 2)
    assert row["data_release"] == datetime(2024, 6, 1, tzinfo=UTC)
    assert search.artifact(catalogue, "mast:JWST/product/none.fits") is None
    assert search.products_of(catalogue, "none") == []


def test_what_left_the_catalogue_is_not_found(catalogue: Catalogue) -> None:
    name = list(catalogue.polygons)[-1]
    ra, dec, _ = sky.circle_of(catalogue.polygons[name])

    def gone(c: sa.Connection) -> None:
        rows.withdraw(c, name, version=2, changed_at=NOW)
        ids = sa.select(plane.c.observation_id).where(sky.cone(c, ra, dec, 0.0) | sky.span(c, *catalogue.spans[name]))
        assert name not in set(c.execute(ids).scalars())
        if c.dialect.name == "sqlite":
            assert c.exec_driver_sql("SELECT count(*) FROM plane_sky").scalar() == FOOTPRINTS - 1
        c.rollback()

    with catalogue.db.connect() as c:
        gone(c)


@pytest.mark.parametrize(
    "asked",
    [
        {"cone": (0.0, 91.0, 1.0)}, {"cone": (0.0, 0.0, -1.0)}, {"cone": (math.nan, 0.0, 1.0)}, {"cone": (math.inf, 0.0, 1.0)},
        {"time": (2.0, 1.0)}, {"energy": (math.nan, 1.0)}, {"region": [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)]},
        {"region": [(0.0, 0.0), (120.0, 0.0), (240.0, 0.0)]}, {"limit": 0}, {"limit": 10**9}, {"after": "nowhere"}, {"colour": "red"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(asked: dict) -> None:
    with pytest.raises(BadInput):
        search.search(None, **asked)


def test_mast_names_lead_to_columns_that_rows_have(catalogue: Catalogue) -> None:
    (row,) = search.search(catalogue, target="STAR_5").rows
    assert set(search.MAST.values()) <= set(row)
