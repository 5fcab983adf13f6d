"""What is no ADQL, or names what is not there, is refused in words that say where; and nothing of a query's text reaches the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dmsops.archive import published
from dmsops.archive.published_obscore import OBSCORE
from dmsops.archive.tables import observation, plane
from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import BadInput
from dmsops.distribution.access import ANONYMOUS, Kind, Requester
from dmsops.distribution.adql.grammar import DEEPEST, LONGEST, parse
from dmsops.ops import Ops
from tests.vo import answered, column, many, translated

SECRET = "jw01001001001_02101_00001_nrca3"
PROGRAM = "01001"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """Give a site where one observation's description is not public for a year."""
    ops = many(Path(tmp_path_factory.mktemp("adql")) / "site", 20)
    later = ops.clock.now() + timedelta(days=365)
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == SECRET).values(meta_release=later))
        c.execute(sa.update(plane).where(plane.c.observation_id == SECRET).values(meta_release=later, data_release=later))
    yield ops
    ops.db.dispose()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "the query must be one SELECT"),
        ("DROP TABLE observation", "at line 1, column"),
        ("INSERT INTO observation VALUES (1)", "at line 1, column"),
        ("UPDATE observation SET id = 1", "at line 1, column"),
        ("DELETE FROM observation", "at line 1, column"),
        ("PRAGMA query_only", "the query must be one SELECT"),
        ("SELECT 1", "a SELECT needs a FROM"),
        ("SELECT obs_id FROM ivoa.obscore; SELECT obs_id FROM ivoa.obscore", "the query must be one SELECT"),
        ("SELECT obs_id FROM ivoa.obscore LIMIT 3", "at line 1, column"),
        ("SELECT obs_id FROM", "at line 1, column"),
        ("SELECT id FROM observation WHERE 1 = 1", "at line 1, column 16: table 'observation' stands in more than one schema"),
        ("SELECT token FROM account_token", "at line 1, column 19: there is no table 'account_token'; there are caom2.Artifact"),
        ("SELECT name FROM sqlite_master", "there is no table 'sqlite_master'"),
        ("SELECT name FROM main.observation", "there is no table 'main.observation'"),
        ("SELECT tablename FROM pg_catalog.pg_tables", "there is no table 'pg_catalog.pg_tables'"),
        ("SELECT foo FROM ivoa.obscore", "at line 1, column 8: there is no column 'foo'"),
        ("SELECT obs_idd FROM ivoa.obscore", "'obs_id' is one"),
        ("SELECT meta_checksum FROM ivoa.obscore", "there is no column 'meta_checksum'"),
        ("SELECT x.obs_id\nFROM ivoa.obscore AS y", "at line 1, column 8: there is no table 'x' in this FROM"),
        ("SELECT obs_id FROM ivoa.obscore\nWHERE load_extension('x') = 1", "at line 2, column 7: there is no function LOAD_EXTENSION"),
        ("SELECT pg_read_file('/etc/passwd') FROM ivoa.obscore", "there is no function PG_READ_FILE"),
        ("SELECT RANDOMBLOB(1000000000) FROM ivoa.obscore", "there is no function RANDOMBLOB"),
        ("SELECT obs_id INTO x FROM ivoa.obscore", "at line 1, column"),
        ("SELECT obs_id FROM ivoa.obscore, ivoa.obscore", "'ivoa.obscore' stands twice in FROM"),
        ("SELECT obsID FROM caom2.Plane AS p, caom2.Observation AS q", "stands in more than one table"),
        ("SELECT p.obsID FROM caom2.Plane AS p LEFT JOIN caom2.Observation AS q", "a JOIN needs ON or USING"),
        ("SELECT obs_id FROM ivoa.obscore WHERE proposal_id = 1001", "text and number are compared: 'proposal_id' with '1001'"),
        ("SELECT obs_id + 1 FROM ivoa.obscore", "a number is expected here, and 'obs_id' is text"),
        ("SELECT obs_id FROM ivoa.obscore WHERE calib_level LIKE '2'", "LIKE compares texts"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id", "a condition is expected here"),
        ("SELECT obs_id FROM ivoa.obscore WHERE COUNT(*) > 1", "COUNT may not stand here"),
        ("SELECT COUNT(SUM(t_exptime)) FROM ivoa.obscore", "SUM may not stand here"),
        ("SELECT COUNT(*), obs_id FROM ivoa.obscore", "'obs_id' stands neither in GROUP BY nor in an aggregate"),
        ("SELECT * FROM ivoa.obscore GROUP BY obs_id", "columns are named, not *"),
        ("SELECT SQRT('a') FROM ivoa.obscore", "SQRT takes a number"),
        ("SELECT SQRT(1, 2) FROM ivoa.obscore", "SQRT takes 1 argument, not 2"),
        ("SELECT TOP 'x' obs_id FROM ivoa.obscore", "at line 1, column"),
        ("SELECT TOP -1 obs_id FROM ivoa.obscore", "at line 1, column"),
        ("SELECT obs_id FROM ivoa.obscore ORDER BY 7", "ORDER BY 7: the result has 1 column"),
        ("SELECT DISTINCT obs_id FROM ivoa.obscore ORDER BY t_min", "with DISTINCT, rows are ordered by columns of the result"),
        ("SELECT obs_id FROM ivoa.obscore UNION SELECT obs_id, t_min FROM ivoa.obscore", "have 1 and 2 columns"),
        ("SELECT obs_id FROM ivoa.obscore UNION SELECT t_min FROM ivoa.obscore", "is text on one side and a number on the other"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id IN (SELECT obs_id, t_min FROM ivoa.obscore)", "must have one column"),
        ("SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(s_ra, CIRCLE(0, 0, 1))", "column 's_ra' holds no places or footprints"),
        ("SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT('FK4', s_ra, s_dec), CIRCLE(0, 0, 1))", "'FK4' are not known here"),
        ("SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(0, 100, 1))", "a declination of -90 to 90"),
        ("SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), POLYGON(0, 0, 1, 1, 0, 1, 1, 0))", "crosses itself"),
        ("SELECT obs_id FROM ivoa.obscore WHERE 1 = CONTAINS(POINT(s_ra, s_dec), BOX(s_ra, 0, 1, 1))", "BOX takes numbers, no columns"),
        ("SELECT CAST(obs_id AS BLOB) FROM ivoa.obscore", "at line 1, column"),
        ("SELECT 1e999 FROM ivoa.obscore", "is too large"),
        ("SELECT obs_id FROM (SELECT obs_id FROM ivoa.obscore)", "a query in FROM needs a name"),
        ("WITH RECURSIVE x AS (SELECT obs_id FROM ivoa.obscore) SELECT obs_id FROM x", "at line 1, column"),
        ("SELECT (SELECT obs_id, t_min FROM ivoa.obscore) FROM ivoa.obscore", "must have one column"),
        ("SELECT obs_id FROM ivoa.obscore TABLESAMPLE (10)", "at line 1, column"),
        ("SELECT obs_id OVER (PARTITION BY obs_id) FROM ivoa.obscore", "at line 1, column"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id = :x", "is nothing that has a value in ADQL"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id = ?", "is nothing that has a value in ADQL"),
        ("SELECT obs_id FROM ivoa.obscore WHERE obs_id = 'open", "the query cannot be read"),
        ("SELECT obs_id\0 FROM ivoa.obscore", "a zero byte"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words(site: Ops, query: str, words: str) -> None:
    with pytest.raises(BadInput) as refused:
        answered(site, query)
    assert words in refused.value.message
    assert "P17" in refused.value.remedy


@pytest.mark.parametrize(
    "query",
    [
        "SELECT obs_id FROM ivoa.obscore WHERE " + "(" * (DEEPEST + 5) + "1 = 1" + ")" * (DEEPEST + 5),
        "SELECT obs_id FROM ivoa.obscore WHERE obs_id IN (" + ", ".join(["'x'"] * 9000) + ")",
        "SELECT '" + "x" * LONGEST + "' FROM ivoa.obscore",
        "SELECT obs_id FROM ivoa.obscore WHERE " + "NOT " * 5000 + "1 = 1",
        "SELECT " + "-" * 3 + " - " * 4000 + "1 FROM ivoa.obscore",
        "SELECT 1" + " + 1" * 5900 + " FROM ivoa.obscore",
        "SELECT 'a'" + " || 'a'" * 5000 + " FROM ivoa.obscore",
        "SELECT obs_id FROM ivoa.obscore" + " UNION SELECT obs_id FROM ivoa.obscore" * 700,
        "WITH a0 AS (SELECT obs_id FROM ivoa.obscore)"
        + "".join(f", a{n} AS (SELECT x.obs_id FROM a{n - 1} AS x JOIN a{n - 1} AS y ON x.obs_id = y.obs_id)" for n in range(1, 40))
        + " SELECT obs_id FROM a39",
        "SELECT CASE WHEN 1 = 1 THEN " * 60 + "1" + " END" * 60 + " FROM ivoa.obscore" * 40,
    ],
    ids=["parentheses", "list", "text", "not", "minus", "sum", "joined", "unions", "laughs", "cases"],
)
def test_a_query_that_is_too_deep_or_too_long_is_refused_soon(site: Ops, query: str) -> None:
    with pytest.raises(BadInput):
        answered(site, query, seconds=5)


def test_many_conditions_side_by_side_are_no_depth(site: Ops) -> None:
    several = " OR ".join(f"obs_id = 'x{n}'" for n in range(900))
    assert column(site, f"SELECT obs_id FROM ivoa.obscore WHERE {several}") == []


COLUMNS = {column.name.lower() for column in OBSCORE.columns}
odd = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=12, max_size=40)


def words_of(site: Ops, text: str, name: str) -> tuple[str, str, str]:
    """Give a query with these words in it, the SQL that is made of it, and the name of its first column."""
    quoted, label = text.replace("'", "''"), name.replace('"', '""')
    where = f"target_name = '{quoted}' OR obs_id LIKE '{quoted}'"
    query = f'SELECT obs_id AS "{label}", \'{quoted}\' AS b FROM ivoa.obscore AS "t{label}" WHERE {where}'
    made = translated(site, query)
    return query, str(made.statement.compile(dialect=site.db.dialect)), made.fields[0].name


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=odd, name=odd)
@example(text="obs_collection", name="any name at all")
@example(text="%_%_%_%_%_%_", name="SELECT * FROM people")
def test_the_sql_is_the_same_whatever_the_words_of_a_query_are(site: Ops, text: str, name: str) -> None:
    assume(name.lower() not in COLUMNS)  # a name that is a column's is looked for as one
    query, sql, column_name = words_of(site, text, name)
    assert sql == words_of(site, "any words at all", "any name at all")[1]
    assert column_name == name
    answered(site, query)


@pytest.mark.parametrize("table", [view.name for view in published.DATA])
def test_what_may_not_be_seen_yet_is_in_no_table(site: Ops, table: str) -> None:
    own = Requester(name="pi", kind=Kind.ASTRONOMER, programs=frozenset({PROGRAM}))
    other = Requester(name="other", kind=Kind.ASTRONOMER, programs=frozenset({"01002"}))
    shown = {who: SECRET in str(answered(site, f"SELECT * FROM {table}", asker=asker)) for who, asker in
             (("nobody", ANONYMOUS), ("pi", own), ("other", other), ("staff", Requester(kind=Kind.STAFF, everything=True)))}  # fmt: skip
    seen = table != "jwst.observationmember"  # it has no members
    assert shown == {"nobody": False, "pi": seen, "other": False, "staff": seen}


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT COUNT(*) FROM ivoa.obscore WHERE obs_id = '{SECRET}'",
        f"SELECT COUNT(*) FROM (SELECT obs_id FROM ivoa.obscore) AS x WHERE x.obs_id = '{SECRET}'",
        f"WITH x AS (SELECT obsID FROM caom2.Plane) SELECT COUNT(*) FROM x WHERE obsID = '{SECRET}'",
        f"SELECT COUNT(*) FROM caom2.Artifact WHERE uri LIKE '%{SECRET}%'",
        f"SELECT COUNT(*) FROM tap_schema.schemas WHERE schema_name = 'ivoa' AND EXISTS (SELECT 1 FROM jwst.main WHERE obsid = '{SECRET}')",
        f"SELECT COUNT(*) FROM tap_schema.schemas LEFT JOIN jwst.archive ON 1 = 1 WHERE observationid = '{SECRET}'",
    ],
)
def test_what_may_not_be_seen_yet_is_not_counted(site: Ops, query: str) -> None:
    assert column(site, query) == [0]
    assert column(site, query, asker=Requester(kind=Kind.STAFF, everything=True)) != [0]


