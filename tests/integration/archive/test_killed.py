"""Ingest, withdrawal and restoration are killed, and their file-system calls fail: in the end all is as if nothing had happened."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive_killing import Alone, kill_and_audit, strike_and_audit
from tests.failpoints import ERRNOS
from tests.receipts import quick_place

TURNS = 12


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with quick_place() as folder:
        yield folder


@pytest.fixture(scope="module")
def alone(place: Path) -> Alone:
    return Alone.made(place)


def test_kills_lose_no_version_and_tell_no_event_twice(place: Path, alone: Alone) -> None:
    chance, killed = random.Random(7), 0
    while killed < 20:
        killed += kill_and_audit(place, alone, 20 - killed, chance)


def test_struck_at_calls_all_over_the_work_it_is_finished_when_it_is_given_again(place: Path, alone: Alone) -> None:
    """At odd turns it is killed, at even ones the call fails (ENOSPC, EIO, EROFS, EMFILE)."""
    ended = Counter[bool]()
    for turn in range(TURNS):
        at = 1 + turn * alone.calls // TURNS + turn
        ended[strike_and_audit(place, alone, at, None if turn % 2 else ERRNOS[turn // 2 % 4])] += 1
    assert ended[False] > ended[True]
