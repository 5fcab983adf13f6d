"""Whatever bytes arrive, a recorder file is read or refused in words; nothing else happens."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter, read_exposure, scan, scan_engineering
from dmsops.testing.telemetry import read_engineering

SMALL = Geometry(1, 1, 8, 8)


@pytest.fixture
def recorded(tmp_path, exposure) -> Path:
    path = tmp_path / "S0000_2022338035325_001.out"
    with RecorderWriter(path) as recorder:
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, SMALL, exposure.start)
            for i in (1, 2):
                for g in (1, 2, 3):
                    recorder.frame(exposure, readout, SMALL, i, g, np.full((8, 8), g, np.uint16), exposure.start)
    return path


def tolerated(path: Path, exposure) -> None:
    for read in (scan, lambda p: read_exposure([p], exposure.name, "NRCA3"), scan_engineering, lambda p: read_engineering([p])):
        try:
            read(path)
        except BadDelivery as bad:
            assert path.name in bad.message or str(exposure.name) in bad.message  # noqa: PT017 - both outcomes are right


@settings(max_examples=150)
@given(content=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "S0000_x.out"
    path.write_bytes(content)
    for read in (scan, scan_engineering):
        with pytest.raises(BadDelivery, match=r"S0000_x\.out"):
            read(path)


def test_a_file_damaged_anywhere_is_read_or_refused(recorded, exposure):
    whole = recorded.read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        recorded.write_bytes(content[: len(content) - int(rng.integers(0, 3)) * 40])
        tolerated(recorded, exposure)


def test_damage_that_hides_behind_a_right_check_sum_is_read_or_refused(recorded, exposure):
    whole = bytearray(recorded.read_bytes())
    length = int.from_bytes(whole[4:6]) + 7
    rng = np.random.default_rng(6)
    for _ in range(400):
        content = bytearray(whole)
        for place in rng.integers(6, length - 4, 3):
            content[place] = rng.integers(0, 256)
        content[length - 4 : length] = zlib.crc32(content[: length - 4]).to_bytes(4)
        recorded.write_bytes(content)
        tolerated(recorded, exposure)


@pytest.mark.parametrize("apid", [layout.POINTING_APID, max(layout.DETECTOR_OF) + 1, 0x7FF])
def test_a_packet_of_no_detector_is_refused_though_its_check_sum_is_right(recorded, apid):
    content = bytearray(recorded.read_bytes())
    length = int.from_bytes(content[4:6]) + 7
    content[0:2] = (int.from_bytes(content[0:2]) & 0xF800 | apid).to_bytes(2)
    content[length - 4 : length] = zlib.crc32(content[: length - 4]).to_bytes(4)
    recorded.write_bytes(content)
    with pytest.raises(BadDelivery, match="byte 0: the science header is not of the known layout"):
        scan(recorded)


def test_a_truncated_file_names_the_packet_that_is_cut(recorded):
    recorded.write_bytes(recorded.read_bytes()[:-10])
    last = layout.HEAD.size + 128 + 4
    start = recorded.stat().st_size + 10 - last
    with pytest.raises(BadDelivery, match=f"byte {start}: .*past the end") as caught:
        scan(recorded)
    assert caught.value.facts == {"file": recorded.name, "byte": start}


def test_an_empty_file_is_refused(recorded):
    recorded.write_bytes(b"")
    with pytest.raises(BadDelivery, match="cannot be read"):
        scan(recorded)


def test_a_file_of_which_every_packet_is_damaged_is_refused(recorded):
    content = bytearray(recorded.read_bytes())
    offset = 0
    while offset < len(content):
        content[offset + 20] ^= 1
        offset += int.from_bytes(content[offset + 4 : offset + 6]) + 7
    recorded.write_bytes(content)
    with pytest.raises(BadDelivery, match="no packet's check sum agrees"):
        scan(recorded)


def test_an_exposure_header_that_claims_more_than_a_recorder_holds_is_refused(recorded, exposure):
    content = bytearray(recorded.read_bytes())
    content[48:52] = (2**32 - 1).to_bytes(4)
    content[52:54] = (2**16 - 1).to_bytes(2)
    length = int.from_bytes(content[4:6]) + 7
    content[length - 4 : length] = zlib.crc32(content[: length - 4]).to_bytes(4)
    recorded.write_bytes(content)
    with pytest.raises(BadDelivery, match="more pixels than the recorder holds"):
        read_exposure([recorded], exposure.name, "NRCA3")


def test_a_frame_that_contradicts_its_exposure_header_is_refused(tmp_path, exposure):
    path = tmp_path / "S0000_x.out"
    with RecorderWriter(path) as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], SMALL, exposure.start)
        recorder.frame(exposure, exposure.readouts[0], SMALL, 3, 1, np.zeros((8, 8), np.uint16), exposure.start)
    with pytest.raises(BadDelivery, match="byte 162: the frame does not fit"):
        read_exposure([path], exposure.name, "NRCA3")
