"""Subscriptions: who may have which, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, BadTransition, NotAllowed, NotFound, NotSignedIn, StalePlan
from dmsops.core.people import Person, Role
from dmsops.distribution import notice_queries, subscription_acts, subscriptions
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Scope
from dmsops.distribution.notices import ASKED, CATCH_UP, CORRECTS, Event, Happening, matches, owner_of, put
from dmsops.distribution.subscriptions import Wish
from dmsops.ops import Ops
from tests.telling import lane, person, standing, subscribed, telling_site

WISH = Wish(events=("New",), channel="stream")
T0 = datetime(2022, 12, 4, tzinfo=UTC)


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site", mail_relay="mail.example.org", mail_from="archive@example.org")
    yield opened
    opened.db.dispose()


@pytest.mark.parametrize(
    ("field", "wish"),
    [
        ("events", {"events": ()}), ("events", {"events": ("Held",)}), ("events", {"events": ("new",)}), ("channel", {"channel": "fax"}),
        ("program", {"program": "2726"}), ("program", {"program": "0272\u0666"}), ("target", {"target": "x" * 129}),
        ("target", {"target": "M\n31"}), ("instrument", {"instrument": "x" * 33}), ("address", {"address": "https://example.org"}),
        ("address", {"channel": "webhook"}), ("address", {"channel": "webhook", "address": "http://10.0.0.1/"}),
        ("address", {"channel": "email", "address": "somebody@example.org"}),
    ],
)  # fmt: skip
def test_a_wish_that_cannot_be_met_is_refused_by_its_field(ops: Ops, field: str, wish: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=f"field '{field}'") as refused:
        subscriptions.subscribe(ops, person(), replace(WISH, **wish))
    assert refused.value.facts["field"] == field
    assert notice_queries.listed(ops) == []


def test_who_is_not_known_or_whose_token_is_for_other_things_cannot_subscribe(ops: Ops) -> None:
    with pytest.raises(NotSignedIn):
        subscriptions.subscribe(ops, ANONYMOUS, WISH)
    with pytest.raises(NotAllowed, match="subscribe"):
        subscriptions.subscribe(ops, replace(person(), scopes=frozenset({Scope.READ})), WISH)


def test_e_mail_goes_to_the_account_s_own_mailbox(ops: Ops) -> None:
    made = subscribed(ops, "New", channel="email")
    assert standing(ops, made.id).address == "ann@example.org"


def test_staff_may_name_another_mailbox_with_a_reason_and_a_role(ops: Ops) -> None:
    wish = Wish(events=("Public",), channel="email", address="team@example.org")
    made = subscriptions.subscribe_for(ops, "ann", wish, reason="the team's list")
    assert standing(ops, made.id).address == "team@example.org"
    with pytest.raises(BadInput, match="reason"):
        subscriptions.subscribe_for(ops, "ann", wish, reason=" ")
    with pytest.raises(NotAllowed, match="lead"):
        subscriptions.subscribe_for(ops.as_person(Person("o", Role.OPERATOR)), "ann", wish, reason="x")
    with pytest.raises(NotFound, match="no account"):
        subscriptions.subscribe_for(ops, "nobody", WISH, reason="x")


def test_the_same_subscription_is_had_once(ops: Ops) -> None:
    made = subscribed(ops, "New")
    with pytest.raises(BadInput, match=f"subscription {made.id} is the same"):
        subscribed(ops, "New")
    subscriptions.act(ops, person(), "end", made.id)
    assert subscribed(ops, "New").id != made.id


def test_an_owner_has_a_hundred_at_most(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 2)
    subscribed(ops, "New")
    subscribed(ops, "Public")
    with pytest.raises(BadInput, match="2 are the most"):
        subscribed(ops, "First")


def test_nobody_reaches_another_s_subscription_and_staff_s_names_are_none_of_accounts(ops: Ops) -> None:
    made = subscribed(ops, "New")
    staff = Requester(name="ann", kind=Kind.STAFF, scopes=frozenset(Scope))
    for other in (person("ben"), staff):
        for act in (*subscriptions.ACTS, "again"):
            with pytest.raises(NotFound, match=f"no subscription {made.id}"):
                subscriptions.again(ops, other, made.id, after=0) if act == "again" else subscriptions.act(ops, other, act, made.id)
    assert owner_of(staff) != owner_of(person("ann"))


@pytest.mark.parametrize(("first", "then"), [("pause", "pause"), ("end", "resume"), ("end", "end"), ("pause", "retry")])
def test_an_act_that_does_not_fit_the_state_is_refused(ops: Ops, first: str, then: str) -> None:
    made = subscribed(ops, "New")
    subscriptions.act(ops, person(), first, made.id)
    with pytest.raises(BadTransition, match=f"subscription {made.id}"):
        subscriptions.act(ops, person(), then, made.id)


def test_staff_acts_on_many_by_what_was_shown(ops: Ops) -> None:
    one, two = subscribed(ops, "New"), subscribed(ops, "New", who="ben")
    seen = subscription_acts.preview(ops, "pause", [one.id, two.id])
    assert [(item["owner"], item["to"]) for item in seen.items] == [("ann", "paused"), ("ben", "paused")]
    subscriptions.act(ops, person(), "end", one.id)
    with pytest.raises((StalePlan, BadTransition)):
        subscription_acts.apply(ops, "pause", [one.id, two.id], ticket=seen.hash, reason="storm")
    seen = subscription_acts.preview(ops, "pause", [two.id])
    with pytest.raises(BadInput, match="reason"):
        subscription_acts.apply(ops, "pause", [two.id], ticket=seen.hash, reason="")
    with pytest.raises(NotAllowed):
        subscription_acts.apply(ops.as_person(Person("v", Role.VIEWER)), "pause", [two.id], ticket=seen.hash, reason="x")
    subscription_acts.apply(ops, "pause", [two.id], ticket=seen.hash, reason="storm")
    assert standing(ops, two.id).state == "paused"
    end = subscription_acts.preview(ops, "end", [two.id])
    with pytest.raises(NotAllowed, match="lead"):
        subscription_acts.apply(ops.as_person(Person("o", Role.OPERATOR)), "end", [two.id], ticket=end.hash, reason="x")


def test_one_that_is_in_the_way_can_be_skipped_by_what_was_shown(ops: Ops) -> None:
    made = subscribed(ops, "New")
    with ops.db.begin() as c:
        put(c, [Happening(event=Event.NEW, observation_id=f"o{n}", version=1, at=ops.clock.now()) for n in (1, 2)], ops.clock.now())
    (first, _) = notice_queries.deliveries(ops, made.id)
    seen = subscription_acts.preview_skip(ops, first["id"])
    assert (seen.observation_id, seen.behind) == ("o1", 1)
    with pytest.raises(StalePlan):
        subscription_acts.skip(ops, first["id"], ticket="0" * 16, reason="x")
    subscription_acts.skip(ops, first["id"], ticket=seen.hash, reason="its receiver cannot read it")
    assert lane(ops, made.id) == [("New", "skipped"), ("New", "waiting")]
    with pytest.raises(BadTransition, match="is skipped"):
        subscription_acts.preview_skip(ops, first["id"])
    with pytest.raises(NotFound):
        subscription_acts.preview_skip(ops, 999)


def test_catching_up_on_too_much_is_refused_and_nothing_is_left(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_BEFORE", 2)
    with ops.db.begin() as c:
        put(c, [Happening(event=Event.NEW, observation_id=f"o{n}", version=1, at=ops.clock.now()) for n in range(3)], ops.clock.now())
    with pytest.raises(BadInput, match="name a program"):
        subscribed(ops, "New", catch_up=True)
    assert notice_queries.listed(ops) == []


def test_the_board_sees_counts_and_where_without_what_may_be_secret(ops: Ops) -> None:
    made = subscribed(ops, "New", channel="webhook", address="http://127.0.0.1:8000/token/in/path")
    with ops.db.begin() as c:
        put(c, [Happening(event=Event.NEW, observation_id="o", version=1, at=ops.clock.now())], ops.clock.now())
    found = notice_queries.summary(ops)
    assert found["subscriptions"] == {"active": 1, "paused": 0, "stopped": 0, "ended": 0}
    assert found["deliveries"] == {"waiting": 1, "withheld": 0, "ready": 0, "refused": 0}
    assert found["oldest_waiting"] == ops.clock.now()
    (row,) = notice_queries.listed(ops)
    assert (row["place"], row["waiting"]) == ("http://127.0.0.1:8000/...", 1)
    assert "token/in/path" not in str(notice_queries.show(ops, made.id))
    assert notice_queries.last(ops)[0]["subscribers"] == 1


words = st.sampled_from(["", "a", "A", "b", "M31", "m31"])
programs = st.sampled_from(["", "00001", "00002"])
instruments = st.sampled_from(["", "NIRCAM", "nircam", "NIRCAM/IMAGE", "MIRI"])


@st.composite
def happenings(draw: Any) -> Happening:
    return Happening(
        event=draw(st.sampled_from(list(Event))), observation_id="o", version=1, at=T0 + timedelta(seconds=draw(st.integers(-3, 3))),
        program=draw(programs), target=draw(words), instrument=draw(instruments),
    )  # fmt: skip


@st.composite
def wanted(draw: Any) -> Any:
    events = draw(st.lists(st.sampled_from([e.value for e in ASKED]), min_size=1, unique=True))
    return SimpleNamespace(
        events=events, program=draw(programs), target=draw(words), instrument=draw(instruments), made_at=T0,
        after_notice=draw(st.sampled_from([CATCH_UP, 0, 5])),
    )  # fmt: skip


@given(wanted(), happenings(), st.integers(1, 10))
def test_a_filter_only_ever_takes_away(one: Any, happened: Happening, number: int) -> None:
    if matches(one, happened, number):
        for name in ("program", "target", "instrument"):
            assert matches(SimpleNamespace(**{**vars(one), name: ""}), happened, number)
        assert matches(SimpleNamespace(**{**vars(one), "events": [e.value for e in ASKED]}), happened, number)
        assert matches(SimpleNamespace(**{**vars(one), "after_notice": CATCH_UP}), happened, number)


@given(wanted(), happenings(), st.integers(1, 10))
def test_what_matches_is_what_was_asked_for_after_it_was_asked(one: Any, happened: Happening, number: int) -> None:
    fits = (
        CORRECTS.get(happened.event, happened.event) in one.events
        and one.program in {"", happened.program}
        and one.target.lower() in {"", happened.target.lower()}
        and one.instrument.lower() in {"", happened.instrument.lower(), happened.instrument.lower().split("/")[0]}
    )
    late = one.after_notice == CATCH_UP or (number > one.after_notice and happened.at >= one.made_at)
    assert matches(one, happened, number) == (fits and late)


@given(st.lists(wanted(), max_size=4), happenings())
def test_a_correction_reaches_exactly_those_that_the_first_word_reached(many: list[Any], happened: Happening) -> None:
    for correction, first in CORRECTS.items():
        reached = [matches(one, replace(happened, event=first), 9) for one in many]
        assert [matches(one, replace(happened, event=correction), 9) for one in many] == reached
