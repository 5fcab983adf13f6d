"""Ingest, withdrawal and restoration are killed, and their file-system calls fail: in the end all is as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.archive_killing import kill_and_audit, offered
from tests.receipts import quick_place
from tests.struck import Alone, strike_all_over

TURNS = 12


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with quick_place() as place:
        yield Alone.made(place, offered(place))


def test_kills_lose_no_version_and_tell_no_event_twice(alone: Alone) -> None:
    chance, killed = random.Random(7), 0
    while killed < 20:
        killed += kill_and_audit(alone, 20 - killed, chance)


def test_struck_at_calls_all_over_the_work_it_is_finished_when_it_is_given_again(alone: Alone) -> None:
    """At odd turns it is killed, at even ones the call fails (ENOSPC, EIO, EROFS, EMFILE)."""
    ended = strike_all_over(alone, TURNS)
    assert ended[False] > ended[True]
