"""Ingest, compaction and resolution are killed, and their file-system calls fail: in the end all is as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.engineering_killing import WORK, kill_and_audit
from tests.receipts import quick_place
from tests.struck import Alone, strike_all_over

TURNS = 16


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with quick_place() as place:
        yield Alone.made(place, WORK)


def test_thirty_kills_lose_no_sample_and_count_none_twice(alone: Alone) -> None:
    chance, killed = random.Random(7), 0
    while killed < 30:
        killed += kill_and_audit(alone, 30 - killed, chance)


def test_struck_at_calls_all_over_the_work_it_is_finished_when_it_is_given_again(alone: Alone) -> None:
    """At odd turns it is killed, at even ones the call fails; ``tests.bench.engineering_kills`` does all of it at each call."""
    ended = strike_all_over(alone, TURNS)
    assert ended[False] > ended[True]
