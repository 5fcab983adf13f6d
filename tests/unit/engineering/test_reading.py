"""What is read back: samples with their brackets, trends that lose no extreme, what the services ask, what level 1b is pointed with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, NotFound
from dmsops.engineering import compact, queries
from dmsops.engineering.edb_source import StoreSource
from dmsops.engineering.pointing import around, pointing_container
from dmsops.engineering.trend import trend
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, seconds, take

HOUR = 3600 * SECOND
ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


def when(us):
    return ORIGIN + timedelta(microseconds=us)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Give a site with samples at odd times over five hours, in several partitions, one hour compacted, one empty."""
    ops = small_site(tmp_path_factory.mktemp("held") / "site", START + timedelta(hours=8))
    chance = np.random.default_rng(4)
    times = np.unique(np.concatenate([chance.integers(0, 2 * HOUR, 400), chance.integers(3 * HOUR, 4 * HOUR, 100)])) + T0 - 2 * HOUR
    rows = [(FLOATS[0], int(t), float(i)) for i, t in enumerate(times)]
    for n in range(3):
        take(ops, rows[n::3], named(n + 1))
    compact.compact(ops, compact.several(ops)[:1])
    yield ops, rows
    ops.db.dispose()


@given(a=st.integers(-3 * HOUR, 3 * HOUR), b=st.integers(-3 * HOUR, 3 * HOUR))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_samples_are_those_inside_and_one_on_each_side_where_there_is_one(held, a, b):
    ops, rows = held
    first, last = T0 + min(a, b), T0 + max(a, b)
    times = [t for _, t, _ in rows]
    inside = [t for t in times if first <= t <= last]
    before, after = [t for t in times if t < first][-1:], [t for t in times if t > last][:1]
    assert queries.samples(ops, FLOATS[0], when(first), when(last)).time.tolist() == inside
    assert queries.samples(ops, FLOATS[0], when(first), when(last), bracket=True).time.tolist() == before + inside + after


@pytest.mark.parametrize("points", [3, 50, 2000, 10**11])
def test_a_trend_loses_no_extreme_and_no_sample(held, points):
    ops, rows = held
    found = trend(ops, FLOATS[0].lower(), when(T0 - 3 * HOUR), when(T0 + 3 * HOUR), points=points)
    assert found.samples.sum() == len(rows)
    assert (found.low.min(), found.high.max()) == (0.0, float(len(rows) - 1))
    assert (np.diff(found.time_us) > 0).all()
    assert len(found.time_us) <= points + 1
    assert (found.samples * found.mean).sum() == pytest.approx(sum(v for _, _, v in rows))
    assert round(found.step_seconds * 1e6) % 1000 == 0


@pytest.mark.parametrize(
    ("seconds_long", "points", "step"), [(24 * 3600, 24, 3600.0), (600, 4, 150.0), (3600, 900, 4.0), (48 * 3600, 24, 7200.0)]
)
def test_a_time_that_its_points_divide_has_steps_of_just_that_length(held, seconds_long, points, step):
    ops, rows = held
    found = trend(ops, FLOATS[0], when(T0 - 2 * HOUR), when(T0 - 2 * HOUR + seconds_long * SECOND), points=points)
    assert found.step_seconds == step
    assert found.samples.sum() == sum(t <= T0 - 2 * HOUR + seconds_long * SECOND for _, t, _ in rows)


def test_a_trend_of_nothing_is_empty_and_an_impossible_one_is_refused(held):
    ops, _ = held
    assert len(trend(ops, FLOATS[1], when(T0), when(T0 + HOUR)).time_us) == 0
    assert len(trend(ops, FLOATS[1], when(T0), when(T0 + 900 * HOUR), points=10).time_us) == 0
    with pytest.raises(BadInput, match="ends after it begins"):
        trend(ops, FLOATS[0], when(T0 + HOUR), when(T0))
    with pytest.raises(NotFound, match="no mnemonic 'nothing'"):
        trend(ops, "nothing", when(T0), when(T0 + HOUR))


def test_services_get_numbers_whole_numbers_and_words(ops):
    state = next(m for m in telemetry_database().mnemonics if m.states)
    whole = next(m for m in telemetry_database().mnemonics if m.sql_type == "INT" and not m.states and m.container != state.container)
    known, unknown = min(state.states), max(state.states) + 1
    rows = [(state.name, T0, float(known)), (state.name, T0 + SECOND, float(unknown)), (whole.name, T0, 7.0), (FLOATS[0], T0, 0.5)]
    take(ops, rows)
    source = StoreSource(ops)
    assert source.samples(state.name, T0, T0 + SECOND)[1] == [state.states[known], str(unknown)]
    assert source.samples(whole.name, T0, T0)[1].tolist() == [7]
    assert source.samples(whole.name, T0, T0)[1].dtype == np.int64
    assert source.samples(FLOATS[0], T0, T0)[1].tolist() == [0.5]
    take(ops, [(state.name, T0 + 2 * SECOND, float("nan")), (whole.name, T0 + SECOND, float("nan"))], named(2))
    source = StoreSource(ops)
    assert source.samples(state.name, T0 + 2 * SECOND, T0 + 2 * SECOND)[1][-1] == "nan"
    assert repr(source.samples(whole.name, T0, T0 + SECOND)[1].tolist()) == "[7.0, nan]"
    assert source.describe("nothing") is None
    assert source.describe(FLOATS[0].lower())["SQLType"] == telemetry_database().by_name(FLOATS[0]).sql_type


def test_pointing_telemetry_comes_with_its_margins_and_says_what_is_contested_within(ops):
    take(ops, [*seconds(0, 300), *seconds(0, 300, FLOATS[1])], named(1))
    take(ops, seconds(150, 152, value=-1.0), named(2))
    found = around(ops, when(T0 + 100 * SECOND), when(T0 + 140 * SECOND), 60.0)
    times, values = found.samples[FLOATS[0]]
    assert (times[0], times[-1], len(values)) == (T0 / 1e6 + 40, T0 / 1e6 + 200, 161)
    assert (found.suspects, found.revision) == ((), 2)
    (words,) = around(ops, when(T0 + 149 * SECOND), when(T0 + 160 * SECOND), 60.0).suspects
    assert words == f"{FLOATS[0]} has contested values from 2022-12-04T04:02:30.000Z to 2022-12-04T04:02:31.000Z (procedure P14)"
    assert pointing_container() == "ACS_POINTING"


def test_nothing_is_there_before_anything_came(ops):
    assert around(ops, when(T0), when(T0 + SECOND), 60.0).samples == {}
    assert queries.summary(ops)["samples"] == 0
    assert queries.latest(ops) == []
    assert len(queries.mnemonics(ops)) == len(telemetry_database().mnemonics)
    assert queries.conflicts(ops, 1) == []
