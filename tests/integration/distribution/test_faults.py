"""F39 and F40: a subscriber that is down, a release date that is wrong; each is found, told and repaired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.archive import finding_queries, proposals
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import BadInput
from dmsops.distribution import notice_queries, subscription_acts
from dmsops.flows import doctor, repairs, telling
from dmsops.ops import Ops
from dmsops.testbed.faults import strike
from dmsops.testbed.subscriber import Subscriber, receiving
from tests.telling import archived, noticed, subscribed, telling_site

DAYS = 30


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site", mode="rehearsal")
    proposals.put(opened, "02726", reason="the program's choice", exclusive_days=DAYS)
    yield opened
    opened.db.dispose()


@pytest.fixture
def twin(ops: Ops, tmp_path: Path) -> Iterator[Subscriber]:
    with receiving(ops, tmp_path / "ledger") as made:
        yield made


def told(ops: Ops, twin: Subscriber, *events: str) -> int:
    """Subscribe the test bed's receiver."""
    made = subscribed(ops, *events, channel="webhook", address=twin.address)
    twin.secrets[made.id] = made.secret
    return made.id


def test_a_subscriber_that_was_down_for_an_hour_has_all_in_order_by_itself_or_at_once_by_hand(ops: Ops, twin: Subscriber) -> None:
    number = told(ops, twin, "New")
    strike(ops, ["F39"])
    names = []
    for n in range(1, 5):
        names.append(archived(ops, n))
        telling.tell(ops)
        ops.clock.advance(timedelta(minutes=14))
    (row,) = notice_queries.listed(ops, failing=True)
    assert (row["id"], row["waiting"]) == (number, 4)
    assert "disconnected" in row["error"]
    assert notice_queries.summary(ops)["failing"] == 1
    ops.clock.advance(timedelta(minutes=5))
    seen = subscription_acts.preview(ops, "retry", [number])
    subscription_acts.apply(ops, "retry", [number], ticket=seen.hash, reason="its receiver is up again")
    assert telling.tell(ops).deliveries == 4
    assert [event["observation_id"] for event in twin.events(number)] == names
    assert notice_queries.summary(ops)["failing"] == 0
    assert (twin.repeats, twin.refused) == (0, 0)


def test_a_receiver_that_does_not_know_the_secret_takes_nothing(ops: Ops, twin: Subscriber) -> None:
    number = told(ops, twin, "New")
    twin.secrets[number] = "another"
    archived(ops)
    telling.tell(ops)
    assert (twin.events(number), twin.refused) == ([], 1)


def repaired(ops: Ops) -> None:
    """Find the wrong release by the doctor and describe again, as procedures P16 and P18 do."""
    doctor.audit(ops, Scope())
    rows = finding_queries.findings(ops, checks=["C24"])
    assert rows, "the doctor finds the release that is not the program's"
    assert "P18" in rows[0]["remedy"]
    seen = repairs.preview(ops, [row["id"] for row in rows])
    done = repairs.repair(ops, [row["id"] for row in rows], ticket=seen.hash, reason="the program's own choice")
    assert done.done, done


def test_a_release_that_is_too_early_is_told_found_taken_back_and_told_at_its_time(ops: Ops, twin: Subscriber) -> None:
    number = told(ops, twin, "Public")
    identity = archived(ops)
    telling.tell(ops)
    ops.clock.advance(timedelta(hours=1))
    strike(ops, ["F40"])
    telling.tell(ops)
    assert [event["event"] for event in twin.events(number)] == ["Public"], "as the wrong date has it"
    repaired(ops)
    telling.tell(ops)
    ops.clock.advance(timedelta(days=DAYS))
    telling.tell(ops)
    assert [(event["event"], event["observation_id"]) for event in twin.events(number)] == [
        ("Public", identity), ("Held", identity), ("Public", identity)
    ]  # fmt: skip
    assert len({event["id"] for event in twin.events(number)}) == 3


def test_a_release_that_is_too_late_is_found_and_told_when_it_is_put_right(ops: Ops, twin: Subscriber) -> None:
    number = told(ops, twin, "Public")
    identity = archived(ops)
    strike(ops, ["F40L"])
    ops.clock.advance(timedelta(days=DAYS + 1))
    telling.tell(ops)
    assert twin.events(number) == []
    repaired(ops)
    telling.tell(ops)
    assert [(event["event"], event["observation_id"]) for event in twin.events(number)] == [("Public", identity)]
    assert noticed(ops)[-1][0] == "Public"


@pytest.mark.parametrize("fault", ["F39", "F40", "F40L"])
def test_a_fault_that_finds_nothing_to_act_on_says_so(ops: Ops, fault: str) -> None:
    with pytest.raises(BadInput, match=f"fault {fault} finds no"):
        strike(ops, [fault])
