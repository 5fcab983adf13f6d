"""The runbooks do what they say: on a small site, in real kernels, dry and live."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest

from dmsops.core.people import system_user
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops
from dmsops.procedures import inbox, record, wavefront
from dmsops.procedures.run import run
from dmsops.receipt import decide, reconcile
from dmsops.receipt import queries as received
from dmsops.receipt.states import DeliveryState
from dmsops.testing.deliveries import write_delivery
from dmsops.workflow import queries, rescue
from tests.runbooks.content import content
from tests.runbooks.make_site import wavefront_visit


@pytest.mark.parametrize("procedure", ["P02", "P03", "P04", "P05", "P06", "P08", "P10"])
def test_a_dry_run_changes_nothing(frozen, procedure):
    before = content(frozen)
    ended = run(frozen, procedure)
    assert (ended.outcome, ended.error) == ("completed", None)
    assert content(frozen) == before


def failed_step(ops: Ops) -> int:
    return queries.steps(ops, states=["failed"])[0]["id"]


def test_p08_rescues_what_the_plan_said(frozen):
    step = failed_step(frozen)
    ticket = rescue.plan(frozen, all_failed=True).hash
    ended = run(frozen, "P08", {"ticket": ticket}, dry_run=False, reason="reference added")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert queries.step_row(frozen, step)["state"] == "ready"
    assert queries.story(frozen, step)[-1]["reason"] == "reference added"
    assert record.step_result(frozen, ended.id, "rescue")["hash"] == ticket
    assert record.verify(frozen) == []


def test_p08_does_nothing_with_a_ticket_that_is_void(frozen):
    step = failed_step(frozen)
    ended = run(frozen, "P08", {"ticket": "0" * 16}, dry_run=False, reason="hurry")
    assert ended.outcome == "failed"
    assert "has changed since the dry run" in ended.error
    assert queries.step_row(frozen, step)["state"] == "failed"


def test_p02_takes_the_waiting_delivery(frozen):
    ended = run(frozen, "P02", dry_run=False, reason="pass 2")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert inbox.waiting(frozen) == []
    states = {d["id"]: d["state"] for d in received.deliveries(frozen)}
    assert states == {"D0001": "complete", "D0002": "complete", "D0004": "partial", "D0005": "complete"}
    assert (frozen.settings.folder("outbox") / "fos").is_dir()
    assert queries.steps(frozen, workflow_dataset="02726403001")


def test_p04_asks_again_closes_and_takes_what_came_after_all(frozen, tmp_path):
    first, second = received.rerequests(frozen)
    came = frozen.settings.folder("inbox") / "D0004-R1"
    twin = write_delivery(tmp_path / "twin", wavefront_visit("02726404001", later=timedelta(hours=4)))
    came.mkdir()
    shutil.copy(twin / first["name"], came)
    write_manifest(came, delivery_id="D0004-R1", sender="FOS", sequence=5, created=frozen.clock.now())
    ticket = decide.plan(frozen, close=[second["id"]]).hash
    given = {"close": [second["id"]], "delivery": str(came), "about": "D0004", "ticket": ticket}
    ended = run(frozen, "P04", given, dry_run=False, reason="FOS found one, the other is lost")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert received.rerequests(frozen) == []
    assert received.receipt_of(frozen, "D0004").state is DeliveryState.COMPLETE
    assert [f.name for f in received.receipt_of(frozen, "D0004-R1").released] == [first["name"]]


def test_p04_asks_again(frozen):
    number = received.rerequests(frozen)[0]["id"]
    ticket = decide.plan(frozen, ask=[number]).hash
    ended = run(frozen, "P04", {"ask": [number], "ticket": ticket}, dry_run=False, reason="FOS wants it in writing")
    assert (ended.outcome, ended.error) == ("completed", None)
    assert next(r for r in received.rerequests(frozen) if r["id"] == number)["times"] == 2
    assert (frozen.settings.folder("outbox") / "fos" / "D0004_rerequest_002.json").is_file()


def test_p10_hands_over_what_is_there_when_that_is_asked_for(frozen):
    ended = run(frozen, "P10", {"visit": "V02726402001", "hand_over_incomplete": True}, dry_run=False, reason="agreed on the loop")
    assert (ended.outcome, ended.error) == ("completed", None)
    visit = wavefront.chosen_visit(frozen, "V02726402001")
    assert [h["state"] for h in wavefront.handovers(frozen, visit)] == ["acknowledged"]
    assert wavefront.clock(frozen, visit).state.value == "met"


def test_p05_settles_a_visit_and_tells_pps(frozen):
    ticket = reconcile.preview(frozen, "02726402001").hash
    ended = run(frozen, "P05", {"visit": "02726402001", "ticket": ticket}, dry_run=False, reason="visit came")
    assert (ended.outcome, ended.error) == ("completed", None)
    row = next(v for v in reconcile.visits(frozen) if v["visit"] == "02726402001")
    assert (row["reconciled_outcome"], row["reconciled_by"]) == ("complete", system_user())
    assert (frozen.settings.folder("outbox") / "pps" / "V02726402001_status_0001.json").is_file()
