"""What is asked for again: reminders, a person's word, and a remainder that comes days later."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, BadTransition, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept, decide, queries, remind
from dmsops.receipt.states import DeliveryState
from tests.receipts import decided

SCIENCE = "S0000_2022338025616_001.out"


@pytest.fixture
def partial(ops: Ops, folder: Path) -> Path:
    """A delivery without one of its files, accepted; gives the file, kept elsewhere."""
    kept = folder.parent.parent / SCIENCE
    (folder / SCIENCE).rename(kept)
    accept(ops, folder)
    return kept


def later(ops: Ops, **by: float) -> None:
    assert isinstance(ops.clock, SimulatedClock)
    ops.clock.advance(timedelta(**by))


def asked(ops: Ops) -> list[str]:
    return sorted(p.name for p in (ops.settings.folder("outbox") / "fos").glob("*_rerequest_*.json"))


def lines(ops: Ops, event: str) -> list[str]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.journal.c.target).where(journal.journal.c.event == event)).scalars())


def test_an_overdue_file_is_asked_for_again_with_a_new_number_and_a_new_time(ops: Ops, partial: Path) -> None:
    assert remind(ops).asked == ()
    later(ops, minutes=61)
    assert remind(ops).asked == (SCIENCE,)
    assert remind(ops).asked == ()
    (row,) = queries.rerequests(ops)
    assert (row["number"], row["times"], row["overdue"]) == (2, 2, False)
    assert row["due"] == ops.clock.now() + timedelta(minutes=ops.settings.rerequest_minutes)
    assert asked(ops) == ["D0001_rerequest_001.json", "D0001_rerequest_002.json"]
    document = json.loads((ops.settings.folder("outbox") / "fos" / "D0001_rerequest_002.json").read_text())
    assert document["files"] == [SCIENCE]
    assert "wanted by 2022-12-04T06:52:16" in document["reason"]
    assert lines(ops, "rerequest.repeated") == [SCIENCE]


def test_a_file_that_never_comes_is_left_to_a_person_once(ops: Ops, partial: Path) -> None:
    for _ in range(6):
        later(ops, minutes=61)
        remind(ops)
    assert len(asked(ops)) == ops.settings.rerequest_times
    assert lines(ops, "rerequest.unanswered") == [SCIENCE]
    (row,) = queries.rerequests(ops)
    assert row["raised_at"] is not None
    decided(ops, ask=[row["id"]], reason="FOS found the tape")
    assert len(asked(ops)) == ops.settings.rerequest_times + 1
    (row,) = queries.rerequests(ops)
    assert (row["raised_at"], row["overdue"]) == (None, False)


def test_a_reminder_that_could_not_be_laid_out_is_not_lost(ops: Ops, partial: Path) -> None:
    later(ops, minutes=61)
    shutil.rmtree(ops.settings.folder("outbox") / "fos")
    (ops.settings.folder("outbox") / "fos").write_text("no folder")
    with pytest.raises(Exception, match="cannot be laid"):
        remind(ops)
    (ops.settings.folder("outbox") / "fos").unlink()
    assert remind(ops).asked == ()
    assert asked(ops) == ["D0001_rerequest_002.json"]


def test_the_remainder_that_comes_days_later_in_another_delivery_closes_the_request(ops: Ops, partial: Path) -> None:
    later(ops, days=3)
    remind(ops)
    rest = ops.settings.folder("inbox") / "D0007"
    rest.mkdir()
    shutil.copy(partial, rest / SCIENCE)
    write_manifest(rest, delivery_id="D0007", sender="FOS", sequence=7, created=ops.clock.now())
    assert accept(ops, rest).state is DeliveryState.COMPLETE
    assert queries.rerequests(ops) == []
    assert queries.receipt_of(ops, "D0001").state is DeliveryState.COMPLETE
    later(ops, days=1)
    assert remind(ops).asked == ()


def test_who_may_and_what_is_refused(ops: Ops, partial: Path) -> None:
    number = queries.rerequests(ops)[0]["id"]
    guest = ops.as_person(Person("guest", Role.VIEWER))
    for act in (
        lambda: remind(guest),
        lambda: decided(guest, ask=[number], reason="x"),
        lambda: decided(guest, close=[number], reason="x"),
    ):
        with pytest.raises(NotAllowed):
            act()
    for verb in ("ask", "close"):
        with pytest.raises(BadInput, match="reason"):
            decided(ops, reason=" ", **{verb: [number]})
        with pytest.raises(NotFound):
            decided(ops, reason="x", **{verb: [number + 999]})
    decided(ops, close=[number], reason="lost on the ground")
    for verb in ("ask", "close"):
        with pytest.raises(BadTransition, match="closed already, by tester"):
            decided(ops, reason="x", **{verb: [number]})


def test_the_request_for_a_manifest_closes_when_the_same_folder_can_be_used(ops: Ops, folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text[:-9])
    with pytest.raises(BadInput):
        accept(ops, folder)
    (row,) = queries.rerequests(ops)
    assert "D0001" in row["reason"]
    (folder / MANIFEST).write_text(text)
    accept(ops, folder)
    assert queries.rerequests(ops) == []


def test_a_replay_is_acknowledged_again_only_when_the_sender_took_the_first_answer(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    accept(ops, folder)
    assert [m["name"] for m in outbox.messages(ops.db)] == ["D0001_ack.json"]
    (ops.settings.folder("outbox") / "fos" / "D0001_ack.json").unlink()
    accept(ops, folder)
    assert [m["name"] for m in outbox.messages(ops.db)] == ["D0001_ack_002.json", "D0001_ack.json"]
    first, second = (m["document"]["files"] for m in outbox.messages(ops.db))
    assert first == second


def test_a_repaired_delivery_is_acknowledged_again_with_the_file_that_came(ops: Ops, folder: Path, partial: Path) -> None:
    shutil.copy(partial, folder / SCIENCE)
    accept(ops, folder)
    second, _asked, first = (m["document"]["files"] for m in outbox.messages(ops.db))
    assert set(second) - set(first) == {SCIENCE}


def test_a_decision_is_looked_at_and_then_done_whole_or_not_at_all(ops: Ops, folder: Path) -> None:
    names = sorted(p.name for p in folder.glob("S0000_*"))
    for name in names:
        (folder / name).unlink()
    accept(ops, folder)
    first, second = (r["id"] for r in queries.rerequests(ops))
    shown = decide.plan(ops, ask=[first], close=[second])
    assert [(i.name, i.verb) for i in shown.items] == [(names[0], "ask again"), (names[1], "close")]
    assert len(queries.rerequests(ops)) == 2
    with pytest.raises(StalePlan):
        decide.decide(ops, ask=[second], close=[first], ticket=shown.hash, reason="x")
    with pytest.raises(BadInput, match="reason"):
        decide.decide(ops, ask=[first], close=[second], ticket=shown.hash, reason="")
    decide.decide(ops, ask=[first], close=[second], ticket=shown.hash, reason="FOS says so")
    (row,) = queries.rerequests(ops)
    assert (row["id"], row["times"]) == (first, 2)
    with pytest.raises(BadTransition):
        decide.decide(ops, ask=[first], close=[second], ticket=shown.hash, reason="again")
    with pytest.raises(BadInput, match="again and closed"):
        decide.plan(ops, ask=[first], close=[first])
    with pytest.raises(StalePlan):
        decide.decide(ops, ask=[first], ticket=decide.plan(ops, close=[first]).hash, reason="x")
    with pytest.raises(NotAllowed):
        decide.decide(ops.as_person(Person("guest", Role.VIEWER)), ask=[first], ticket=shown.hash, reason="x")
