"""Statistics put together from pieces are those of the whole, and limits are judged as they are written."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.engineering import queries
from dmsops.engineering.columns import of_series
from dmsops.engineering.stats import level, of_rows, together
from dmsops.interfaces.prds import Limits, telemetry_database
from tests.engineering_files import T0, take

LIMITS = Limits(red_low=-8.0, yellow_low=-5.0, yellow_high=5.0, red_high=8.0)
VALUES = st.lists(st.floats(-10, 10) | st.just(float("nan")), min_size=1, max_size=30)


def stats(values, first=0):
    times = np.arange(first, first + len(values), dtype=np.int64)
    return of_rows(of_series(7, times, np.array(values), None, 1), 0, LIMITS)


@given(VALUES, VALUES)
def test_two_pieces_together_are_the_whole(a, b):
    joined, whole = asdict(together(stats(a), stats(b, len(a)))), asdict(stats([*a, *b]))
    for key, value in whole.items():
        assert joined[key] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), key


@given(VALUES)
def test_every_sample_outside_is_counted_once_at_its_worst(values):
    found = stats(values)
    red = [v for v in values if v < -8 or v > 8]
    yellow = [v for v in values if v not in red and (v < -5 or v > 5)]
    assert (found.red, found.yellow) == (len(red), len(yellow))
    outside = [i for i, v in enumerate(values) if v in red or v in yellow]
    assert (found.first_violation_us, found.last_violation_us) == ((outside[0], outside[-1]) if outside else (None, None))


@pytest.mark.parametrize(("value", "where"), [(0, "in limits"), (5, "in limits"), (5.1, "yellow"), (-8, "yellow"), (-8.1, "red")])
def test_a_limit_itself_is_inside(value, where):
    assert level(value, LIMITS) == where
    assert level(value, None) == ""


def test_a_violation_is_listed_with_its_hour_and_the_newest_value_with_its_level(ops):
    one = next(m for m in telemetry_database().mnemonics if m.limits and m.limits.red_high is not None and not m.states)
    take(ops, [(one.name, T0, one.limits.red_high), (one.name, T0 + 1, one.limits.red_high + 1000.0)])
    (row,) = queries.violations(ops)
    assert (row["name"], row["red"], row["samples"], f"{row['at']:%H:%M}") == (one.name, 1, 2, "04:00")
    (newest,) = queries.latest(ops, [one.name])
    assert (newest["level"], newest["latest_value"]) == ("red", one.limits.red_high + 1000.0)
