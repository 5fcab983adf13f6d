"""The HTCondor engine keeps the engine's contract on a real pool, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from dmsops.ops import Ops
from dmsops.testing.engine import EngineContract, Run
from dmsops.workflow.engines.htcondor import engine
from tests.integration.workflow.conftest import MakeOps


@pytest.mark.usefixtures("condor_pool")
class TestHTCondorEngine(EngineContract):
    @pytest.fixture
    def ops(self, make_ops: MakeOps) -> Ops:
        return make_ops(memory_floor_mb=200, memory_factor=1.0, engine="htcondor", reconcile_seconds=1.0)

    @pytest.fixture
    def run(self) -> Run:
        return engine.run
