"""Time: always aware, always UTC; a simulated clock moves only as told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.clock import SimulatedClock, SystemClock, iso, parse_iso

START = datetime(2022, 12, 4, 3, 42, 2, 580000, tzinfo=UTC)


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_standing_clock_moves_by_sleeping_only() -> None:
    clock = SimulatedClock(START)
    assert clock.now() == START
    clock.sleep(90)
    clock.advance(timedelta(hours=1))
    assert clock.now() == START + timedelta(seconds=3690)


def test_a_fast_clock_runs() -> None:
    clock = SimulatedClock(START, rate=3600)
    first = clock.now()
    while clock.now() == first:
        pass
    assert clock.now() > first


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        SimulatedClock(datetime(2022, 1, 1))  # noqa: DTZ001


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1)))  # noqa: DTZ001
def test_times_survive_writing_to_the_millisecond(when: datetime) -> None:
    assert abs(parse_iso(iso(when)) - when) < timedelta(milliseconds=1)


def test_other_zones_become_utc_and_no_zone_means_utc() -> None:
    assert iso(START.astimezone(timezone(timedelta(hours=5)))) == "2022-12-04T03:42:02.580Z"
    assert parse_iso("2022-12-04T03:42:02.580") == START
