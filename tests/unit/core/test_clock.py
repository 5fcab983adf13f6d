"""Time: always aware, always UTC; a simulated clock moves only as told."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.clock import SimulatedClock, SystemClock, iso, parse_iso, time_of
from dmsops.core.errors import BadInput

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


@pytest.mark.parametrize(
    "text",
    [
        "2022-12-04T03:42:02.580Z",
        "2022-12-04 03:42:02.58",
        " 2022-12-04T03:42:02.580000Z\n",
        "2022-12-04T04:42:02.580+01:00",
        "20221204T034202.58",
    ],
)
def test_a_time_is_read_however_it_is_written(text: str) -> None:
    assert time_of(text, "until") == START


def test_a_date_alone_is_its_midnight() -> None:
    assert time_of("2022-12-04", "until") == datetime(2022, 12, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "2022-13-04", "24:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01", "2022-12-04\x00"]
)
def test_what_is_no_time_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match=r"field 'until'.* is no time as 2022-12-04T03:42:02Z") as refused:
        time_of(text, "until")
    assert refused.value.facts == {"field": "until"}


STAMPS = st.from_regex(
    r"(0001-01-01|9999-12-31|20[0-9]{2}-0[1-9]-0[1-9])[T ][01][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-4]):00)?", fullmatch=True
)


@given(st.text() | STAMPS)
def test_any_text_is_a_utc_time_or_is_refused_in_words(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert time_of(text, "until").tzinfo is UTC
