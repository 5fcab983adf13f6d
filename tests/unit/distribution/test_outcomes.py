"""When something is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.distribution.outcomes import FIRST_SECONDS, JITTER, LONGEST_SECONDS, wait_seconds

attempts = st.integers(1, 10_000)
numbers = st.integers(1, 10**12)


@given(attempts, numbers)
def test_a_wait_is_of_seconds_at_first_and_never_longer_than_some_more_than_an_hour(attempt: int, number: int) -> None:
    assert FIRST_SECONDS <= wait_seconds(attempt, number) <= LONGEST_SECONDS * (1 + JITTER)


@given(st.integers(1, 9), numbers)
def test_each_wait_is_longer_than_the_one_before_until_it_is_an_hour(attempt: int, number: int) -> None:
    assert wait_seconds(attempt + 1, number) > wait_seconds(attempt, number)


def test_a_wait_is_the_same_in_every_process() -> None:
    assert [wait_seconds(attempt, 7) for attempt in (1, 2, 12)] == pytest.approx([6.125, 12.455, 3722.4])


def test_many_that_failed_together_come_back_spread() -> None:
    waits = [wait_seconds(20, number) for number in range(1000)]
    assert len(set(waits)) > 300
    assert max(waits) - min(waits) > LONGEST_SECONDS * JITTER * 0.9


def test_a_day_of_trouble_is_some_thirty_tries_not_thousands() -> None:
    spent, tries = 0.0, 0
    while spent < 86400:
        tries += 1
        spent += wait_seconds(tries, 1)
    assert 25 < tries < 40
