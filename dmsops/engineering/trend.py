"""Trends: the course of a mnemonic over any time, in as many points as a screen has; extremes are never lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.engineering import duck, partitions
from dmsops.engineering.columns import HOUR_US
from dmsops.engineering.queries import hourly, us
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops

POINTS = 2000
_BUCKETS = """
SELECT time // ? AS bucket, count(*) AS n, min(value) AS low, max(value) AS high, avg(value) AS mean
FROM read_parquet(?) WHERE number = ? AND time BETWEEN ? AND ? AND isfinite(value) GROUP BY bucket ORDER BY bucket
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The course of a mnemonic, in steps of equal length.

    Attributes
    ----------
    time_us : (N,) int64
        Start of each step that has samples, microseconds since 1970 UTC.
    low, high, mean : (N,) float64
        Over the samples of a step.
    samples : (N,) int64
        In each step.
    step_seconds : float
        Length of a step; 0 when every point is one sample.
    """

    mnemonic: Mnemonic
    time_us: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    samples: NDArray[np.int64]
    step_seconds: float


def trend(ops: Ops, name: str, start: datetime, stop: datetime, *, points: int = POINTS) -> Trend:
    """Give the course of a mnemonic.

    Parameters
    ----------
    start, stop : datetime
        Both inside.
    points : int
        At most so many steps, and one more for an end that lies within one; steps of an hour or more come from the hourly
        statistics and read no sample.

    Raises
    ------
    NotFound
        The telemetry database has no such mnemonic.
    BadInput
        The time ends before it begins, or there is no point to give.
    """
    first, last = us(start), us(stop)
    if last < first or points < 1:
        raise BadInput("a trend needs a time that ends after it begins, and at least one point", field="stop")
    mnemonic = telemetry_database().by_name(name)
    step = _whole(max(1, -(-(last - first) // points)))
    if step >= HOUR_US:
        return _of_hours(ops, mnemonic, start, stop, -(-step // HOUR_US))
    with reading(ops.db) as c:
        there = partitions.current(c, start_us=first, stop_us=last)
    if not there:
        return _trend(mnemonic, {k: np.empty(0) for k in ("bucket", "n", "low", "high", "mean")}, step)
    return _trend(mnemonic, duck.ask(ops, _BUCKETS, (step, duck.paths(ops, there), mnemonic.number, first, last)), step)


def _whole(step: int) -> int:
    """Round a step of a millisecond or more up to whole milliseconds: no time that is shown has a longer fraction."""
    return -(-step // 1000) * 1000 if step >= 1000 else step


def _trend(mnemonic: Mnemonic, found: dict[str, Any], step: int) -> Trend:
    samples = np.asarray(found["n"], np.int64)
    return Trend(
        mnemonic=mnemonic,
        time_us=np.asarray(found["bucket"], np.int64) * step,
        low=np.asarray(found["low"], np.float64),
        high=np.asarray(found["high"], np.float64),
        mean=np.asarray(found["mean"], np.float64),
        samples=samples,
        step_seconds=0.0 if step == 1 else step / 1e6,
    )


def _of_hours(ops: Ops, mnemonic: Mnemonic, start: datetime, stop: datetime, hours: int) -> Trend:
    rows = [row for row in hourly(ops, mnemonic.name, start, stop) if row["samples"]]
    bucket = np.array([row["hour"] // hours for row in rows], np.int64)
    each, at = np.unique(bucket, return_index=True)
    column = {key: np.array([row[key] for row in rows], np.float64) for key in ("samples", "minimum", "maximum", "mean")}
    if not len(each):
        return _trend(mnemonic, dict.fromkeys(("bucket", "n", "low", "high", "mean"), each), hours * HOUR_US)
    n = np.add.reduceat(column["samples"], at)
    found = {
        "bucket": each,
        "n": n,
        "low": np.minimum.reduceat(column["minimum"], at),
        "high": np.maximum.reduceat(column["maximum"], at),
        "mean": np.add.reduceat(column["mean"] * column["samples"], at) / n,
    }
    return _trend(mnemonic, found, hours * HOUR_US)
