"""ADQL answers what its words mean, the same on both databases."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dmsops.archive import search
from dmsops.core.errors import BadInput, Failed
from dmsops.distribution.adql.run import ask
from dmsops.ops import Ops
from tests.vo import BASE, answered, column, fields, many, translated

OBSERVATIONS = 120
SOME = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROOT = "jw01001001001_02101_00001_nrca3"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """Give a site with many observations on each database."""
    database = {} if request.param == "sqlite" else {"database": request.getfixturevalue("postgresql").new_database()}
    made = many(Path(tmp_path_factory.mktemp("adql")) / "site", OBSERVATIONS, **database)
    yield made
    made.db.dispose()


places = st.tuples(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))


def found(ops: Ops, where: str) -> set[tuple[str, int]]:
    rows = answered(ops, f"SELECT obs_id, calib_level FROM ivoa.obscore WHERE {where}")
    assert len(rows) == len(set(rows))
    return set(rows)


def searched(ops: Ops, **asked: Any) -> set[tuple[str, int]]:
    return {(row["observation_id"], row["calibration_level"]) for row in search.search(ops, limit=10_000, **asked).rows}


@SOME
@example(place=(0.0, 5e-324), radius=0.0)
@example(place=(1e-200, 1e-200), radius=1e-310)
@given(place=places, radius=st.floats(0, 60))
def test_a_cone_about_middles_holds_what_is_no_farther(site: Ops, place: tuple[float, float], radius: float) -> None:
    from dmsops.archive.footprints import distance

    (ra, dec), rows = place, answered(site, "SELECT obs_id, calib_level, s_ra, s_dec FROM ivoa.obscore WHERE s_ra IS NOT NULL")
    near = {(row[0], row[1]): distance(ra, dec, row[2], row[3]) for row in rows}
    got = found(site, f"CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', {ra!r}, {dec!r}, {radius!r})) = 1")
    assert {key for key, apart in near.items() if apart < radius - 1e-7} <= got
    assert got <= {key for key, apart in near.items() if apart < radius + 1e-7}


@SOME
@given(place=places, radius=st.floats(0, 40))
def test_footprints_that_a_cone_touches_are_those_of_the_archives_search(site: Ops, place: tuple[float, float], radius: float) -> None:
    got = found(site, f"1 = INTERSECTS(CIRCLE({place[0]!r}, {place[1]!r}, {radius!r}), s_region)")
    assert got == searched(site, cone=(*place, radius))


@SOME
@given(ra=st.floats(0, 359), dec=st.floats(-70, 70), wide=st.floats(0.5, 25), high=st.floats(0.5, 15))
def test_footprints_that_a_polygon_touches_are_those_of_the_archives_search(
    site: Ops, ra: float, dec: float, wide: float, high: float
) -> None:
    vertices = [((ra + sign * wide) % 360, dec + side * high) for sign, side in ((1, -1), (-1, -1), (-1, 1), (1, 1))]
    words = ", ".join(f"{a!r}, {d!r}" for a, d in vertices)
    assert found(site, f"INTERSECTS(s_region, POLYGON('ICRS', {words})) = 1") == searched(site, region=vertices)
    assert found(site, f"INTERSECTS(s_region, BOX({ra!r}, {dec!r}, {2 * wide!r}, {2 * high!r})) = 1") == searched(site, region=vertices)


def test_what_lies_wholly_in_a_shape_touches_it_and_no_test_says_neither(site: Ops) -> None:
    shape = "CIRCLE(180, 0, 70)"
    inside, touching = found(site, f"CONTAINS(s_region, {shape}) = 1"), found(site, f"INTERSECTS(s_region, {shape}) = 1")
    outside = found(site, f"INTERSECTS(s_region, {shape}) = 0")
    assert inside < touching or inside == touching
    assert inside
    assert outside
    assert not touching & outside
    assert touching | outside == found(site, "s_region IS NOT NULL")


def test_an_observation_without_a_place_is_in_no_cone_and_in_no_other(site: Ops) -> None:
    nowhere = found(site, "s_ra IS NULL")
    assert nowhere
    for sign in ("= 1", "= 0", "<> 1"):
        assert not found(site, f"CONTAINS(POINT(s_ra, s_dec), CIRCLE(0, 0, 90)) {sign}") & nowhere


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3), ("-7 / 2", -3), ("7 / 2.0", 3.5), ("7 / (2 * 2)", 1), ("8 - (4 - 2)", 6), ("2 * (3 + 4) * 5", 70), ("- (2 - 5)", 3),
        ("8 / 4 / 2", 1), ("8 / (4 / 2)", 4), ("1 / 0", None), ("1.5 / 0", None), ("MOD(7, 3)", 1), ("MOD(-7, 3)", -1), ("MOD(7, 0)", None),
        ("MOD(7.5, 2)", 1.5), ("SQRT(-1)", None), ("SQRT(16)", 4.0), ("LOG(0)", None), ("LOG(EXP(2))", 2.0), ("LOG10(1000)", 3.0),
        ("POWER(2, 10)", 1024.0), ("POWER(-8, 0.5)", None), ("ACOS(2)", None), ("ROUND(2.567, 1)", 2.6), ("ROUND(-2.5)", -3.0),
        ("ROUND(1234.5, -2)", 1200.0), ("TRUNCATE(2.567, 2)", 2.56), ("TRUNCATE(-2.9)", -2.0), ("FLOOR(-0.5)", -1.0), ("CEILING(0.2)", 1.0),
        ("ABS(-3)", 3), ("PI()", math.pi), ("DEGREES(PI())", 180.0), ("ATAN2(1, 1)", math.pi / 4), ("COT(0)", None), ("SIN(0)", 0.0),
        ("UPPER('abc') || LOWER('DEF')", "ABCdef"), ("'a' || 1", "a1"), ("COALESCE(NULL, 'x')", "x"), ("COALESCE(1, 2)", 1),
        ("CAST('12' AS INTEGER)", 12), ("CAST('x' AS DOUBLE PRECISION)", None), ("CAST(12 AS VARCHAR)", "12"), ("CAST(2.6 AS INTEGER)", 3),
        ("CASE WHEN 1 = 2 THEN 'a' ELSE 'b' END", "b"), ("CASE 3 WHEN 3 THEN 1.5 ELSE 2 END", 1.5), ("CASE WHEN 1 = 2 THEN 1 END", None),
        ("COORDSYS(POINT(1, 2))", "ICRS"), ("COORD1(POINT(1, 2))", 1.0), ("COORD2(CENTROID(CIRCLE(1, 2, 3)))", 2.0),
        ("AREA(CIRCLE(0, 0, 90))", 2 * math.pi * math.degrees(1) ** 2), ("AREA(POLYGON(0, 0, 90, 0, 0, 90))", None),
        ("DISTANCE(POINT(0, 0), POINT(90, 0))", 90.0), ("DISTANCE(0, 0, 0, 45)", 45.0), ("CONTAINS(POINT(0, 0), CIRCLE(0, 1, 1))", 1),
        ("CONTAINS(CIRCLE(0, 0, 1), CIRCLE(0, 1, 1.5))", 0), ("INTERSECTS(CIRCLE(0, 0, 1), CIRCLE(0, 1, 1.5))", 1),
        ("CONTAINS(POINT(10, 10), BOX(10, 10, 2, 2))", 1), ("CONTAINS(POINT(10, 12), REGION('POLYGON ICRS 9 9 11 9 11 11 9 11'))", 0),
    ],
)  # fmt: skip
def test_an_expression_has_its_value_on_both_databases(site: Ops, expression: str, value: Any) -> None:
    query = f"SELECT TOP 1 {expression} AS x FROM ivoa.obscore"
    if expression == "AREA(POLYGON(0, 0, 90, 0, 0, 90))":
        with pytest.raises(BadInput, match="further than 30 degrees"):
            answered(site, query)
        return
    (got,) = column(site, query)
    assert got == (pytest.approx(value) if isinstance(value, float) else value)


numbers = st.one_of(st.integers(0, 50), st.floats(0.25, 50).map(lambda x: round(x, 2)))
trees = st.recursive(
    numbers, lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner) | st.tuples(st.just("neg"), inner), max_leaves=8
)


def written(tree: Any) -> str:
    if not isinstance(tree, tuple):
        return repr(tree)
    return f"(-{written(tree[1])})" if tree[0] == "neg" else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def reckoned(tree: Any) -> Any:
    if not isinstance(tree, tuple):
        return tree
    parts = [reckoned(part) for part in tree[1:]]
    if None in parts:
        return None
    if tree[0] == "neg":
        return -parts[0]
    a, b = parts
    if tree[0] == "/":
        return None if b == 0 else (math.trunc(a / b) if isinstance(a, int) and isinstance(b, int) else a / b)
    return {"+": a + b, "-": a - b, "*": a * b}[tree[0]]


@SOME
@given(tree=trees)
def test_arithmetic_is_reckoned_as_it_is_written(site: Ops, tree: Any) -> None:
    value = reckoned(tree)
    (got,) = column(site, f"SELECT TOP 1 {written(tree)} AS x FROM ivoa.obscore")
    assert got == (pytest.approx(value, rel=1e-9, abs=1e-9) if value is not None else None)


texts = st.text(st.sampled_from("ab%_\\!.*[é"), max_size=6)


@SOME
@given(text=texts, pattern=texts, escape=st.sampled_from(["", "!", "\\"]))
def test_like_takes_patterns_as_adql_has_them(site: Ops, text: str, pattern: str, escape: str) -> None:
    if escape and re.search(rf"{re.escape(escape)}$", pattern.replace(escape * 2, "")):
        return  # nothing stands behind the escape: no database says what that is
    words = " ESCAPE '" + escape + "'" if escape else ""
    got = column(site, f"SELECT TOP 1 CASE WHEN '{text}' LIKE '{pattern}'{words} THEN 1 ELSE 0 END AS x FROM ivoa.obscore")
    assert got == [int(re.fullmatch(like(pattern, escape), text, re.DOTALL) is not None)]


def like(pattern: str, escape: str) -> str:
    made, signs = "", iter(pattern)
    for sign in signs:
        made += re.escape(next(signs)) if sign == escape else {"%": ".*", "_": "."}.get(sign, re.escape(sign))
    return made


@pytest.mark.parametrize(
    "query",
    [
        "SELECT obs_id FROM ivoa.obscore WHERE calib_level = 2 UNION SELECT obs_id FROM ivoa.obscore WHERE calib_level <> 2 ORDER BY 1",
        "SELECT DISTINCT o.obs_id FROM ivoa.obscore AS o JOIN caom2.Plane AS p ON o.obs_id = p.obsID ORDER BY obs_id",
        "WITH x AS (SELECT obs_id FROM ivoa.obscore) SELECT DISTINCT a.obs_id FROM x AS a JOIN x AS b USING (obs_id) ORDER BY 1",
        "SELECT obs_id FROM ivoa.obscore GROUP BY obs_id HAVING COUNT(*) >= 1 ORDER BY obs_id",
        "SELECT DISTINCT obs_id FROM ivoa.obscore o WHERE EXISTS (SELECT 1 FROM caom2.Plane p WHERE p.obsID = o.obs_id) ORDER BY obs_id",
        "SELECT DISTINCT obs_id FROM ivoa.obscore WHERE obs_id IN (SELECT observationID FROM caom2.Observation) ORDER BY obs_id",
        "SELECT q.n FROM (SELECT DISTINCT obs_id AS n FROM ivoa.obscore) AS q ORDER BY q.n",
        "SELECT DISTINCT b.obs_id FROM caom2.Observation AS a LEFT JOIN ivoa.obscore AS b ON a.obsID = b.obs_id ORDER BY 1",
        "SELECT DISTINCT a.obs_id FROM ivoa.obscore AS a RIGHT OUTER JOIN caom2.Observation AS b ON b.obsID = a.obs_id ORDER BY 1",
        "SELECT DISTINCT obs_id FROM ivoa.obscore EXCEPT SELECT obs_id FROM ivoa.obscore WHERE calib_level > 9 ORDER BY 1",
    ],
)
def test_one_thing_can_be_asked_in_many_ways(site: Ops, query: str) -> None:
    assert column(site, query) == sorted(column(site, "SELECT observationID FROM caom2.Observation"))


def test_identifiers_are_compared_by_what_has_an_index(site: Ops) -> None:
    did = f"ivo://dmsops/archive?{ROOT}/level2"
    assert answered(site, f"SELECT obs_id, calib_level FROM ivoa.obscore WHERE obs_publisher_did = '{did}'") == [(ROOT, 2)]
    assert column(site, f"SELECT planeID FROM caom2.Plane WHERE planeID IN ('{ROOT}/level2', 'x', 'a/b/c')") == [f"{ROOT}/level2"]
    many = ", ".join(f"'{ROOT}/level{n}'" for n in range(2000))
    assert column(site, f"SELECT planeID FROM caom2.Plane WHERE planeID IN ({many}) ORDER BY 1") == [f"{ROOT}/level1", f"{ROOT}/level2"]
    assert column(site, f"SELECT COUNT(*) FROM caom2.Plane WHERE planeID NOT IN ('{ROOT}/level1', 'x')") == [len(found(site, "1 = 1")) - 1]
    assert column(site, f"SELECT uri FROM jwst.artifact WHERE filename = '{ROOT}_cal.fits'") == [f"mast:JWST/product/{ROOT}_cal.fits"]
    joined = "SELECT COUNT(*) FROM jwst.plane p JOIN jwst.artifact a ON p.planeid = a.planeid"
    assert column(site, joined) == column(site, "SELECT COUNT(*) FROM jwst.artifact")
    text = str(translated(site, joined).statement.compile(dialect=site.db.dialect))
    assert re.search(r"planeid__0 = \w+\.planeid__0 AND \w+\.planeid__1 = \w+\.planeid__1", text)


def test_rows_come_in_the_order_asked_for_and_as_many(site: Ops) -> None:
    every = column(site, "SELECT t_min FROM ivoa.obscore ORDER BY t_min DESC, calib_level")
    assert every == sorted(every, reverse=True)
    assert column(site, "SELECT TOP 3 t_min FROM ivoa.obscore ORDER BY t_min DESC, calib_level") == every[:3]
    assert column(site, "SELECT TOP 3 t_min FROM ivoa.obscore ORDER BY t_min DESC, calib_level OFFSET 5") == every[5:8]
    assert len(answered(site, "SELECT t_min FROM ivoa.obscore", rows=7)) == 8, "one more row says that there are more"


def test_columns_of_an_answer_keep_what_is_known_of_them(site: Ops) -> None:
    got = fields(site, "SELECT s_ra AS ra, COUNT(*) AS n, MAX(t_max), 'x' AS word, s_ra * 2 AS twice FROM ivoa.obscore GROUP BY s_ra")
    assert (got["ra"].unit, got["ra"].ucd, got["ra"].datatype) == ("deg", "pos.eq.ra", "double")
    assert [got[name].datatype for name in ("n", "max", "word", "twice")] == ["long", "double", "char", "double"]
    assert got["max"].unit == "d"
    assert list(fields(site, 'SELECT s_ra AS "My name" FROM ivoa.obscore')) == ["My name"]


def test_tap_schema_describes_every_column_of_every_table(site: Ops) -> None:
    names = column(site, "SELECT table_name FROM tap_schema.tables")
    told = answered(site, "SELECT table_name, column_name, datatype FROM tap_schema.columns ORDER BY table_name, column_index")
    for name in names:
        mine = [(row[1].strip('"'), row[2]) for row in told if row[0] == name]
        assert [(f.name, f.datatype) for f in fields(site, f"SELECT * FROM {name}").values()] == mine


def test_a_query_that_takes_too_long_is_stopped(site: Ops) -> None:
    four = ", ".join(f"caom2.Artifact {alias}" for alias in "abcd")
    slow = f"SELECT COUNT(*) FROM {four} WHERE a.contentLength < b.contentLength"
    with pytest.raises(Failed, match=r"took longer than 0\.2 s and was stopped"):
        answered(site, slow, seconds=0.2)
    made = translated(site, slow)
    with pytest.raises(Failed, match="nobody wants its answer any more"):
        list(ask(site.db, made, {"now": site.clock.now(), "base": BASE}, seconds=60, wanted=lambda: False))
    assert column(site, "SELECT COUNT(*) FROM tap_schema.schemas") == [4], "the connection can be used again"


def test_a_query_reads_only_and_leaves_its_connection_as_it_was(site: Ops) -> None:
    column(site, "SELECT obs_id FROM ivoa.obscore")
    with site.db.begin() as c:
        c.exec_driver_sql("CREATE TABLE scratch (x integer)")
        c.exec_driver_sql("DROP TABLE scratch")
