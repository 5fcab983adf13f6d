"""Segments: a long exposure is cut by integrations, so that no product of it grows beyond a limit.

Rule: an exposure whose stage-2 product of one detector would be larger than the limit (about 2 GB in the observatory's own
system) is made in segments of whole integrations. The product's size is estimated (ours) from what a stage-2 cube holds
for every pixel of every integration: five planes of 32-bit numbers and the quality flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.core import modes
from dmsops.core.errors import BadVisit

if TYPE_CHECKING:
    from dmsops.core.records import Exposure

SEGMENT_BYTES = 2_000_000_000
BYTES_PER_PIXEL = 24
"""SCI, ERR, DQ, VAR_POISSON, VAR_RNOISE, VAR_FLAT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A range of integrations: which segment of how many, first and last integration (from 1, both inside)."""

    number: int
    total: int
    first: int
    last: int

    @property
    def label(self) -> int | None:
        """Its number as it stands in file names: an exposure in one piece has none."""
        return self.number if self.total > 1 else None

    @property
    def integrations(self) -> int:
        """How many integrations it has."""
        return self.last - self.first + 1


def segments(exposure: Exposure, limit: int = SEGMENT_BYTES) -> tuple[Segment, ...]:
    """Cut an exposure into segments; one that is small enough, or whose subarray is not known, is one segment.

    Parameters
    ----------
    limit : int
        Bytes that the stage-2 product of one detector may have.
    """
    try:
        part = modes.subarray_of(exposure)
    except BadVisit:  # planning goes on: level 1b is where an unknown subarray is refused, with its name
        return (whole(exposure),)
    most = max(1, limit // (BYTES_PER_PIXEL * part.columns * part.rows))
    total = -(-exposure.nints // most)
    cuts = ((n, 1 + (n - 1) * most, min(n * most, exposure.nints)) for n in range(1, total + 1))
    return tuple(Segment(number=n, total=total, first=first, last=last) for n, first, last in cuts)


def whole(exposure: Exposure) -> Segment:
    """Give the one segment of an exposure that is not cut."""
    return Segment(number=1, total=1, first=1, last=exposure.nints)
