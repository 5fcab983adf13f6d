"""What happens to the bytes of a file on purpose: flips, cuts, splices, repeats, lies about lengths, nesting, bombs, huge numbers."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import numpy as np

from dmsops.interfaces.fos import layout

Generator = np.random.Generator
LYING = "a field changed under a right check sum"
"""The one mutation that no check sum can find: the sender itself would have to write it."""
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
) + b"]>"  # fmt: skip


def flips(content: bytes, rng: Generator) -> bytes:
    """Turn single bits over."""
    changed = bytearray(content)
    for place in rng.integers(0, len(changed), int(rng.integers(1, 20))).tolist():
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def noise(content: bytes, rng: Generator) -> bytes:
    """Write noise over a piece."""
    first, count = _piece(content, rng)
    return content[:first] + rng.bytes(count) + content[first + count :]


def cut(content: bytes, rng: Generator) -> bytes:
    """Keep the beginning, or the end."""
    place = int(rng.integers(0, len(content)))
    return content[:place] if rng.random() < 0.7 else content[place:]


def removed(content: bytes, rng: Generator) -> bytes:
    """Take a piece out of the middle."""
    first, count = _piece(content, rng)
    return content[:first] + content[first + count :]


def repeated(content: bytes, rng: Generator) -> bytes:
    """Repeat a piece, perhaps many times."""
    first, count = _piece(content, rng)
    piece = content[first : first + count]
    return content[:first] + piece * int(rng.integers(2, 200) if count < 2000 else 2) + content[first + count :]


def moved(content: bytes, rng: Generator) -> bytes:
    """Move a piece to another place."""
    first, count = _piece(content, rng)
    rest = content[:first] + content[first + count :]
    place = int(rng.integers(0, len(rest) + 1))
    return rest[:place] + content[first : first + count] + rest[place:]


def lengths(content: bytes, rng: Generator) -> bytes:
    """Lie about the length of packets; in a text write a wrong number."""
    starts = _starts(content)
    if not starts:
        return numbers(content, rng)
    changed = bytearray(content)
    for start in rng.choice(starts, min(len(starts), 3), replace=False).tolist():
        changed[start + 4 : start + 6] = int(rng.choice([0, 1, 6, 7, 0xFFFF, int(rng.integers(0, 1 << 16))])).to_bytes(2)
    return bytes(changed)


def numbers(content: bytes, rng: Generator) -> bytes:
    """Put huge, negative or nonsensical numbers where there are numbers."""
    found = list(re.finditer(rb"[0-9]+", content))
    wild = [b"9" * 400, b"-1", b"1e309", b"NaN", b"Infinity", b"0", b"1e-400", b"9" * 5000, b"0x10", "٣".encode()]
    if not found:
        return flips(content, rng)
    one = found[int(rng.integers(len(found)))]
    return content[: one.start()] + wild[int(rng.integers(len(wild)))] + content[one.end() :]


def nested(content: bytes, rng: Generator) -> bytes:
    """Nest deeply, somewhere inside."""
    depth, place = int(rng.integers(1000, 100_000)), int(rng.integers(0, len(content)))
    opening = [b"[", b'{"a":', b"<a>", b"(", b"META_START\n"][int(rng.integers(5))]
    return content[:place] + opening * depth + content[place:]


def bombs(content: bytes, rng: Generator) -> bytes:
    """Declare entities that grow, and use them; or name a file."""
    outside = b'<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>'
    head = re.match(rb"<\?xml[^>]*\?>\s*", content)
    place = head.end() if head else 0
    text = content[:place] + (BOMB if rng.random() < 0.6 else outside) + content[place:]
    return re.sub(rb">([^<>]+)</", b">&j;</", text, count=int(rng.integers(1, 4)))


def lied(content: bytes, rng: Generator) -> bytes:
    """Change bytes of a packet and make its check sum right again."""
    starts = _starts(content)
    if not starts:
        return words(content, rng)
    changed = bytearray(content)
    start = int(rng.choice(starts))
    end = start + 7 + int.from_bytes(content[start + 4 : start + 6])
    for place in rng.integers(start + 6, min(end - 4, start + 170), int(rng.integers(1, 4))).tolist():
        changed[place] = int(rng.integers(256))
    changed[end - 4 : end] = zlib.crc32(changed[start : end - 4]).to_bytes(4)
    return bytes(changed)


def words(content: bytes, rng: Generator) -> bytes:
    """Put one word of a text in the place of another."""
    found = list(re.finditer(rb"[A-Za-z_]{3,}", content))
    if len(found) < 2:
        return flips(content, rng)
    a, b = (found[i] for i in rng.integers(0, len(found), 2).tolist())
    return content[: a.start()] + b.group() + content[a.end() :]


MUTATIONS: dict[str, Callable[[bytes, Generator], bytes]] = {
    "bits flipped": flips,
    "noise": noise,
    "cut": cut,
    "a piece removed": removed,
    "a piece repeated": repeated,
    "a piece moved": moved,
    "lengths that lie": lengths,
    "huge numbers": numbers,
    "deep nesting": nested,
    "entity bombs": bombs,
    "words exchanged": words,
    LYING: lied,
}


def spliced(content: bytes, other: bytes, rng: Generator) -> bytes:
    """Put a piece of another file into this one."""
    first, count = _piece(other, rng)
    place = int(rng.integers(0, len(content) + 1))
    return content[:place] + other[first : first + count] + content[place:]


def _piece(content: bytes, rng: Generator) -> tuple[int, int]:
    first = int(rng.integers(0, max(1, len(content))))
    return first, int(min(len(content) - first, rng.integers(1, max(2, len(content) // 3))))


def _starts(content: bytes) -> list[int]:
    """Give where packets start; none when it is no chain of packets."""
    starts, offset = [], 0
    while offset + layout.PRIMARY.size < len(content):
        identification, _, length = layout.PRIMARY.unpack_from(content, offset)
        if identification >> 11 != 1:
            return []
        starts.append(offset)
        offset += length + 7
    return starts if offset == len(content) else []
