"""What became of a visit: plan, status file and telemetry brought together, settled, told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, Failed, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role
from dmsops.core.records import Exposure, Readout, Visit
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.interfaces.fos.osf import report_of, write_osf, write_report
from dmsops.interfaces.pps import plan_name, write_plan
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept, queries, reconcile, reports
from dmsops.receipt.states import FileState
from dmsops.testbed.faults import inject
from dmsops.testing.deliveries import START, small_visit, write_delivery

NUMBER = "02726402001"
FIRST, SECOND = f"jw{NUMBER}_03104_00001", f"jw{NUMBER}_03104_00002"


def with_status(visit: Visit, *states: str) -> Visit:
    return replace(visit, exposures=tuple(replace(e, status=s) for e, s in zip(visit.exposures, states, strict=True)))


def delivered(
    ops: Ops,
    planned: Visit,
    flown: Visit | None,
    *,
    without: Iterable[str] = (),
    plan: bool = True,
    number: str = "D0001",
    faults: Iterable[str] = (),
) -> None:
    """Receive a visit: packets as planned but for those named, its plan, and the status file of how it was flown."""
    folder = write_delivery(ops.settings.folder("inbox") / number, planned)
    for osf in folder.glob("*_osf.xml"):
        osf.unlink()
    if flown is not None:
        write_osf(flown, folder)
    write_plan(planned, folder / plan_name(planned.id))
    if not plan:
        (folder / plan_name(planned.id)).unlink()
    for serial in without:
        (file,) = folder.glob(f"S0000_*_{serial}.out")
        file.unlink()
    (folder / MANIFEST).unlink()
    inject(folder, tuple(faults), stage="sending")
    write_manifest(folder, delivery_id=number, sender="FOS", sequence=1, created=planned.end + timedelta(minutes=40))
    accept(ops, folder)


def verdicts(ops: Ops) -> dict[tuple[str, str], str]:
    return {(f.exposure, f.detector): f.verdict.value for f in reconcile.compare(ops, NUMBER).found}


def settle(ops: Ops, reason: str = "shift") -> reconcile.Reconciled:
    return reconcile.reconcile(ops, NUMBER, ticket=reconcile.preview(ops, NUMBER).hash, reason=reason)


def document(ops: Ops, neighbour: str, name: str) -> dict:
    return json.loads((ops.settings.folder("outbox") / neighbour / name).read_text())


def events(ops: Ops, event: str) -> list[str]:
    with reading(ops.db) as c:
        lines = journal.journal.c
        return list(c.execute(sa.select(lines.target).where(lines.event == event).order_by(lines.seq)).scalars())


def test_a_visit_that_went_as_planned_is_complete(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    seen = reconcile.compare(ops, f"V{NUMBER}")
    assert (seen.outcome, seen.counts, seen.differences) == ("complete", {"executed": 4}, ())
    assert (seen.guiding, seen.target_acquisition, seen.issue) == ("acquired at attempt 1", "NONE", 1)


def test_every_verdict_is_found(ops: Ops) -> None:
    planned = small_visit(exposures=6)
    flown = with_status(planned, "completed", "completed", "aborted", "failed", "missing", "missing")
    other = replace(planned.exposures[0], name=replace(planned.exposures[0].name, number=9))
    ended = replace(flown, exposures=(*flown.exposures, other), status="UNSUCCESSFUL", end_reason="SSR ALMOST FULL")
    delivered(ops, planned, ended, without=("002", "005"))
    found = {f.exposure[-1]: (f.verdict.value, f.words) for f in reconcile.compare(ops, NUMBER).found}
    assert {n: v for n, (v, _) in found.items()} == {
        "1": "executed", "2": "missing", "3": "aborted", "4": "failed", "5": "skipped", "6": "unreported", "9": "unplanned",
    }  # fmt: skip
    assert found["2"][1] == "Reported as completed, and its packets are not all here. No packet of it came."
    assert found["5"][1] == "Planned, and not begun. The visit ended: SSR ALMOST FULL."


def test_packets_that_came_in_part_are_missing_in_part(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit(), faults=["F10:S0000_*_001.out"])
    found = {(f.exposure, f.detector): f for f in reconcile.compare(ops, NUMBER).found}
    (hurt,) = [f for f in found.values() if f.verdict.value == "missing"]
    assert (hurt.exposure, hurt.words.endswith("Some packets of it came.")) == (FIRST, True)
    assert sorted(verdicts(ops).values()) == ["executed"] * 3 + ["missing"]


def test_packets_that_came_in_two_files_are_whole_together(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit(), faults=["F12:S0000_*_001.out"])
    assert set(verdicts(ops).values()) == {"executed"}


def test_a_detector_that_was_not_read_or_not_planned_is_found(ops: Ops) -> None:
    planned = small_visit(detectors=("NRCA3", "NRCA4"))
    read = Readout(detector="NRCB1", filter="F212N", pupil="WLM8")

    def swap(e: Exposure) -> Exposure:
        return replace(e, readouts=(e.readouts[0], read))

    delivered(ops, planned, replace(planned, exposures=tuple(swap(e) for e in planned.exposures)), without=("001",))
    assert verdicts(ops)[FIRST, "NRCA4"] == "skipped"
    assert verdicts(ops)[FIRST, "NRCB1"] == "unplanned"
    assert f"{FIRST} was taken without NRCA4" in reconcile.compare(ops, NUMBER).differences
    assert f"{FIRST} was taken also with NRCB1" in reconcile.compare(ops, NUMBER).differences


def test_what_was_otherwise_than_planned_is_said(ops: Ops) -> None:
    planned = small_visit()
    late = replace(planned.exposures[0], start=planned.exposures[0].start + timedelta(minutes=3), exp_type="NRC_WFSC")
    delivered(ops, planned, replace(planned, start=planned.start - timedelta(seconds=70), exposures=(late,)))
    assert reconcile.compare(ops, NUMBER).differences == (
        "the visit's start was 1 minute earlier than planned",
        "2 exposures were planned, 1 is reported",
        f"the start of {FIRST} was 3 minutes later than planned",
        f"{FIRST} was planned as NRC_IMAGE and taken as NRC_WFSC",
    )


def test_an_unknown_visit_is_not_found(ops: Ops) -> None:
    with pytest.raises(NotFound, match="neither plan, status file nor packets of visit V01234567890"):
        reconcile.compare(ops, "01234567890")


# Which status file is current.


def again(ops: Ops, visit: Visit, issue: int, minutes: float, number: str) -> str:
    report = report_of(visit, issue)
    folder = ops.settings.folder("inbox") / number
    folder.mkdir()
    path = write_report(replace(report, written=report.written + timedelta(minutes=minutes)), folder)
    write_manifest(folder, delivery_id=number, sender="FOS", sequence=2, created=visit.end + timedelta(hours=1))
    accept(ops, folder)
    return path.name


@pytest.mark.parametrize(("minutes", "wins"), [(33, True), (0, True), (-5, False)])
def test_the_status_file_written_last_is_current_then_the_higher_issue(ops: Ops, minutes: float, wins: bool) -> None:
    delivered(ops, small_visit(), small_visit())
    name = again(ops, with_status(small_visit(), "completed", "aborted"), 2, minutes, "D0002")
    current = reports.current_report(ops, NUMBER)
    assert current is not None
    assert (current["name"] == name) is wins
    assert (verdicts(ops)[SECOND, "NRCA3"] == "aborted") is wins


def test_other_bytes_under_the_same_name_are_a_retransmission(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    name = again(ops, with_status(small_visit(), "completed", "aborted"), 1, 0, "D0002")
    assert [(r["version"], r["state"]) for r in queries.files(ops) if r["name"] == name] == [
        (1, FileState.SUPERSEDED), (2, FileState.RELEASED),
    ]  # fmt: skip
    assert verdicts(ops)[SECOND, "NRCA3"] == "aborted"


def test_a_status_file_under_another_name_than_it_says_is_refused(ops: Ops, folder: Path) -> None:
    (osf,) = folder.glob("*_osf.xml")
    osf.rename(folder / osf.name.replace("_001_", "_002_"))
    (folder / MANIFEST).unlink()
    write_manifest(folder, delivery_id="D0001", sender="FOS", sequence=1, created=small_visit().end)
    (bad,) = accept(ops, folder).quarantined
    assert "would be named" in str(bad.reason)


# Settling.


def test_reconciling_tells_pps_and_writes_one_line(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    done = settle(ops)
    assert (done.outcome, done.word) == ("complete", "Executed")
    told = document(ops, "pps", f"V{NUMBER}_status_0001.json")
    assert (told["message"], told["status"], len(told["exposures"])) == ("visit-status", "Executed", 4)
    assert events(ops, "visit.reconciled") == [f"V{NUMBER}"]
    assert list((ops.settings.folder("outbox") / "fos").glob("*quality*")) == []


def test_missing_packets_of_executed_exposures_are_told_to_fos(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit(), without=("002",))
    assert settle(ops).messages == (f"V{NUMBER}_status_0001.json", f"V{NUMBER}_quality_0001.json")
    told = document(ops, "fos", f"V{NUMBER}_quality_0001.json")
    assert [(m["exposure"], m["detector"]) for m in told["missing"]] == [(SECOND, "NRCA3"), (SECOND, "NRCA4")]


@pytest.mark.parametrize(
    ("status", "states", "outcome", "word"),
    [
        ("SKIPPED", ("missing", "missing"), "skipped", "Skipped"),
        ("UNSUCCESSFUL", ("completed", "missing"), "partial", "Failed"),
        ("UNSUCCESSFUL", ("aborted", "missing"), "failed", "Failed"),
        ("SUCCESSFUL", ("completed", "missing"), "partial", "Executed"),
    ],
)
def test_outcomes_and_the_words_for_pps(ops: Ops, status: str, states: tuple[str, ...], outcome: str, word: str) -> None:
    flown = replace(with_status(small_visit(), *states), status=status, end_reason="because")
    delivered(ops, small_visit(), flown, without=[f"00{n}" for n, s in enumerate(states, 1) if s == "missing"])
    assert ((done := settle(ops)).outcome, done.word) == (outcome, word)


def test_a_ticket_serves_once_and_only_while_nothing_has_come(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    ticket = reconcile.preview(ops, NUMBER).hash
    again(ops, with_status(small_visit(), "completed", "aborted"), 2, 33, "D0002")
    with pytest.raises(StalePlan, match="not as it was in the preview"):
        reconcile.reconcile(ops, NUMBER, ticket=ticket, reason="shift")
    ticket = reconcile.preview(ops, NUMBER).hash
    reconcile.reconcile(ops, NUMBER, ticket=ticket, reason="shift")
    with pytest.raises(StalePlan):
        reconcile.reconcile(ops, NUMBER, ticket=ticket, reason="shift")
    assert len(events(ops, "visit.reconciled")) == 1


def test_looking_writes_nothing(ops: Ops) -> None:
    delivered(ops, small_visit(), None)
    ops.clock.sleep(9000)
    with reading(ops.db) as c:
        before = c.execute(sa.select(sa.func.count()).select_from(journal.journal)).scalar()
    reconcile.preview(ops, NUMBER)
    reconcile.overdue(ops)
    with reading(ops.db) as c:
        assert c.execute(sa.select(sa.func.count()).select_from(journal.journal)).scalar() == before


def test_only_operators_reconcile_and_only_with_a_reason(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    ticket = reconcile.preview(ops, NUMBER).hash
    guest = ops.as_person(Person("guest", Role.VIEWER))
    with pytest.raises(NotAllowed, match="visit reconcile"):
        reconcile.reconcile(guest, NUMBER, ticket=ticket, reason="shift")
    with pytest.raises(NotAllowed, match="visit ask"):
        reconcile.ask_for_status_file(guest, NUMBER, reason="shift")
    with pytest.raises(BadInput, match="needs a reason"):
        reconcile.reconcile(ops, NUMBER, ticket=ticket, reason=" ")


# Rows for boards.


def row(ops: Ops) -> dict:
    (found,) = reconcile.visits(ops)
    return found


def test_a_visit_needs_a_person_until_it_is_settled_as_it_stands(ops: Ops) -> None:
    delivered(ops, small_visit(), with_status(small_visit(), "completed", "aborted"))
    assert (row(ops)["needs_person"], row(ops)["reconciled_by"]) == (True, None)
    settle(ops)
    assert (row(ops)["needs_person"], row(ops)["reconciled_by"], row(ops)["reconciled_outcome"]) == (False, "tester", "partial")
    again(ops, with_status(small_visit(), "completed", "failed"), 2, 33, "D0002")
    assert row(ops)["needs_person"] is True


def test_a_visit_as_planned_needs_nobody(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    assert (row(ops)["needs_person"], row(ops)["counts"], row(ops)["planned"]) == (False, {"executed": 4}, 2)


# No status file.


def test_a_visit_without_status_file_becomes_overdue_is_said_once_and_is_over_when_the_file_comes(ops: Ops) -> None:
    delivered(ops, small_visit(), None)
    assert reconcile.overdue(ops) == []
    ops.clock.sleep(59 * 60)
    assert (reconcile.note_overdue(ops), row(ops)["minutes_without_report"]) == ([], 59)
    ops.clock.sleep(60)
    assert [r["visit"] for r in reconcile.overdue(ops)] == [NUMBER]
    assert (reconcile.note_overdue(ops), reconcile.note_overdue(ops)) == ([f"V{NUMBER}"], [])
    assert events(ops, "visit.unreported") == [f"V{NUMBER}"]
    again(ops, small_visit(), 1, 0, "D0002")
    assert (reconcile.overdue(ops), row(ops)["outcome"]) == ([], "complete")


def test_a_visit_that_has_not_ended_is_not_waited_for(ops: Ops) -> None:
    planned = replace(small_visit(), end=ops.clock.now() + timedelta(hours=1))
    delivered(ops, planned, None, without=("001", "002"))
    assert row(ops)["minutes_without_report"] is None
    assert set(verdicts(ops).values()) == {"awaited"}
    ops.clock.sleep(2 * 3600)
    assert row(ops)["overdue"] is True


def test_a_status_file_is_asked_for_and_not_again_at_once(ops: Ops) -> None:
    delivered(ops, small_visit(), None)
    assert reconcile.ask_for_status_file(ops, NUMBER, reason="overdue") == f"V{NUMBER}_osf_request_001.json"
    assert document(ops, "fos", f"V{NUMBER}_osf_request_001.json")["reason"] == "overdue"
    with pytest.raises(Refused, match="was asked for at 2022-12-04 04:51:16Z"):
        reconcile.ask_for_status_file(ops, NUMBER, reason="overdue")
    ops.clock.sleep(3600)
    assert reconcile.ask_for_status_file(ops, NUMBER, reason="still").endswith("_002.json")
    again(ops, small_visit(), 1, 0, "D0002")
    with pytest.raises(Refused, match="has its status file"):
        reconcile.ask_for_status_file(ops, NUMBER, reason="more")


# What a kill leaves, and the other database.


def test_messages_that_could_not_be_laid_out_are_laid_out_by_the_next_act(ops: Ops) -> None:
    delivered(ops, small_visit(), small_visit())
    ticket = reconcile.preview(ops, NUMBER).hash
    blocked = ops.settings.folder("outbox") / "pps"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(Failed, match="cannot be laid into"):
        reconcile.reconcile(ops, NUMBER, ticket=ticket, reason="shift")
    assert row(ops)["reconciled_outcome"] == "complete"
    blocked.unlink()
    with pytest.raises(StalePlan):
        reconcile.reconcile(ops, NUMBER, ticket=ticket, reason="shift")
    settle(ops, "again")
    assert {p.name for p in blocked.iterdir()} == {f"V{NUMBER}_status_0001.json", f"V{NUMBER}_status_0002.json"}


def test_it_is_the_same_on_both_databases(tmp_path: Path, database: str) -> None:
    folder = create_site(tmp_path / "site", lead="tester", database=database)
    ops = connect(folder, operator=Person("tester", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=2)))
    delivered(ops, small_visit(), with_status(small_visit(), "completed", "aborted"))
    assert row(ops)["counts"] == {"executed": 2, "aborted": 2}
    assert (settle(ops).outcome, row(ops)["needs_person"], reconcile.note_overdue(ops)) == ("partial", False, [])
    ops.db.dispose()


def test_rows_of_many_visits_take_no_more_questions_than_those_of_one(ops: Ops) -> None:
    asked: list[str] = []
    sa.event.listen(ops.db, "before_cursor_execute", lambda *given: asked.append(given[2]))
    delivered(ops, small_visit(), small_visit())
    asked.clear()
    reconcile.visits(ops)
    one = len(asked)
    for n in range(3, 6):
        visit = small_visit(f"0272640{n}001")
        visit = replace(visit, end=visit.end + timedelta(minutes=n))
        delivered(ops, visit, visit, number=f"D000{n}")
    asked.clear()
    assert len(reconcile.visits(ops)) == 4
    assert len(asked) == one
