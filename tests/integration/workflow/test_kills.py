"""Kill -9 of workers, engines and everything: nothing acknowledged is lost, nothing is published twice, little runs again."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmsops.ops import Ops
from tests.killing import Killing, engine_process
from tests.waiting import until

KILLS = int(os.environ.get("DMSOPS_TEST_ENGINE_KILLS", "9"))
"""On each of the two databases and for each of the two kinds of process: 36 in all."""


@pytest.fixture
def killing(ops: Ops, tmp_path: Path) -> Iterator[Killing]:
    made = Killing(ops, tmp_path / "ledger", random.Random(7))
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["toy.unique", "toy.brief"])
def test_kills_lose_nothing_and_publish_nothing_twice(killing: Killing, kind: str) -> None:
    killing.kind = kind
    killing.run(KILLS)
    assert killing.kills.total() == KILLS


def test_workers_end_with_their_engine(killing: Killing) -> None:
    killing.seconds = 600
    killing.plan(1)
    killing._await_starts(1)
    killing.engine.kill()
    killing.engine.wait()
    group = ["pgrep", "-g", str(killing.engine.pid)]
    until(lambda: not subprocess.run(group, capture_output=True, check=False).stdout)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_that_restarts_in_mid_run_costs_nothing(killing: Killing, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql")
    killing.seconds = 0.1
    killing.plan(40)
    killing.engine = engine_process(killing.ops.settings.site)
    for _ in range(3):
        killing._await_starts(4)
        server.restart()
        killing.ops.db.dispose()
    assert killing.engine.wait(timeout=300) == 0
    killing.audit()
    assert killing.run_again == 0
