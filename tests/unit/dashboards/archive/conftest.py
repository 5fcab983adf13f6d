"""A site whose archive has something of everything, and its board in a person's hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from dashboards.app.archive_view import ArchiveView
from dmsops.ops import Ops
from tests.browser import archive_site
from tests.unit.dashboards.boards import opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Ops]:
    """Make the site."""
    ops = archive_site.full(tmp_path / "site")
    yield ops
    ops.db.dispose()


@pytest.fixture
def board(site: Ops) -> Callable[..., ArchiveView]:
    """Open the board of the site as a person, at an address."""
    return partial(opened, ArchiveView, site)
