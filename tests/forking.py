"""The server that an engine forks its steps from, one for a module's tests alone."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import forkserver

import pytest


@pytest.fixture(scope="module", autouse=True)
def server_of_ones_own() -> Iterator[None]:
    """Begin and end without a server: one that other tests left has pipelines loaded, whose memory toy steps would be charged."""
    forkserver._forkserver._stop()
    yield
    forkserver._forkserver._stop()
