"""Whatever is asked: an answer or a sentence; nothing outside the published tables is reached, and nothing is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.archive import published
from dmsops.core.errors import DmsError
from dmsops.distribution.adql import run
from dmsops.ops import Ops
from tests.vo import answered, many

SHAPED = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
TABLES = [view for view in published.views("sqlite") if view.name != "jwst.archive"]
ALLOWED = {"observation", "plane", "artifact", "observation_member", "plane_input", "proposal", "json_each", ""}


class Watch:
    """Notes what SQLite is asked to do for a query, and what of it was not allowed."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.refused: list[Any] = []
        self._may = run._may

    def __call__(self, action: int, *words: str | None) -> int:
        verdict = self._may(action, *words)
        if action == sqlite3.SQLITE_READ:
            self.read.add((words[0] or "").lower())
        if verdict != sqlite3.SQLITE_OK:
            self.refused.append((action, words))
        return verdict


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """Give a site with a few observations."""
    made = many(Path(tmp_path_factory.mktemp("adql")) / "site", 12)
    yield made
    made.db.dispose()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watching = Watch()
    monkeypatch.setattr(run, "_may", watching)
    return watching


def asked(site: Ops, watch: Watch, query: str) -> bool:
    """Ask, and look at what was done; says whether there was an answer."""
    before = changes(site)
    try:
        answered(site, query, rows=50, seconds=2)
        good = True
    except DmsError:
        good = False
    assert watch.refused == [], query
    assert {name for name in watch.read if not name.startswith("plane_sky")} <= ALLOWED, query
    assert changes(site) == before
    return good


def changes(site: Ops) -> Any:
    with site.db.execution_options(reading=True).connect() as c:
        return c.exec_driver_sql("PRAGMA data_version").scalar(), c.exec_driver_sql("SELECT count(*) FROM journal").scalar()


