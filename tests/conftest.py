"""What all tests share: the parts of the machine that a test may need, and a small site."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from tests import postgres
from tests.condor.fixtures import condor_daemons, condor_pool  # noqa: F401 - fixtures
from tests.condor.pool import find_master

pytest.register_assert_rewrite("dmsops.testing")
hypothesis.settings.register_profile("no clock on the wall", deadline=None)
hypothesis.settings.load_profile("no clock on the wall")
ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
CLIENTS = ROOT / ".clients"
"""Where ``make clients`` puts clients that requirements.txt cannot have: the newest astroquery, a pre-release, and CADC's."""
START = datetime(2022, 12, 4, 4, 0, tzinfo=UTC)


def _program(*names: str) -> Callable[[], Path | None]:
    return lambda: next((Path(found) for found in map(shutil.which, names) if found), None)


PARTS: dict[str, Callable[[], Path | None]] = {
    "chromium": _program("chromium", "chromium-browser", "google-chrome"),
    "shared-data": lambda: SHARED_DATA if SHARED_DATA.is_dir() else None,
    "postgresql": postgres.binaries,
    "s3": lambda: ROOT if find_spec("obstore") and find_spec("moto") else None,
    "condor": find_master,
    "stilts": _program("stilts"),
    "astroquery-dev": lambda: CLIENTS if (CLIENTS / "astroquery").is_dir() else None,
    "caom2repo": lambda: CLIENTS if (CLIENTS / "caom2repo").is_dir() else None,
}


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """Find a part of the machine by name; without it the test skips, or fails where DMSOPS_REQUIRE lists the part."""
    demanded = {name.strip() for name in os.environ.get("DMSOPS_REQUIRE", "").split(",") if name.strip()}

    def find(part: str) -> Path:
        place = PARTS[part]()
        if place is not None:
            return place
        if part in demanded:
            pytest.fail(f"{part} is required (DMSOPS_REQUIRE) and is not on this machine", pytrace=False)
        pytest.skip(f"{part} is not on this machine; DMSOPS_REQUIRE={part} would make this a failure")

    return find


@pytest.fixture(scope="session")
def shared_data(require: Callable[[str], Path]) -> Path:
    """Give the folder of recorded real inputs beside the project."""
    return require("shared-data")


@pytest.fixture(autouse=True)
def _environment_is_given_back() -> Iterator[None]:
    """Undo what a test does to the environment: `enter_runtime` would send the next test to another site's references."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def clock() -> SimulatedClock:
    """Give a clock that stands at the end of the shipped visit and moves only when told."""
    return SimulatedClock(START)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make an empty site and give its folder."""
    return create_site(tmp_path / "site", lead="lead", name="test site", mode="rehearsal")


@pytest.fixture
def ops(site: Path, clock: SimulatedClock) -> Iterator[Ops]:
    """Open an empty site in the lead's hand."""
    opened = connect(site, operator=Person("lead", Role.LEAD), clock=clock)
    yield opened
    opened.db.dispose()


@pytest.fixture(scope="session")
def postgresql(require: Callable[[str], Path]) -> Iterator[postgres.Server]:
    """Start a PostgreSQL server of the test session's own."""
    with postgres.server(require("postgresql")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Give the address of an empty database of each kind; the empty one stands for SQLite in the site's folder."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgresql").new_database()
