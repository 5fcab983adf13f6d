"""One local cache of small references for all tests of the test bed."""

from pathlib import Path

import pytest

from dmsops.core.config import Settings
from dmsops.testbed.references import build


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Give settings of a site without anything in it."""
    return Settings(site=tmp_path_factory.mktemp("testbed"), workers=2)


@pytest.fixture(scope="session")
def cache(settings) -> Path:
    """Make the small references once."""
    return build(settings, ("small",))
