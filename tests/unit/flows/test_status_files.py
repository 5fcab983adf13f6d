"""A second status file makes again what it changes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, Refused, StalePlan
from dmsops.core.people import Person, Role
from dmsops.core.records import Dither, Exposure, Visit
from dmsops.flows import status_files
from dmsops.receipt import accept
from dmsops.testing.deliveries import write_delivery
from dmsops.workflow import queries, replan, rescue
from dmsops.workflow.acts import act, agree
from dmsops.workflow.acts import preview as look
from dmsops.workflow.choose import Selection
from dmsops.workflow.states import StepState

VISIT = "02726402001"
FIRST, SECOND = f"jw{VISIT}_03104_00001", f"jw{VISIT}_03104_00002"
Change = Callable[[Exposure], Exposure]


def changed(visit: Visit, number: int, change: Change) -> Visit:
    return replace(visit, exposures=tuple(change(e) if e.name.number == number else e for e in visit.exposures))


def earlier(e: Exposure) -> Exposure:
    return replace(e, start=e.start - timedelta(seconds=1))


def aborted(e: Exposure) -> Exposure:
    return replace(e, status="aborted")


def regenerate(desk: Any, reason: str = "second issue") -> status_files.Regeneration:
    return status_files.regenerate(desk.ops, VISIT, ticket=status_files.preview(desk.ops, VISIT).hash, reason=reason)


def level1b(desk: Any) -> dict[str, Any]:
    with reading(desk.ops.db) as c:
        return replan.standing(c, "SCIENCE", VISIT, "processing.level1b")


@pytest.fixture
def done(desk: Any) -> Any:
    """Give the visit with everything made from its first status file."""
    desk.plan()
    desk.work()
    return desk


def test_exactly_the_changed_exposure_and_what_follows_is_made_again(done: Any) -> None:
    before = done.versions()
    name = done.issue(changed(done.visit, 2, earlier))
    seen = status_files.preview(done.ops, VISIT)
    assert (seen.report, seen.changed, seen.added, seen.void) == (name, (f"{SECOND}_nrca3", f"{SECOND}_nrca4"), (), ())
    assert done.versions() == before
    regenerate(done)
    again = [(kind, f"{SECOND}_{d}") for kind in ("detector1", "image2", "level1b") for d in ("nrca3", "nrca4")]
    assert done.work() == sorted((f"processing.{kind}", dataset) for kind, dataset in again)
    grown = {n for n, version in done.versions().items() if version == 2}
    assert grown == {f"{SECOND}_{d}_{s}.fits" for d in ("nrca3", "nrca4") for s in ("uncal", "rate", "rateints", "cal")}


def test_level_1b_made_again_reads_the_new_file_and_the_rest_keeps_the_old_one(done: Any) -> None:
    name = done.issue(changed(done.visit, 2, earlier))
    regenerate(done)
    used = {dataset: row.params["osf"] for dataset, row in level1b(done).items()}
    assert {d for d, osf in used.items() if osf == name} == {f"{SECOND}_nrca3", f"{SECOND}_nrca4"}
    assert len(used) == 4


def test_a_second_file_that_says_the_same_changes_nothing(done: Any) -> None:
    done.issue(done.visit)
    assert status_files.preview(done.ops, VISIT).empty
    assert done.plan().steps == 0
    assert done.work() == []
    with pytest.raises(Refused, match="changes nothing that was made"):
        regenerate(done)


def test_planning_again_leaves_what_differs_and_says_so(done: Any) -> None:
    name = done.issue(changed(done.visit, 2, earlier))
    report = done.plan()
    assert report.steps == 0
    assert f"{SECOND}_nrca3: {name} says something else than it was made from: make it again (procedure P05)" in report.problems
    assert done.work() == []
    regenerate(done)
    assert (done.plan().steps, done.plan().problems) == (0, [])


def test_a_fact_of_the_whole_visit_makes_all_of_it_again(done: Any) -> None:
    done.issue(replace(done.visit, end=done.visit.end + timedelta(seconds=5)))
    assert len(status_files.preview(done.ops, VISIT).changed) == 4


def test_the_wavefront_exposure_beside_a_changed_one_changes_too(desk: Any) -> None:
    pair = tuple(replace(e, dither=Dither(pattern="WFSC", index=e.name.number, total=2)) for e in desk.visit.exposures)
    visit = replace(desk.visit, exposures=pair)
    accept(desk.ops, write_delivery(desk.ops.settings.folder("inbox") / "D0009", visit, delivery_id="D0009"))
    desk.plan()
    desk.issue(changed(visit, 2, earlier))
    assert len(status_files.preview(desk.ops, VISIT).changed) == 4
    desk.issue(changed(visit, 1, earlier), 3)
    assert status_files.preview(desk.ops, VISIT).changed == (f"{FIRST}_nrca3", f"{FIRST}_nrca4")


def test_an_exposure_that_is_completed_now_is_planned_for_the_first_time(desk: Any) -> None:
    desk.issue(changed(desk.visit, 2, aborted))
    desk.plan()
    desk.work()
    desk.issue(desk.visit, 3)
    seen = regenerate(desk)
    assert (seen.changed, seen.added) == ((), (f"{SECOND}_nrca3", f"{SECOND}_nrca4"))
    assert ("processing.level1b", f"{SECOND}_nrca3") in desk.work()


def test_what_does_not_count_any_more_is_listed_and_left(done: Any) -> None:
    before = done.versions()
    name = done.issue(changed(done.visit, 1, aborted))
    seen = status_files.preview(done.ops, VISIT)
    assert [v.dataset for v in seen.void] == [f"{FIRST}_nrca3", f"{FIRST}_nrca4"]
    assert seen.void[0].words == f"{FIRST} is aborted in {name}"
    assert seen.void[0].products == tuple(f"{FIRST}_nrca3_{s}.fits" for s in ("cal", "rate", "rateints", "uncal"))
    assert {n: v for n, v in done.versions().items() if n in before} == before


def test_steps_that_have_not_run_yet_take_the_new_file(desk: Any) -> None:
    desk.plan()
    name = desk.issue(changed(desk.visit, 2, earlier))
    assert len(regenerate(desk).changed) == 2
    assert level1b(desk)[f"{SECOND}_nrca3"].params["osf"] == name
    assert len([1 for kind, _ in desk.work() if kind == "processing.level1b"]) == 4


def test_a_running_step_is_waited_for(desk: Any) -> None:
    desk.plan()
    desk.ingest()
    desk._claim()
    desk.issue(changed(desk.visit, 2, earlier))
    with pytest.raises(Refused, match=r"is running"):
        regenerate(desk)


def test_a_dropped_step_stays_dropped(done: Any) -> None:
    number = level1b(done)[f"{SECOND}_nrca3"].id
    chosen = rescue.plan(done.ops, [number], remake=True)
    rescue.rescue(done.ops, steps=[number], remake=True, ticket=chosen.hash, reason="again")
    asked = act(done.ops, "drop", Selection(steps=(number,)), ticket=look(done.ops, "drop", Selection(steps=(number,))).hash, reason="no")
    other = done.ops.as_person(Person("second", Role.LEAD))
    agree(other, asked.command, reason="yes")
    done.issue(changed(done.visit, 2, earlier))
    seen = regenerate(done)
    assert (seen.dropped, seen.changed) == ((f"{SECOND}_nrca3",), (f"{SECOND}_nrca4",))
    assert queries.step_row(done.ops, number)["state"] == StepState.CANCELLED


def test_a_ticket_serves_once(done: Any) -> None:
    done.issue(changed(done.visit, 2, earlier))
    ticket = status_files.preview(done.ops, VISIT).hash
    status_files.regenerate(done.ops, VISIT, ticket=ticket, reason="second issue")
    with pytest.raises(StalePlan, match="not as it was in the preview"):
        status_files.regenerate(done.ops, VISIT, ticket=ticket, reason="second issue")


def test_only_operators_regenerate_and_only_with_a_reason(done: Any) -> None:
    done.issue(changed(done.visit, 2, earlier))
    ticket = status_files.preview(done.ops, VISIT).hash
    with pytest.raises(NotAllowed, match="visit regenerate"):
        status_files.regenerate(done.ops.as_person(Person("guest", Role.VIEWER)), VISIT, ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="needs a reason"):
        status_files.regenerate(done.ops, VISIT, ticket=ticket, reason="")
