"""Damage to engineering packets: whatever happens to a file, it is read or refused, and no sample of a sound packet is wrong."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering, write_packets
from dmsops.interfaces.prds import telemetry_database
from tests.telemetry import series_of

DATABASE = telemetry_database()
PER_PACKET = {c.name: (len(c.measured), len(c.texts)) for c in DATABASE.containers}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give a file of six containers, its packets, and what each mnemonic's samples are by time."""
    path, rng = tmp_path_factory.mktemp("whole") / "E.out", np.random.default_rng(3)
    names = ("ACS_POINTING", "ACS_STATUS", "NRC_FPE_A", "NRS_DETECTOR_1", "NRS_DETECTOR_2", "EVENT_MESSAGE")
    sent = [s for name in names for s in series_of(DATABASE.container(name), rng, 12)]
    write_packets(path, sent)
    chain = read_chain(path)
    packets = [chain.content[a:b].tobytes() for a, b in zip(chain.starts, chain.ends, strict=True)]
    return packets, {(s.mnemonic.name, int(t)): float(v) for s in sent for t, v in zip(s.times, s.values, strict=True)}


def checked(path, truth) -> None:
    """Read a file both ways: refused in words, or counted to the last sample and right in every one."""
    try:
        found = open_engineering(path)
        series = list(found.series())
        part = scan_engineering(path)
    except BadDelivery as bad:
        assert path.name in bad.message  # noqa: PT017 - both outcomes are right
        return
    assert found.packets == part.packets
    assert found.samples == sum(len(s.values) for s in series)
    held = {name: len(found.container_times(name)) for name in PER_PACKET}
    identified = found.packets - found.damaged - sum(found.unknown.values()) - sum(held.values())
    assert identified >= 0
    assert found.samples == sum(PER_PACKET[name][0] * n for name, n in held.items())
    assert found.texts == sum(PER_PACKET[name][1] * n for name, n in held.items())
    for s in series:
        for time, value in zip(s.times.tolist(), s.values.tolist(), strict=True):
            assert truth[s.mnemonic.name, time] == value


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_flipped_cut_shuffled_and_repeated_packets_never_give_a_wrong_sample(tmp_path_factory, whole, data):
    packets, truth = whole
    path = tmp_path_factory.mktemp("d") / "E.out"
    order = data.draw(st.lists(st.integers(0, len(packets) - 1), min_size=1, max_size=60))
    content = bytearray(b"".join(packets[i] for i in order))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content[: len(content) - data.draw(st.sampled_from([0, 0, 1, 7, 60]))])
    checked(path, truth)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_packet_that_lies_behind_a_right_check_sum_is_read_or_refused(tmp_path_factory, whole, data):
    packets, _ = whole
    row = bytearray(packets[data.draw(st.integers(0, len(packets) - 1))][:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.integers(0, 255))
    row = row[: data.draw(st.integers(14, len(row)))]
    row[4:6] = (len(row) + 4 - 7).to_bytes(2)
    path = tmp_path_factory.mktemp("l") / "E.out"
    path.write_bytes(b"".join([*packets, bytes(row) + zlib.crc32(row).to_bytes(4)]))
    try:
        found = open_engineering(path)
        assert found.samples == sum(len(s.values) for s in found.series())
        assert found.packets == len(packets) + 1
        scan_engineering(path)
    except BadDelivery as bad:
        assert "byte " in bad.message  # noqa: PT017


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "E.out"
    path.write_bytes(content)
    for read in (open_engineering, scan_engineering):
        with pytest.raises(BadDelivery, match=r"E\.out"):
            read(path)
