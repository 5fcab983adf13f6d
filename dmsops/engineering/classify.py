"""The judgement of samples: new, exact duplicate, or in conflict; pure, over columns.

The rule (poster: duplicates of calibrated engineering; a public reader drops late data and keeps conflicts unseen): samples of one
mnemonic and time are one sample. Of its values the first to arrive stands; the same value again is an exact duplicate, another
value is a conflict, once for each value. Values are the same when their bits are, -0 and 0 being one and NaN equal to NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmsops.engineering.columns import Columns

NEW, EXACT, CONFLICT = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What arriving samples are.

    Attributes
    ----------
    verdict : (N,) uint8
        `NEW`, `EXACT` or `CONFLICT`, for each arriving sample.
    standing : Columns
        For each contested sample that arrived, the one whose value stands: held, or arrived earlier.
    """

    verdict: NDArray[np.uint8]
    standing: Columns


def bits(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give what two values are compared by."""
    same = np.where(np.isnan(values), np.nan, values + 0.0)
    return np.asarray(same.view(np.int64))


def judge(held: Columns, arriving: Columns) -> Judged:
    """Judge arriving samples, in the order of their arrival, beside what is held at their times.

    Parameters
    ----------
    held : Columns
        What is held; where a sample is contested all its values, the one that stands first.
    arriving : Columns
        In the order of arrival.
    """
    both = Columns.joined([held, arriving])
    arrival = np.arange(len(both))
    by_time = np.lexsort((arrival, both.time, both.number))
    starts = _firsts(by_time, both.number, both.time)
    value = bits(both.value)
    by_value = np.lexsort((arrival, value, both.time, both.number))
    stands, distinct = np.zeros((2, len(both)), dtype=bool)
    stands[by_time[starts]] = True
    distinct[by_value[_firsts(by_value, both.number, both.time, value)]] = True
    verdict = np.where(stands, NEW, np.where(distinct, CONFLICT, EXACT)).astype(np.uint8)
    leader = np.empty(len(both), dtype=np.int64)
    leader[by_time] = by_time[np.maximum.accumulate(np.where(starts, np.arange(len(both)), 0))]
    mine = slice(len(held), None)
    contested = np.flatnonzero(verdict[mine] == CONFLICT) + len(held)
    return Judged(verdict=verdict[mine], standing=both.take(np.unique(leader[contested])))


def _firsts(order: NDArray[np.int64], *keys: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Say where, in this order, a row differs from the one before it in any of the keys."""
    first = np.ones(len(order), dtype=bool)
    first[1:] = ~np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    return first
