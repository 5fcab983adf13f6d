"""The round of telling goes on whatever happens, and ends when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmsops.flows import notices, telling
from dmsops.ops import Ops
from tests.telling import telling_site
from tests.waiting import until


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site", notify_seconds=0.01)
    yield opened
    opened.db.dispose()


def logged(ops: Ops) -> list[dict[str, Any]]:
    path = ops.settings.folder("logs") / "journal.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_a_round_that_fails_is_in_the_log_and_the_next_one_is_done(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def gather(_: Ops) -> int:
        rounds.append(1)
        if len(rounds) == 1:
            raise RuntimeError("a mistake of ours")
        return 0

    monkeypatch.setattr(notices, "gather", gather)
    with telling.in_background(ops):
        until(lambda: len(rounds) > 2)
    (line,) = [line for line in logged(ops) if line["event"] == "notify.failed"]
    assert "a mistake of ours" in line["error"]
    assert [thread.name for thread in threading.enumerate() if thread.name == "notify"] == []


def test_the_setting_leaves_telling_to_other_processes(ops: Ops) -> None:
    quiet = Ops(
        settings=ops.settings.model_copy(update={"notify_in_site": False}), clock=ops.clock, db=ops.db, store=ops.store, log=ops.log,
        operator=ops.operator,
    )  # fmt: skip
    with telling.in_background(quiet):
        assert [thread.name for thread in threading.enumerate() if thread.name == "notify"] == []
