"""Which packets of an exposure a file holds, in a form so compact that files can be put together without reading them again.

A frame is cut into packets by the layout's rule, so a packet has a place: integration, and position among the packets of
that integration. What is held are runs ``[first integration, last integration, first position, end position)``: one run
when everything is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.layout import ExposureHeader

WORDS = {layout.FRAME: "frame", layout.ZERO_FRAME: "zero frame", layout.REFERENCE_OUTPUT: "reference output"}
"""The kinds of packet with pixels, in words."""
Runs = list[list[int]]
Span = tuple[int, int, int, int]
"""Rows of one frame: integration and group (from 1), first row (from 0), number of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent of one kind: integrations, frames in each, and the size of a frame in pixels."""

    nints: int
    groups: int
    rows: int
    columns: int

    @property
    def per_frame(self) -> int:
        """Packets of one frame."""
        return layout.packets_per_frame(self.rows, self.columns)

    @property
    def per_integration(self) -> int:
        """Packets of one integration."""
        return self.groups * self.per_frame

    @property
    def packets(self) -> int:
        """All packets."""
        return self.nints * self.per_integration


def sent_of(header: ExposureHeader) -> dict[str, Sent]:
    """Tell what an exposure header packet says was sent, by kind in words."""
    rows, columns = header.geometry.ysize, header.geometry.xsize
    sent = {"frame": Sent(nints=header.nints, groups=header.ngroups, rows=rows, columns=columns)}
    if header.zero_packets:
        sent["zero frame"] = Sent(nints=header.nints, groups=1, rows=rows, columns=columns)
    if header.reference_packets:
        sent["reference output"] = Sent(nints=header.nints, groups=header.ngroups, rows=rows, columns=columns // layout.OUTPUTS)
    return sent


def places(heads: NDArray[np.void]) -> NDArray[np.int64]:
    """Give each packet's place as one number: integration above, position in it below; packets of one kind and frame size."""
    if not len(heads):
        return np.empty(0, dtype=np.int64)
    rows, columns = int(heads["frame_rows"][0]), int(heads["frame_columns"][0])
    frame = np.maximum(heads["frame_group"].astype(np.int64), 1) - 1
    position = frame * layout.packets_per_frame(rows, columns) + heads["first_row"] // layout.rows_per_packet(columns)
    return np.asarray((heads["integration"].astype(np.int64) << 32) | position)


def distinct(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give places in order, each once; quick where they are so already, as in an undisturbed file."""
    return found if (found[1:] > found[:-1]).all() else np.unique(found)


def runs_of(found: NDArray[np.int64]) -> Runs:
    """Give the runs of places, each given once and in order."""
    if not len(found):
        return []
    lowest, highest = int(found[0]), int(found[-1])
    if highest - lowest == len(found) - 1:  # one run in one integration, told without arrays
        return [[lowest >> 32, lowest >> 32, lowest & 0xFFFFFFFF, (highest & 0xFFFFFFFF) + 1]]
    begins = np.flatnonzero(np.diff(found, prepend=found[0] - 2) != 1)
    ends = np.append(begins[1:], len(found)) - 1
    integration, first, end = found[begins] >> 32, found[begins] & 0xFFFFFFFF, (found[ends] & 0xFFFFFFFF) + 1
    order = np.lexsort((integration, end, first))
    integration, first, end = integration[order], first[order], end[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(integration) != 1) | (np.diff(first) != 0) | (np.diff(end) != 0)
    lasts = np.append(np.flatnonzero(new)[1:], len(order)) - 1
    runs: Runs = np.column_stack([integration[new], integration[lasts], first[new], end[new]]).tolist()
    return runs


def held(sent: Sent, runs: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """Put runs of several files together.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        Intervals ``[first, end)`` in the order of all packets that were sent; none touch.
    """
    whole = sent.per_integration
    pieces: list[NDArray[np.int64]] = [np.empty((0, 2), dtype=np.int64)]
    for first, last, begin, end in runs:
        if begin == 0 and end == whole:
            pieces.append(np.array([[(first - 1) * whole, last * whole]], dtype=np.int64))
        else:
            before = (np.arange(first, last + 1, dtype=np.int64) - 1) * whole
            pieces.append(np.column_stack([before + begin, before + end]))
    spans = np.concatenate(pieces)
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if not len(spans):
        return spans
    reach = np.maximum.accumulate(spans[:, 1])
    new = np.append(True, spans[1:, 0] > reach[:-1])
    return np.column_stack([spans[new, 0], reach[np.append(np.flatnonzero(new)[1:], len(spans)) - 1]])


def missing(sent: Sent, have: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give what `held` leaves open, in the same form."""
    edges = np.concatenate([[0], have.reshape(-1), [sent.packets]]).reshape(-1, 2)
    return np.asarray(edges[edges[:, 0] < edges[:, 1]])


def count(spans: NDArray[np.int64]) -> int:
    """Count the packets in intervals."""
    return int((spans[:, 1] - spans[:, 0]).sum())


def spans_of_rows(sent: Sent, spans: NDArray[np.int64]) -> list[Span]:
    """Say which rows of which frames intervals of packets stand for, frame by frame."""
    per_packet, whole = layout.rows_per_packet(sent.columns), sent.per_frame
    found = []
    for begin, end in spans.tolist():
        for frame in range(begin // whole, -(-end // whole)):
            first = max(begin - frame * whole, 0) * per_packet
            stop = min(min(end - frame * whole, whole) * per_packet, sent.rows)
            found.append((frame // sent.groups + 1, frame % sent.groups + 1, first, stop - first))
    return found


def plain(sent: Mapping[str, Sent] | None, found: Mapping[str, tuple[tuple[int, int], Runs]]) -> dict[str, Any]:
    """Write what was sent (None when no header packet says it) and what is held as plain data, for a row.

    Parameters
    ----------
    found : mapping
        By kind: size of a frame (rows, columns) as the packets say it, and the runs that are there.
    """
    said = None if sent is None else {kind: [s.nints, s.groups, s.rows, s.columns] for kind, s in sent.items()}
    return {"sent": said, "held": {kind: {"frame": list(size), "runs": runs} for kind, (size, runs) in found.items()}}


def read_sent(coverage: Mapping[str, Any]) -> dict[str, Sent] | None:
    """Read what `plain` wrote of what was sent."""
    said = coverage["sent"]
    return None if said is None else {kind: Sent(nints=n, groups=g, rows=r, columns=c) for kind, (n, g, r, c) in said.items()}


def runs_within(coverage: Mapping[str, Any], sent: Mapping[str, Sent]) -> dict[str, Runs] | None:
    """Read what `plain` wrote of what is held; None when it does not fit what was sent."""
    found: dict[str, Runs] = {}
    for kind, there in coverage["held"].items():
        s = sent.get(kind)
        if s is None or [s.rows, s.columns] != there["frame"]:
            return None
        if any(last > s.nints or end > s.per_integration for _, last, _, end in there["runs"]):
            return None
        found[kind] = there["runs"]
    return found
