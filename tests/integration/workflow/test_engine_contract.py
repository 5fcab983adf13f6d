"""The embedded engine keeps the engine's contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from dmsops.testing.engine import EngineContract, Run
from dmsops.workflow.engines import local


class TestLocalEngine(EngineContract):
    @pytest.fixture
    def run(self) -> Run:
        return local.run
