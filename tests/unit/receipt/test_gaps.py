"""Gaps: found over all files, asked for again, decided by a person, and filled by packets that come later."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect
from dmsops.receipt import accept, gaps, queries
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from dmsops.workflow import blackboard
from tests.unit.receipt.packets import EXPOSURE, FILE, all_but, deliver, groups, headers, nothing

VISIT = "02726402001"


def row(ops: Ops, detector: str = "NRCA3") -> dict[str, Any]:
    return next(r for r in gaps.gap_report(ops, VISIT) if (r["exposure"], r["detector"]) == (EXPOSURE, detector))


@pytest.fixture
def holed(ops: Ops, tmp_path: Path) -> Ops:
    """A site that has the visit without groups 3 and 4 of one detector."""
    accept(ops, deliver(tmp_path / "D0001", groups(3, 4)))
    return ops


def decide(ops: Ops, decision: str, reason: str = "asked FOS by voice") -> gaps.GapDecision:
    return gaps.decide(ops, EXPOSURE, "NRCA3", decision, ticket=gaps.preview(ops, EXPOSURE, "NRCA3", decision).hash, reason=reason)


def lines(ops: Ops, event: str) -> list[Any]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.journal).where(journal.journal.c.event == event)))


def test_the_report_counts_what_is_missing(holed: Ops) -> None:
    assert row(holed) == {
        "visit": VISIT, "exposure": EXPOSURE, "detector": "NRCA3", "expected": 6, "received": 4, "missing": 2, "missing_fraction": 2 / 6,
        "duplicates": 0, "bad_crc": 0, "files": [FILE], "state": "waiting", "decision": None, "decided_by": None, "decided_at": None,
        "reason": "2 of 6 packets are missing", "due": None,
    }  # fmt: skip
    assert row(holed, "NRCA4")["state"] == "complete"
    assert gaps.complete(holed, VISIT) == {(EXPOSURE, "NRCA4"), *((EXPOSURE[:-1] + "2", d) for d in ("NRCA3", "NRCA4"))}


def test_missing_rows_are_named(holed: Ops) -> None:
    assert gaps.missing_runs(holed, EXPOSURE, "NRCA3") == [
        {"kind": "frame", "integration": 1, "group": g, "first_row": 0, "rows": 16} for g in (3, 4)
    ]
    assert gaps.missing_runs(holed, EXPOSURE, "NRCA4") == []


def test_several_files_of_one_exposure_are_put_together_without_reading_them(holed: Ops, tmp_path: Path, monkeypatch) -> None:
    late = deliver(tmp_path / "D2", all_but(groups(3, 5)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out")
    accept(holed, late)
    monkeypatch.setattr(type(holed.store), "path", None)
    assert (row(holed)["received"], row(holed)["missing"], row(holed)["duplicates"], row(holed)["state"]) == (5, 1, 1, "waiting")


def test_an_exposure_is_whole_when_its_files_together_hold_everything(holed: Ops, tmp_path: Path) -> None:
    late = deliver(tmp_path / "D2", all_but(groups(3, 4)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out")
    accept(holed, late)
    assert row(holed)["state"] == "complete"
    assert (EXPOSURE, "NRCA3") in gaps.complete(holed, VISIT)


def test_without_a_header_packet_nobody_knows_what_is_missing(ops: Ops, tmp_path: Path) -> None:
    accept(ops, deliver(tmp_path / "D0001", headers()))
    found = row(ops)
    assert (found["expected"], found["missing"], found["received"], found["state"]) == (None, None, 6, "waiting")
    assert "no exposure header packet" in found["reason"]
    with pytest.raises(Refused, match="cannot be used: no exposure header packet"):
        gaps.preview(ops, EXPOSURE, "NRCA3", "use")


def test_the_gap_is_asked_for_by_the_file_it_is_in_and_once(holed: Ops) -> None:
    assert gaps.ask_for_gaps(holed, VISIT, "the visit is over") == [FILE]
    assert gaps.ask_for_gaps(holed, VISIT) == []
    (asked,) = queries.rerequests(holed)
    assert asked["name"] == FILE
    assert row(holed)["due"] == asked["due"]
    (message,) = (holed.settings.folder("outbox") / "fos").glob("*rerequest*")
    said = json.loads(message.read_text())
    assert said["files"] == [FILE]
    assert f"the visit is over; {EXPOSURE} NRCA3: 2 of 6 packets are missing" in said["reason"]
    assert queries.deliveries(holed)[0]["state"] == "partial"


def test_a_request_is_closed_when_the_packets_came_in_another_file(holed: Ops, tmp_path: Path) -> None:
    gaps.ask_for_gaps(holed, VISIT)
    accept(holed, deliver(tmp_path / "D2", all_but(groups(3, 4)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out"))
    assert gaps.ask_for_gaps(holed, VISIT) == []
    assert queries.rerequests(holed) == []
    assert "no packets are missing" in queries.rerequests(holed, closed=True)[0]["closed_by"]
    assert {d["id"]: d["state"] for d in queries.deliveries(holed)}["D0001"] == "complete"


def test_a_gap_between_two_files_asks_for_both(ops: Ops, tmp_path: Path) -> None:
    accept(ops, deliver(tmp_path / "D0001", groups(3, 4, 5, 6)))
    accept(ops, deliver(tmp_path / "D2", all_but(groups(5, 6)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out"))
    assert gaps.ask_for_gaps(ops, VISIT) == [FILE, "S0000_2022338025616_901.out"]


def test_a_file_that_only_repeats_what_is_beside_the_gap_is_not_asked_for(holed: Ops, tmp_path: Path) -> None:
    accept(holed, deliver(tmp_path / "D2", all_but(groups(2)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out"))
    assert gaps.ask_for_gaps(holed, VISIT) == [FILE]


def test_a_person_uses_what_is_there(holed: Ops) -> None:
    seen = gaps.preview(holed, EXPOSURE, "NRCA3", "use")
    assert "without 2 of 6 packets" in seen.words
    assert row(holed)["state"] == "waiting"
    decide(holed, "use")
    found = row(holed)
    assert (found["state"], found["decision"], found["decided_by"], found["reason"]) == (
        "used with gaps",
        "use",
        "tester",
        "asked FOS by voice",
    )
    (line,) = lines(holed, "gap.decided")
    assert (line.target, line.reason) == (f"{EXPOSURE} NRCA3", "asked FOS by voice")


def test_a_person_gives_an_exposure_up_and_takes_it_back(holed: Ops) -> None:
    decide(holed, "give-up")
    assert row(holed)["state"] == "given up"
    assert gaps.ask_for_gaps(holed, VISIT) == []
    decide(holed, "wait", "FOS found it")
    assert row(holed)["state"] == "waiting"
    assert len(lines(holed, "gap.decided")) == 2


def test_a_decision_is_not_taken_back_once_a_product_was_made(holed: Ops) -> None:
    decide(holed, "use")
    with holed.db.begin() as c:
        blackboard.publish(c, holed, f"{EXPOSURE}_nrca3_uncal.fits", "0" * 64, 1, origin="processing.level1b")
    with pytest.raises(Refused, match="made already"):
        gaps.preview(holed, EXPOSURE, "NRCA3", "wait")


def test_too_little_cannot_be_used(ops: Ops, tmp_path: Path) -> None:
    accept(ops, deliver(tmp_path / "D0001", groups(1, 2, 3, 4)))
    with pytest.raises(Refused, match="33 % of its packets are there, at least 50 % are needed"):
        gaps.preview(ops, EXPOSURE, "NRCA3", "use")


@pytest.mark.parametrize(("detector", "decision", "why"), [("NRCA4", "use", "nothing is missing"), ("NRCA3", "wait", "it waits")])
def test_what_would_change_nothing_is_refused(holed: Ops, detector: str, decision: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        gaps.preview(holed, EXPOSURE, detector, decision)


def test_what_is_not_known_is_refused_in_words(holed: Ops) -> None:
    with pytest.raises(NotFound, match=r"nothing is known of .* on NIS"):
        gaps.preview(holed, EXPOSURE, "NIS", "use")
    with pytest.raises(BadInput, match="use, give-up or wait"):
        gaps.preview(holed, EXPOSURE, "NRCA3", "forget")


def test_a_stale_preview_a_missing_reason_and_a_viewer_are_refused(holed: Ops, tmp_path: Path) -> None:
    seen = gaps.preview(holed, EXPOSURE, "NRCA3", "use")
    with pytest.raises(BadInput, match="needs a reason"):
        gaps.decide(holed, EXPOSURE, "NRCA3", "use", ticket=seen.hash, reason=" ")
    viewer = connect(holed.settings.site, operator=Person("guest", Role.VIEWER), clock=holed.clock)
    with pytest.raises(NotAllowed):
        gaps.decide(viewer, EXPOSURE, "NRCA3", "use", ticket=seen.hash, reason="why not")
    viewer.db.dispose()
    accept(holed, deliver(tmp_path / "D2", all_but(groups(3)), delivery_id="D2", only=FILE, as_name="S0000_2022338025616_901.out"))
    with pytest.raises(StalePlan, match="has changed since the preview"):
        gaps.decide(holed, EXPOSURE, "NRCA3", "use", ticket=seen.hash, reason="too late")
    assert row(holed)["state"] == "waiting"


def test_gaps_are_used_by_themselves_only_where_the_site_says_so(tmp_path: Path) -> None:
    for name, minutes in (("never", 0.0), ("soon", 30.0)):
        ops = small_site(tmp_path / name, START + timedelta(hours=2), use_gaps_after_minutes=minutes)
        assert isinstance(ops.clock, SimulatedClock)
        accept(ops, deliver(tmp_path / f"D-{name}", groups(3)))
        gaps.ask_for_gaps(ops, VISIT)
        ops.clock.advance(timedelta(minutes=29))
        assert gaps.decide_overdue(ops, VISIT) == []
        ops.clock.advance(timedelta(minutes=2))
        assert [d.decision for d in gaps.decide_overdue(ops, VISIT)] == ([] if name == "never" else ["use"])
        assert row(ops)["state"] == ("waiting" if name == "never" else "used with gaps")
        ops.db.dispose()


def test_an_exposure_that_is_whole_needs_no_decision_any_more(holed: Ops, tmp_path: Path) -> None:
    decide(holed, "give-up")
    accept(holed, deliver(tmp_path / "D2", nothing, delivery_id="D2", only=FILE))
    assert row(holed)["state"] == "complete"
