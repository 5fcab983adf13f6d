"""The pool as a fixture: started once for a session, given to a test through the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.condor.pool import Pool


@pytest.fixture(scope="session")
def condor_daemons(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Start a pool of the test session's own."""
    require("condor")
    with Pool(tmp_path_factory.mktemp("condor")) as pool:
        yield pool


@pytest.fixture
def condor_pool(condor_daemons: Pool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Let this test, and what it starts, use the session's pool."""
    monkeypatch.setenv("CONDOR_CONFIG", str(condor_daemons.config))
    htcondor2 = pytest.importorskip("htcondor2")
    htcondor2.reload_config()
    yield condor_daemons
    left = htcondor2.Schedd().query("DmsSite =!= undefined", ["ClusterId"])
    htcondor2.Schedd().act(htcondor2.JobAction.Remove, "DmsSite =!= undefined", reason=("the test is over", 0))
    assert left == [], "the engine left jobs in the pool"
