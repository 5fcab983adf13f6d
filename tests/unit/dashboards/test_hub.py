"""The hub: one reading for all boards, and honest about how old it is."""

from __future__ import annotations

from dashboards.app.hub import Filter, Hub
from tests.browser import toy_site


def test_a_reading_holds_counts_failures_and_engines(full):
    snapshot = Hub(full).poll()
    assert snapshot.counts["failed"] == 2
    assert snapshot.failures[0]["n"] == 2
    assert len(snapshot.engines) == 1
    assert snapshot.now == full.clock.now()


def test_steps_are_read_once_per_change(full):
    hub = Hub(full)
    hub.poll()
    wanted = Filter(states=("failed",))
    first = hub.steps(wanted)
    assert hub.steps(Filter(states=("failed",))) is first
    toy_site.fail(full, toy_site.claim(full, 1)[0])
    hub.poll()
    assert len(hub.steps(wanted)) == len(first) + 1


def test_a_site_that_cannot_be_read_is_told_as_old(full):
    hub = Hub(full)
    before = hub.poll()
    with full.db.begin() as c:
        c.exec_driver_sql("ALTER TABLE journal RENAME TO hidden")
    after = hub.poll()
    assert after.counts == before.counts
    assert after.behind_seconds > 0
    assert after.fault == "OperationalError"
    with full.db.begin() as c:
        c.exec_driver_sql("ALTER TABLE hidden RENAME TO journal")
    assert not hub.poll().fault


def test_listeners_hear_each_reading_until_they_leave(full):
    hub, heard = Hub(full), []
    leave = hub.join(heard.append)
    hub.turn()
    leave()
    hub.turn()
    assert [snapshot.counts["failed"] for snapshot in heard] == [2]


def test_a_page_that_broke_does_not_blind_the_others(full):
    hub, heard = Hub(full), []
    hub.join(lambda _: 1 / 0)
    hub.join(heard.append)
    hub.turn()
    hub.turn()
    assert len(heard) == 2
    assert "ZeroDivisionError" in (full.settings.folder("logs") / "journal.jsonl").read_text()
