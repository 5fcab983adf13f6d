"""Ingest, withdrawal, the doctor's audits and repairs are killed, and their file-system calls fail: in the end all is as if nothing had.

On both grounds; what the database's and the S3 server's own failures do is in test_servers_fail.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import archive_killing, repair_killing
from tests.grounds import SERVED, Ground
from tests.receipts import quick_place
from tests.struck import Alone, strike_all_over

TURNS = 12


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with quick_place() as place:
        yield Alone.made(place, archive_killing.offered(place))


def test_kills_lose_no_version_and_tell_no_event_twice(alone: Alone) -> None:
    chance, killed = random.Random(7), 0
    while killed < 20:
        killed += archive_killing.kill_and_audit(alone, 20 - killed, chance)


def test_struck_at_calls_all_over_the_work_it_is_finished_when_it_is_given_again(alone: Alone) -> None:
    """At odd turns it is killed, at even ones the call fails (ENOSPC, EIO, EROFS, EMFILE)."""
    ended = strike_all_over(alone, TURNS)
    assert ended[False] > ended[True]


@pytest.fixture(scope="module")
def served(ground: Ground) -> Alone:
    """Give the same work on PostgreSQL and S3, smaller."""
    place = Path(tempfile.mkdtemp(dir=ground.place))
    return Alone.made(place, archive_killing.offered(place, exposures=2, make=ground.site))


@pytest.mark.parametrize("ground", [SERVED], indirect=True)
def test_kills_and_strikes_beside_servers_lose_nothing_either(served: Alone) -> None:
    assert archive_killing.kill_and_audit(served, 4, random.Random(8)) > 0
    strike_all_over(served, 3)


@pytest.fixture(scope="module")
def doctored(ground: Ground) -> Alone:
    """Give the doctor's work on a sick archive."""
    return Alone.made(Path(tempfile.mkdtemp(dir=ground.place)), repair_killing.sick(ground))


def test_a_doctor_killed_before_any_statement_leaves_no_repair_half_done_and_no_impossible_finding(doctored: Alone, ground: Ground) -> None:
    repair_killing.kill_at_statements(doctored, 6 if ground.s3 is None else 2)


def test_a_doctor_struck_at_calls_all_over_its_work_finishes_when_it_is_given_again(doctored: Alone, ground: Ground) -> None:
    strike_all_over(doctored, 4 if ground.s3 is None else 2)
