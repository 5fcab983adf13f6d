"""Check sums of many packets at once say the same as one by one."""

from __future__ import annotations

import random
import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.interfaces.fos import sums


@given(a=st.binary(max_size=300), b=st.binary(max_size=300))
def test_the_sum_of_two_pieces_follows_from_their_sums(a, b):
    shifted = int(sums.shift(np.array([zlib.crc32(a)], dtype=np.uint32), len(b))[0])
    assert shifted ^ zlib.crc32(b) == zlib.crc32(a + b)


@settings(max_examples=150)
@given(
    lengths=st.lists(st.tuples(st.integers(18, 60), st.integers(1, 40)), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    hurt=st.sampled_from([0, 0.02, 0.5]),
    lost=st.sampled_from([0, 0.1]),
)
def test_packets_are_told_sound_and_damaged_as_one_by_one(lengths, seed, hurt, lost):
    draw = random.Random(seed)
    packets, right = [], []
    for length, count in lengths:
        for _ in range(count):
            body = draw.randbytes(length - 4)
            packet = bytearray(body + zlib.crc32(body).to_bytes(4))
            if draw.random() < hurt:
                packet[draw.randrange(length)] ^= 1 << draw.randrange(8)
            packets.append(bytes(packet))
            right.append(zlib.crc32(packet[:-4]) == int.from_bytes(packet[-4:]))
    ends = np.cumsum([len(p) for p in packets])
    starts = ends - [len(p) for p in packets]
    kept = np.array([draw.random() >= lost for _ in packets])
    content = np.frombuffer(b"".join(packets), dtype=np.uint8)
    found = sums.sound(content, starts[kept], ends[kept])
    assert found.tolist() == np.array(right)[kept].tolist()


@given(count=st.integers(1, 70), length=st.integers(5, 40), seed=st.integers(0, 2**32))
def test_the_sum_of_a_run_follows_from_the_sums_that_its_packets_carry(count, length, seed):
    draw = random.Random(seed)
    bodies = [draw.randbytes(length - 4) for _ in range(count)]
    carried = np.array([zlib.crc32(body) for body in bodies], dtype=np.uint32)
    whole = b"".join(body + zlib.crc32(body).to_bytes(4) for body in bodies)
    assert sums.together(carried, length) == zlib.crc32(whole)


def test_no_packet_is_no_trouble():
    nothing = np.empty(0, dtype=np.int64)
    assert len(sums.sound(np.zeros(8, dtype=np.uint8), nothing, nothing)) == 0


def test_a_block_is_shorter_than_the_polynomials_period():
    assert 8 * max(sums.BLOCK, sums.SHORT * 65_542) < 2**32 - 1
