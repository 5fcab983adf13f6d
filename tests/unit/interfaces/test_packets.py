"""Science recorder files: what is written is read, in any order, and what is lost or damaged is counted."""

from __future__ import annotations

import mmap
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.names import ExposureName
from dmsops.core.records import Exposure, Readout
from dmsops.interfaces.fos import chain, layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.packets import APIDS, Geometry, RecorderWriter, read_exposure, scan

TALL = Geometry(1889, 1, 2048, 40)


def pixels_of(exposure: Exposure, geometry: Geometry, seed: int = 1) -> np.ndarray:
    shape = (exposure.nints, exposure.ngroups, geometry.ysize, geometry.xsize)
    return np.random.default_rng(seed).integers(0, 65536, shape).astype(np.uint16)


def record(path: Path, exposure: Exposure, geometry: Geometry, counters: dict[int, int] | None = None) -> dict[str, np.ndarray]:
    """Write all detectors of an exposure, interleaved frame by frame."""
    sent = {r.detector: pixels_of(exposure, geometry, seed) for seed, r in enumerate(exposure.readouts)}
    with RecorderWriter(path, counters) as recorder:
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, geometry, exposure.start)
        for integration in range(exposure.nints):
            for group in range(exposure.ngroups):
                for r in exposure.readouts:
                    frame = sent[r.detector][integration, group]
                    recorder.frame(exposure, r, geometry, integration + 1, group + 1, frame, exposure.start)
        for readout in exposure.readouts:
            recorder.exposure_header(exposure, readout, geometry, exposure.end)
    return sent


def packets(path: Path) -> list[bytes]:
    chain = read_chain(path)
    return [chain.content[a:b].tobytes() for a, b in zip(chain.starts, chain.ends, strict=True)]


def test_pixels_come_back_as_they_were_sent(tmp_path, exposure):
    sent = record(tmp_path / "s.out", exposure, TALL)
    for detector, pixels in sent.items():
        raw = read_exposure([tmp_path / "s.out"], exposure.name, detector)
        assert raw.complete
        assert raw.bad_crc == 0
        np.testing.assert_array_equal(raw.pixels, pixels)


def test_the_exposure_header_says_what_was_commanded(tmp_path, exposure):
    record(tmp_path / "s.out", exposure, TALL)
    header = read_exposure([tmp_path / "s.out"], exposure.name, "NRCALONG").header
    assert (header.exposure, header.detector) == (exposure.name, "NRCALONG")
    assert (header.nints, header.ngroups, header.nframes, header.groupgap) == (2, 3, 1, 0)
    assert header.geometry == TALL
    assert header.start == exposure.start
    assert (header.readpatt, header.subarray, header.filter, header.pupil) == ("RAPID", "SUB64P", "F356W", "CLEAR")


def test_the_scan_counts_what_arrived(tmp_path, exposure):
    record(tmp_path / "s.out", exposure, TALL)
    parts = scan(tmp_path / "s.out")
    assert [(p.exposure, p.detector) for p in parts] == [(exposure.name, "NRCA3"), (exposure.name, "NRCALONG")]
    for part in parts:
        assert (part.packets, part.expected, part.duplicates, part.bad_crc) == (18, 18, 0, 0)
        assert (part.rows, part.complete_frames) == (240, 6)
        assert (part.first_at, part.last_at) == (exposure.start, exposure.end)
        assert part.complete


def test_order_and_repetition_do_not_matter(tmp_path, exposure):
    sent = record(tmp_path / "s.out", exposure, TALL)
    mixed = packets(tmp_path / "s.out") * 2
    random.Random(3).shuffle(mixed)
    (tmp_path / "m.out").write_bytes(b"".join(mixed))
    np.testing.assert_array_equal(read_exposure([tmp_path / "m.out"], exposure.name, "NRCA3").pixels, sent["NRCA3"])
    parts = {p.detector: p for p in scan(tmp_path / "m.out")}
    assert (parts["NRCA3"].packets, parts["NRCA3"].duplicates) == (18, 18)


