"""Jobs over HTTP: what cannot be read is named, and is never our failure."""

from __future__ import annotations

import pytest

from tests.unit.services.conftest import Asked


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_of_no_year_is_refused_by_its_field(there: Asked, text: str) -> None:
    _, client = there
    job = client.post("/tap/async", data={"LANG": "ADQL"}).headers["location"]
    for answer in (client.get("/tap/async", params={"AFTER": text}), client.post(f"{job}/destruction", data={"DESTRUCTION": text})):
        assert answer.status_code == 400
        assert "is no time as" in answer.text
