"""What goes wrong is said in words, and only it and what follows runs again."""

from __future__ import annotations

import shutil
from pathlib import Path

from dmsops.workflow import queries
from tests.e2e.desk import Desk


def attempts(desk: Desk) -> dict[str, int]:
    ops = desk.open()
    return {f"{r['kind']} {r['dataset']}": r["attempt"] for r in queries.steps(ops)}


def received(desk: Desk, delivery: Path) -> None:
    desk.json("receipt", "accept", str(delivery))
    desk.json("flow", "plan")


def test_a_missing_reference_is_named_and_p08_rescues_after_repair(tmp_path: Path, desk: Desk, delivery: Path) -> None:
    own = tmp_path / "crds"
    shutil.copytree(desk.crds, own, symlinks=True)
    desk = Desk(desk.site, own)
    received(desk, delivery)
    reference = min(own.rglob("*_gain_*.fits"))
    aside = reference.rename(tmp_path / reference.name)
    desk.json("engine", "run", code=1)
    (group,) = desk.json("workflow", "failures")
    assert reference.name in group["fault"]
    assert group["fault_class"] == "config"
    assert "P08" in group["remedy"] or "P20" in group["remedy"]
    before = attempts(desk)
    failed = [k for k, s in ((f"{r['kind']} {r['dataset']}", r["state"]) for r in queries.steps(desk.open())) if s == "failed"]
    assert 0 < len(failed) < 21
    assert desk.json("archive", "summary")["products"]["wfscmb"] < 10

    aside.rename(reference)
    looked = desk.json("runbook", "run", "P08")
    assert any(reference.name in text for text in looked["said"])
    ticket = desk.json("workflow", "rescue", "--all-failed")["plan"]["hash"]
    assert any(ticket in text for text in looked["said"])
    record = desk.json("runbook", "run", "P08", "--param", f"ticket={ticket}", "--live", "--reason", "reference delivered again")
    assert record["outcome"] == "completed"
    desk.json("engine", "run")
    after = attempts(desk)
    assert {k for k in before if before[k] and after[k] != before[k]} == set(failed)
    assert desk.json("archive", "summary")["products"]["wfscmb"] == 10
    assert desk.json("wfsc", "deliveries")[0]["state"] == "acknowledged"


def test_a_corrupt_uncal_is_found_and_made_again_with_what_follows(desk: Desk, delivery: Path) -> None:
    received(desk, delivery)
    ops = desk.open()
    step = next(r for r in queries.steps(ops) if r["kind"] == "processing.level1b" and r["dataset"].endswith("03104_00001_nrca2"))
    desk.json("engine", "run")
    uncal = next(r for r in queries.products(ops) if r["step_id"] == step["id"])
    stored = ops.store.path(uncal["sha256"])
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.seek(stored.stat().st_size // 2)
        file.write(b"\x00" * 64)
    detector1 = next(r for r in queries.steps(ops) if r["kind"] == "processing.detector1" and r["dataset"] == step["dataset"])
    again = ["workflow", "rescue", "--step", str(detector1["id"]), "--remake"]
    ticket = desk.json(*again)["plan"]["hash"]
    desk.json(*again, "--apply", ticket, "--reason", "scientist doubts it")
    desk.json("engine", "run", code=1)
    (group,) = desk.json("workflow", "failures")
    assert uncal["name"] in group["fault"]
    assert "damaged in the store" in group["fault"]
    before = attempts(desk)
    rescue = ["workflow", "rescue", "--all-failed"]
    plan = desk.json(*rescue)["plan"]
    assert any("damaged" in row["why"] for row in plan["again"])
    desk.json(*rescue, "--apply", plan["hash"], "--reason", "disk error")
    desk.json("engine", "run")
    assert queries.counts(desk.open())["failed"] == 0
    changed = {k for k, n in attempts(desk).items() if n != before[k]}
    roots = {step["dataset"], detector1["dataset"]}
    assert {k for k in changed if k.startswith("processing.level1b")} == {f"processing.level1b {step['dataset']}"}
    assert {k for k in changed if k.startswith("processing.detector1")} == {f"processing.detector1 {r}" for r in roots}
