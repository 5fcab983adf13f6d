"""The HTCondor engine on a real pool, beyond the contract: it survives what a pool and people do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dmsops.core.errors import Failed
from dmsops.ops import Ops
from dmsops.testing.engine import again, change, plan, rows, states, toy
from dmsops.workflow import pulse, queries
from dmsops.workflow.engines.htcondor import batches, claims, dag, engine, folder, intake
from dmsops.workflow.engines.htcondor.claims import Request
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.pool import Pool as PoolClient
from dmsops.workflow.engines.htcondor.supervise import Supervisor
from dmsops.workflow.tables import attempt, condor_batch, condor_node, step
from tests.condor.pool import Pool
from tests.integration.workflow.conftest import MakeOps
from tests.waiting import until

RUN = "import sys; from dmsops.ops import connect; from dmsops.workflow import engines; engines.run(connect(sys.argv[1]))"
pytestmark = pytest.mark.usefixtures("condor_pool")


@pytest.fixture
def database() -> str:
    return ""


@pytest.fixture
def ops(make_ops: MakeOps) -> Ops:
    return make_ops(memory_floor_mb=200, memory_factor=1.0, engine="htcondor", reconcile_seconds=1.0)


def chains(ops: Ops, tmp_path: Path, count: int = 3, length: int = 3, seconds: float = 0.5) -> Path:
    """Plan chains of steps whose products differ at every run; give their ledger."""
    ledger = tmp_path / "ledger"
    for chain in range(count):
        names = [f"{chain}-{i}" for i in range(length)]
        plan(ops, *(toy("unique", n, *names[i - 1 : i] if i else (), ledger=str(ledger), seconds=seconds) for i, n in enumerate(names)))
    return ledger


Beside = Callable[[Ops], subprocess.Popen[bytes]]


@pytest.fixture
def run_beside() -> Iterator[Beside]:
    """Run an engine in a process beside the test; none outlives it."""
    begun: list[subprocess.Popen[bytes]] = []

    def run(ops: Ops) -> subprocess.Popen[bytes]:
        begun.append(subprocess.Popen([sys.executable, "-c", RUN, str(ops.settings.site)], start_new_session=True))
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.wait()


def started(ledger: Path) -> list[str]:
    return [line.split()[0] for line in ledger.read_text().splitlines()] if ledger.exists() else []


def assert_all_is_done_once(ops: Ops) -> None:
    """Every step is done, and no product was published twice (each run would give another version)."""
    assert set(states(ops).values()) <= {"done", "reused"}
    products = queries.products(ops, current=False)
    assert sorted(p["name"] for p in products) == sorted(states(ops))
    assert {p["version"] for p in products} == {1}


def test_a_diamond_runs_in_order_and_as_one_batch(ops: Ops, tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger")
    plan(ops, *(toy("write", n, *needs, ledger=ledger) for n, needs in {"a": "", "b": "a", "c": "a", "d": "bc"}.items()))
    tally = engine.run(ops)
    assert (tally.done, tally.failed) == (4, 0)
    order = started(tmp_path / "ledger")
    assert (order[0], order[-1], len(order)) == ("a", "d", 4)
    assert [b["outcome"] for b in rows(ops, condor_batch)] == ["done"]
    assert {n["status"] for n in rows(ops, condor_node)} == {"done"}


def test_after_a_rescue_only_the_failed_step_and_what_follows_run(ops: Ops, tmp_path: Path) -> None:
    ledger, mended = str(tmp_path / "ledger"), tmp_path / "mended"
    plan(
        ops,
        toy("write", "a", ledger=ledger),
        toy("fail", "b", "a", ledger=ledger, until=str(mended)),
        toy("write", "c", "b", ledger=ledger),
        toy("write", "d", "a", ledger=ledger),
    )
    engine.run(ops)
    assert states(ops) == {"a": "done", "b": "failed", "c": "waiting", "d": "done"}
    assert {n["node"]: n["status"] for n in rows(ops, condor_node)} == {
        "write_1": "done",
        "fail_2": "failed",
        "write_3": "futile",
        "write_4": "done",
    }
    mended.touch()
    again(ops, "b")
    before = len(started(tmp_path / "ledger"))
    engine.run(ops)
    assert started(tmp_path / "ledger")[before:] == ["b", "c"]


def test_a_killed_dagman_is_started_again_and_loses_nothing(ops: Ops, run_beside: Beside, condor_pool: Pool, tmp_path: Path) -> None:
    ledger = chains(ops, tmp_path)
    process = run_beside(ops)
    until(lambda: started(ledger))
    (dagman,) = condor_pool.pids("condor_dagman")
    os.kill(dagman, signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    assert_all_is_done_once(ops)


def test_a_killed_schedd_is_started_again_and_loses_nothing(ops: Ops, run_beside: Beside, condor_pool: Pool, tmp_path: Path) -> None:
    ledger = chains(ops, tmp_path)
    process = run_beside(ops)
    until(lambda: started(ledger))
    (schedd,) = condor_pool.pids("condor_schedd")
    os.kill(schedd, signal.SIGKILL)
    assert process.wait(timeout=180) == 0
    assert_all_is_done_once(ops)


def test_the_next_engine_takes_up_the_batches_of_a_killed_one(ops: Ops, run_beside: Beside, tmp_path: Path) -> None:
    ledger = chains(ops, tmp_path)
    process = run_beside(ops)
    until(lambda: started(ledger))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    engine.run(ops)
    assert_all_is_done_once(ops)
    assert len(rows(ops, condor_batch)) == 1


def test_a_batch_whose_dagman_was_taken_out_of_the_queue_goes_on(ops: Ops, run_beside: Beside, condor_pool: Pool, tmp_path: Path) -> None:
    ledger = chains(ops, tmp_path, count=2)
    process = run_beside(ops)
    until(lambda: started(ledger))
    (cluster,) = until(lambda: [b["cluster"] for b in rows(ops, condor_batch) if b["cluster"]])
    condor_pool.run("condor_rm", str(cluster))
    assert process.wait(timeout=120) == 0
    assert_all_is_done_once(ops)


@pytest.mark.parametrize(("verb", "state"), [("hold", "held"), ("drop", "cancelled")])
def test_a_step_that_a_person_takes_back_does_not_run(ops: Ops, run_beside: Beside, tmp_path: Path, verb: str, state: str) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, *(toy("write", n, *needs, ledger=str(ledger), seconds=2) for n, needs in {"a": "", "b": "a", "c": "b"}.items()))
    process = run_beside(ops)
    until(lambda: started(ledger))
    again(ops, "b", verb)
    assert process.wait(timeout=60) == 0
    assert states(ops) == {"a": "done", "b": state, "c": "waiting"}
    assert started(ledger) == ["a"]


def test_a_step_that_is_stopped_leaves_its_worker_at_once(ops: Ops, run_beside: Beside, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, toy("write", "long", ledger=str(ledger), seconds=600))
    process = run_beside(ops)
    until(lambda: started(ledger))
    again(ops, "long", "stop")
    assert process.wait(timeout=60) == 0
    assert states(ops) == {"long": "held"}
    assert [a["outcome"] for a in rows(ops, attempt)] == ["stopped"]


def test_a_killed_warm_server_costs_an_attempt_and_no_step(ops: Ops, run_beside: Beside, tmp_path: Path) -> None:
    ledger = chains(ops, tmp_path, count=1, length=2, seconds=2)
    process = run_beside(ops)
    until(lambda: started(ledger))
    (server,) = warm_servers(ops)
    os.kill(server, signal.SIGKILL)
    assert process.wait(timeout=120) == 0
    assert_all_is_done_once(ops)


def warm_servers(ops: Ops) -> list[int]:
    found = subprocess.run(["pgrep", "-of", f"htcondor.warm {ops.settings.site}"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def test_without_a_warm_server_a_node_runs_its_step_itself(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "keep", lambda _: None)
    monkeypatch.setattr(folder, "PATIENCE_SECONDS", 0.1)
    plan(ops, toy("write", "a"), toy("write", "b", "a"))
    assert engine.run(ops).done == 2


def test_jobs_that_end_before_their_step_begins_fail_it_in_words_at_last(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervisor, "keep", lambda _: None)
    monkeypatch.setattr(folder, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(folder.node, "__name__", "no.such.module")
    plan(ops, toy("write", "a"))
    engine.run(ops)
    assert states(ops) == {"a": "failed"}
    assert "3 times" in rows(ops, step)[0]["fault"]
    assert len(rows(ops, condor_batch)) == 3


def test_a_pool_that_does_not_answer_is_told_in_words(ops: Ops, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nothing").write_text("LOCAL_CONFIG_FILE =\nSCHEDD_ADDRESS_FILE = /nothing\nCOLLECTOR_HOST = 127.0.0.1:9\n")
    import htcondor2

    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("CONDOR_CONFIG", str(tmp_path / "nothing"))
        htcondor2.reload_config()
        with pytest.raises(Failed, match="HTCondor does not answer") as caught:
            engine.run(ops)
    assert "P07" in caught.value.remedy
    htcondor2.reload_config()


def test_a_job_that_is_held_in_the_pool_is_shown_and_goes_on_when_it_is_released(
    ops: Ops, run_beside: Beside, condor_pool: Pool, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, *(toy("write", n, *needs, ledger=str(ledger), seconds=4) for n, needs in {"a": "", "b": "a"}.items()))
    process = run_beside(ops)
    until(lambda: started(ledger))
    (cluster,) = until(lambda: [n["cluster"] for n in rows(ops, condor_node) if n["step_id"] == 1 and n["cluster"]])
    condor_pool.run("condor_hold", str(cluster))
    (shown,) = until(lambda: pulse.disagreements(ops))
    assert shown["target"] == "step 1"
    assert shown["words"].startswith("held in the pool: via condor_hold")
    condor_pool.run("condor_release", str(cluster))
    assert process.wait(timeout=120) == 0
    assert_all_is_done_once(ops)


@pytest.mark.parametrize("state", ["leased", "running"])
def test_a_job_that_is_removed_from_the_pool_runs_again_and_is_told(
    ops: Ops, run_beside: Beside, condor_pool: Pool, tmp_path: Path, state: str
) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, *(toy("unique", str(n), ledger=str(ledger), seconds=2) for n in range(5)))
    process = run_beside(ops)
    waits = until(lambda: [n for n in rows(ops, condor_node) if n["status"] == "running" and state_of(ops, n) == state])
    condor_pool.run("condor_rm", str(waits[0]["cluster"]))
    assert process.wait(timeout=120) == 0
    assert_all_is_done_once(ops)
    assert "removed from the pool: via condor_rm" in " ".join(d["words"] for d in pulse.disagreements(ops))


def state_of(ops: Ops, node: dict[str, Any]) -> str:
    return next(r["state"] for r in rows(ops, step) if r["id"] == node["step_id"])


def test_a_changed_priority_reaches_the_queue(ops: Ops, run_beside: Beside, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, *(toy("write", str(n), ledger=str(ledger), seconds=3) for n in range(4)))
    process = run_beside(ops)
    until(lambda: len([n for n in rows(ops, condor_node) if n["cluster"]]) == 4)
    change(ops, "3", rank=60)
    cluster = rows(ops, condor_node)[3]["cluster"]
    until(lambda: [j.priority for j in PoolClient(ops).jobs() if j.cluster == cluster] == [-60])
    assert process.wait(timeout=120) == 0


def recorded(ops: Ops) -> tuple[int, Path]:
    """Plan a step and write its batch down; give the batch and its folder, where nothing is yet."""
    plan(ops, toy("write", "a"))
    (row,) = rows(ops, step)
    with ops.db.begin() as c:
        batch = batches.record(c, ops, "engine", folder.home(ops), [Node(step_id=row["id"], kind=row["kind"], rank=0)])
    place = Path(rows(ops, condor_batch)[0]["folder"])
    place.mkdir(parents=True)
    return batch, place


def test_an_end_that_dagman_did_not_write_down_is_found_in_the_event_log(ops: Ops) -> None:
    """As when DAGMan and its folder's job-state log were lost, and the job's own log was not."""
    batch, place = recorded(ops)
    name = rows(ops, condor_node)[0]["node"]
    submitted = f"000 (007.000.000) 2026-11-22 10:00:00 Job submitted from host: <127.0.0.1:1>\n    DAG Node: {name}\n...\n"
    ended = "005 (007.000.000) 2026-11-22 10:00:01 Job terminated.\n\t(1) Normal termination (return value 3)\n...\n"
    for text in (submitted, ended):
        with (place / dag.JOBS_LOG).open("a", encoding="utf-8") as file:
            file.write(text)
        news = intake.look(place, 0, rows(ops, condor_batch)[0]["event_cursor"])
        with ops.db.begin() as c:
            intake.take_in(c, ops, batch, news)
    assert rows(ops, condor_batch)[0]["event_cursor"] == len(submitted + ended)
    assert not intake.look(place, 0, rows(ops, condor_batch)[0]["event_cursor"])
    assert [(n["status"], n["cluster"]) for n in rows(ops, condor_node)] == [("failed", 7)]
    assert states(ops) == {"a": "ready"}


def test_a_removed_dagman_s_last_word_on_a_job_fails_no_step(ops: Ops) -> None:
    """As when DAGMan has ended, and the pool has not written yet that it took the job away."""
    batch, place = recorded(ops)
    (node,) = rows(ops, condor_node)
    with ops.db.begin() as c:
        assert claims.take(c, ops, Request(batch=batch, step=node["step_id"], cluster=7))
    (place / dag.JOBSTATE).write_text("1 INTERNAL *** DAGMAN_STARTED 1.0 ***\n2 INTERNAL *** DAGMAN_FINISHED 2 ***\n", encoding="utf-8")
    said = 'NodeStatus = 6; /* "STATUS_ERROR" */\n  StatusDetails = "Was STATUS_SUBMITTED";\n'
    (place / dag.STATUS).write_text(f'[\n  Type = "NodeStatus";\n  Node = "{node["node"]}";\n  {said}]\n', encoding="utf-8")
    with ops.db.begin() as c:
        assert intake.take_in(c, ops, batch, intake.look(place, 0, 0)) == 2
        batches.end(c, ops, batch, "removed")
    assert states(ops) == {"a": "ready"}
    assert [n["status"] for n in rows(ops, condor_node)] == ["returned"]


def test_a_step_whose_job_is_taken_away_is_tried_again_twice_and_then_fails_in_words(ops: Ops) -> None:
    batch, _ = recorded(ops)
    seen = []
    for cluster in (1, 2, 3):
        request = Request(batch=batch, step=1, cluster=cluster)
        with ops.db.begin() as c:
            assert claims.take(c, ops, request)
            assert claims.give_up(c, ops, request, "its job was removed from the pool, or held there", passing=True)
            assert not claims.give_up(c, ops, request, "a late word", passing=True)
        seen.append(states(ops)["a"])
    assert seen == ["ready", "ready", "failed"]
    assert "removed from the pool" in rows(ops, step)[0]["fault"]
