"""``dmsops gaps``: what is missing is shown, a decision is previewed and applied by its hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dmsops.core.errors import NotFound
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept, gaps
from tests.commands import call
from tests.unit.receipt.packets import EXPOSURE, FILE, deliver, groups

WHAT = ("gaps", "decide", EXPOSURE, "nrca3", "use")


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    """A site that lacks two of six packets of one exposure and detector."""
    create_site(tmp_path / "site")
    opened = connect(tmp_path / "site")
    accept(opened, deliver(tmp_path / "D0001", groups(3, 4)))
    return opened


def test_only_what_is_not_complete_is_listed(ops: Ops) -> None:
    rows = json.loads(call(ops, "gaps", "list", "--visit", "V02726402001", "--json").stdout)
    assert [(r["exposure"], r["detector"], r["missing"]) for r in rows] == [(EXPOSURE, "NRCA3", 2)]
    assert len(json.loads(call(ops, "gaps", "list", "--all", "--json").stdout)) == 4
    assert "2 of 6 packets are missing" in call(ops, "gaps", "list").stdout


def test_missing_rows_and_counters_are_shown(ops: Ops) -> None:
    rows = json.loads(call(ops, "gaps", "show", EXPOSURE, "nrca3", "--json").stdout)
    assert [r["group"] for r in rows] == [3, 4]
    followed = json.loads(call(ops, "gaps", "counters", "02726402001", "--json").stdout)
    assert next((r["file"], r["skipped"]) for r in followed if r["detector"] == "NRCA3") == (FILE, 2)


def test_a_gap_is_asked_for_once(ops: Ops) -> None:
    assert f"Asked for again: {FILE}" in call(ops, "gaps", "ask", "02726402001", "--reason", "visit over").stdout
    assert "Nothing new" in call(ops, "gaps", "ask", "02726402001").stdout


def test_a_decision_is_previewed_and_applied_by_its_hash(ops: Ops) -> None:
    seen = json.loads(call(ops, *WHAT, "--json").stdout)
    assert seen["applied"] is False
    assert seen["plan"]["hash"] in call(ops, *WHAT).stdout
    assert gaps.gap_report(ops)[0]["state"] == "waiting"
    assert call(ops, *WHAT, "--apply", "0" * 16, "--reason", "why").exit_code == 2
    done = call(ops, *WHAT, "--apply", seen["plan"]["hash"], "--reason", "needed for the wavefront team")
    assert done.exit_code == 0, done.output
    assert "Next: dmsops flow plan --visit 02726402001" in done.stdout
    assert gaps.gap_report(ops)[0]["state"] == "used with gaps"


def test_a_decision_without_a_reason_or_about_nothing_is_refused_in_words(ops: Ops) -> None:
    assert "needs a reason" in call(ops, *WHAT, "--yes").stderr
    nothing = call(ops, "gaps", "decide", EXPOSURE, "NIS", "use")
    assert nothing.exit_code == NotFound.exit_code
    assert "P04" in nothing.stderr
    assert "Traceback" not in nothing.output
