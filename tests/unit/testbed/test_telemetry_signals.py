"""The simulated sensors: functions of time alone, inside their limits, and what a packet can carry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.interfaces.prds import telemetry_database
from dmsops.testbed import telemetry, telemetry_scene
from dmsops.testbed.telemetry_beats import SECOND, Beat, Moments, beat

START = 1_670_112_000 * SECOND
STOP = START + 1800 * SECOND
DATABASE = telemetry_database()
FIELDS = {field.name: field for container in DATABASE.containers for field in container.measured}
PACES = {c.name: beat(c.name, c.period_seconds or 60.0) for c in DATABASE.containers}
SIGNALS = telemetry.signals(DATABASE)


def made(start=START, stop=STOP, seed=1):
    return list(telemetry.sampled(SIGNALS, PACES, telemetry_scene.of_time(start, stop), start, stop, seed))


@pytest.fixture(scope="module")
def series():
    return made()


def test_every_mnemonic_that_is_no_text_is_there_once_at_its_rate(series):
    assert sorted(s.mnemonic.name for s in series) == sorted(m.name for m in DATABASE.mnemonics if not m.text)
    for one in series:
        assert set(np.diff(one.times)) == {round((one.mnemonic.period_seconds or 60.0) * SECOND)}
        assert len(one.times) == pytest.approx(1800 / (one.mnemonic.period_seconds or 60.0), abs=1)


def test_values_lie_inside_their_limits(series):
    limited = [s for s in series if s.mnemonic.limits]
    assert len(limited) > 200
    for one in limited:
        limits = one.mnemonic.limits
        lows, highs = (limits.yellow_low, limits.red_low), (limits.yellow_high, limits.red_high)
        assert all(one.values.min() >= low for low in lows if low is not None), one.mnemonic.name
        assert all(one.values.max() <= high for high in highs if high is not None), one.mnemonic.name


def test_counts_give_the_values_by_the_databases_own_calibration(series):
    counted = [s for s in series if s.raw is not None]
    assert len(counted) > 300
    for one in counted:
        calibration = FIELDS[one.mnemonic.name].calibration
        wanted = one.raw.astype(float) if calibration is None else calibration(one.raw.astype(float))
        np.testing.assert_array_equal(one.values, wanted, err_msg=one.mnemonic.name)


def test_an_enumeration_has_only_states_that_it_knows(series):
    for one in series:
        if one.mnemonic.states:
            assert set(one.raw.tolist()) <= set(one.mnemonic.states), one.mnemonic.name


def test_states_change_with_the_exposures(series):
    (status,) = (s for s in series if s.mnemonic.name == "IDAQ_EXP_STATUS1")
    words = [status.mnemonic.states[number] for number in status.raw.tolist()]
    scene = telemetry_scene.of_time(START, STOP)
    assert words == ["EXPOSING" if running else "IDLE" for running in scene.exposing(status.times)]
    assert set(words) == {"EXPOSING", "IDLE"}


def test_a_counter_counts(series):
    (counter,) = (s for s in series if s.mnemonic.name == "IFGS_TFG_INUM")
    assert set(np.diff(counter.raw) % (1 << 16)) == {1}


def test_temperatures_drift_by_millikelvin(series):
    for one in series:
        if one.mnemonic.unit == "K" and one.raw is None:
            assert 0 < np.ptp(one.values) < 0.2, one.mnemonic.name


@given(st.integers(1, 1799))
@settings(max_examples=10, deadline=None)
def test_time_may_be_cut_anywhere(seconds):
    middle = START + seconds * SECOND + 137_000
    for whole, first, second in zip(made(), made(START, middle), made(middle, STOP), strict=True):
        np.testing.assert_array_equal(np.concatenate([first.times, second.times]), whole.times)
        np.testing.assert_array_equal(np.concatenate([first.values, second.values]), whole.values, err_msg=whole.mnemonic.name)


def test_another_seed_gives_other_values(series):
    other = made(seed=2)
    changed = [a.mnemonic.name for a, b in zip(series, other, strict=True) if not np.array_equal(a.values, b.values)]
    assert len(changed) > 350


@given(st.integers(1, 50), st.integers(0, 49), st.integers(-100, 100), st.integers(0, 100))
def test_a_beat_gives_the_multiples_of_its_period(period, phase, start, length):
    one = Beat(period=period, phase=phase % period)
    wanted = [t for t in range(start, start + length) if t % period == phase % period]
    assert one.times(start, start + length).tolist() == wanted
    assert one.count(start, start + length) == len(wanted)
    assert one.last(start) == max(t for t in range(start - 2 * period, start) if t % period == phase % period)


def test_moments_are_those_of_the_time_asked_for():
    assert Moments(at=np.array([1, 5, 9])).times(5, 9).tolist() == [5]


def test_more_packets_a_second_come_at_whole_milliseconds():
    assert beat("ACS_STATUS", 1.0, faster=6.3).period == 159_000
