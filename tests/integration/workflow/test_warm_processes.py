"""Light steps in warm processes: shared, watched and killed as any other, and what a killed engine missed is found."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dmsops.ops import Ops
from dmsops.testing.engine import plan, rows, states
from dmsops.workflow import fleet, lease, queries, warm
from dmsops.workflow.engines import local
from dmsops.workflow.engines.workers import Workers
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import attempt, engine, step


def brief(name: str, **params: object) -> StepSpec:
    return StepSpec(kind="toy.brief", dataset=name, makes=(f"{name}.txt",), params=params)


def pids(ledger: Path) -> dict[str, str]:
    return dict(line.split() for line in ledger.read_text().splitlines())


def test_light_steps_share_as_many_processes_as_there_are_workers(ops: Ops, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, *(brief(str(n), ledger=str(ledger)) for n in range(40)))
    tally = local.run(ops)
    assert (tally.done, tally.failed) == (40, 0)
    assert len(pids(ledger)) == 40
    assert len(set(pids(ledger).values())) <= 2
    assert not any(warm.folder(ops).glob("*"))


def test_a_light_step_that_fails_says_why_and_the_next_gets_another_process(make_ops: object, tmp_path: Path) -> None:
    ops = make_ops(workers=1)
    ledger = tmp_path / "ledger"
    fails = {"as": "fail", "until": str(tmp_path / "never"), "ledger": str(ledger)}
    plan(ops, brief("a", **fails), brief("b", ledger=str(ledger)))
    tally = local.run(ops)
    assert (tally.done, tally.failed) == (1, 1)
    failed = next(r for r in rows(ops, step) if r["dataset"] == "a")
    assert failed["fault"] == "the toy reference is missing"
    assert "StepFailed" in queries.log_tail(ops, failed["id"])
    assert pids(ledger)["a"] != pids(ledger)["b"]


def test_after_a_failure_nothing_more_is_begun_however_late_the_engine_looks(
    ops: Ops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Workers.over
    monkeypatch.setattr(Workers, "over", lambda workers: time.sleep(0.5) or look(workers))
    ledger = tmp_path / "ledger"
    fails = brief("a", **{"as": "fail", "until": str(tmp_path / "never"), "ledger": str(ledger)})
    plan(ops, fails, *(brief(str(n), ledger=str(ledger)) for n in range(8)))
    local.run(ops)
    assert len(pids(ledger)) == 9
    failed_in = pids(ledger)["a"]
    assert [name for name, pid in pids(ledger).items() if pid == failed_in][-1] == "a"


def test_a_warm_process_that_dies_fails_the_step_that_it_ran_and_no_other(make_ops: object, tmp_path: Path) -> None:
    ops = make_ops(workers=1)
    plan(ops, brief("a"), brief("b", **{"as": "die", "ledger": str(tmp_path / "ledger")}), *(brief(str(n)) for n in range(5)))
    tally = local.run(ops)
    assert (tally.done, tally.failed) == (6, 1)
    assert [r["dataset"] for r in rows(ops, step) if r["state"] == "failed"] == ["b"]
    assert "signal 9" in next(r["fault"] for r in rows(ops, step) if r["dataset"] == "b")


def test_what_a_killed_engine_could_not_write_down_is_not_run_again(ops: Ops, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, brief("a", ledger=str(ledger)), brief("b", ledger=str(ledger)))
    dead = fleet.sign_on(ops, 2)
    with ops.db.begin() as c:
        done, _ = lease.claim(c, ops, dead, 2, lambda _: Path("log"))
        c.execute(engine.update().values(pid=2**22 + 1))
    made = tmp_path / "a.txt"
    made.write_text("made before the kill")
    product = ["a.txt", ops.store.put(made), made.stat().st_size]
    line = {"step": done.step_id, "attempt": 1, "key": done.content_key, "ok": True, "products": [product], "cpu_seconds": 0, "peak_mb": 1}
    home = warm.folder(ops, "killed")
    home.mkdir(parents=True)
    (home / "endings").write_text(json.dumps(line) + "\n" + json.dumps({**line, "step": 2})[:30])
    tally = local.run(ops)
    assert (tally.done, tally.reused) == (1, 1)
    assert list(pids(ledger)) == ["b"]
    assert [r["outcome"] for r in rows(ops, attempt) if r["step_id"] == done.step_id] == ["lost", "reused"]
    assert states(ops) == {"a": "reused", "b": "done"}
