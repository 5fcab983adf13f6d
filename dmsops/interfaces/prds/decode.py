"""Decoding packets of one layout: all of them at once when it has fixed places, by the XTCE library when it has not."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmsops.interfaces.prds.records import Container, Field, TelemetryDatabase

BLOCK = 1 << 18
"""Bytes of packets that are decoded together: so few that they stay in the processor's cache from field to field."""
WHOLE = (8, 16, 32, 64)
Rows = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The samples of one field: engineering values (N,), and counts (N,) unless packets carry the value itself."""

    field: Field
    values: NDArray[np.float64]
    raw: NDArray[np.int64] | None


def decoded(container: Container, blocks: Iterable[Rows], count: int) -> list[Decoded]:
    """Decode packets of fixed layout.

    Parameters
    ----------
    blocks : iterable of ndarray, shape (n, bytes of a packet)
        The packets, block after block.
    count : int
        Packets in all blocks.
    """
    fields = container.measured
    values = [np.empty(count, dtype=np.float64) for _ in fields]
    raws = [None if f.kind == "float" else np.empty(count, dtype=np.int64) for f in fields]
    done = 0
    for rows in blocks:
        part = slice(done, done + len(rows))
        with np.errstate(invalid="ignore"):  # a float may be a signalling NaN: it becomes a quiet one
            for field, value, raw in zip(fields, values, raws, strict=True):
                found = read(field, rows)
                if raw is not None:
                    raw[part] = found
                value[part] = found if field.calibration is None else field.calibration(found.astype(np.float64))
        done += len(rows)
    return [Decoded(*each) for each in zip(fields, values, raws, strict=True)]


def block_rows(container: Container) -> int:
    """Say how many packets of a layout make a block."""
    return max(1, BLOCK // container.size)


def read(field: Field, rows: Rows) -> NDArray[np.int64] | NDArray[np.float64]:
    """Read a field of every packet, shape (N,), as it is sent; a view where that is possible."""
    first = field.bit // 8
    if field.bit % 8 == 0 and field.width in WHOLE:
        kind = {"unsigned": "u", "signed": "i", "float": "f"}[field.kind]
        size = field.width // 8
        found = rows[:, first : first + size].view(f">{kind}{size}")[:, 0]
        return np.asarray(found)
    bits = _bits(rows, field.bit, field.width).view(np.int64)
    if field.kind == "signed":
        sign = np.int64(1) << np.int64(field.width - 1) if field.width < 64 else np.int64(np.iinfo(np.int64).min)
        bits = bits if field.width == 64 else (bits ^ sign) - sign
    return bits


def _bits(rows: Rows, bit: int, width: int) -> NDArray[np.uint64]:
    """Gather up to 64 bits from any place; they may touch nine bytes."""
    first, last = bit // 8, (bit + width - 1) // 8
    behind = 8 * (last + 1) - bit - width
    total = np.zeros(len(rows), dtype=np.uint64)
    for byte in range(first, min(last, first + 7) + 1):
        total = (total << np.uint64(8)) | rows[:, byte]
    if last - first == 8:
        total = (total << np.uint64(8 - behind)) | (rows[:, last] >> np.uint8(behind))
    else:
        total >>= np.uint64(behind)
    return total & np.uint64((1 << width) - 1)


Sampled = dict[str, tuple[float, int]]
"""By field: value and counts of one packet."""


def by_library(database: TelemetryDatabase, container: Container, packets: Iterable[bytes]) -> Iterator[Sampled | None]:
    """Decode packets one by one by the XTCE library; None for one that does not fit its container.

    A text that cannot be read as text, or a length that does not agree with the packet's, does not fit.
    """
    for packet in packets:
        yield _by_library(database, container, packet)


def _by_library(database: TelemetryDatabase, container: Container, packet: bytes) -> Sampled | None:
    try:
        with warnings.catch_warnings():  # the library warns when bits are left over: here that is an error
            warnings.simplefilter("error")
            found = database.definition.parse_bytes(packet)
        return {f.name: _pair(found[f.name]) for f in container.measured}
    except Exception:  # noqa: BLE001 - the library raises whatever its own reading stumbles over
        return None


def _pair(found: object) -> tuple[float, int]:
    raw = getattr(found, "raw_value", found)
    value = raw if isinstance(found, str) else found
    return float(value), int(raw) if isinstance(raw, int) else 0  # type: ignore[arg-type]