def test_an_exposure_may_be_spread_over_files(tmp_path, exposure):
    sent = record(tmp_path / "s.out", exposure, TALL)
    pieces = packets(tmp_path / "s.out")
    (tmp_path / "a.out").write_bytes(b"".join(pieces[:11]))
    (tmp_path / "b.out").write_bytes(b"".join(pieces[11:]))
    raw = read_exposure([tmp_path / "a.out", tmp_path / "b.out"], exposure.name, "NRCA3")
    np.testing.assert_array_equal(raw.pixels, sent["NRCA3"])


def test_a_missing_packet_leaves_its_rows_unfilled(tmp_path, exposure):
    one = replace(exposure, readouts=exposure.readouts[:1])
    sent = record(tmp_path / "s.out", one, TALL)
    pieces = packets(tmp_path / "s.out")
    (tmp_path / "g.out").write_bytes(b"".join(pieces[:2] + pieces[3:]))
    raw = read_exposure([tmp_path / "g.out"], exposure.name, "NRCA3")
    assert not raw.complete
    assert np.flatnonzero(~raw.filled[0, 0]).tolist() == list(range(15, 30))
    assert not raw.pixels[0, 0, 15:30].any()
    np.testing.assert_array_equal(raw.pixels[0, 0, :15], sent["NRCA3"][0, 0, :15])
    (part,) = scan(tmp_path / "g.out")
    assert (part.packets, part.expected, part.complete, part.complete_frames) == (17, 18, False, 5)


def test_a_damaged_packet_is_left_out_and_counted(tmp_path, exposure):
    one = replace(exposure, readouts=exposure.readouts[:1])
    record(tmp_path / "s.out", one, TALL)
    content = bytearray((tmp_path / "s.out").read_bytes())
    content[read_chain(tmp_path / "s.out").starts[2] + 200] ^= 0x10
    (tmp_path / "s.out").write_bytes(content)
    raw = read_exposure([tmp_path / "s.out"], exposure.name, "NRCA3")
    assert raw.bad_crc == 1
    assert int((~raw.filled).sum()) == 15
    (part,) = scan(tmp_path / "s.out")
    assert (part.packets, part.bad_crc, part.rows) == (17, 1, 225)


def test_the_header_at_the_end_serves_when_the_first_is_lost(tmp_path, exposure):
    one = replace(exposure, readouts=exposure.readouts[:1])
    sent = record(tmp_path / "s.out", one, TALL)
    (tmp_path / "e.out").write_bytes(b"".join(packets(tmp_path / "s.out")[1:]))
    np.testing.assert_array_equal(read_exposure([tmp_path / "e.out"], exposure.name, "NRCA3").pixels, sent["NRCA3"])


def test_without_any_header_the_exposure_cannot_be_read_but_is_reported(tmp_path, exposure):
    one = replace(exposure, readouts=exposure.readouts[:1])
    record(tmp_path / "s.out", one, TALL)
    (tmp_path / "n.out").write_bytes(b"".join(packets(tmp_path / "s.out")[1:-1]))
    (part,) = scan(tmp_path / "n.out")
    assert (part.expected, part.header, part.complete, part.packets) == (None, None, False, 18)
    with pytest.raises(BadDelivery, match="no exposure header packet of jw02726402001_0310i_00001 NRCA3"):
        read_exposure([tmp_path / "n.out"], exposure.name, "NRCA3")


def test_sequence_counts_go_on_in_the_next_file_and_wrap(tmp_path, exposure):
    counters = {APIDS["NRCA3"]: 16380, APIDS["NRCALONG"]: 0}
    record(tmp_path / "a.out", exposure, TALL, counters)
    record(tmp_path / "b.out", exposure, TALL, counters)
    seen = []
    for name in ("a.out", "b.out"):
        heads = read_chain(tmp_path / name).heads(layout.HEAD_DTYPE)
        mine = heads[(heads["identification"] & 0x7FF) == APIDS["NRCA3"]]
        seen += (mine["sequencing"] & 0x3FFF).tolist()
    assert seen == [(16380 + i) % 16384 for i in range(40)]


