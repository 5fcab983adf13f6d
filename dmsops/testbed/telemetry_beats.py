"""When telemetry packets are made: each container at its own beat, or at the moments when something changes.

Beats stand on the time since 1970, not on the start of a visit: whatever stretch of time is asked for, the packets in it
are the same. Times are whole milliseconds, so that every form of an engineering file can carry them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MILLISECOND = 1000
SECOND = 1_000_000
Times = NDArray[np.int64]
"""Microseconds since 1970-01-01 UTC, in order."""


class Pace(Protocol):
    """When a container's packets are made."""

    def times(self, start: int, stop: int) -> Times:
        """Give the times of the packets from ``start`` to before ``stop``, all in microseconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Every ``period`` microseconds, ``phase`` after whole periods since 1970."""

    period: int
    phase: int = 0

    def count(self, start: int, stop: int) -> int:
        """Count the packets from ``start`` to before ``stop``."""
        return max(0, self._number(stop) - self._number(start))

    def times(self, start: int, stop: int) -> Times:
        """Give the times of the packets from ``start`` to before ``stop``."""
        return np.arange(self._number(start), max(self._number(stop), self._number(start)), dtype=np.int64) * self.period + self.phase

    def last(self, stop: int) -> int:
        """Give the time of the last packet before ``stop``."""
        return (self._number(stop) - 1) * self.period + self.phase

    def _number(self, at: int) -> int:
        """Give the number of the first packet that is not before a time."""
        return -((self.phase - at) // self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """At the times in ``at``, in order, and at no other."""

    at: Times

    def times(self, start: int, stop: int) -> Times:
        """Give those of the moments from ``start`` to before ``stop``."""
        return np.asarray(self.at[np.searchsorted(self.at, start) : np.searchsorted(self.at, stop)])


def beat(container: str, period_seconds: float, *, faster: float = 1.0) -> Beat:
    """Give the beat of a container: its own phase, so that not all containers are sent at once.

    Parameters
    ----------
    period_seconds : float
        As the telemetry database has it.
    faster : float
        How many times more packets a second there shall be; the period stays whole milliseconds.
    """
    milliseconds = max(1, round(period_seconds * 1000 / faster))
    return Beat(period=milliseconds * MILLISECOND, phase=zlib.crc32(container.encode()) % milliseconds * MILLISECOND)
