"""Visits that went wrong in flight (F13 to F17): found at receipt, said in plain words, repaired by procedure P05's verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dmsops.core import outbox
from dmsops.core.config import Settings
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.records import Readout, Visit
from dmsops.flows import science, status_files
from dmsops.flows.receiving import receive_waiting
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.interfaces.fos.osf import read_osf, write_osf
from dmsops.ops import Ops
from dmsops.procedures import reconciliation
from dmsops.receipt import accept, reconcile
from dmsops.testbed.faults.visits import SHIFT, deliver_report
from dmsops.testbed.fly import Flight, fly
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.sites import small_site
from dmsops.workflow import acts, engines, queries, replan
from dmsops.workflow.choose import Selection

VISIT = "02726402001"
LATER = datetime(2022, 12, 4, 6, 0, tzinfo=UTC)
LEVEL1B = "processing.level1b"


def small(*activities: str) -> Visit:
    """Give the shipped visit cut to its acquisition and some pairs on one detector, with few integrations."""
    visit = as_size(load_visit(shipped()["wfsc_sensing_only"]), "small")
    kept = [e for e in visit.exposures if e.exp_type == "NRC_TACQ" or e.name.activity in activities]
    return replace(visit, exposures=tuple(replace(e, readouts=e.readouts[:1]) for e in kept))


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Flight]:
    settings = Settings(site=tmp_path_factory.mktemp("testbed"), workers=1)

    def fly_with(*faults: str) -> Flight:
        return fly(small("04"), tmp_path_factory.mktemp("flight"), settings=settings, faults=faults)

    return fly_with


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", LATER, mode="rehearsal", workers=2)
    yield opened
    opened.db.dispose()


def received(ops: Ops, flight: Flight) -> reconciliation.Order:
    accept(ops, flight.delivery)
    return reconciliation.order(ops)


def settled(ops: Ops) -> str:
    """Reconcile as P05 does; gives the word that PPS was told."""
    asked = reconciliation.order(ops)
    reconciliation.carry_out(ops, asked, ticket=asked.ticket, reason="P05")
    assert reconciliation.order(ops).row["needs_person"] is False
    (told,) = outbox.messages(ops.db, subject=f"V{VISIT}", neighbour="pps")
    return str(told["document"]["status"])


def test_a_skipped_visit_is_found_told_and_settled(ops: Ops, flown: Callable[..., Flight]) -> None:
    flight = flown("F13")
    assert flight.faults == (f"F13: V{VISIT} is skipped after 3 attempts at its guide star",)
    asked = received(ops, flight)
    assert (asked.row["needs_person"], asked.row["outcome"], asked.row["counts"]) == (True, "skipped", "3 skipped")
    assert asked.facts["guide_star"] == "failed at attempt 3"
    assert "acquisition failed on all attempts" in asked.preview.comparison.found[0].words
    assert science.plan_visit(ops, VISIT).exposures == 0
    assert settled(ops) == "Skipped"


def test_a_visit_that_ended_for_the_recorder_is_found_told_and_settled(ops: Ops, flown: Callable[..., Flight]) -> None:
    asked = received(ops, flown("F14"))
    assert (asked.row["status"], asked.row["end_reason"], asked.row["outcome"]) == ("UNSUCCESSFUL", "SSR ALMOST FULL", "partial")
    verdicts = [f.verdict.value for f in asked.preview.comparison.found]
    assert verdicts.count("aborted") == 1
    assert set(verdicts) <= {"executed", "aborted", "skipped"}
    assert any("was" in d and "earlier than planned" in d for d in asked.preview.comparison.differences)
    assert settled(ops) == "Failed"


def test_a_failed_acquisition_is_found_told_and_settled(ops: Ops, flown: Callable[..., Flight]) -> None:
    asked = received(ops, flown("F15"))
    assert asked.facts["target_acquisition"] == "FAILED"
    assert asked.row["counts"] == "1 executed, 2 skipped"
    assert "NRC target locate failed" in asked.preview.comparison.found[-1].words
    assert settled(ops) == "Failed"


def test_a_failed_acquisition_needs_one(flown: Callable[..., Flight], tmp_path: Path) -> None:
    visit = replace(small("04"), exposures=small("04").exposures[1:])
    with pytest.raises(BadInput, match="F15 finds no target acquisition"):
        fly(visit, tmp_path / "flight", settings=Settings(site=tmp_path, workers=1), faults=["F15"])


def test_a_visit_without_status_file_waits_is_asked_for_and_goes_on_when_it_comes(ops: Ops, flown: Callable[..., Flight]) -> None:
    flight = flown("F16")
    asked = received(ops, flight)
    assert (asked.row["outcome"], asked.row["counts"], asked.row["overdue"]) == ("unreported", "3 unreported", False)
    science.plan_received(ops)
    ops.clock.sleep(61 * 60)
    assert [d.name for d in receive_waiting(ops) if d.what == "unreported"] == [f"V{VISIT}"]
    assert [row["visit"] for row in reconcile.overdue(ops)] == [VISIT]
    asked = reconciliation.order(ops, act="ask")
    assert asked.row["needs_person"]
    reconciliation.carry_out(ops, asked, ticket="", reason="overdue")
    folder = flight.delivery.with_name("answer")
    folder.mkdir()
    write_osf(small("04"), folder)
    write_manifest(folder, delivery_id="answer", sender="OTB", sequence=9, created=LATER)
    accept(ops, folder)
    assert reconcile.overdue(ops) == []
    assert science.plan_visit(ops, VISIT).exposures == 3
    assert settled(ops) == "Executed"


def done(ops: Ops) -> dict[str, int]:
    """Run level 1b for real; gives how often each was run. What follows waits: it needs references."""
    if not acts.recent(ops, verbs=("pause",)):
        for kind in ("processing.detector1", "science.associate", "archive.ingest"):
            plan = acts.preview(ops, "pause", Selection(), scope="kind", target=kind)
            acts.act(ops, "pause", Selection(), ticket=plan.hash, reason="level 1b only", scope="kind", target=kind)
    engines.run(ops)
    with reading(ops.db) as c:
        return {name: row.attempt for name, row in replan.standing(c, "SCIENCE", VISIT, LEVEL1B).items()}


def written_with(ops: Ops) -> dict[str, str]:
    """Give the issue of the status file that each uncal was made with, from its header."""
    from astropy.io import fits

    rows = [row for row in queries.products(ops) if row["name"].endswith("_uncal.fits")]
    heads = {row["name"]: fits.getheader(ops.store.path(row["sha256"]))["OSF_FILE"] for row in rows}
    return {name.removesuffix("_uncal.fits"): osf.split("_")[1] for name, osf in heads.items()}


def made_again(ops: Ops) -> tuple[str, ...]:
    """Regenerate as P05 does; gives what is made again."""
    asked = reconciliation.order(ops, act="regenerate")
    assert asked.again is not None
    reconciliation.carry_out(ops, asked, ticket=asked.ticket, reason="P05")
    return asked.again.changed


def test_a_later_issue_makes_exactly_what_it_changes_again(ops: Ops, flown: Callable[..., Flight]) -> None:
    flight = flown("F17")
    (second,) = flight.more
    received(ops, flight)
    science.plan_visit(ops, VISIT)
    made = done(ops)
    assert set(made.values()) == {1}
    acquisition, *pair = sorted(made)
    accept(ops, second)
    assert any("make it again (procedure P05)" in problem for problem in science.plan_visit(ops, VISIT).problems)
    changed = next(name for name in pair if name[:25] in flight.faults[0])
    assert changed in made_again(ops)
    before = done(ops)
    assert {name for name, n in before.items() if n == 2} == {name for name, issue in written_with(ops).items() if issue == "002"}
    report = read_osf(next(second.glob("*_002_osf.xml")))
    first = replace(report.exposures[0], start=report.exposures[0].start - SHIFT)
    third = replace(report, issue=3, written=report.written + SHIFT, exposures=(first, *report.exposures[1:]))
    deliver_report(flight.delivery, third)
    accept(ops, flight.delivery.with_name("delivery-3"))
    assert made_again(ops) == (acquisition,)
    assert done(ops) == before | {acquisition: before[acquisition] + 1}
    assert written_with(ops)[acquisition] == "003"
    assert status_files.preview(ops, VISIT).empty


def test_exposures_that_cannot_be_simulated_fly_without_packets_and_are_missing(ops: Ops, tmp_path: Path) -> None:
    visit = small("04")
    last = visit.exposures[-1]
    other = replace(last, exp_type="MIR_IMAGE", readouts=(Readout(detector="MIRIMAGE", filter="F770W", pupil="NONE"),), readpatt="FASTR1")
    mixed = replace(visit, exposures=(*visit.exposures[:-1], other))
    flight = fly(mixed, tmp_path / "flight", settings=Settings(site=tmp_path, workers=1), without_packets=True)
    assert flight.silent == (str(other.name),)
    assert fly(mixed, tmp_path / "flight", settings=Settings(site=tmp_path, workers=1), without_packets=True) == flight
    asked = received(ops, flight)
    assert asked.row["counts"] == "2 executed, 1 missing"
    assert (flight.delivery / MANIFEST).is_file()
