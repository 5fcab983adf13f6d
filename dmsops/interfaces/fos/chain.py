"""Reading recorder files: the chain of space packets, their check sums and their headers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import layout

BLOCK = 1 << 14
"""Packets whose headers are gathered at once: keeps what is in memory small beside the file."""
SMALLEST = layout.PRIMARY.size + layout.TIME.size + layout.CHECK.size


@dataclass(frozen=True, slots=True)
class Chain:
    """The packets of one file: bytes (mapped, not read), and where each packet starts and ends."""

    path: Path
    content: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_]) -> Chain:
        """Give the chain of some of the packets."""
        return Chain(self.path, self.content, self.starts[chosen], self.ends[chosen])

    def heads(self, dtype: np.dtype[np.void]) -> NDArray[np.void]:
        """Gather the first bytes of every packet as records; bytes past a packet's end read as zero."""
        gathered = np.empty((len(self.starts), dtype.itemsize), dtype=np.uint8)
        for first in range(0, len(gathered), BLOCK):
            part = slice(first, first + BLOCK)
            places = self.starts[part, None] + np.arange(dtype.itemsize)
            inside = places < self.ends[part, None]
            gathered[part] = np.where(inside, self.content[np.minimum(places, len(self.content) - 1)], 0)
        return gathered.view(dtype).reshape(-1)

    def sound(self) -> NDArray[np.bool_]:
        """Say of every packet whether its CRC-32 agrees."""
        view = memoryview(self.content)
        crc, check = zlib.crc32, layout.CHECK.size
        return np.array(
            [
                crc(view[start : end - check]) == int.from_bytes(view[end - check : end])
                for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
            ],
            dtype=bool,
        )


def read_chain(path: Path) -> Chain:
    """Find the packets of a recorder file.

    Raises
    ------
    BadDelivery
        The file cannot be opened or is empty, or the chain of packets breaks; the message names the byte.
    """
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise BadDelivery(f"{path.name}: cannot be read: {error}", file=path.name) from None
    starts = []
    offset, size = 0, len(content)
    view = memoryview(content)
    unpack, header = layout.PRIMARY.unpack_from, layout.PRIMARY.size
    while offset < size:
        starts.append(offset)
        if size - offset < SMALLEST:
            raise broken(path, offset, "the file ends inside a packet")
        identification, _, length = unpack(view, offset)
        if identification >> 11 != 1:
            raise broken(path, offset, "this is no telemetry packet with a time (CCSDS version 0, type 0, secondary header)")
        offset += header + length + 1
        if offset > size or length + 1 + header < SMALLEST:
            raise broken(path, starts[-1], "the packet's length leads past the end of the file or is too small")
    begins = np.array(starts, dtype=np.int64)
    return Chain(path, content, begins, np.append(begins[1:], size))


def broken(path: Path, offset: int, why: str) -> BadDelivery:
    """Make the error for a file that cannot be followed at a byte."""
    return BadDelivery(f"{path.name}: byte {offset}: {why}", file=path.name, byte=int(offset))
