"""A site on which distribution has something of everything, and its board in a person's hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dashboards.app.distribution_view import DistributionView
from dmsops.ops import Ops
from tests.browser import distribution_site
from tests.unit.dashboards.boards import opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Ops]:
    """Make the site."""
    ops = distribution_site.copied(tmp_path / "site")
    yield ops
    ops.db.dispose()


@pytest.fixture
def board(site: Ops) -> Callable[..., DistributionView]:
    """Open the board of the site as a person, at an address."""
    return partial(opened, DistributionView, site)
