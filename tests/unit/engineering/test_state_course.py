"""A mnemonic of states over a time: how long it was in each, when it changed, and for how long nobody knows."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput
from dmsops.engineering.state_course import state_course
from dmsops.interfaces import edb_samples
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, take

FIXED, CHANGE = "SA_ZATTUPST", "IMIR_SCE_IC_PWR"
"""States that come every second, and some that come when they change."""
WORD = telemetry_database().by_name(FIXED).states
START = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=T0)


def course(ops, name, first, last, **more):
    return state_course(ops, name, START + timedelta(seconds=first), START + timedelta(seconds=last), **more)


def totals(found):
    return {s.word: (s.samples, s.seconds, s.entered) for s in found.states}


def changes(found):
    return [((c.time_us - T0) / SECOND, c.was, c.word) for c in found.newest]


def every_second(first, last, value):
    return [(FIXED, T0 + s * SECOND, float(value)) for s in range(first, last)]


def test_states_last_until_the_next_sample_and_changes_are_told(ops):
    take(ops, [*every_second(0, 10, 1), *every_second(10, 30, 2), *every_second(30, 41, 1)])
    found = course(ops, FIXED, 5, 35)
    assert totals(found) == {"BUSY": (20, 20.0, 1), "READY": (11, 10.0, 1)}
    assert changes(found) == [(10, "READY", "BUSY"), (30, "BUSY", "READY")]
    assert (found.word, found.latest_us, found.since_us) == ("READY", T0 + 35 * SECOND, T0 + 30 * SECOND)
    assert (found.changes, found.unknown_seconds) == (2, 0.0)
    assert changes(course(ops, FIXED, 5, 35, newest=1)) == [(30, "BUSY", "READY")]


def test_what_came_before_the_time_holds_into_it_until_the_newest_telemetry_of_the_site(ops):
    take(ops, [(CHANGE, T0, 1.0), (CHANGE, T0 + 50 * SECOND, 0.0)])
    take(ops, [(FLOATS[0], T0 + 80 * SECOND, 0.0)], named(2))
    found = course(ops, CHANGE, 10, 40)
    assert (totals(found), found.word, found.latest_us, found.since_us) == ({"ON": (0, 30.0, 0)}, "ON", T0, T0)
    found = course(ops, CHANGE, 10, 3600)
    assert totals(found) == {"ON": (0, 40.0, 0), "OFF": (1, 30.0, 1)}
    assert (found.word, found.unknown_seconds) == ("OFF", 0.0)
    assert totals(course(ops, CHANGE, 90, 95)) == {}
    assert (totals(course(ops, CHANGE, -20, 20)), course(ops, CHANGE, -20, 20).unknown_seconds) == ({"ON": (1, 20.0, 0)}, 20.0)


def test_over_missing_samples_of_a_fixed_rate_no_state_is_claimed(ops):
    take(ops, [*every_second(0, 11, 1), *every_second(60, 71, 1), *every_second(71, 81, 2)])
    found = course(ops, FIXED, 0, 80)
    assert totals(found) == {"READY": (22, 21.0, 0), "BUSY": (10, 9.0, 1)}
    assert found.unknown_seconds == 50.0


def test_a_state_without_a_word_is_its_number_and_nothing_held_is_nothing_said(ops):
    nothing = course(ops, FIXED, 0, 10)
    assert (nothing.word, nothing.states, nothing.newest, nothing.unknown_seconds) == ("", (), (), 0.0)
    take(ops, [*every_second(0, 2, 99), *every_second(2, 3, float("nan"))])
    assert changes(course(ops, FIXED, 0, 10)) == [(2, "99", "nan")]


def test_numbers_are_no_states_and_a_time_goes_forward(ops):
    with pytest.raises(BadInput, match="numbers, not states"):
        course(ops, FLOATS[0], 0, 10)
    with pytest.raises(BadInput, match="ends before it begins"):
        course(ops, FIXED, 10, 0)


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    ops = small_site(tmp_path_factory.mktemp("long") / "site", START + timedelta(hours=6))
    rows = [(CHANGE, T0 + n * n * SECOND, float((n // 3 + n // 4) % 2)) for n in range(110)]
    take(ops, rows)
    yield ops, rows
    ops.db.dispose()


@given(a=st.integers(-100, 13_000), b=st.integers(-100, 13_000), window=st.integers(50, 20_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_read_in_any_pieces_the_course_is_that_of_the_samples(long, a, b, window):
    ops, rows = long
    first, last = min(a, b), max(a, b)
    before, edb_samples.WINDOW_US = edb_samples.WINDOW_US, window * SECOND
    try:
        found = course(ops, CHANGE, first, last)
    finally:
        edb_samples.WINDOW_US = before
    at = [((t - T0) // SECOND, "ON" if v else "OFF") for _, t, v in rows]
    second = [next((w for t, w in reversed(at) if t <= s), None) for s in range(first, min(last, at[-1][0]))]
    assert {s.word: s.seconds for s in found.states if s.seconds} == {w: second.count(w) for w in ("ON", "OFF") if w in second}
    assert sum(s.samples for s in found.states) == sum(first <= t <= last for t, _ in at)
    pairs = [(t, was, now) for (_, was), (t, now) in itertools.pairwise(at) if was != now and first <= t <= last]
    assert (changes(found), found.changes) == (pairs[-24:], len(pairs))
