"""Reading the pixels of an exposure out of science recorder files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import Chain, read_chain
from dmsops.interfaces.fos.coverage import WORDS, sent_of
from dmsops.interfaces.fos.layout import ExposureHeader, TakenName
from dmsops.interfaces.fos.science_heads import check_fits, check_layout, described

TOGETHER = 1 << 23
"""Bytes of pixels that are put into place at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawExposure:
    """The pixels of one exposure on one detector.

    Attributes
    ----------
    pixels : ndarray of uint16, shape (nints, ngroups, rows, columns)
        Counts as sent; rows that did not arrive are 0.
    filled : ndarray of bool, shape (nints, ngroups, rows)
        Which rows arrived.
    bad_crc : int
        Packets left out because their check sum does not agree.
    zeroframe : ndarray of uint16, shape (nints, rows, columns), or None
        The first read of every integration, with ``zeroframe_filled`` (nints, rows); None when none was sent.
    refout : ndarray of uint16, shape (nints, ngroups, rows, columns / 4), or None
        The reference output, with ``refout_filled`` (nints, ngroups, rows); None when none was sent.
    """

    header: ExposureHeader
    pixels: NDArray[np.uint16]
    filled: NDArray[np.bool_]
    bad_crc: int
    zeroframe: NDArray[np.uint16] | None = None
    zeroframe_filled: NDArray[np.bool_] | None = None
    refout: NDArray[np.uint16] | None = None
    refout_filled: NDArray[np.bool_] | None = None

    @property
    def complete(self) -> bool:
        """Whether every row arrived."""
        return all(mask is None or bool(mask.all()) for mask in (self.filled, self.zeroframe_filled, self.refout_filled))


def read_exposure(paths: Iterable[Path], exposure: TakenName, detector: str) -> RawExposure:
    """Read the pixels of one exposure on one detector out of the files that hold parts of it.

    Files and packets may come in any order and more than once; packets whose check sum does not agree are left out.

    Raises
    ------
    BadDelivery
        A file cannot be followed, no exposure header packet arrived, two contradict each other, or a packet contradicts it.
    """
    pieces = [_pieces(path, exposure, detector) for path in paths]
    header = _header(pieces, exposure, detector)
    planes = _planes(header)
    for chain, heads, _ in pieces:
        check_fits(chain, heads, header)
        for kind, (pixels, filled) in planes.items():
            mine = heads["kind"] == kind
            _place(chain.take(mine), heads[mine], pixels, filled)
    (pixels, filled), zero, reference = planes[layout.FRAME], planes.get(layout.ZERO_FRAME), planes.get(layout.REFERENCE_OUTPUT)
    return RawExposure(
        header=header,
        pixels=pixels,
        filled=filled,
        bad_crc=sum(bad for _, _, bad in pieces),
        zeroframe=None if zero is None else zero[0][:, 0],
        zeroframe_filled=None if zero is None else zero[1][:, 0],
        refout=None if reference is None else reference[0],
        refout_filled=None if reference is None else reference[1],
    )


_Planes = dict[int, tuple[NDArray[np.uint16], NDArray[np.bool_]]]
"""By kind of packet: pixels (nints, groups, rows, columns) and which rows are filled (nints, groups, rows)."""


def _planes(header: ExposureHeader) -> _Planes:
    sent = sent_of(header)
    try:
        return {
            kind: (np.zeros((s.nints, s.groups, s.rows, s.columns), dtype=np.uint16), np.zeros((s.nints, s.groups, s.rows), dtype=bool))
            for kind, word in WORDS.items()
            if (s := sent.get(word)) is not None
        }
    except MemoryError:
        raise BadDelivery(
            f"{header.exposure} {header.detector}: the exposure header claims more pixels than this machine's memory holds",
            exposure=str(header.exposure),
        ) from None


_Piece = tuple[Chain, NDArray[np.void], int]
"""The sound packets of an exposure in one file, their headers, and how many were damaged."""


def _header(pieces: list[_Piece], exposure: TakenName, detector: str) -> ExposureHeader:
    found = {header for chain, heads, _ in pieces if (header := described(chain, heads)) is not None}
    if len(found) == 1:
        return found.pop()
    words = "the exposure header packets of {} contradict each other" if found else "no exposure header packet of {} is in the files given"
    raise BadDelivery(words.format(f"{exposure} {detector}"), exposure=str(exposure), detector=detector)


def _pieces(path: Path, exposure: TakenName, detector: str) -> _Piece:
    chain = read_chain(path)
    heads = chain.heads(layout.HEAD_DTYPE)
    wanted = (heads["identification"] & 0x7FF) == layout.APIDS.get(detector, -1)
    for field, value in layout.tag_of(exposure)._asdict().items():
        wanted &= heads[field] == value
    chain, heads = chain.take(wanted), heads[wanted]
    sound = chain.sound()
    good, kept = chain.take(sound), heads[sound]
    check_layout(good, kept)
    return good, kept, int((~sound).sum())


def _place(chain: Chain, heads: NDArray[np.void], pixels: NDArray[np.uint16], filled: NDArray[np.bool_]) -> None:
    """Put packets of one kind into place: frames that are one packet many at a time, rows of larger frames packet by packet."""
    if not len(heads):
        return
    rows, columns = pixels.shape[2:]
    data = chain.starts + layout.HEAD.size
    integration, group = heads["integration"].astype(np.int64) - 1, np.maximum(heads["frame_group"].astype(np.int64), 1) - 1
    if layout.packets_per_frame(rows, columns) == 1:
        size = 2 * rows * columns
        for first in range(0, len(data), max(1, TOGETHER // size)):
            part = slice(first, first + max(1, TOGETHER // size))
            pixels[integration[part], group[part]] = chain.cut(data[part], size).view(">u2").reshape(-1, rows, columns)
        filled[integration, group] = True
        return
    firsts, counts = heads["first_row"].tolist(), heads["rows"].tolist()
    for start, i, g, row, count in zip(data.tolist(), integration.tolist(), group.tolist(), firsts, counts, strict=True):
        pixels[i, g, row : row + count] = chain.content[start : start + 2 * count * columns].view(">u2").reshape(count, columns)
        filled[i, g, row : row + count] = True
