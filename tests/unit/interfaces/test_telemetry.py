"""Pointing telemetry by itself: files of before there was a telemetry database, and what still reads and writes them."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.interfaces.fos.engineering import write_packets
from dmsops.interfaces.fos.packets import POINTING_APID, POINTING_MNEMONICS, scan_engineering
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.telemetry import read_engineering, write_engineering
from tests.telemetry import everything

START = datetime(2022, 12, 4, 3, 42, tzinfo=UTC).timestamp()


def telemetry(count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    times = START + 0.25 * np.arange(count)
    return {m: (times, np.sin(times + i)) for i, m in enumerate(POINTING_MNEMONICS)}


def test_there_are_the_twenty_mnemonics_that_pointing_needs():
    assert len(POINTING_MNEMONICS) == 20
    assert {"SA_ZATTEST4", "SA_ZRFGS2J33", "SA_ZADUCMDY", "SA_ZFGGSCMDX", "SA_ZFGDETID", "SA_ZFGGSPOSY"} <= set(POINTING_MNEMONICS)


def test_samples_come_back_as_they_were_sent(tmp_path):
    sent = telemetry(500)
    write_engineering(tmp_path / "e.out", sent)
    got = read_engineering([tmp_path / "e.out"])
    assert list(got) == list(POINTING_MNEMONICS)
    for mnemonic, (times, values) in got.items():
        np.testing.assert_allclose(times, sent[mnemonic][0], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(values, sent[mnemonic][1])


@settings(max_examples=25)
@given(values=hnp.arrays(np.float64, (3, 20)), times=st.lists(st.floats(0, 4e9), min_size=3, max_size=3))
def test_any_value_survives_even_what_is_no_number(tmp_path_factory, values, times):
    path = tmp_path_factory.mktemp("e") / "e.out"
    write_engineering(path, {m: (np.array(times), values[:, i]) for i, m in enumerate(POINTING_MNEMONICS)})
    got = read_engineering([path])
    np.testing.assert_array_equal(np.column_stack([got[m][1] for m in POINTING_MNEMONICS]), values)
    np.testing.assert_allclose(got["SA_ZATTEST1"][0], times, rtol=0, atol=1.01e-6)


def test_the_scan_counts_packets_and_gives_the_time_they_cover(tmp_path):
    write_engineering(tmp_path / "e.out", telemetry(9))
    part = scan_engineering(tmp_path / "e.out")
    assert (part.packets, part.bad_crc) == (9, 0)
    assert part.first_at == datetime(2022, 12, 4, 3, 42, tzinfo=UTC)
    assert part.last_at == datetime(2022, 12, 4, 3, 42, 2, tzinfo=UTC)


def test_a_damaged_sample_is_left_out(tmp_path):
    write_engineering(tmp_path / "e.out", telemetry(9))
    content = bytearray((tmp_path / "e.out").read_bytes())
    content[178 * 4 + 50] ^= 4
    (tmp_path / "e.out").write_bytes(content)
    times, _ = read_engineering([tmp_path / "e.out"])["SA_ZATTEST1"]
    np.testing.assert_allclose(times - START, [0, 0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.0], atol=1e-6)
    assert scan_engineering(tmp_path / "e.out").bad_crc == 1


def test_files_are_joined_in_the_order_given_and_counts_go_on(tmp_path):
    counters = {POINTING_APID: 16380}
    write_engineering(tmp_path / "a.out", telemetry(5), counters)
    write_engineering(tmp_path / "b.out", telemetry(3), counters)
    assert counters == {POINTING_APID: 4}
    assert len(read_engineering([tmp_path / "b.out", tmp_path / "a.out"])["SA_ZFGDETID"][0]) == 8


def test_a_missing_mnemonic_is_named(tmp_path):
    sent = telemetry(3)
    del sent["SA_ZFGDETID"]
    with pytest.raises(BadInput, match="SA_ZFGDETID"):
        write_engineering(tmp_path / "e.out", sent)


def test_mnemonics_sampled_apart_are_refused(tmp_path):
    sent = telemetry(3)
    sent["SA_ZADUCMDX"] = (sent["SA_ZADUCMDX"][0] + 1, sent["SA_ZADUCMDX"][1])
    with pytest.raises(BadInput, match="SA_ZADUCMDX"):
        write_engineering(tmp_path / "e.out", sent)


def test_science_is_no_pointing_telemetry(tmp_path, exposure):
    from dmsops.interfaces.fos.packets import Geometry, RecorderWriter

    with RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], Geometry(1, 1, 8, 8), exposure.start)
    with pytest.raises(BadDelivery, match="byte 0: this is a packet of a detector, not of engineering"):
        read_engineering([tmp_path / "s.out"])


def test_a_packet_of_pointing_telemetry_is_as_it_always_was(tmp_path):
    times = np.array([START + 0.25])
    write_engineering(tmp_path / "e.out", {m: (times, np.array([float(i)])) for i, m in enumerate(POINTING_MNEMONICS)}, {POINTING_APID: 7})
    day, rest = divmod(int(START) - int(datetime(1958, 1, 1, tzinfo=UTC).timestamp()), 86400)
    body = struct.pack(">HHHHIH20d", 0x08A0, 0xC007, 178 - 7, day, rest * 1000 + 250, 0, *range(20))
    assert (tmp_path / "e.out").read_bytes() == body + zlib.crc32(body).to_bytes(4)


def test_pointing_telemetry_is_taken_out_of_a_file_that_holds_more(tmp_path):
    path = tmp_path / "e.out"
    sent = everything(telemetry_database(), 30)
    write_packets(path, sent)
    got = read_engineering([path])
    want = {s.mnemonic.name: s for s in sent}
    for name in POINTING_MNEMONICS:
        np.testing.assert_array_equal(got[name][1], want[name].values)