def test_a_description_is_seen_from_the_moment_of_its_release(site: Ops) -> None:
    query = f"SELECT COUNT(*) FROM ivoa.obscore WHERE obs_id = '{SECRET}'"
    release = site.clock.now() + timedelta(days=365)
    assert column(replace(site, clock=SimulatedClock(release - timedelta(microseconds=1))), query) == [0]
    assert column(replace(site, clock=SimulatedClock(release)), query) == [2]


def test_the_place_of_a_mistake_is_where_the_word_begins() -> None:
    with pytest.raises(BadInput, match="at line 3, column 7"):
        parse("SELECT obs_id\nFROM ivoa.obscore\nWHERE FROM")


def test_a_cone_uses_the_index_of_the_sky(site: Ops) -> None:
    for where in (
        "1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 1))", "INTERSECTS(CIRCLE(10, 20, 1), o.s_region) = 1 AND calib_level = 2",
        "DISTANCE(POINT(s_ra, s_dec), POINT(10, 20)) < 1", "1 = CONTAINS(s_region, POLYGON(1, 1, 2, 1, 2, 2))",
    ):  # fmt: skip
        made = translated(site, f"SELECT o.obs_id FROM ivoa.obscore AS o WHERE {where}")
        assert "plane_sky" in str(made.statement.compile(dialect=site.db.dialect))
    both = translated(site, "SELECT obs_id FROM ivoa.obscore WHERE calib_level = 2 OR 1 = CONTAINS(POINT(s_ra, s_dec), CIRCLE(10, 20, 1))")
    assert "plane_sky" not in str(both.statement.compile(dialect=site.db.dialect))
