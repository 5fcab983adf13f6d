"""A small archive served over HTTP, with a client: one that tests only ask, and one of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.offered import Offered, offered_site
from tests.serving import served

type Asked = tuple[Offered, httpx2.Client]


@contextmanager
def _asked(folder: Path) -> Iterator[Asked]:
    offered = offered_site(folder)
    with served(offered.ops) as base, httpx2.Client(base_url=base) as client:
        yield offered, client
    offered.ops.db.dispose()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """Give a site that tests only ask, with a client."""
    with _asked(tmp_path_factory.mktemp("offered") / "site") as asked:
        yield asked


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Asked]:
    """Give a site of the test's own, with a client."""
    with _asked(tmp_path / "site") as asked:
        yield asked
