"""The site of the leak test, served once for all files of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.leaks.world import World, make
from tests.serving import served


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the site, everybody, and the client."""
    with _served(tmp_path_factory) as given:
        yield given


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the same on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("world")
        return
    with _served(tmp_path_factory, request.getfixturevalue("postgresql").new_database()) as given:
        yield given


@contextmanager
def _served(factory: pytest.TempPathFactory, database: str = "") -> Iterator[World]:
    ops, things, askers, inner = make(factory.mktemp("leaks"), database)
    with served(ops) as base, httpx.Client(base_url=base, trust_env=False, timeout=60) as client:
        yield World(ops=ops, things=things, askers=askers, client=client, base=base, inner=inner)
    ops.db.dispose()
