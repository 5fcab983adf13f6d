"""Subscribers are told over the wire: in order, signed, again after trouble, and each thing once by its id."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.tables import plane
from dmsops.distribution import channels, dispatch, grants, notice_queries, streams, subscription_acts, subscriptions
from dmsops.distribution.notices import Event, Happening, put
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.flows import notices, telling
from dmsops.ops import Ops
from tests import ending
from tests.telling import Receiver, archived, lane, moved, noticed, person, receiver, standing, subscribed, telling_site


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site", **({"database": database} if database else {}))
    yield opened
    opened.db.dispose()


@pytest.fixture
def fresh(hook: Receiver) -> Receiver:
    hook.got.clear()
    hook.answers.clear()
    return hook


def happen(ops: Ops, *numbers: int, event: Event = Event.NEW, observation: str = "") -> None:
    """Write down that something happened to observations that the archive has as archived ones with a past release."""
    with ops.db.begin() as c:
        told = [Happening(event=event, observation_id=observation or f"seen-{n}", version=n, at=ops.clock.now()) for n in numbers]
        put(c, told, ops.clock.now())


def tell(ops: Ops, **given: object) -> int:
    """Tell what is due; everybody may see what ``happen`` wrote down."""
    return dispatch.deliver(ops, seen_by_all(ops), **given)


def seen_by_all(ops: Ops) -> dispatch.Releases:
    return lambda _, ids: dict.fromkeys(ids, ops.clock.now() - timedelta(days=1))


def test_a_webhook_is_told_signed_and_in_order(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    one, two = archived(ops, 1), archived(ops, 2)
    assert telling.tell(ops).deliveries == 2
    assert [event["observation_id"] for event in fresh.events] == [one, two]
    headers, body = fresh.got[0]
    expected = hmac.new(made.secret.encode(), f"{headers['X-DMSOps-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-DMSOps-Signature"] == f"sha256={expected}"
    assert headers["X-DMSOps-Event-Id"] == json.loads(body)["id"]
    assert json.loads(body)["products"] == [f"{one}_cal.fits"]
    assert telling.tell(ops).deliveries == 0


@pytest.mark.parametrize("trouble", [500, 503, 302, 307, 404, "lose", "drop"])
def test_what_fails_is_told_again_later_and_those_behind_it_wait(ops: Ops, fresh: Receiver, trouble: int | str) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1, 2, 3)
    fresh.answers[:] = [200, trouble]
    assert tell(ops) == 1
    assert standing(ops, made.id).failing_since == ops.clock.now()
    assert tell(ops) == 0, "it waits for its time"
    ops.clock.advance(timedelta(seconds=10))
    assert tell(ops) == 2
    assert standing(ops, made.id).failing_since is None
    order = list(dict.fromkeys(event["version"] for event in fresh.events))
    assert order == [1, 2, 3]
    assert sum(fresh.ids.values()) == 3 + (trouble != "lose"), "what was kept and not acknowledged comes again, by the same id"


def test_a_receiver_that_is_down_for_an_hour_gets_all_in_order(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    up = ops.clock.now() + timedelta(hours=1)

    def send(ops: Ops, one: Any, told: Any) -> Outcome:
        return channels.send(ops, one, told) if ops.clock.now() >= up else Outcome(Result.LATER, "connection refused")

    for n in range(1, 61):
        happen(ops, n)
        tell(ops, send=send)
        ops.clock.advance(timedelta(minutes=1))
    assert fresh.events == []
    assert standing(ops, made.id).failing_since is not None
    for _ in range(90):
        tell(ops, send=send)
        ops.clock.advance(timedelta(minutes=1))
    assert [event["version"] for event in fresh.events] == list(range(1, 61))
    assert standing(ops, made.id).failing_since is None


def test_a_receiver_that_fails_for_days_is_stopped_and_loses_nothing(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)
    tries = 0
    while standing(ops, made.id).state == "active":
        fresh.answers[:] = [500]
        tell(ops)
        ops.clock.advance(timedelta(hours=2))
        tries += 1
        assert tries < 100
    assert 30 < tries < 42, "three days of two hours"
    happen(ops, 2)
    assert tell(ops) == 0
    seen = subscription_acts.preview(ops, "resume", [made.id])
    subscription_acts.apply(ops, "resume", [made.id], ticket=seen.hash, reason="the receiver is mended")
    fresh.answers.clear()
    assert tell(ops) == 2
    assert lane(ops, made.id) == [("New", "delivered")] * 2


def test_a_receiver_that_is_gone_is_stopped_at_once(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)
    fresh.answers[:] = [410]
    tell(ops)
    assert standing(ops, made.id).state == "stopped"


def test_one_notice_that_is_refused_again_and_again_does_not_hold_up_the_others(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1, 2)
    fresh.answers[:] = [422] * 8
    for _ in range(8):
        tell(ops)
        ops.clock.advance(timedelta(hours=1))
    tell(ops)
    assert lane(ops, made.id) == [("New", "refused"), ("New", "delivered")]
    assert subscriptions.again(ops, person(), made.id, after=0) == 2
    tell(ops)
    assert lane(ops, made.id) == [("New", "delivered")] * 2
    assert set(fresh.ids.values()) == {9, 2}


def test_what_a_killed_dispatcher_had_taken_is_told_when_its_lease_is_over(ops: Ops, fresh: Receiver) -> None:
    subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1, 2)

    def killed(*_: object) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell(ops, send=killed)
    assert tell(ops) == 0
    ops.clock.advance(timedelta(seconds=ops.settings.notify_lease_seconds))
    assert tell(ops) == 2
    assert set(fresh.ids.values()) == {1}


@pytest.mark.parametrize("late", [Outcome(Result.LATER, "late"), Outcome(Result.DONE)])
def test_who_is_late_does_not_undo_what_another_dispatcher_has_done_meanwhile(ops: Ops, fresh: Receiver, late: Outcome) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)

    def slow(*_: object) -> Outcome:
        ops.clock.advance(timedelta(seconds=ops.settings.notify_lease_seconds))
        assert tell(ops) == 1
        return late

    tell(ops, send=slow)
    assert lane(ops, made.id) == [("New", "delivered")]
    ops.clock.advance(timedelta(hours=2))
    assert tell(ops) == 0
    assert set(fresh.ids.values()) == {1}


def test_who_is_late_does_not_end_the_lease_of_another_dispatcher(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)

    def slow(*_: object) -> Outcome:
        ops.clock.advance(timedelta(seconds=ops.settings.notify_lease_seconds))
        with ops.db.begin() as c:
            assert dispatch.claim(c, ops, made.id, seen_by_all(ops)) is not None
        return Outcome(Result.LATER, "late")

    tell(ops, send=slow)
    ops.clock.advance(timedelta(seconds=ops.settings.notify_lease_seconds - 1))
    assert tell(ops) == 0, "the other one has it"
    ops.clock.advance(timedelta(seconds=1))
    assert tell(ops) == 1


def test_a_mistake_of_ours_in_one_lane_lets_the_others_be_told(ops: Ops, fresh: Receiver) -> None:
    bad = subscribed(ops, "New", channel="webhook", address=f"{fresh.address}/bad")
    subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)

    def send(ops: Ops, one: Any, told: Any) -> Outcome:
        if one.id == bad.id:
            raise RuntimeError("a mistake")
        return channels.send(ops, one, told)

    assert tell(ops, send=send) == 1
    assert notice_queries.show(ops, bad.id)["error"].startswith("our own failure (RuntimeError)")


def test_a_paused_subscription_is_told_when_it_is_resumed_and_an_ended_one_never(ops: Ops, fresh: Receiver) -> None:
    paused = subscribed(ops, "New", channel="webhook", address=fresh.address)
    ended = subscribed(ops, "New", channel="webhook", address=f"{fresh.address}2")
    subscriptions.act(ops, person(), "pause", paused.id)
    happen(ops, 1)
    subscriptions.act(ops, person(), "end", ended.id)
    assert tell(ops) == 0
    subscriptions.act(ops, person(), "resume", paused.id)
    assert tell(ops) == 1
    assert lane(ops, ended.id) == [("New", "dropped")]


def test_what_its_owner_may_not_see_is_told_when_they_may(ops: Ops) -> None:
    made = subscribed(ops, "New")
    identity, open_one = archived(ops, 1), archived(ops, 2)
    moved(ops, identity, "meta_release", ops.clock.now() + timedelta(days=30))
    telling.tell(ops)
    assert lane(ops, made.id) == [("New", "withheld"), ("New", "ready")]
    ops.clock.advance(timedelta(days=30) - timedelta(seconds=1))
    telling.tell(ops)
    assert lane(ops, made.id) == [("New", "withheld"), ("New", "ready")]
    ops.clock.advance(timedelta(seconds=1))
    telling.tell(ops)
    assert lane(ops, made.id) == [("New", "ready"), ("New", "ready")]
    assert open_one != identity


def test_what_is_hidden_again_before_it_is_read_comes_when_it_is_public(ops: Ops) -> None:
    made = subscribed(ops, "New")
    identity = archived(ops, 1)
    telling.tell(ops)
    moved(ops, identity, "meta_release", ops.clock.now() + timedelta(minutes=20))
    assert streams.read(ops, made.id, 0, notices.meta_releases).events == ()
    assert lane(ops, made.id) == [("New", "withheld")]
    ops.clock.advance(timedelta(minutes=20))
    telling.tell(ops)
    assert lane(ops, made.id) == [("New", "ready")]


def test_whom_the_pi_lets_in_is_told_within_the_hour(ops: Ops) -> None:
    made = subscribed(ops, "New")
    moved(ops, archived(ops, 1), "meta_release", ops.clock.now() + timedelta(days=30))
    telling.tell(ops)
    grants.grant(ops, "ann", "02726", reason="for the test")
    ops.clock.advance(timedelta(hours=1))
    telling.tell(ops)
    assert lane(ops, made.id) == [("New", "ready")]


def test_a_closed_account_is_told_nothing_more(ops: Ops, fresh: Receiver) -> None:
    made = subscribed(ops, "New", channel="webhook", address=fresh.address)
    happen(ops, 1)
    ending.close(ops, "ann", reason="for the test")
    assert tell(ops) == 0
    assert fresh.events == []
    assert standing(ops, made.id).state == "ended"


def test_releases_are_told_when_they_come_and_put_right_when_they_were_told_wrong(ops: Ops) -> None:
    made = subscribed(ops, "Public")
    proposals.put(ops, "02726", reason="for the test", exclusive_days=10)
    identity = archived(ops, 1)
    telling.tell(ops)
    ops.clock.advance(timedelta(days=10))
    telling.tell(ops)
    assert lane(ops, made.id) == [("Public", "ready")]
    with ops.db.begin() as c:
        c.execute(sa.update(plane).values(data_release=ops.clock.now() + timedelta(days=5)))
    assert notices.reconsider(ops) == 1
    telling.tell(ops)
    ops.clock.advance(timedelta(days=5))
    telling.tell(ops)
    assert noticed(ops)[-3:] == [("Public", identity, 1), ("Held", identity, 2), ("Public", identity, 2)]


def test_a_stream_is_read_on_from_where_its_reader_was(ops: Ops) -> None:
    number = subscribed(ops, "New").id
    happen(ops, 1, 2, 3)
    assert tell(ops) == 3
    piece = streams.read(ops, number, streams.begin(ops, number), seen_by_all(ops))
    assert [told["version"] for _, told in piece.events] == [1, 2, 3]
    assert streams.acknowledge(ops, number, piece.events[1][0]) == 2
    assert streams.acknowledge(ops, number, piece.events[1][0]) == 0
    rest = streams.read(ops, number, streams.begin(ops, number), seen_by_all(ops))
    assert [told["version"] for _, told in rest.events] == [3]
    hidden = streams.read(ops, number, 0, lambda *_: {})
    assert (hidden.events, hidden.after) == ((), piece.after)
    assert [state for _, state in lane(ops, number)] == ["delivered", "delivered", "withheld"]
    assert notice_queries.summary(ops)["deliveries"]["withheld"] == 1
    assert [row["observation_id"] for row in notice_queries.last(ops)] == ["seen-3", "seen-2", "seen-1"]
