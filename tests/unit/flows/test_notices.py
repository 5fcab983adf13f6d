"""From the archive's events, and from time, to notices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive import proposals
from dmsops.archive.mending import tell_again
from dmsops.archive.tables import archive_outbox, plane
from dmsops.core.db import reading
from dmsops.distribution.tables import notice
from dmsops.flows import notices, telling
from dmsops.ops import Ops
from tests.telling import OTHER, archived, lane, moved, noticed, redescribed, subscribed, telling_site, withdrawn, words


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site")
    yield opened
    opened.db.dispose()


@pytest.fixture
def exclusive(ops: Ops) -> Ops:
    """Programs whose data are held for ten days."""
    for program in ("02726", OTHER):
        proposals.put(ops, program, reason="for the test", exclusive_days=10)
    return ops


def test_data_that_come_are_new_and_a_programs_first_ones_are_first(exclusive: Ops) -> None:
    one, two = archived(exclusive, 1), archived(exclusive, 2)
    third = archived(exclusive, 1, program=OTHER)
    assert notices.gather(exclusive) == 5
    assert noticed(exclusive) == [("New", one, 1), ("First", one, 1), ("New", two, 1), ("New", third, 1), ("First", third, 1)]


def test_what_was_told_is_not_told_again(exclusive: Ops) -> None:
    archived(exclusive)
    notices.gather(exclusive)
    assert notices.gather(exclusive) == 0
    with reading(exclusive.db) as c:
        assert c.execute(sa.select(archive_outbox.c.sent_at)).scalars().all() == [exclusive.clock.now()]


def test_products_made_again_are_reprocessed_and_a_description_made_again_is_not(exclusive: Ops) -> None:
    identity = archived(exclusive)
    exclusive.clock.advance(timedelta(hours=1))
    archived(exclusive, value=2.0)
    proposals.put(exclusive, "02726", reason="for the test", exclusive_days=20)
    redescribed(exclusive, identity)
    notices.gather(exclusive)
    assert words(exclusive) == ["New", "First", "Reprocessed"]


def test_data_that_are_held_by_nobody_are_public_at_once(ops: Ops) -> None:
    archived(ops)
    notices.gather(ops)
    assert words(ops) == ["New", "First", "Public"]


def test_public_is_told_when_the_date_passes_and_not_before(exclusive: Ops) -> None:
    identity = archived(exclusive)
    exclusive.clock.advance(timedelta(days=10) - timedelta(microseconds=1))
    notices.gather(exclusive)
    assert "Public" not in words(exclusive)
    exclusive.clock.advance(timedelta(microseconds=1))
    assert notices.gather(exclusive) == 1
    assert noticed(exclusive)[-1] == ("Public", identity, 1)
    assert notices.gather(exclusive) == 0


def test_a_date_that_is_moved_before_it_passes_is_told_at_the_new_one(exclusive: Ops) -> None:
    identity = archived(exclusive)
    notices.gather(exclusive)
    proposals.put(exclusive, "02726", reason="for the test", exclusive_days=20)
    redescribed(exclusive, identity)
    exclusive.clock.advance(timedelta(days=15))
    notices.gather(exclusive)
    assert "Public" not in words(exclusive)
    exclusive.clock.advance(timedelta(days=5))
    notices.gather(exclusive)
    assert noticed(exclusive)[-1] == ("Public", identity, 2)


def test_a_date_that_is_moved_into_the_past_is_told_at_once(exclusive: Ops) -> None:
    identity = archived(exclusive)
    exclusive.clock.advance(timedelta(days=5))
    notices.gather(exclusive)
    proposals.put(exclusive, "02726", reason="for the test", exclusive_days=1)
    redescribed(exclusive, identity)
    notices.gather(exclusive)
    assert noticed(exclusive)[-1] == ("Public", identity, 2)


def test_a_release_that_was_told_too_early_is_taken_back_and_told_anew(exclusive: Ops) -> None:
    identity = archived(exclusive)
    exclusive.clock.advance(timedelta(days=11))
    notices.gather(exclusive)
    proposals.put(exclusive, "02726", reason="for the test", exclusive_days=365)
    redescribed(exclusive, identity)
    notices.gather(exclusive)
    assert noticed(exclusive)[-1] == ("Held", identity, 2)
    exclusive.clock.advance(timedelta(days=365))
    notices.gather(exclusive)
    assert noticed(exclusive)[-2:] == [("Held", identity, 2), ("Public", identity, 2)]


def test_an_observation_is_public_when_all_of_it_is(exclusive: Ops) -> None:
    identity = archived(exclusive)
    notices.gather(exclusive)
    moved(exclusive, identity, "data_release", None)
    exclusive.clock.advance(timedelta(days=100))
    notices.gather(exclusive)
    assert "Public" not in words(exclusive)


def test_a_withdrawal_and_a_restoration_are_told_and_public_only_once(ops: Ops) -> None:
    identity = archived(ops)
    withdrawn(ops, identity)
    notices.gather(ops)
    withdrawn(ops, identity, back=True)
    notices.gather(ops)
    assert words(ops) == ["New", "First", "Withdrawn", "Restored", "Public"]


def test_a_date_that_passes_while_an_observation_is_withdrawn_is_told_when_it_is_back(exclusive: Ops) -> None:
    identity = archived(exclusive)
    withdrawn(exclusive, identity)
    exclusive.clock.advance(timedelta(days=20))
    notices.gather(exclusive)
    withdrawn(exclusive, identity, back=True)
    notices.gather(exclusive)
    assert words(exclusive) == ["New", "First", "Withdrawn", "Restored", "Public"]


def test_what_is_ingested_anew_after_a_withdrawal_is_restored(exclusive: Ops) -> None:
    identity = archived(exclusive)
    withdrawn(exclusive, identity)
    archived(exclusive, value=3.0)
    notices.gather(exclusive)
    assert words(exclusive) == ["New", "First", "Withdrawn", "Restored", "Reprocessed"]


def test_events_that_were_passed_by_are_told_in_the_place_that_says_so(exclusive: Ops) -> None:
    one, two = archived(exclusive, 1), archived(exclusive, 2)
    with exclusive.db.begin() as c:
        c.execute(sa.update(archive_outbox).where(archive_outbox.c.observation_id == two).values(sent_at=exclusive.clock.now()))
    tell_again(exclusive, one, reason="for the test")
    notices.gather(exclusive)
    assert noticed(exclusive) == [("New", one, 1), ("First", one, 1)]


def test_a_clock_that_goes_back_tells_nothing_twice(exclusive: Ops) -> None:
    archived(exclusive)
    exclusive.clock.advance(timedelta(days=11))
    notices.gather(exclusive)
    exclusive.clock.advance(timedelta(days=-5))
    archived(exclusive, 2)
    notices.gather(exclusive)
    exclusive.clock.advance(timedelta(days=5))
    notices.gather(exclusive)
    assert words(exclusive).count("Public") == 1


def test_many_releases_of_one_moment_are_all_told(exclusive: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "BATCH", 2)
    for n in range(1, 6):
        archived(exclusive, n)
    exclusive.clock.advance(timedelta(days=11))
    notices.gather(exclusive)
    assert sorted(words(exclusive)) == ["First", *["New"] * 5, *["Public"] * 5]


def test_a_subscription_gets_what_it_asked_for_from_when_it_was_made(exclusive: Ops) -> None:
    archived(exclusive, 1)
    exclusive.clock.advance(timedelta(hours=1))
    made = subscribed(exclusive, "New", "Public")
    archived(exclusive, 2)
    telling.tell(exclusive)
    assert lane(exclusive, made.id) == [("New", "ready")]
    exclusive.clock.advance(timedelta(days=11))
    telling.tell(exclusive)
    assert lane(exclusive, made.id) == [("New", "ready"), ("Public", "ready"), ("Public", "ready")]


def test_a_subscription_that_catches_up_gets_what_was_before(exclusive: Ops) -> None:
    archived(exclusive, 1)
    notices.gather(exclusive)
    archived(exclusive, 2)
    exclusive.clock.advance(timedelta(hours=1))
    made = subscribed(exclusive, "New", catch_up=True)
    telling.tell(exclusive)
    assert lane(exclusive, made.id) == [("New", "ready"), ("New", "ready")]


def test_what_corrects_follows_what_it_corrects(exclusive: Ops) -> None:
    made, other = subscribed(exclusive, "Public"), subscribed(exclusive, "Withdrawn")
    identity = archived(exclusive)
    exclusive.clock.advance(timedelta(days=11))
    notices.gather(exclusive)
    proposals.put(exclusive, "02726", reason="for the test", exclusive_days=365)
    redescribed(exclusive, identity)
    withdrawn(exclusive, identity)
    withdrawn(exclusive, identity, back=True)
    telling.tell(exclusive)
    assert [event for event, _ in lane(exclusive, made.id)] == ["Public", "Held"]
    assert [event for event, _ in lane(exclusive, other.id)] == ["Withdrawn", "Restored"]


def test_rows_that_were_changed_without_an_event_are_announced_again_and_told_right(exclusive: Ops) -> None:
    early, late, loaded = archived(exclusive, 1), archived(exclusive, 2), archived(exclusive, 3)
    exclusive.clock.advance(timedelta(days=11))
    notices.gather(exclusive)
    assert notices.reconsider(exclusive) == 0
    with exclusive.db.begin() as c:
        release = sa.update(plane).values(data_release=exclusive.clock.now() + timedelta(days=30))
        c.execute(release.where(plane.c.observation_id == early))
        c.execute(sa.delete(notice).where(notice.c.observation_id == loaded))
        c.execute(sa.delete(notice).where(notice.c.observation_id == late, notice.c.event == "Public"))
    assert notices.reconsider(exclusive) == 2
    notices.gather(exclusive)
    assert noticed(exclusive)[-2:] == [("Held", early, 2), ("Public", late, 2)]
    assert notices.reconsider(exclusive) == 0
    exclusive.clock.advance(timedelta(days=31))
    notices.gather(exclusive)
    assert noticed(exclusive)[-1] == ("Public", early, 2)
