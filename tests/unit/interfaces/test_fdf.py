"""Ephemerides as CCSDS Orbit Ephemeris Messages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.interfaces.fdf import LINE_LIMIT, LINES_LIMIT, Ephemeris, read_oem, write_oem


def ephemeris(count: int = 5, kind: str = "Predicted") -> Ephemeris:
    minutes = np.datetime64("2022-12-03T23:58:00", "ms") + np.arange(count) * np.timedelta64(60_000, "ms")
    rng = np.random.default_rng(2)
    return Ephemeris(kind=kind, times=minutes, positions=1.5e6 * rng.random((count, 3)), velocities=rng.normal(size=(count, 3)))


def test_an_ephemeris_comes_back_as_it_was_sent(tmp_path):
    sent = ephemeris()
    path = write_oem(sent, tmp_path)
    assert path.name == "JWST_P_20221203_20221204.OEM"
    got = read_oem(path)
    assert (got.kind, got.frame, got.center) == ("Predicted", "EME2000", "Earth")
    np.testing.assert_array_equal(got.times, sent.times)
    np.testing.assert_array_equal(got.positions, sent.positions)
    np.testing.assert_array_equal(got.velocities, sent.velocities)


def test_a_definitive_ephemeris_says_so_in_its_name(tmp_path):
    path = write_oem(ephemeris(kind="Definitive"), tmp_path)
    assert path.name.startswith("JWST_D_")
    assert read_oem(path).kind == "Definitive"


@settings(max_examples=20)
@given(numbers=hnp.arrays(np.float64, (2, 6), elements=st.floats(-1e9, 1e9)))
def test_every_number_survives(tmp_path_factory, numbers):
    times = np.array(["2022-12-03T00:00:00.000", "2022-12-03T00:01:00.001"], dtype="datetime64[ms]")
    sent = Ephemeris(kind="Predicted", times=times, positions=numbers[:, :3], velocities=numbers[:, 3:])
    got = read_oem(write_oem(sent, tmp_path_factory.mktemp("oem")))
    np.testing.assert_array_equal(np.hstack([got.positions, got.velocities]), numbers)
    np.testing.assert_array_equal(got.times, times)


def test_comments_and_line_ends_of_other_writers_are_taken(tmp_path):
    path = write_oem(ephemeris(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"META_STOP\r\n", b"META_STOP\r\nCOMMENT as flown\r\n"))
    assert len(read_oem(path).times) == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("EME2000", "ICRF", "field 'REF_FRAME' is ICRF, not EME2000"),
        ("= Earth", "= Sun", "field 'CENTER_NAME' is Sun, not Earth"),
        ("= UTC", "= TDB", "field 'TIME_SYSTEM' is TDB, not UTC"),
        ("2022-12-03T23:59:00.000", "2022-12-03T23:59:00.000+01:00", "is no calendar date and time"),
        ("META_STOP", "", "no state vector|cannot be read|holds no segment|is no Orbit|fewer than two"),
        ("CCSDS_OEM_VERS", "CCSDS_XYZ_VERS", "does not begin with CCSDS_OEM_VERS"),
        ("2022-12-03T23:59:00.000  ", "2022-12-99T23:59:00.000  ", "a state vector cannot be read"),
        ("2022-12-03T23:59:00.000  ", "2022-12-03T23:59:00.000  abc ", "is no Orbit Ephemeris Message"),
        ("2022-12-04T00:01:00.000  ", "2022-12-04T00:00:00.000  ", "times do not rise"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, said):
    path = write_oem(ephemeris(), tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadDelivery, match=said) as caught:
        read_oem(path)
    assert path.name in caught.value.message


def test_a_name_that_is_no_ephemeris_is_refused(tmp_path):
    path = write_oem(ephemeris(), tmp_path)
    with pytest.raises(BadDelivery, match="not a ephemeris file name"):
        read_oem(path.rename(tmp_path / "orbit.txt"))


@settings(max_examples=60)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: b"CCSDS_OEM_VERS = 2.0\n" + t.encode())))
def test_arbitrary_bytes_are_refused_in_words(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("oem") / "JWST_P_20221203_20221204.OEM"
    path.write_bytes(content)
    with pytest.raises(BadDelivery, match=r"JWST_P_20221203_20221204\.OEM"):
        read_oem(path)


def test_a_file_cut_anywhere_is_read_or_refused(tmp_path):
    path = write_oem(ephemeris(), tmp_path)
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        try:
            read_oem(path)
        except BadDelivery as bad:
            assert path.name in bad.message  # noqa: PT017 - both outcomes are right


def test_an_ephemeris_that_does_not_belong_together_is_not_written(tmp_path):
    good = ephemeris()
    for bad in (
        Ephemeris(kind="Predicted", times=good.times, positions=good.positions[:3], velocities=good.velocities),
        Ephemeris(kind="Predicted", times=good.times[::-1], positions=good.positions, velocities=good.velocities),
        Ephemeris(kind="Predicted", times=good.times, positions=good.positions * np.nan, velocities=good.velocities),
        Ephemeris(kind="Predicted", times=good.times[:1], positions=good.positions[:1], velocities=good.velocities[:1]),
    ):
        with pytest.raises(BadInput):
            write_oem(bad, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_when_it_was_written_comes_back_too(tmp_path):
    when = datetime(2022, 12, 5, 6, 7, 8, tzinfo=UTC)
    assert read_oem(write_oem(ephemeris(), tmp_path, created=when)).created == when
    path = write_oem(ephemeris(), tmp_path)
    path.write_text(re.sub(r"(CREATION_DATE *= *)\S+", r"\g<1>2022-339T06:07:08", path.read_text()))
    assert read_oem(path).created is None


@pytest.mark.parametrize("add", ["COMMENT x\n" * LINES_LIMIT, "COMMENT " + "x" * LINE_LIMIT + "\n", " " * (LINES_LIMIT * LINE_LIMIT)])
def test_what_would_take_the_reader_long_is_refused_before_it_is_read(tmp_path, add):
    path = write_oem(ephemeris(), tmp_path)
    path.write_text(path.read_text() + add)
    with pytest.raises(BadDelivery, match="longer than 50000 lines of 254 characters") as caught:
        read_oem(path)
    assert path.name in caught.value.message
