"""Subscriptions and their telling by words of an operator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution.notices import Event, Happening, put
from dmsops.ops import Ops
from tests.commands import Part
from tests.telling import lane, standing, subscribed, telling_site
from tests.waiting import until

SUBSCRIPTIONS, NOTIFY = Part("subscriptions"), Part("notify")


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site")
    yield opened
    opened.db.dispose()


@pytest.fixture
def lead(ops: Ops) -> str:
    with ops.db.begin() as c:
        put_person(c, "lead", Role.LEAD)
        return put_token(c, "lead")


@pytest.fixture
def two(ops: Ops) -> tuple[int, int]:
    """Two subscriptions, for each of which two notices wait."""
    made = subscribed(ops, "New").id, subscribed(ops, "New", "Public", who="ben").id
    with ops.db.begin() as c:
        put(c, [Happening(event=Event.NEW, observation_id=f"o{n}", version=1, at=ops.clock.now()) for n in (1, 2)], ops.clock.now())
    return made


def test_a_lead_makes_one_for_an_account_and_lists_it(ops: Ops, lead: str) -> None:
    words = (
        "make",
        "--owner",
        "ann",
        "--event",
        "New",
        "--event",
        "Public",
        "--channel",
        "stream",
        "--program",
        "02726",
        "--reason",
        "asked",
    )
    made = SUBSCRIPTIONS.data(ops, *words, "--reason", "asked", token=lead)
    (row,) = SUBSCRIPTIONS.data(ops, "list", token=lead)
    assert (row["id"], row["owner"], row["events"], row["program"]) == (made["id"], "ann", ["New", "Public"], "02726")
    assert "ann" in SUBSCRIPTIONS.text(ops, "list", "--owner", "ann", token=lead)
    assert SUBSCRIPTIONS.data(ops, "list", "--failing", token=lead) == []
    assert "Nothing was told yet" in SUBSCRIPTIONS.text(ops, "show", str(made["id"]), token=lead)


@pytest.mark.parametrize(("act", "state"), [("pause", "paused"), ("end", "ended"), ("retry", "active")])
def test_what_is_done_is_shown_first_and_done_by_its_hash(ops: Ops, lead: str, two: tuple[int, int], act: str, state: str) -> None:
    shown = SUBSCRIPTIONS.data(ops, act, *map(str, two), token=lead)
    assert shown["applied"] is False
    assert {standing(ops, number).state for number in two} == {"active"}
    words = (act, *map(str, two), "--apply", shown["plan"]["hash"], "--reason", "storm")
    assert SUBSCRIPTIONS.data(ops, *words, token=lead)["applied"] is True
    assert {standing(ops, number).state for number in two} == {state}


def test_all_of_an_owner_are_resumed(ops: Ops, lead: str, two: tuple[int, int]) -> None:
    SUBSCRIPTIONS.data(ops, "pause", "--owner", "ben", "--yes", "--reason", "storm", token=lead)
    assert [standing(ops, number).state for number in two] == ["active", "paused"]
    assert "Done (resume): 1" in SUBSCRIPTIONS.text(ops, "resume", "--owner", "ben", "--yes", "--reason", "over", token=lead)
    refused = SUBSCRIPTIONS.call(ops, "resume", "--yes", "--reason", "over", token=lead)
    assert refused.exit_code == 2


def test_one_round_tells_what_waits_and_what_was_told_is_told_again(ops: Ops, lead: str, two: tuple[int, int]) -> None:
    waiting = NOTIFY.data(ops, "waiting", str(two[0]), token=lead)
    assert [row["observation_id"] for row in waiting] == ["o1", "o2"]
    assert "would not be told" in NOTIFY.text(ops, "skip", str(waiting[0]["id"]), token=lead)
    NOTIFY.data(ops, "skip", str(waiting[0]["id"]), "--yes", "--reason", "x", token=lead)
    assert lane(ops, two[0]) == [("New", "skipped"), ("New", "waiting")]
    assert NOTIFY.data(ops, "run", "--once", token=lead) == {"notices": 0, "deliveries": 0}, "nobody may see what the archive has not"
    again = SUBSCRIPTIONS.data(ops, "again", str(two[0]), "--after", "1", "--yes", "--reason", "lost", token=lead)
    assert again["plan"]["items"][0]["notices"] == 0
    assert NOTIFY.data(ops, "status", token=lead)["notices"] == 2
    assert "2 notices" in NOTIFY.text(ops, "status", token=lead)
    assert [row["event_id"] for row in NOTIFY.data(ops, "list", token=lead)] == ["evt-2", "evt-1"]


@pytest.mark.parametrize(
    "words", [("show", "99999999999999999999"), ("show", "0"), ("pause", "7"), ("again", "7"), ("list", "--limit", "0")]
)
def test_a_number_that_is_none_is_refused_in_words(ops: Ops, lead: str, words: tuple[str, ...]) -> None:
    done = SUBSCRIPTIONS.call(ops, *words, token=lead)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_a_dispatcher_runs_until_it_is_told_to_stop(ops: Ops, lead: str) -> None:
    environment = {**os.environ, "DMSOPS_TOKEN": lead, "DMSOPS_NOTIFY_SECONDS": "0.05"}
    words = [sys.executable, "-m", "dmsops", "notify", "run", "--site", str(ops.settings.site)]
    running = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    until(lambda: "stop with Ctrl-C" in running.stderr.readline())
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=60)
    assert (running.returncode, out.strip()) == (0, "stopped")
