"""``dmsops ephemeris``: what came, what is in doubt, and accepting it by its hash."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.people import Role, put_person, system_user
from dmsops.receipt import accept
from dmsops.testbed import faults
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.commands import Part

run = Part("ephemeris").data
NAME = "JWST_D_20221204_20221204.OEM"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a site that has a prediction and a definitive ephemeris in doubt; the user is its lead."""
    ops = small_site(tmp_path / "site", START + timedelta(hours=2))
    folder = write_delivery(ops.settings.folder("inbox") / "delivery", small_visit())
    accept(ops, folder)
    faults.inject(folder, ["F24J"], stage="after")
    accept(ops, folder.with_name("delivery-2"))
    with ops.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    ops.db.dispose()
    return tmp_path / "site"


def test_what_came_is_listed_and_what_is_in_doubt_is_accepted_by_its_hash(site: Path) -> None:
    rows = run(site, "list")["ephemerides"]
    assert {r["name"]: r["needs_person"] for r in rows} == {NAME: True, "JWST_P_20221204_20221204.OEM": False}
    seen = run(site, "accept", NAME)
    assert seen["applied"] is False
    assert run(site, "accept", NAME, "--apply", "0" * 16, "--reason", "x", code=2)["error"]["code"] == "plan.stale"
    assert run(site, "accept", NAME, "--apply", seen["plan"]["hash"], "--reason", "a manoeuvre")["applied"] is True
    assert not any(r["needs_person"] for r in run(site, "list")["ephemerides"])


def test_a_file_is_looked_at_before_it_is_received(site: Path) -> None:
    (file,) = (site / "inbox" / "delivery-2").glob("*.OEM")
    assert "4104.8 km" in run(site, "check", str(file), code=1)["doubts"][0]


def test_without_products_nothing_is_affected_and_a_refresh_is_refused(site: Path) -> None:
    assert run(site, "affected") == run(site, "affected", "--stale") == []
    assert run(site, "refresh")["plan"]["steps"] == 0
    assert "no product" in run(site, "refresh", "--yes", "--reason", "x", code=2)["error"]["message"]
