"""Engineering files of both forms: what is written comes back, everything is counted, time can be asked for in pieces."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.interfaces.fos.engineering import Series, open_engineering, scan_engineering, write_hdf5, write_packets
from dmsops.interfaces.prds import telemetry_database
from dmsops.interfaces.prds.encode import encoded
from tests.telemetry import START_US, everything, series_of

DATABASE = telemetry_database()
WRITERS = {"packets": write_packets, "hdf5": write_hdf5}


def by_name(series) -> dict[str, Series]:
    found = {}
    for each in series:
        assert each.mnemonic.name not in found
        found[each.mnemonic.name] = each
    return found


def assert_same(got, want) -> None:
    got, want = by_name(got), by_name(want)
    assert got.keys() == want.keys()
    for name, sent in want.items():
        np.testing.assert_array_equal(got[name].times, sent.times)
        np.testing.assert_array_equal(got[name].values, sent.values)
        assert (got[name].raw is None) == (sent.raw is None)
        if sent.raw is not None:
            np.testing.assert_array_equal(got[name].raw, sent.raw)


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=8, deadline=None)
@given(packets=st.integers(1, 40), seed=st.integers(0, 1000))
def test_every_sample_comes_back_as_it_was_sent(tmp_path_factory, form, packets, seed):
    path, sent = tmp_path_factory.mktemp("e") / "E.x", everything(DATABASE, packets, seed)
    WRITERS[form](path, sent)
    found = open_engineering(path)
    assert_same(found.series(), sent)
    assert (found.form, found.origin, found.damaged, found.unknown) == (form, "OTB", 0, {})
    assert found.samples == sum(len(s.values) for s in sent)
    assert found.first_us == START_US + 1
    assert found.last_us == max(int(s.times[-1]) for s in sent)
    assert set(found.containers) == {s.mnemonic.container for s in sent}


@pytest.mark.parametrize("form", WRITERS)
def test_a_stretch_of_time_is_given_start_inside_and_stop_outside(tmp_path, form):
    sent = everything(DATABASE, 40)
    WRITERS[form](tmp_path / "e", sent)
    found = open_engineering(tmp_path / "e")
    start, stop = START_US + 1 + 4_000_000, START_US + 1 + 16_000_000

    def cut(low, high):
        for s in sent:
            chosen = (s.times >= low) & (s.times < high)
            if chosen.any():
                yield replace(s, times=s.times[chosen], values=s.values[chosen], raw=None if s.raw is None else s.raw[chosen])

    assert_same(found.series(start, stop), cut(start, stop))
    assert_same(found.series(stop_us=start), cut(0, start))
    assert_same(found.series(start_us=stop), cut(stop, 1 << 62))
    assert list(found.series(0, 1)) == []


@pytest.mark.parametrize("form", WRITERS)
def test_the_times_of_a_container_are_given(tmp_path, form):
    sent = everything(DATABASE, 7)
    WRITERS[form](tmp_path / "e", sent)
    found = open_engineering(tmp_path / "e")
    want = next(s.times for s in sent if s.mnemonic.container == "NRS_DETECTOR_2")
    np.testing.assert_array_equal(found.container_times("NRS_DETECTOR_2"), want)
    assert len(found.container_times("STREAM_IDENTIFICATION")) == 0


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(("origin", "says"), [("OBSERVATORY", "OBSERVATORY"), ("OTB", "OTB"), ("SIMULATOR", "SIMULATOR"), ("", "UNKNOWN")])
def test_a_file_says_where_it_comes_from(tmp_path, form, origin, says):
    WRITERS[form](tmp_path / "e", everything(DATABASE, 1), origin=origin)
    assert open_engineering(tmp_path / "e").origin == says


def test_an_origin_that_packets_cannot_say_is_refused(tmp_path):
    with pytest.raises(BadInput, match="origin 'ELSEWHERE' is none of UNKNOWN, OBSERVATORY, OTB, SIMULATOR"):
        write_packets(tmp_path / "e", everything(DATABASE, 1), origin="ELSEWHERE")


def test_identifications_that_contradict_each_other_are_refused(tmp_path):
    for origin in ("OTB", "OBSERVATORY"):
        write_packets(tmp_path / origin, everything(DATABASE, 1), origin=origin)
    (tmp_path / "e").write_bytes(b"".join((tmp_path / o).read_bytes() for o in ("OTB", "OBSERVATORY")))
    with pytest.raises(BadDelivery, match=r"byte \d+: the identification packet contradicts the first one"):
        open_engineering(tmp_path / "e")


def test_messages_are_sent_and_counted_and_not_given(tmp_path):
    events = list(series_of(DATABASE.container("EVENT_MESSAGE"), np.random.default_rng(1), 3))
    texts = {"ICTM_EVENT_MSG": ["slew began", "", "slew ended: größer"], "ICTM_EVENT_MSG_SRC": ["OSS", "OSS", "OSS"]}
    write_packets(tmp_path / "e", events, texts=texts)
    found = open_engineering(tmp_path / "e")
    assert (found.samples, found.texts) == (3, 6)
    assert_same(found.series(), events)
    assert "slew ended: größer".encode() in (tmp_path / "e").read_bytes()


def test_packets_are_in_the_order_of_time_and_their_counts_go_on(tmp_path):
    from dmsops.interfaces.fos.chain import read_chain
    from dmsops.interfaces.fos.engineering_packets import HEAD

    counters = {0x0A0: 16_383}
    write_packets(tmp_path / "e", everything(DATABASE, 5), counters=counters)
    heads = read_chain(tmp_path / "e").heads(HEAD)
    assert (counters[0x0A0], counters[0x0A1], counters[0x0B9]) == (4, 1, 10)
    times = heads["day"].astype(np.int64) * 86_400_000 + heads["millisecond"]
    assert (np.diff(times) >= 0).all()
    assert heads["identification"][0] & 0x7FF == 0x0A1
    assert (heads["sequencing"][heads["identification"] & 0x7FF == 0x0A0] & 0x3FFF).tolist() == [16_383, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s[1:], "container ACS_POINTING needs exactly its 20 mnemonics; missing or unknown: ['SA_ZATTEST1']"),
        (lambda s: [*s, s[0]], "mnemonic SA_ZATTEST1 is given twice"),
        (lambda s: [s[0], replace(s[1], times=s[1].times + 1), *s[2:]], "SA_ZATTEST2 is not sampled at the times of the others"),
        (lambda s: [s[0], replace(s[1], values=s[1].values[1:]), *s[2:]], "SA_ZATTEST2 is not sampled at the times of the others"),
    ],
    ids=["missing", "twice", "other times", "too few"],
)
def test_samples_that_make_no_packets_are_refused(tmp_path, change, says):
    sent = series_of(DATABASE.container("ACS_POINTING"), np.random.default_rng(1), 4)
    with pytest.raises(BadInput) as caught:
        write_packets(tmp_path / "e", change(sent))
    assert says in caught.value.message
    assert not (tmp_path / "e").exists()


def test_counts_are_told_by_the_values_where_there_is_no_calibration(tmp_path):
    sent = series_of(DATABASE.container("NIS_MECHANISMS"), np.random.default_rng(1), 4)
    write_packets(tmp_path / "e", [replace(s, raw=None) for s in sent])
    assert_same(open_engineering(tmp_path / "e").series(), sent)
    calibrated = series_of(DATABASE.container("NRC_FPE_A"), np.random.default_rng(1), 4)
    with pytest.raises(BadInput, match="needs its counts"):
        write_packets(tmp_path / "f", [replace(s, raw=None) for s in calibrated])


def packet(container: str, *, apid: int | None = None, cut: int = 0, **numbers: int) -> bytes:
    layout = DATABASE.container(container)
    row = bytearray(encoded(layout, np.array([START_US]), {n: np.array([v]) for n, v in numbers.items()}, 0).tobytes())
    if apid is not None:
        row[0:2] = (0x0800 | apid).to_bytes(2)
    row = row[: len(row) - 4 - cut]
    row[4:6] = (len(row) + 4 - 7).to_bytes(2)
    return bytes(row) + zlib.crc32(row).to_bytes(4)


def test_everything_in_a_packet_file_is_counted(tmp_path):
    good = packet("NIS_MECHANISMS")
    broken = bytearray(good)
    broken[30] ^= 1
    parts = [
        good,
        bytes(broken),
        packet("NIS_MECHANISMS", cut=3),
        packet("NIS_MECHANISMS", apid=0x123),
        packet("NIS_MECHANISMS", apid=0x123),
        packet("NRS_DETECTOR_1"),
        packet("NRS_DETECTOR_2"),
        packet("NRS_DETECTOR_2", NRS_DETECTOR=7),
        packet("NRS_DETECTOR_1", cut=33),
    ]
    (tmp_path / "e").write_bytes(b"".join(parts))
    found = open_engineering(tmp_path / "e")
    assert (found.packets, found.damaged, found.origin) == (9, 3, "UNKNOWN")
    assert found.unknown == {"APID 0x123": 2, "APID 0x0B9": 1}
    assert found.samples == 26 + 16 + 16 == sum(len(s.values) for s in found.series())
    assert found.containers == ("NIS_MECHANISMS", "NRS_DETECTOR_1", "NRS_DETECTOR_2")


def test_a_time_of_day_that_is_none_is_refused(tmp_path):
    for place, what in ((8, (86_401_000).to_bytes(4)), (12, (1000).to_bytes(2))):
        row = bytearray(packet("NIS_MECHANISMS"))[:-4]
        row[place : place + len(what)] = what
        (tmp_path / "e").write_bytes(packet("NIS_MECHANISMS") + bytes(row) + zlib.crc32(row).to_bytes(4))
        for read in (open_engineering, scan_engineering):
            with pytest.raises(BadDelivery, match="byte 53: the packet's time is none"):
                read(tmp_path / "e")


def test_a_leap_second_is_a_time_of_day(tmp_path):
    row = bytearray(packet("NIS_MECHANISMS"))[:-4]
    row[8:12] = (86_400_500).to_bytes(4)
    (tmp_path / "e").write_bytes(bytes(row) + zlib.crc32(row).to_bytes(4))
    assert open_engineering(tmp_path / "e").samples == 26


def test_more_messages_than_can_be_read_one_by_one_are_refused(tmp_path, monkeypatch):
    from dmsops.interfaces.fos import engineering_packets

    monkeypatch.setattr(engineering_packets, "MOST_VARIABLE", 4)
    write_packets(tmp_path / "e", series_of(DATABASE.container("EVENT_MESSAGE"), np.random.default_rng(1), 5), origin="")
    with pytest.raises(BadDelivery, match="byte 120: it holds more than 4 packets of container EVENT_MESSAGE"):
        open_engineering(tmp_path / "e")


@pytest.mark.parametrize("form", WRITERS)
def test_the_scan_tells_times_repeats_and_gaps(tmp_path, form):
    sent = series_of(DATABASE.container("NRS_DETECTOR_1"), np.random.default_rng(1), 4)
    sent += series_of(DATABASE.container("NRS_DETECTOR_2"), np.random.default_rng(2), 4)
    WRITERS[form](tmp_path / "e", sent, origin="")
    part = scan_engineering(tmp_path / "e", gap_seconds=3.9)
    assert (part.packets, part.bad_crc, part.repeated) == (8 if form == "packets" else 128, 0, 0)
    assert part.first_at == datetime(2022, 12, 4, 3, 42, 0, 1, tzinfo=UTC)
    assert part.last_at == datetime(2022, 12, 4, 3, 42, 12, 1, tzinfo=UTC)
    assert [(b - a).total_seconds() for a, b in part.gaps] == [4.0, 4.0, 4.0]
    assert scan_engineering(tmp_path / "e").gaps == ()


def test_a_packet_that_came_twice_is_counted_as_repeated(tmp_path):
    (tmp_path / "e").write_bytes(2 * packet("NRS_DETECTOR_1") + packet("NRS_DETECTOR_2") + 3 * packet("ACS_POINTING"))
    assert scan_engineering(tmp_path / "e").repeated == 3


def test_a_file_that_is_not_there_is_said(tmp_path):
    for read in (open_engineering, scan_engineering):
        with pytest.raises(BadDelivery, match="none: cannot be read"):
            read(tmp_path / "none")
