"""Whether a query fails says nothing of rows that the asker may not see, on both databases: errors are no way to guess at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dmsops.services.site import make_app
from tests.integration.leaks.world import MINE, Thing, make

TOO_LARGE = {
    "exp": "EXP({case}) > -1",
    "power": "POWER(10.5, {case}) > -1",
    "times": "{case} * 1e307 > -1",
    "plus": "{whole} + {whole} > -1",
    "whole times": "{whole} * 4 > -1",
    "minus": "-2 - {whole} < 1",
    "by nothing": "1 / ({case} - 10000) < 2",
    "mod": "MOD(5, {whole}) > -1",
    "abs": "ABS(-1 - {whole}) > -1",
    "round": "ROUND(EXP(1), CAST({case} AS INTEGER)) > -1",
    "degrees": "DEGREES({case} * 1e303) > -1",
    "cast": "CAST(CASE WHEN target_name = '{target}' THEN target_name ELSE '1' END AS INTEGER) > -1",
    "cast whole": "CAST({case} * 1e30 AS INTEGER) > -1",
    "cast time": "CAST(CASE WHEN target_name = '{target}' THEN target_name ELSE '2020-01-01' END AS TIMESTAMP) > '2'",
    "place": "1 = CONTAINS(POINT('ICRS', s_ra, {case} / 100), CIRCLE('ICRS', 10, -9, 180))",
    "circle": "1 = INTERSECTS(s_region, CIRCLE('ICRS', 10, -9, {case}))",
    "distance": "DISTANCE(POINT('ICRS', s_ra, s_dec), POINT('ICRS', {case} * 1e300, 0)) > -1",
    "area": "AREA(CIRCLE('ICRS', 10, 10, {case})) > -1",
}
CASE = "(CASE WHEN target_name = '{target}' THEN 10000 ELSE 0 END)"
WHOLE = "(CASE WHEN target_name = '{target}' THEN 9223372036854775807 ELSE 0 END)"
FORMS = {
    "where": "SELECT COUNT(*) FROM ivoa.obscore WHERE {test}",
    "join": "SELECT COUNT(*) FROM ivoa.obscore AS o JOIN caom2.Plane AS p ON p.obsID = o.obs_id AND {test}",
    "order": "SELECT obs_id FROM ivoa.obscore ORDER BY CASE WHEN {test} THEN 1 ELSE 2 END, obs_id",
    "within": "SELECT COUNT(*) FROM tap_schema.tables WHERE EXISTS (SELECT * FROM ivoa.obscore WHERE {test})",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, dict[str, Thing]]]:
    database = "" if request.param == "sqlite" else request.getfixturevalue("postgresql").new_database()
    ops, things, *_ = make(Path(tmp_path_factory.mktemp("errors")), database)
    yield TestClient(make_app(ops, "http://archive.test")), {thing.kind: thing for thing in things if thing.program == MINE}
    ops.db.dispose()


def outcome(client: TestClient, query: str) -> str:
    answer = client.post("/tap/sync", data={"QUERY": query, "LANG": "ADQL", "RESPONSEFORMAT": "csv"})
    assert answer.status_code < 500, answer.text
    return answer.text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TOO_LARGE)
def test_a_query_that_would_fail_on_a_hidden_row_does_not_say_so(site: tuple[TestClient, dict[str, Thing]], name: str, form: str) -> None:
    client, things = site

    def of(target: str) -> str:
        test = TOO_LARGE[name].replace("{case}", CASE).replace("{whole}", WHOLE).replace("{target}", target)
        return outcome(client, FORMS[form].format(test=test)).replace(target, "TARGET")

    assert of(things["hidden"].target) == of("TGT-nobody")
    assert of(things["never"].target) == of("TGT-nobody")
