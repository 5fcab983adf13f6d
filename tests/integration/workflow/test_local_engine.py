"""The embedded engine on real processes: what fails, dies, hangs or is killed ends in words and comes back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dmsops.core.errors import NotActing
from dmsops.ops import Ops, connect, create_site
from dmsops.workflow import acting, blackboard, fleet, queries, rescue
from dmsops.workflow.engines import local
from dmsops.workflow.steps import StepSpec
from tests.acts import CHAIN, plan, states


def test_a_chain_runs_and_its_products_are_in_the_store(ops: Ops) -> None:
    plan(ops, CHAIN)
    tally = local.run(ops)
    assert (tally.done, tally.failed) == (3, 0)
    product = next(r for r in queries.products(ops) if r["name"] == "c.txt")
    assert ops.store.path(product["sha256"]).read_text() == "c.txta.txtb.txta.txt"
    assert list(ops.settings.folder("work").glob("*/*")) == []


def test_a_failing_step_stops_only_what_follows_and_is_rescued(ops: Ops, tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    specs = [
        StepSpec(kind="toy.fail", dataset="a", makes=("a.txt",), params={"until": str(mended)}),
        StepSpec(kind="toy.write", dataset="b", needs=("a.txt",), makes=("b.txt",)),
        StepSpec(kind="toy.write", dataset="other", makes=("other.txt",)),
    ]
    plan(ops, specs)
    local.run(ops)
    assert states(ops) == {"a": "failed", "b": "waiting", "other": "done"}
    assert queries.failures(ops)[0]["fault"] == "the toy reference is missing"
    assert "StepFailed" in queries.log_tail(ops, 1)
    mended.touch()
    planned = rescue.plan(ops, [1])
    rescue.rescue(ops, steps=[1], reason="mended", ticket=planned.hash)
    assert local.run(ops).done == 2
    assert [(t["n"], t["outcome"]) for t in queries.attempts(ops, 1)] == [(2, "done"), (1, "failed")]
    assert len(queries.attempts(ops, 3)) == 1


@pytest.mark.parametrize(
    ("kind", "fault_class", "words"),
    [("toy.silent", "data", "ended without making x.txt"), ("toy.die", "resource", r"killed \(signal 9\)")],
)
def test_silence_and_death_are_failures_in_words(ops: Ops, kind: str, fault_class: str, words: str) -> None:
    plan(ops, [StepSpec(kind=kind, dataset="x", makes=("x.txt",))])
    local.run(ops)
    (group,) = queries.failures(ops)
    assert group["fault_class"] == fault_class
    assert pytest.importorskip("re").search(words, group["fault"])
    assert "P08" in group["remedy"]


def test_a_step_that_hangs_is_stopped(tmp_path: Path) -> None:
    create_site(tmp_path / "s", step_modules=["tests.toysteps"], preload="tests.toysteps", step_timeout_seconds=1.0)
    ops = connect(tmp_path / "s")
    plan(ops, [StepSpec(kind="toy.write", dataset="slow", makes=("slow",), params={"seconds": 600})])
    local.run(ops)
    assert "longer than 1 s" in queries.failures(ops)[0]["fault"]


def test_work_that_a_step_plans_is_run_too(ops: Ops) -> None:
    plan(ops, [StepSpec(kind="toy.spawn", dataset="s")])
    local.run(ops)
    assert states(ops) == {"s": "done", "spawned": "done"}


def test_a_second_engine_is_refused(ops: Ops) -> None:
    me = fleet.sign_on(ops, 2)
    with ops.db.begin() as c:
        acting.take(c, ops, me)
    with pytest.raises(NotActing, match="already running"):
        local.run(ops)


def test_a_damaged_input_is_found_before_the_step_runs(ops: Ops) -> None:
    plan(ops, CHAIN[:1])
    local.run(ops)
    stored = ops.store.path(queries.products(ops)[0]["sha256"])
    stored.chmod(0o644)
    stored.write_bytes(b"?" * stored.stat().st_size)
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "v", CHAIN[1:2])
    local.run(ops)
    assert "input a.txt is damaged in the store" in queries.failures(ops)[0]["fault"]
    planned = rescue.plan(ops, all_failed=True)
    rescue.rescue(ops, all_failed=True, reason="disk", ticket=planned.hash)
    local.run(ops)
    assert states(ops) == {"a": "done", "b": "done"}


RUN = "import sys; from dmsops.ops import connect; from dmsops.workflow.engines import local; local.run(connect(sys.argv[1]))"


def engine_process(site: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", RUN, str(site)], start_new_session=True)


def test_killed_at_random_moments_nothing_is_lost_and_nothing_published_twice(ops: Ops, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    specs = []
    for chain in range(4):
        for i in range(5):
            needs = (f"{chain}-{i - 1}.txt",) if i else ()
            params = {"ledger": str(ledger), "seconds": 0.03}
            specs.append(StepSpec(kind="toy.write", dataset=f"{chain}-{i}", needs=needs, makes=(f"{chain}-{i}.txt",), params=params))
    plan(ops, specs)
    chance = random.Random(7)
    kills = 0
    while queries.counts(ops)["done"] + queries.counts(ops)["reused"] < len(specs):
        process = engine_process(ops.settings.site)
        try:
            process.wait(timeout=chance.uniform(1.0, 2.5) if kills < 6 else 120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
    assert kills > 0
    products = queries.products(ops, current=False)
    assert sorted(p["name"] for p in products) == sorted(s.makes[0] for s in specs)
    runs = ledger.read_text().split()
    assert len(runs) - len(specs) <= kills * ops.settings.workers


def test_workers_end_with_their_engine(ops: Ops, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    plan(ops, [StepSpec(kind="toy.write", dataset="long", makes=("long",), params={"ledger": str(ledger), "seconds": 600})])
    process = engine_process(ops.settings.site)
    while not ledger.exists():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    leftover = ["x"]
    for _ in range(100):
        found = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False)
        leftover = found.stdout.split()
        if not leftover:
            break
        time.sleep(0.1)
    assert leftover == []
