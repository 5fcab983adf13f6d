"""A gap's whole story, on SQLite and on PostgreSQL: found, asked for, decided, planned, filled."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.flows import science
from dmsops.ops import connect, create_site
from dmsops.receipt import accept, gaps, queries
from dmsops.testing.deliveries import START
from tests.unit.receipt.packets import EXPOSURE, FILE, all_but, deliver, groups

VISIT = "02726402001"


def test_a_gap_is_found_asked_for_decided_and_filled(tmp_path: Path, database: str) -> None:
    create_site(tmp_path / "site", lead="lead", database=database)
    ops = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=2)))
    accept(ops, deliver(tmp_path / "D0001", groups(3, 4)))
    (waits,) = science.plan_visit(ops, VISIT).awaited
    assert "2 of 6 packets are missing" in waits
    assert [row["name"] for row in queries.rerequests(ops)] == [FILE]
    seen = gaps.preview(ops, EXPOSURE, "NRCA3", "use")
    gaps.decide(ops, EXPOSURE, "NRCA3", "use", ticket=seen.hash, reason="needed now")
    assert science.plan_visit(ops, VISIT).awaited == []
    accept(ops, deliver(tmp_path / "D2", all_but(groups(3, 4)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out"))
    assert science.plan_visit(ops, VISIT).problems == []
    assert all(row["state"] == "complete" for row in gaps.gap_report(ops, VISIT))
    assert queries.rerequests(ops) == []
    ops.db.dispose()
