"""Reading recorder files: the chain of space packets, their check sums and their headers."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import layout, sums

BLOCK = 1 << 14
"""Packets that are looked at together: keeps what is in memory small beside the file."""
ALIKE = 16
"""After so many packets of one length the walk tries whether as many again follow, all at once."""
READ = 1 << 18
"""Bytes up to which a file is read: to map it, and to fault its pages in, costs more."""
SMALLEST = layout.PRIMARY.size + layout.TIME.size + layout.CHECK.size


@dataclass(frozen=True, slots=True)
class Chain:
    """The packets of one file: bytes (of a large file mapped, not read), and where each packet starts and ends."""

    path: Path
    content: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Chain:
        """Give the chain of some of the packets."""
        return Chain(self.path, self.content, self.starts[chosen], self.ends[chosen])

    def heads(self, dtype: np.dtype[np.void]) -> NDArray[np.void]:
        """Gather the first bytes of every packet as records; bytes past a packet's end read as zero."""
        size = dtype.itemsize
        gathered = np.zeros((len(self.starts), size), dtype=np.uint8)
        long = self.ends - self.starts >= size
        if long.any():
            gathered[long] = self.cut(self.starts[long], size)
        for i in np.flatnonzero(~long).tolist():
            start, end = int(self.starts[i]), int(self.ends[i])
            gathered[i, : end - start] = self.content[start:end]
        return gathered.view(dtype).reshape(-1)

    def cut(self, places: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """Copy ``size`` bytes from each of some places, shape (places, size)."""
        return np.asarray(sums.windows(self.content, size)[places])

    def sound(self) -> NDArray[np.bool_]:
        """Say of every packet whether its CRC-32 agrees."""
        return sums.sound(self.content, self.starts, self.ends)


def read_chain(path: Path) -> Chain:
    """Find the packets of a recorder file.

    Raises
    ------
    BadDelivery
        The file cannot be opened or is empty, or the chain of packets breaks; the message names the byte.
    """
    try:
        content = _bytes_of(path)
    except (OSError, ValueError) as error:
        raise BadDelivery(f"{path.name}: cannot be read: {error}", file=path.name) from None
    starts = _walk(path, content)
    return Chain(path, content, starts, np.append(starts[1:], len(content)))


def _bytes_of(path: Path) -> NDArray[np.uint8]:
    """Give a file's bytes: a small file's read, a larger one's mapped; a file without any raises `ValueError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if 0 < (size := os.fstat(descriptor).st_size) <= READ:
            return np.frombuffer(os.read(descriptor, size), dtype=np.uint8)
        return np.frombuffer(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), dtype=np.uint8)
    finally:
        os.close(descriptor)


def _walk(path: Path, content: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Follow the lengths: packet by packet, and in strides where many of one length follow each other."""
    pieces: list[NDArray[np.int64]] = []
    starts: list[int] = []
    offset, size, before, alike = 0, len(content), 0, 0
    view = memoryview(content)
    unpack, header = layout.PRIMARY.unpack_from, layout.PRIMARY.size
    while offset < size:
        starts.append(offset)
        if size - offset < SMALLEST:
            raise broken(path, offset, "the file ends inside a packet")
        identification, _, length = unpack(view, offset)
        if identification >> 11 != 1:
            raise broken(path, offset, "this is no telemetry packet with a time (CCSDS version 0, type 0, secondary header)")
        stride = header + length + 1
        if stride > size - offset or stride < SMALLEST:
            raise broken(path, offset, "the packet's length leads past the end of the file or is too small")
        offset += stride
        alike = alike + 1 if stride == before else 0
        before = stride
        if alike == ALIKE:
            alike = 0
            count = _like(content, offset, stride)
            pieces += [np.array(starts, dtype=np.int64), offset + stride * np.arange(count)]
            starts = []
            offset += stride * count
    return np.concatenate([*pieces, np.array(starts, dtype=np.int64)])


def _like(content: NDArray[np.uint8], offset: int, stride: int) -> int:
    """Count how many whole packets of one length follow from a place; looks further and further while all are alike."""
    primary = content[offset - stride : offset - stride + layout.PRIMARY.size]
    most, found, look = (len(content) - offset) // stride, 0, 4 * ALIKE
    while found < most:
        count = min(look, most - found)
        first = offset + found * stride
        heads = content[first : first + count * stride].reshape(count, stride)
        alike = (heads[:, 0] >> 3 == 1) & (heads[:, 4] == primary[4]) & (heads[:, 5] == primary[5])
        if not alike.all():
            return found + int(np.argmin(alike))
        found, look = found + count, min(4 * look, BLOCK)
    return found


def broken(path: Path, offset: int, why: str) -> BadDelivery:
    """Make the error for a file that cannot be followed at a byte."""
    return BadDelivery(f"{path.name}: byte {offset}: {why}", file=path.name, byte=int(offset))