# Trees of ADQL: most of them can be answered.
names = st.sampled_from(TABLES).flatmap(lambda view: st.sampled_from(view.columns).map(lambda column: (view.name, column)))
reals = st.one_of(st.integers(-5, 400).map(str), st.floats(-90, 90).map(lambda x: f"{x:.3f}"), st.sampled_from(["1e3", "0", "2.5E-1"]))
words = st.sampled_from(["'jw%'", "'x'", "''", "'it''s'", "'_%'", "'é'", "'2023-01-01'"])
column = st.sampled_from(["s_ra", "s_dec", "t_min", "calib_level", "t_exptime"])
text_column = st.sampled_from(["obs_id", "instrument_name", "target_name", "s_region", "obs_publisher_did", "data_rights"])
point = st.one_of(st.just("POINT('ICRS', s_ra, s_dec)"), st.builds("POINT({0}, {1})".format, st.integers(0, 360), st.integers(-90, 90)))
shape = st.one_of(
    point, st.just("s_region"), st.builds("CIRCLE({0}, {1}, {2})".format, st.integers(0, 360), st.integers(-90, 90), st.integers(0, 40)),
    st.builds("BOX({0}, {1}, 5, 7)".format, st.integers(0, 360), st.integers(-80, 80)), st.just("CENTROID(s_region)"),
)  # fmt: skip
number = st.recursive(
    st.one_of(reals, column, st.builds("DISTANCE({0}, {1})".format, point, point), st.builds("AREA({0})".format, shape)),
    lambda x: st.one_of(
        st.builds("({0} {1} {2})".format, x, st.sampled_from("+-*/"), x), st.builds("-{0}".format, x),
        st.builds("{0}({1})".format, st.sampled_from(["SQRT", "LOG", "ABS", "FLOOR", "COS", "ROUND", "TRUNCATE", "EXP"]), x),
        st.builds("{0}({1}, {2})".format, st.sampled_from(["MOD", "POWER", "ATAN2", "COALESCE"]), x, x),
        st.builds("CASE WHEN {0} > {1} THEN {1} ELSE {0} END".format, x, x),
    ),
    max_leaves=5,
)  # fmt: skip
condition = st.recursive(
    st.one_of(
        st.builds("{0} {1} {2}".format, number, st.sampled_from(["=", "<", ">=", "<>", "!="]), number),
        st.builds("{0} {1} {2}".format, text_column, st.sampled_from(["LIKE", "NOT LIKE", "ILIKE", "=", "<"]), words),
        st.builds("{0} BETWEEN {1} AND {2}".format, number, number, number), st.builds("{0} IS NOT NULL".format, text_column),
        st.builds("{0}({1}, {2}) = {3}".format, st.sampled_from(["CONTAINS", "INTERSECTS"]), shape, shape, st.sampled_from("01")),
        st.builds("obs_id IN (SELECT observationID FROM caom2.Observation WHERE typeCode = {0})".format, words),
        st.builds("EXISTS (SELECT 1 FROM caom2.Plane AS q WHERE q.obsID = o.obs_id AND q.calibrationLevel > {0})".format, reals),
    ),
    lambda c: st.one_of(st.builds("({0} {1} {2})".format, c, st.sampled_from(["AND", "OR"]), c), st.builds("NOT ({0})".format, c)),
    max_leaves=4,
)  # fmt: skip
source = st.sampled_from([
    "ivoa.obscore AS o", "ivoa.obscore o LEFT JOIN caom2.Artifact AS a ON a.planeID = o.obs_publisher_did",
    "ivoa.obscore AS o JOIN caom2.Observation AS b ON b.obsID = o.obs_id", "(SELECT TOP 9 * FROM ivoa.obscore ORDER BY t_min) AS o",
])  # fmt: skip
item = st.one_of(
    number, text_column, st.sampled_from(["*", "o.*", "obs_id AS x", "POINT(s_ra, s_dec)"]), st.builds("{0} || {0}".format, text_column)
)
plain = st.builds(
    "SELECT {0} {1} FROM {2} WHERE {3} {4}".format, st.sampled_from(["", "TOP 5", "DISTINCT", "ALL"]),
    st.lists(item, min_size=1, max_size=3).map(", ".join),
    source, condition, st.sampled_from(["", "ORDER BY 1", "ORDER BY obs_id DESC", "OFFSET 2"]),
)  # fmt: skip
grouped = st.builds(
    "SELECT instrument_name, COUNT(*), MAX({0}) FROM ivoa.obscore AS o WHERE {1} GROUP BY instrument_name HAVING COUNT(*) > 1".format,
    number,
    condition,
)
both = st.builds(
    "SELECT obs_id FROM {0} WHERE {1} {2} SELECT obs_id FROM {0} WHERE {3}".format,
    source,
    condition,
    st.sampled_from(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"]),
    condition,
)
query = st.one_of(plain, grouped, both)


def test_trees_of_adql_of_which_most_are_answered(site: Ops, watch: Watch) -> None:
    good: list[bool] = []

    @SHAPED
    @given(query=query)
    def ask(query: str) -> None:
        good.append(asked(site, watch, query))

    ask()
    assert sum(good) > 0.5 * len(good) > 50


pieces = st.sampled_from([
    "SELECT", "FROM", "WHERE", "UNION", "(", ")", ",", ";", "*", "'", '"', "--", "/*", "*/", "observation", "account_token",
    "sqlite_master",
    "pg_catalog.pg_user", "main.", "ivoa.obscore", "ATTACH", "PRAGMA", "load_extension('x')", "INTO", "INSERT INTO observation",
    "DROP TABLE",
    "UPDATE", "json_each('[1]')", "TOP 1", "WITH x AS", "RECURSIVE", "VALUES (1)", "LATERAL", "UNNEST", "[0]", "{d '2020-01-01'}", "?",
    ":now",
    "%(x)s", "$1", "::text", "\\", "\x00", "é", "0x1F", "1e400", "@x", "#t", "`", "CAST(", "EXISTS", "NULL", "IN", "CASE", "END", "JOIN",
    "USING (obs_id)",
])  # fmt: skip
edits = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 12), st.one_of(pieces, st.text(max_size=3))), min_size=1, max_size=4)


@SHAPED
@given(query=query, edits=edits)
def test_adql_with_mistakes_in_it(site: Ops, watch: Watch, query: str, edits: list[tuple[int, int, str]]) -> None:
    for place, length, piece in edits:
        at = place % (len(query) + 1)
        query = f"{query[:at]} {piece} {query[at + length :]}"
    asked(site, watch, query)


@SHAPED
@given(text=st.lists(st.one_of(pieces, words, column), max_size=14).map(" ".join) | st.text(max_size=60))
def test_words_that_follow_no_grammar(site: Ops, watch: Watch, text: str) -> None:
    asked(site, watch, text)
    asked(site, watch, f"SELECT {text} FROM ivoa.obscore")
    asked(site, watch, f"SELECT obs_id FROM ivoa.obscore WHERE {text}")
