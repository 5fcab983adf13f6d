"""``dmsops visit``: previews before changes, sentences for people, documents for machines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.flows import science
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.interfaces.fos.osf import report_of, write_report
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept, reconcile
from dmsops.testing.deliveries import small_visit, write_delivery
from tests.commands import Part

call = Part("visit").call
VISIT = "02726402001"


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    opened = connect(create_site(tmp_path / "site"))
    accept(opened, write_delivery(tmp_path / "D0001", small_visit()))
    return opened


def later(ops: Ops, tmp_path: Path) -> None:
    """Receive issue 2: the first exposure began a second earlier."""
    visit = small_visit()
    first = replace(visit.exposures[0], start=visit.exposures[0].start - timedelta(seconds=1))
    report = report_of(replace(visit, exposures=(first, *visit.exposures[1:])), 2)
    folder = tmp_path / "D0002"
    folder.mkdir()
    write_report(replace(report, written=report.written + timedelta(hours=1)), folder)
    write_manifest(folder, delivery_id="D0002", sender="FOS", sequence=2, created=visit.end + timedelta(hours=2))
    accept(ops, folder)


def test_visits_are_listed_and_shown(ops: Ops) -> None:
    assert VISIT in call(ops, "list").output
    assert call(ops, "list", "--open").output == "No visit needs a person.\n"
    shown = call(ops, "show", f"V{VISIT}").output
    assert "Taken as planned; all its packets are here." in shown
    assert json.loads(call(ops, "show", VISIT, "--json").output)["counts"] == {"executed": 4}


def test_reconcile_shows_first_and_does_with_the_hash(ops: Ops) -> None:
    shown = call(ops, "reconcile", VISIT)
    ticket = reconcile.preview(ops, VISIT).hash
    assert f"--apply {ticket} --reason TEXT" in shown.output
    assert reconcile.visits(ops)[0]["reconciled_at"] is None
    assert call(ops, "reconcile", VISIT, "--apply", ticket).exit_code == 2
    done = call(ops, "reconcile", VISIT, "--apply", ticket, "--reason", "shift")
    assert done.output == f"V{VISIT} reconciled: complete; told V{VISIT}_status_0001.json\n"
    assert "plan.stale" in call(ops, "reconcile", VISIT, "--apply", ticket, "--reason", "shift").output


def test_regenerate_shows_first_and_does_with_the_hash(ops: Ops, tmp_path: Path) -> None:
    science.plan_visit(ops, VISIT)
    assert "changes 0 level 1b products and adds 0" in call(ops, "regenerate", VISIT).output
    later(ops, tmp_path)
    assert f"dmsops visit regenerate {VISIT}" in call(ops, "show", VISIT).output
    seen = json.loads(call(ops, "regenerate", VISIT, "--json").output)
    assert (len(seen["plan"]["changed"]), seen["applied"]) == (2, False)
    done = call(ops, "regenerate", VISIT, "--apply", seen["plan"]["hash"], "--reason", "issue 2")
    assert done.output == f"V{VISIT}: 2 made again, 0 planned\n"


def test_an_overdue_status_file_is_listed_noted_and_asked_for(tmp_path: Path) -> None:
    ops = connect(create_site(tmp_path / "site", status_file_minutes=0.0001))
    folder = write_delivery(tmp_path / "D0001", small_visit())
    next(folder.glob("*_osf.xml")).unlink()
    (folder / MANIFEST).unlink()
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=small_visit().end)
    accept(ops, folder)
    assert "was noted in the journal" in call(ops, "overdue", "--note").output
    assert "noted" not in call(ops, "overdue", "--note").output
    asked = call(ops, "ask", VISIT, "--reason", "overdue")
    assert asked.output == f"Asked: V{VISIT}_osf_request_001.json lies in the outbox for FOS\n"


def test_a_visit_that_is_not_known_is_a_sentence(ops: Ops) -> None:
    result = call(ops, "show", "01234567890")
    assert result.exit_code == 2
    assert "nothing of visit 01234567890 has been received" in result.output
