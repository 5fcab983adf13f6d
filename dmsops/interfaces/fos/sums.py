"""Check sums of many packets at once.

CRC-32 is linear: from the sums of two pieces follows that of both together. So the sum over a block of packets, computed in
one go, must be the one that follows from the sums the packets carry. When it is, every packet of the block is sound; the
packets of a block of which it is not are looked at one by one. Blocks are far shorter than the 2**32 bits over which the
polynomial repeats, so any one or two wrong bits in a block are found, as in a single packet; of other damage one block in
2**32 would slip through, as one packet would.

Formula: crc(A B) = shift(crc(A), length of B) xor crc(B), as in zlib's ``crc32_combine``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 23
"""Bytes of a block, about."""
SHORT = 16
"""Packets of a run below which it is quicker to look at each."""
SIZE = 4
"""Bytes of the sum at the end of a packet."""
_POLYNOMIAL = 0xEDB88320
Words = NDArray[np.uint32]


def windows(content: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Give the view whose row n is ``size`` bytes from byte n: as numpy's `sliding_window_view`, at a tenth of its cost."""
    return np.ndarray((len(content) - size + 1, size), np.uint8, content.data, 0, (1, 1))


def sound(content: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of every packet whether the CRC-32 at its end (big-endian) is that of the bytes before it."""
    good = np.zeros(len(starts), dtype=bool)
    if not len(starts):
        return good
    view, crc = memoryview(content), zlib.crc32
    carried = windows(content, SIZE)[ends - SIZE].view(">u4")[:, 0].astype(np.uint32)
    for first, last in _runs(starts, ends) if len(starts) >= SHORT else ():
        length = int(ends[first] - starts[first])
        good[first:last] = crc(view[int(starts[first]) : int(ends[last - 1])]) == together(carried[first:last], length)
    rest = np.flatnonzero(~good)
    pairs = zip(starts[rest].tolist(), (ends[rest] - SIZE).tolist(), strict=True)
    found = np.fromiter((crc(view[start:end]) for start, end in pairs), dtype=np.uint32, count=len(rest))
    good[rest] = found == carried[rest]
    return good


def _runs(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Give runs of packets of one length without gaps between them, cut into blocks; runs too short to be worth it are left out."""
    lengths = ends - starts
    breaks = np.flatnonzero((starts[1:] != ends[:-1]) | (lengths[1:] != lengths[:-1])) + 1
    edges = np.concatenate([[0], breaks, [len(starts)]])
    for i in np.flatnonzero(np.diff(edges) >= SHORT).tolist():
        first, last = int(edges[i]), int(edges[i + 1])
        step = max(SHORT, BLOCK // int(lengths[first]))
        yield from ((begin, min(begin + step, last)) for begin in range(first, last, step))


def together(carried: Words, length: int) -> int:
    """Give the sum of packets one after another, each of this length with its sum at the end, from the sums alone."""
    sums, size = _with_their_sums(carried), length
    total, behind = 0, 0
    while len(sums):
        if len(sums) % 2:
            total = int(shift(sums[-1:], behind)[0]) ^ total
            sums, behind = sums[:-1], behind + size
        sums = shift(sums[0::2], size) ^ sums[1::2]
        size *= 2
    return total


def _with_their_sums(carried: Words) -> Words:
    """Give the sums of whole packets: of the bytes, whose sum it is, with that sum written behind them."""
    tables = _bytes_table()
    state = carried ^ np.uint32(0xFFFFFFFF)
    for place in range(SIZE):
        byte = (carried >> np.uint32(24 - 8 * place)) & np.uint32(0xFF)
        state = tables[(state ^ byte) & np.uint32(0xFF)] ^ (state >> np.uint32(8))
    return state ^ np.uint32(0xFFFFFFFF)


@lru_cache(maxsize=1)
def _bytes_table() -> Words:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table


def shift(sums: Words, size: int) -> Words:
    """Give the sums as they count for what stands before ``size`` further bytes."""
    tables = _shift_tables(size)
    return np.asarray(
        tables[0][sums & np.uint32(0xFF)]
        ^ tables[1][(sums >> np.uint32(8)) & np.uint32(0xFF)]
        ^ tables[2][(sums >> np.uint32(16)) & np.uint32(0xFF)]
        ^ tables[3][sums >> np.uint32(24)]
    )


@lru_cache(maxsize=512)
def _shift_tables(size: int) -> Words:
    """Tabulate the shift by ``size`` bytes for each of the four bytes of a sum; the shift is linear, so its 32 bits give all."""
    bits = np.array([_shifted_bit(bit, size) for bit in range(32)], dtype=np.uint32)
    values = np.arange(256, dtype=np.uint32)
    tables = np.zeros((4, 256), dtype=np.uint32)
    for byte in range(4):
        for bit in range(8):
            tables[byte] ^= np.where(values >> np.uint32(bit) & np.uint32(1), bits[8 * byte + bit], np.uint32(0))
    return tables


def _shifted_bit(bit: int, size: int) -> int:
    """Multiply one bit of a sum by x to the power 8 size, modulo the polynomial (bits reflected: bit 31 is x to the power 0)."""
    power, result, square = 8 * size, 1 << bit, 1 << 30
    while power:
        if power & 1:
            result = _times(result, square)
        square = _times(square, square)
        power >>= 1
    return result


def _times(a: int, b: int) -> int:
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product
