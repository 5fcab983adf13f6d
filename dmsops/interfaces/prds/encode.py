"""Encoding samples as packets of one layout (for the test bed): the reverse of decoding."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput
from dmsops.interfaces.prds.decode import WHOLE
from dmsops.interfaces.prds.records import Container, Field, Series

Rows = NDArray[np.uint8]
DAY = 86_400_000_000
EPOCH = -378_691_200_000_000
"""1958-01-01 in microseconds since 1970-01-01."""
WRAP = 1 << 14


def encoded(container: Container, times: NDArray[np.int64], numbers: Mapping[str, NDArray[np.generic]], first: int) -> Rows:
    """Encode packets of fixed layout, shape (N, bytes of a packet), check sums and all.

    Parameters
    ----------
    times : ndarray, shape (N,)
        Microseconds since 1970-01-01 UTC.
    numbers : mapping
        By field: what is sent, shape (N,); fields that are not named are zero.
    first : int
        Sequence count of the first packet.

    Raises
    ------
    BadInput
        A time is before 1958 or after 2137, or a number does not fit into its field.
    """
    rows = np.zeros((len(times), container.size), dtype=np.uint8)
    sent = {
        **_header(container, times, container.size, first),
        **{n: np.full(len(times), v) for n, v in container.criteria.items()},
        **numbers,
    }
    for field in container.fields:
        if field.name in sent:
            _put(field, rows, sent[field.name])
    content = memoryview(rows.reshape(-1))
    size = container.size
    sums = [zlib.crc32(content[i : i + size - 4]) for i in range(0, rows.size, size)]
    rows[:, size - 4 :] = np.array(sums, dtype=">u4").view(np.uint8).reshape(-1, 4)
    return rows


def _header(container: Container, times: NDArray[np.int64], size: int, first: int) -> dict[str, NDArray[np.generic]]:
    since = times - EPOCH
    if len(since) and (since.min() < 0 or since.max() >= DAY << 16):
        raise BadInput(f"container {container.name}: a time is not between 1958 and 2137", field="times")
    count = len(times)
    return {
        "PKT_SECONDARY_HEADER": np.ones(count, dtype=np.int64),
        "PKT_APID": np.full(count, container.apid),
        "PKT_SEQUENCE_FLAGS": np.full(count, 3),
        "PKT_SEQUENCE_COUNT": (first + np.arange(count)) % WRAP,
        "PKT_LENGTH": np.full(count, size - 7),
        "PKT_DAY": since // DAY,
        "PKT_MILLISECOND": since % DAY // 1000,
        "PKT_MICROSECOND": since % 1000,
    }


def _put(field: Field, rows: Rows, numbers: NDArray[np.generic]) -> None:
    first, size = field.bit // 8, field.width // 8
    if field.kind == "float":
        with np.errstate(over="ignore", invalid="ignore"):
            rows[:, first : first + size] = numbers.astype(f">f{size}").view(np.uint8).reshape(-1, size)
        return
    _check(field, numbers)
    if field.bit % 8 == 0 and field.width in WHOLE:
        rows[:, first : first + size] = (
            numbers.astype(f">i{size}" if field.kind == "signed" else f">u{size}").view(np.uint8).reshape(-1, size)
        )
        return
    bits = numbers.astype(np.int64).view(np.uint64) & np.uint64((1 << field.width) - 1)
    end = field.bit + field.width
    for byte in range(first, (end - 1) // 8 + 1):
        shift = end - 8 * (byte + 1)
        part = bits >> np.uint64(shift) if shift >= 0 else bits << np.uint64(-shift)
        rows[:, byte] |= (part & np.uint64(0xFF)).astype(np.uint8)


def _check(field: Field, numbers: NDArray[np.generic]) -> None:
    low, high = (-(1 << (field.width - 1)), (1 << (field.width - 1)) - 1) if field.kind == "signed" else (0, (1 << field.width) - 1)
    if len(numbers) and not (low <= int(numbers.min()) and int(numbers.max()) <= high):
        raise BadInput(f"mnemonic {field.name}: counts are not between {low} and {high}, as {field.width} bits hold", field=field.name)


def numbers_of(field: Field, series: Series) -> NDArray[np.generic]:
    """Give what is sent for a series: the values themselves where packets carry floats, else the counts.

    Raises
    ------
    BadInput
        The series has no counts and its values do not tell them.
    """
    if field.kind == "float":
        return series.values
    if series.raw is not None:
        return series.raw
    counts = np.rint(series.values)
    if field.calibration is not None or not np.array_equal(counts, series.values):
        raise BadInput(f"mnemonic {field.name}: needs its counts (raw): its values do not tell them", field=field.name)
    return counts.astype(np.int64)


def encoded_one(container: Container, time: int, numbers: Mapping[str, int | float], texts: Mapping[str, str], first: int) -> bytes:
    """Encode one packet of a layout without fixed places; a text too long for a field of fixed length is cut."""
    words = {f.name: texts.get(f.name, "").encode() for f in container.fields if f.kind == "text"}
    bits = sum(f.width or 8 * len(words[f.name]) for f in container.fields)
    header = _header(container, np.array([time]), bits // 8, first)
    sent = {name: int(value[0]) for name, value in header.items()} | dict(container.criteria) | dict(numbers)
    total = 0
    for field in container.fields[:-1]:
        width, number = _one(container, field, sent, words)
        total = (total << width) | number
    content = total.to_bytes(bits // 8 - 4)
    return content + zlib.crc32(content).to_bytes(4)


def _one(container: Container, field: Field, sent: Mapping[str, int | float], words: Mapping[str, bytes]) -> tuple[int, int]:
    """Give the bits of one field as a number of so many bits."""
    if field.kind == "text":
        word = words[field.name]
        size = field.width // 8 or len(word)
        return 8 * size, int.from_bytes(word[:size].decode(errors="ignore").encode().ljust(size))
    if field.kind == "float":
        size = field.width // 8
        return field.width, int.from_bytes(np.array([sent.get(field.name, 0.0)], dtype=f">f{size}").tobytes())
    number = len(words[field.length_of]) if field.length_of else int(sent.get(field.name, 0))
    _check(field, np.array([number]))
    return field.width, number & ((1 << field.width) - 1)


def text_of(container: Container, texts: Mapping[str, Sequence[str]], place: int) -> dict[str, str]:
    """Give the texts of one packet."""
    return {f.name: texts[f.name][place] for f in container.fields if f.kind == "text" and f.name in texts}
