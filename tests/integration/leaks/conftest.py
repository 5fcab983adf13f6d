"""The site of the leak test, served once for all files of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.leaks.world import World, make
from tests.serving import served


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the site, everybody, and the client."""
    ops, things, askers = make(tmp_path_factory.mktemp("leaks"))
    with served(ops) as base, httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        yield World(ops=ops, things=things, askers=askers, client=client, base=base)
    ops.db.dispose()
