"""Jobs over HTTP: what cannot be read is named, and is never our failure."""

from __future__ import annotations

import pytest

from dmsops.distribution import uws, uws_running
from dmsops.distribution.access import ANONYMOUS
from tests.unit.services.conftest import Asked


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_of_no_year_is_refused_by_its_field(there: Asked, text: str) -> None:
    _, client = there
    job = client.post("/tap/async", data={"LANG": "ADQL"}).headers["location"]
    for answer in (client.get("/tap/async", params={"AFTER": text}), client.post(f"{job}/destruction", data={"DESTRUCTION": text})):
        assert answer.status_code == 400
        assert "is no time as" in answer.text


def test_a_result_that_is_not_complete_is_not_given(mine: Asked) -> None:
    offered, client = mine
    job = client.post("/tap/async", data={"QUERY": "SELECT obs_id FROM ivoa.obscore"}).headers["location"]
    number = job.rpartition("/")[2]
    uws.run(offered.ops, ANONYMOUS, number)
    assert uws_running.claim(offered.ops) is not None
    uws.result_path(offered.ops, number).parent.mkdir(parents=True, exist_ok=True)
    uws.result_path(offered.ops, number).write_text("half of what its owner may see")
    answer = client.get(f"{job}/results/result")
    assert answer.status_code == 404
    assert "is EXECUTING, and has no result" in answer.text
