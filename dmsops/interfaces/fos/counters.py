"""Jumps of the sequence counter: a second look at gaps, by application id and file, which needs no exposure header.

The counter wraps at 16,384 packets and so cannot order a day (a full frame is 137 packets); it can say that something is
missing, repeated or out of order between two packets that follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.science_heads import check_layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the counter of one detector says in one file.

    Attributes
    ----------
    packets : int
        Sound packets of the detector in the file.
    first, last : int
        The counter of the first and of the last of them.
    skipped : int
        Packets that the counter passes over (a forward jump by n passes over n - 1); a damaged packet counts here too.
    back : int
        Times that it goes back or repeats: disorder, or packets that came twice.
    before : int or None
        Packets that it passes over between the file before, in time, and this one; below 0 when it goes back. None for
        the first file.
    """

    file: str
    detector: str
    first_at: datetime
    packets: int
    first: int
    last: int
    skipped: int
    back: int
    before: int | None


def counters(paths: Iterable[Path]) -> list[Counted]:
    """Follow the counters through science recorder files, given in any order.

    Raises
    ------
    BadDelivery
        A file cannot be followed; the message names the byte.
    """
    found = sorted((seen for path in paths for seen in _counted(path)), key=lambda seen: (seen[0], seen[2]))
    told: list[Counted] = []
    last: dict[str, int] = {}
    for detector, name, at, counts in found:
        before = _steps(np.array([last[detector], counts[0]])) if detector in last else None
        last[detector] = int(counts[-1])
        steps = _steps(counts)
        told.append(
            Counted(
                file=name, detector=detector, first_at=at, packets=len(counts), first=int(counts[0]), last=int(counts[-1]),
                skipped=int(steps[steps > 0].sum()), back=int((steps < 0).sum()), before=None if before is None else int(before[0]),
            )
        )  # fmt: skip
    return told


_Seen = tuple[str, str, datetime, NDArray[np.int64]]
"""Detector, file, time of the first packet, counts in the order of the file."""


def _counted(path: Path) -> list[_Seen]:
    """Give, by detector, the time of the first packet and the counts in the order of the file."""
    chain = read_chain(path)
    chain = chain.take(chain.sound())
    heads = chain.heads(layout.HEAD_DTYPE)
    check_layout(chain, heads)
    apids = heads["identification"] & 0x7FF
    found = []
    for apid in np.unique(apids).tolist():
        mine = heads[apids == apid]
        at = layout.from_cds(*(int(mine[0][field]) for field in ("day", "millisecond", "microsecond")))
        found.append((layout.DETECTOR_OF[apid], path.name, at, (mine["sequencing"] & (layout.COUNTER_WRAP - 1)).astype(np.int64)))
    return found


def _steps(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give how many packets the counter passes over from each packet to the next; below 0 where it goes back or stands."""
    half = layout.COUNTER_WRAP // 2
    return np.asarray((np.diff(counts) - 1 + half) % layout.COUNTER_WRAP - half)