def test_sequence_flags_mark_where_a_frame_begins_and_ends(tmp_path, exposure):
    one = replace(exposure, readouts=exposure.readouts[:1], nints=1, ngroups=1)
    record(tmp_path / "s.out", one, TALL)
    heads = read_chain(tmp_path / "s.out").heads(layout.HEAD_DTYPE)
    assert (heads["sequencing"] >> 14).tolist() == [3, 1, 0, 2, 3]


def test_a_frame_of_another_shape_is_refused_and_no_file_is_left(tmp_path, exposure):
    with pytest.raises(BadInput, match="uint16 of 40 x 2048"), RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.frame(exposure, exposure.readouts[0], TALL, 1, 1, np.zeros((8, 8), np.uint16), exposure.start)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_there_before_the_file_is_whole(tmp_path, exposure):
    with RecorderWriter(tmp_path / "s.out") as recorder:
        recorder.exposure_header(exposure, exposure.readouts[0], TALL, exposure.start)
        assert not (tmp_path / "s.out").exists()
    assert (tmp_path / "s.out").exists()


def test_a_packet_is_never_longer_than_its_length_field_can_say():
    for columns in (1, 8, 64, 320, 640, 2048, 32_000):
        assert layout.HEAD.size - 6 + 2 * columns * layout.rows_per_packet(columns) + 4 <= 65536


def test_head_and_its_record_are_the_same_bytes():
    assert layout.HEAD.size == layout.HEAD_DTYPE.itemsize == 48


@given(
    st.datetimes(datetime(1958, 1, 1), datetime(2137, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive by hypothesis' rule
)
def test_packet_time_keeps_every_microsecond(when):
    assert layout.from_cds(*layout.cds(when)) == when


@given(
    visit=st.integers(0, 10**11 - 1),
    group=st.integers(0, 99),
    sequence=st.integers(1, 5),
    activity=st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=2),
    number=st.integers(0, 99999),
)
def test_an_exposure_name_survives_as_numbers(visit, group, sequence, activity, number):
    name = ExposureName.parse(f"jw{visit:011d}_{group:02d}{sequence}{activity}_{number:05d}")
    assert layout.name_of(layout.tag_of(name)) == name


@settings(max_examples=30)
@given(
    nints=st.integers(1, 3),
    ngroups=st.integers(1, 4),
    rows=st.integers(1, 70),
    columns=st.sampled_from([1, 7, 8, 64, 2048]),
    detectors=st.lists(st.sampled_from(sorted(APIDS)), min_size=1, max_size=3, unique=True),
)
def test_any_exposure_comes_back_whole(tmp_path_factory, nints, ngroups, rows, columns, detectors):
    at = datetime(2022, 12, 4, tzinfo=UTC)
    exposure = Exposure(
        name=ExposureName.parse("jw02726402001_03104_00001"),
        exp_type="NRC_IMAGE",
        readouts=tuple(Readout(detector=d, filter="F212N", pupil="CLEAR") for d in detectors),
        readpatt="RAPID",
        nints=nints,
        ngroups=ngroups,
        start=at,
        end=at,
        exposure_seconds=0.0,
        photon_seconds=0.0,
    )
    path = tmp_path_factory.mktemp("any") / "s.out"
    geometry = Geometry(1, 1, columns, rows)
    sent = record(path, exposure, geometry)
    assert all(p.complete and p.complete_frames == nints * ngroups for p in scan(path))
    for detector, pixels in sent.items():
        np.testing.assert_array_equal(read_exposure([path], exposure.name, detector).pixels, pixels)


def test_a_small_file_is_read_and_a_large_one_mapped_with_the_same_outcome(tmp_path, exposure, monkeypatch):
    record(tmp_path / "a.out", exposure, Geometry(1, 1, 64, 64))
    small = scan(tmp_path / "a.out")
    monkeypatch.setattr(chain, "READ", 1000)
    assert isinstance(chain.read_chain(tmp_path / "a.out").content.base.obj, mmap.mmap)
    assert scan(tmp_path / "a.out") == small
