"""P06: one of two acts is asked for, looked at, and done with the ticket that was seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.errors import Refused, StalePlan
from dmsops.ops import Ops
from dmsops.procedures import ephemeris
from dmsops.receipt import accept
from dmsops.testbed import faults
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site

NAME = "JWST_D_20221204_20221204.OEM"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give a site that has received a prediction, and a definitive ephemeris that is far from it."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    folder = write_delivery(opened.settings.folder("inbox") / "delivery", small_visit())
    accept(opened, folder)
    faults.inject(folder, ["F24J"], stage="after")
    accept(opened, folder.with_name("delivery-2"))
    yield opened
    opened.db.dispose()


def test_the_doubt_is_shown_and_gone_when_the_ephemeris_is_accepted(ops: Ops) -> None:
    assert [row["name"] for row in ephemeris.came(ops) if row["in_doubt"]] == [NAME]
    asked = ephemeris.order(ops, accept=NAME)
    assert "4104.8 km" in asked.facts["doubts"][0]
    with pytest.raises(StalePlan):
        ephemeris.carry_out(ops, asked, ticket="0" * 16, reason="a manoeuvre")
    done = ephemeris.carry_out(ops, asked, ticket=asked.ticket, reason="a manoeuvre")
    assert done == {"act": "accept", "touched": [NAME], "steps": 0}
    assert not any(row["in_doubt"] for row in ephemeris.came(ops))


def test_without_a_product_there_is_nothing_to_refresh(ops: Ops) -> None:
    asked = ephemeris.order(ops)
    assert (asked.act, asked.rows, asked.facts["steps"]) == ("refresh", (), 0)
    with pytest.raises(Refused):
        ephemeris.carry_out(ops, asked, ticket=asked.ticket, reason="x")


def test_products_are_counted_by_what_they_have_and_what_they_shall_have() -> None:
    rows = [
        {"ephemeris": "P", "use": "D", "age_days": 3.0},
        {"ephemeris": "P", "use": "D", "age_days": 5.0},
        {"ephemeris": "Q", "age_days": 1.0},
    ]
    assert ephemeris.by_ephemeris(rows) == [
        {"ephemeris": "P", "use": "D", "products": 2, "oldest_days": 5.0},
        {"ephemeris": "Q", "use": "", "products": 1, "oldest_days": 1.0},
    ]
