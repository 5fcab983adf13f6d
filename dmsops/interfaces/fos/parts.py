"""What a science recorder file holds: which packets of which exposures, counted and put into place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import coverage, layout
from dmsops.interfaces.fos.chain import Chain, read_chain
from dmsops.interfaces.fos.layout import ExposureHeader, TakenName
from dmsops.interfaces.fos.science_heads import check_fits, check_layout, described, exposures, name_of_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one file holds of one exposure on one detector.

    ``packets`` counts each packet with pixels once (frames, zero frames, reference output); repeated ones are in
    ``duplicates``, those whose check sum does not agree in ``bad_crc``. ``rows`` and ``complete_frames`` are of frames.
    ``expected`` and ``header`` are None when no exposure header packet arrived. ``coverage`` says which packets are
    there, as plain data (see `coverage`).
    """

    exposure: TakenName
    detector: str
    packets: int
    expected: int | None
    duplicates: int
    bad_crc: int
    rows: int
    complete_frames: int
    first_at: datetime
    last_at: datetime
    header: ExposureHeader | None
    coverage: dict[str, Any]

    @property
    def frame(self) -> tuple[int, int] | None:
        """Rows and columns of a frame; None when neither a header nor a frame arrived."""
        if self.header is not None:
            return self.header.geometry.ysize, self.header.geometry.xsize
        held = self.coverage["held"].get("frame")
        return None if held is None else (held["frame"][0], held["frame"][1])

    @property
    def complete(self) -> bool:
        """Whether every packet that was sent is here."""
        return self.expected is not None and self.packets >= self.expected


def scan(path: Path) -> list[Part]:
    """Tell what a science recorder file holds, in the order in which it begins; one pass, nothing kept in memory.

    Raises
    ------
    BadDelivery
        The file is no science recorder file, or its packets contradict each other; the message names the byte.
    """
    chain = read_chain(path)
    sound = chain.sound()
    if not sound.any():
        raise BadDelivery(f"{path.name}: no packet's check sum agrees", file=path.name)
    good = chain if sound.all() else chain.take(sound)
    heads = good.heads(layout.HEAD_DTYPE)
    check_layout(good, heads)
    index, count = exposures(heads)
    bad = _blame(sound, index, count)
    if count == 1:
        return [_part(good, heads, int(bad[0]))]
    order = np.argsort(index, kind="stable")
    pieces = np.split(order, np.cumsum(np.bincount(index, minlength=count))[:-1])
    return [_part(good.take(piece), heads[piece], int(bad[i])) for i, piece in enumerate(pieces)]


def _blame(sound: NDArray[np.bool_], index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Count damaged packets per exposure: each goes to the sound packet before it, as its own header may lie."""
    if sound.all():
        return np.zeros(count, dtype=np.int64)
    before = np.cumsum(sound)[~sound] - 1
    return np.bincount(index[np.maximum(before, 0)], minlength=count)


def _part(chain: Chain, heads: NDArray[np.void], bad: int) -> Part:
    header = described(chain, heads)
    check_fits(chain, heads, header)
    kinds = {word: heads[heads["kind"] == kind] for kind, word in coverage.WORDS.items()}
    found = {word: coverage.distinct(coverage.places(ours)) for word, ours in kinds.items() if len(ours)}
    pixels, packets = sum(map(len, kinds.values())), sum(map(len, found.values()))
    runs = {word: (_size(kinds[word]), coverage.runs_of(places)) for word, places in found.items()}
    rows, frames = _frames(*runs["frame"][0], found["frame"]) if "frame" in found else (0, 0)
    first, last = _times(heads)
    return Part(
        exposure=name_of_head(heads[0]) if header is None else header.exposure,
        detector=layout.DETECTOR_OF[int(heads[0]["identification"]) & 0x7FF],
        packets=packets,
        expected=None if header is None else header.all_packets,
        duplicates=pixels - packets,
        bad_crc=bad,
        rows=rows,
        complete_frames=frames,
        first_at=first,
        last_at=last,
        header=header,
        coverage=coverage.plain(None if header is None else coverage.sent_of(header), runs),
    )


def _size(heads: NDArray[np.void]) -> tuple[int, int]:
    return int(heads["frame_rows"][0]), int(heads["frame_columns"][0])


def _frames(height: int, columns: int, found: NDArray[np.int64]) -> tuple[int, int]:
    """Count the rows of frames that are there, each once, and the frames of which all are.

    Parameters
    ----------
    height, columns : int
        Size of a frame.
    found : ndarray of int64
        Places of packets, in order, each once.
    """
    per_packet = layout.rows_per_packet(columns)
    per_frame = -(-height // per_packet)
    if per_frame == 1:
        return len(found) * height, len(found)
    position = (found & 0xFFFFFFFF) % per_frame
    short = per_frame * per_packet - height
    rows = len(found) * per_packet - short * int((position == per_frame - 1).sum())
    begins = found[position == 0]
    ends = np.searchsorted(found, begins + per_frame - 1)
    whole = found[np.minimum(ends, len(found) - 1)] == begins + per_frame - 1
    counted = ends - np.searchsorted(found, begins) + 1
    return rows, int((whole & (counted == per_frame)).sum())


def _times(heads: NDArray[np.void]) -> tuple[datetime, datetime]:
    day, millisecond, microsecond = (heads[field].astype(np.int64) for field in ("day", "millisecond", "microsecond"))
    instants = (day * 86_401_000 + millisecond) * 1000 + microsecond
    ends = (heads[int(np.argmin(instants))], heads[int(np.argmax(instants))])
    first, last = (layout.from_cds(int(h["day"]), int(h["millisecond"]), int(h["microsecond"])) for h in ends)
    return first, last
