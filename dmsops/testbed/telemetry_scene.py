"""What the observatory does while its telemetry is taken: exposure after exposure, with something in the beam."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dmsops.core.records import Exposure, Visit
from dmsops.testbed.telemetry_beats import MILLISECOND, SECOND, Times

DAY_EXPOSURE = 600 * SECOND
DAY_CYCLE = 660 * SECOND
"""On a day without visits exposures of ten minutes follow each other every eleven (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The exposures of some time.

    Attributes
    ----------
    starts, ends : (N,) int64
        Microseconds since 1970-01-01 UTC, in order of the starts; N is 1 at least.
    beam : tuple of frozenset of str
        What the light of each exposure passes (filters, pupils, gratings), in upper case.
    guider : int
        The one that holds the guide star.
    """

    starts: Times
    ends: Times
    beam: tuple[frozenset[str], ...]
    guider: int = 1

    def number(self, times: Times) -> NDArray[np.int64]:
        """Say of each time which exposure it belongs to, from 0; between two the next one is made ready after half the time."""
        turns = np.maximum.accumulate((self.ends[:-1] + self.starts[1:]) // 2)
        return np.asarray(np.searchsorted(turns, times, side="right"))

    def exposing(self, times: Times) -> NDArray[np.bool_]:
        """Say of each time whether an exposure is running."""
        begun = np.searchsorted(self.starts, times, side="right")
        ended = np.searchsorted(np.sort(self.ends), times, side="right")
        return np.asarray(begun > ended)

    def moments(self) -> Times:
        """Give the times at which exposures start or end, in whole milliseconds, each once."""
        return np.unique(np.concatenate([self.starts, self.ends]) // MILLISECOND * MILLISECOND)


def of_visit(visit: Visit) -> Scene:
    """Give the scene of a visit's exposures; it has one at least."""
    exposures = sorted(visit.exposures, key=lambda e: e.start)
    return Scene(
        starts=np.array([microseconds(e.start) for e in exposures], dtype=np.int64),
        ends=np.array([microseconds(e.end) for e in exposures], dtype=np.int64),
        beam=tuple(_beam(e) for e in exposures),
        guider=visit.guide_star.guider if visit.guide_star else 1,
    )


def of_time(start: int, stop: int) -> Scene:
    """Give the scene of a time without visits; the same for the same moment, whatever time is asked for."""
    first = start // DAY_CYCLE - 1
    numbers = np.arange(first, stop // DAY_CYCLE + 2, dtype=np.int64)
    wheels = ("F212N", "F356W", "CLEAR", "F090W", "F140M", "G235H", "FILTER2")
    beam = tuple(frozenset({wheels[n % len(wheels)], "CLEARP"}) for n in numbers.tolist())
    return Scene(starts=numbers * DAY_CYCLE, ends=numbers * DAY_CYCLE + DAY_EXPOSURE, beam=beam)


def microseconds(at: datetime) -> int:
    """Give a time in microseconds since 1970-01-01 UTC."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _beam(exposure: Exposure) -> frozenset[str]:
    return frozenset(word.upper() for r in exposure.readouts for word in (r.filter, r.pupil, r.grating) if word)
