"""Bad deliveries: quarantined in words, asked for again, and the good part goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.desk import Desk

FAULTS = {"F01": "truncated", "F02": "flipped byte", "F04": "missing", "F06": "manifest"}


def science(delivery: Path) -> list[Path]:
    return sorted(delivery.glob("S0000_*.out"))


def spoil(delivery: Path, fault: str) -> str:
    """Spoil the recorder file of one sensing exposure (the last one) and give its name."""
    target = science(delivery)[-1]
    if fault == "F01":
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    elif fault == "F02":
        content = bytearray(target.read_bytes())
        content[len(content) // 3] ^= 1
        target.write_bytes(content)
    elif fault == "F04":
        target.unlink()
    else:
        manifest = json.loads((delivery / "manifest.json").read_text())
        row = next(f for f in manifest["files"] if f["name"] == target.name)
        row["sha256"] = "0" * 64
        (delivery / "manifest.json").write_text(json.dumps(manifest))
    return target.name


@pytest.mark.parametrize("fault", FAULTS, ids=FAULTS.get)
def test_a_bad_file_is_quarantined_named_and_asked_for_again(desk: Desk, delivery: Path, fault: str) -> None:
    name = spoil(delivery, fault)
    got = desk.run("receipt", "accept", str(delivery))
    assert got.returncode == 1
    assert name in got.stdout.replace("\n", "")
    assert "P04" in got.stdout
    (asked,) = desk.json("receipt", "rerequests")
    assert asked["name"] == name
    messages = [p.read_text() for p in (desk.site / "outbox" / "fos").rglob("*") if p.is_file()]
    assert any(name in text and "request" in text for text in messages)
    plan = desk.json("flow", "plan")[0]
    assert plan["exposures"] == 5
    assert any("P04" in problem for problem in plan["problems"])


def test_the_good_part_goes_on_and_the_rest_follows_when_it_comes(tmp_path: Path, desk: Desk, delivery: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(delivery, whole)
    name = spoil(delivery, "F01")
    desk.json("receipt", "accept", str(delivery), code=1)
    desk.json("flow", "plan")
    desk.json("engine", "run")
    first = desk.json("archive", "summary")["products"]
    assert (first["uncal"], first["cal"], first["wfscmb"]) == (17, 16, 5)
    assert desk.json("wfsc", "clocks")[0]["state"] == "on time"
    before = desk.versions()

    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(whole / name, again / name)
    manifest = json.loads((whole / "manifest.json").read_text())
    manifest["delivery_id"] += "-R1"
    manifest["files"] = [f for f in manifest["files"] if f["name"] == name]
    (again / "manifest.json").write_text(json.dumps(manifest))
    desk.json("receipt", "accept", str(again))
    assert desk.json("receipt", "rerequests") == []
    desk.json("flow", "plan")
    desk.json("engine", "run")
    last = desk.json("archive", "summary")["products"]
    assert (last["uncal"], last["cal"], last["wfscmb"]) == (22, 21, 10)
    assert desk.json("wfsc", "clocks")[0]["state"] == "met"
    after = desk.versions()
    assert {n: after[n] for n in before if n.endswith(".fits")} == {n: v for n, v in before.items() if n.endswith(".fits")}


def test_an_unreadable_manifest_names_file_and_field(desk: Desk, delivery: Path) -> None:
    manifest = json.loads((delivery / "manifest.json").read_text())
    del manifest["files"][0]["sha256"]
    (delivery / "manifest.json").write_text(json.dumps(manifest))
    got = desk.run("receipt", "accept", str(delivery))
    assert got.returncode == 2
    assert "manifest.json" in got.stderr
    assert "sha256" in got.stderr
    assert "P04" in got.stderr
    assert "Traceback" not in got.stderr
