"""The judgement of samples agrees with a plain reading of its rule."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dmsops.engineering.classify import CONFLICT, EXACT, NEW, bits, judge
from dmsops.engineering.columns import NO_RAW, Columns

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.0000000000000002, math.nan, -math.nan, math.inf])
SAMPLES = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4), VALUES), max_size=40)


def columns(samples, receipt):
    return Columns(
        number=np.array([n for n, _, _ in samples], np.int32),
        time=np.array([t for _, t, _ in samples], np.int64),
        value=np.array([v for _, _, v in samples], np.float64),
        raw=np.full(len(samples), NO_RAW),
        receipt=np.full(len(samples), receipt, np.int32),
    )


def plain(value):
    return "nan" if math.isnan(value) else value + 0.0


def by_hand(held, arriving):
    known = {}
    for number, time, value in held:
        known.setdefault((number, time), []).append(plain(value))
    verdicts = []
    for number, time, value in arriving:
        there = known.setdefault((number, time), [])
        verdicts.append(NEW if not there else EXACT if plain(value) in there else CONFLICT)
        there.append(plain(value))
    return verdicts


@given(SAMPLES, SAMPLES)
def test_every_sample_gets_the_verdict_that_reading_one_by_one_gives(held, arriving):
    assert judge(columns(held, 1), columns(arriving, 2)).verdict.tolist() == by_hand(held, arriving)


@given(SAMPLES, SAMPLES)
def test_of_every_contested_sample_the_value_that_stands_is_given_once(held, arriving):
    found = judge(columns(held, 1), columns(arriving, 2))
    contested = {arriving[i][:2] for i in np.flatnonzero(found.verdict == CONFLICT)}
    given_ = list(zip(found.standing.number.tolist(), found.standing.time.tolist(), found.standing.value.tolist(), strict=True))
    assert len(given_) == len(contested)
    for number, time, value in given_:
        first = next(v for n, t, v in [*held, *arriving] if (n, t) == (number, time))
        assert (number, time) in contested
        assert plain(value) == plain(first)


def test_zero_is_minus_zero_and_a_nan_is_a_nan_but_the_next_float_is_another_value():
    a, b = np.array([0.0, math.nan, 1.0]), np.array([-0.0, -math.nan, np.nextafter(1.0, 2)])
    assert (bits(a) == bits(b)).tolist() == [True, True, False]
