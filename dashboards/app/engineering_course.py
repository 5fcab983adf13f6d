"""The course of a mnemonic over the time that somebody looks at: as many points as the picture is wide, single samples when they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dmsops.engineering import queries
from dmsops.engineering.coverage import limit_us
from dmsops.engineering.trend import trend
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Limits, Mnemonic
    from dmsops.ops import Ops

Floats = NDArray[np.float64]
SINGLE_WITHIN = timedelta(days=1)
"""Single samples are looked for in no longer a time: a longer one is in more files than a click should open."""
_PAD = 0.08
_FAR = 4.0
"""Limits are in the picture while it is at most so many times as high as the samples alone need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is drawn of a mnemonic.

    Attributes
    ----------
    left, right : (N,) float64
        Time of each point, milliseconds since 1970 UTC; both the sample's where points are single samples.
    low, high, mean : (N,) float64
        Over the samples of a point.
    samples : (N,) int64
        In each point.
    step_seconds : float
        Length of a point; 0 where points are single samples.
    line_at, line : (M,) float64
        The line: means, or samples; with a NaN where it is broken, because samples are missing.
    inside : int
        Samples within the time, those on both sides of it left out, whose values are numbers.
    odd : int
        Samples within the time whose values are no numbers; counted where points are single samples.
    """

    mnemonic: Mnemonic
    left: Floats
    right: Floats
    low: Floats
    high: Floats
    mean: Floats
    samples: NDArray[np.int64]
    step_seconds: float
    line_at: Floats
    line: Floats
    inside: int
    odd: int = 0

    @property
    def single(self) -> bool:
        """Whether points are single samples."""
        return self.step_seconds == 0

    @property
    def held(self) -> bool:
        """Whether a value holds until the next one: states, and what is only sent when it changes."""
        return bool(self.mnemonic.states) or not self.mnemonic.all_points


def course(ops: Ops, name: str, start: datetime, stop: datetime, *, points: int) -> Course:
    """Read a mnemonic's course in at most so many points.

    Raises
    ------
    NotFound
        The telemetry database has no such mnemonic.
    """
    mnemonic = telemetry_database().by_name(name)
    found = trend(ops, name, start, stop, points=points)
    inside = int(found.samples.sum())
    limit = limit_us(ops, mnemonic.period_seconds) if mnemonic.all_points else None
    if inside <= points and stop - start <= SINGLE_WITHIN:
        rows = queries.samples(ops, name, start, stop, bracket=True)
        good, times = np.isfinite(rows.value), rows.time
        odd = int((~good & (times >= queries.us(start)) & (times <= queries.us(stop))).sum())
        singly = _of_points(mnemonic, times[good], (rows.value[good],) * 3, np.ones(int(good.sum()), np.int64), 0.0, limit, inside)
        return replace(singly, odd=odd)
    return _of_points(mnemonic, found.time_us, (found.low, found.high, found.mean), found.samples, found.step_seconds, limit, inside)


def _of_points(
    mnemonic: Mnemonic, time_us: NDArray[np.int64], values: Sequence[Floats], samples: NDArray[np.int64], step: float,
    limit: int | None, inside: int,
) -> Course:  # fmt: skip
    low, high, mean = values
    left = time_us / 1e3
    at, line = (left, mean) if step == 0 or not mnemonic.all_points else (left + step * 500, mean)
    if mnemonic.states and step:
        at, line = left[:0], mean[:0]  # the mean of states means nothing
    if limit is not None:
        at, line = broken(at, line, step * 1500 + limit / 1e3)
    return Course(
        mnemonic=mnemonic, left=left, right=left + step * 1e3, low=low, high=high, mean=mean, samples=samples, step_seconds=step,
        line_at=at, line=line, inside=inside,
    )  # fmt: skip


def broken(at: Floats, line: Floats, longest: float) -> tuple[Floats, Floats]:
    """Break a line where two points are farther apart than ``longest``: a NaN stands between them."""
    cuts = np.flatnonzero(np.diff(at) > longest) + 1
    return np.insert(at, cuts, at[cuts - 1] if len(cuts) else []), np.insert(line, cuts, np.nan)


def height(found: Course) -> tuple[float, float]:
    """Give the lowest and the highest value in the picture: those of the samples, and of the limits unless they are far away."""
    limits = found.mnemonic.limits
    if not len(found.low):
        near = [v for v in _lines(limits) if v is not None]
        return (min(near), max(near)) if len(near) > 1 and min(near) < max(near) else (0.0, 1.0)
    low, high = float(found.low.min()), float(found.high.max())
    if found.mnemonic.states:
        return low - 0.6, high + 0.6
    size = high - low or max(abs(high), 1.0) * 0.1
    bottom, top = low, high
    for value in sorted((v for v in _lines(limits) if v is not None), key=lambda v: max(low - v, v - high)):
        wider = (min(bottom, value), max(top, value))
        if wider[1] - wider[0] <= _FAR * size:
            bottom, top = wider
    pad = (top - bottom or size) * _PAD
    return bottom - pad, top + pad


def _lines(limits: Limits | None) -> tuple[float | None, ...]:
    return () if limits is None else (limits.red_low, limits.yellow_low, limits.yellow_high, limits.red_high)


def bands(limits: Limits | None, bottom: float, top: float) -> dict[str, list[tuple[float, float]]]:
    """Give the parts of the picture that are outside limits, by ``yellow`` and ``red``: each from, to."""
    found: dict[str, list[tuple[float, float]]] = {"yellow": [], "red": []}
    if limits is None:
        return found
    inf = float("inf")
    red = (-inf if limits.red_low is None else limits.red_low, inf if limits.red_high is None else limits.red_high)
    sides = {
        "yellow": [(red[0], limits.yellow_low), (limits.yellow_high, red[1])],
        "red": [(-inf, limits.red_low), (limits.red_high, inf)],
    }
    for colour, parts in sides.items():
        inside = [(max(low, bottom), min(high, top)) for low, high in parts if low is not None and high is not None]
        found[colour] = [(low, high) for low, high in inside if low < high]
    return found
