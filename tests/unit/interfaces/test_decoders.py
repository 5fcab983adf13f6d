"""Compiled decoders against the XTCE library, packet by packet: the same counts and the same values, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmsops.core.errors import BadInput
from dmsops.interfaces.prds import telemetry_database
from dmsops.interfaces.prds.calibration import Polynomial, Spline
from dmsops.interfaces.prds.decode import by_library, decoded, read
from dmsops.interfaces.prds.encode import _put, encoded, encoded_one
from dmsops.interfaces.prds.records import Field
from tests.telemetry import START_US, counts

DATABASE = telemetry_database()
FIXED = [c for c in DATABASE.containers if c.size and c.measured]


def drawn(field: Field, rng: np.random.Generator, packets: int) -> np.ndarray:
    """Draw what is sent: of floats any pattern of bits, what is no number among them."""
    if field.kind == "float":
        return np.frombuffer(rng.bytes(packets * field.width // 8), dtype=f">f{field.width // 8}")
    return counts(field, rng, packets)


def not_at_the_end(field: Field, raw: np.ndarray) -> np.ndarray:
    """Leave out a spline's last point, at which the library fails."""
    return np.minimum(raw, field.calibration.raw[-1] - 1).astype(raw.dtype) if isinstance(field.calibration, Spline) else raw


@pytest.mark.parametrize("container", FIXED, ids=lambda c: c.name)
def test_a_container_is_decoded_as_the_library_decodes_it(container):
    @settings(max_examples=4, deadline=None)
    @given(st.integers(0, 2**32), st.integers(1, 20))
    def law(seed, packets):
        rng = np.random.default_rng(seed)
        sent = {f.name: not_at_the_end(f, drawn(f, rng, packets)) for f in container.measured}
        rows = encoded(container, START_US + np.arange(packets) * 1000, sent, int(rng.integers(0, 1 << 14)))
        split = int(rng.integers(0, packets + 1))
        got = {d.field.name: d for d in decoded(container, (rows[:split], rows[split:]), packets)}
        library = [DATABASE.definition.parse_bytes(row.tobytes()) for row in rows]
        for field in container.measured:
            raw = [packet[field.name].raw_value for packet in library]
            value = [packet[field.name].raw_value if field.mnemonic.states else float(packet[field.name]) for packet in library]
            np.testing.assert_array_equal(got[field.name].values, np.array(value, dtype=np.float64), err_msg=field.name)
            if field.kind != "float":
                np.testing.assert_array_equal(got[field.name].raw, raw, err_msg=field.name)
                np.testing.assert_array_equal(raw, sent[field.name], err_msg=field.name)
            else:
                assert got[field.name].raw is None

    law()


places = st.integers(0, 40).flatmap(lambda bit: st.tuples(st.just(bit), st.integers(1, 64), st.sampled_from(["signed", "unsigned"])))


@given(places, st.binary(min_size=28, max_size=28))
def test_any_bits_are_read_as_the_number_they_are(place, content):
    bit, width, kind = place
    width = min(width, 63) if kind == "unsigned" else width
    rows = np.frombuffer(content, dtype=np.uint8).reshape(2, 14)
    whole = [int.from_bytes(row.tobytes()) >> (112 - bit - width) & ((1 << width) - 1) for row in rows]
    want = [w - (1 << width) if kind == "signed" and w >> (width - 1) else w for w in whole]
    assert read(Field(name="X", bit=bit, width=width, kind=kind), rows).tolist() == want


@given(places, st.data())
def test_a_number_that_is_put_anywhere_is_read_again_and_nothing_beside_it_changes(place, data):
    bit, width, kind = place
    width = min(width, 63) if kind == "unsigned" else width
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if kind == "signed" else (0, (1 << width) - 1)
    numbers = data.draw(hnp.arrays(np.int64, 3, elements=st.integers(low, high)))
    rows, field = np.zeros((3, 14), dtype=np.uint8), Field(name="X", bit=bit, width=width, kind=kind)
    _put(field, rows, numbers)
    assert read(field, rows).tolist() == numbers.tolist()
    mask = ((1 << width) - 1) << (112 - bit - width)
    assert all(int.from_bytes(row.tobytes()) & ~mask == 0 for row in rows)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 6)), min_size=1, max_size=6),
    hnp.arrays(np.int64, 20, elements=st.integers(-32768, 65535)),
)
def test_a_polynomial_of_counts_is_the_librarys_to_the_last_bit(terms, raw):
    from space_packet_parser.xtce.calibrators import PolynomialCalibrator, PolynomialCoefficient

    library = PolynomialCalibrator([PolynomialCoefficient(*term) for term in terms])
    want = [float(library.calibrate(x)) for x in raw.tolist()]
    np.testing.assert_array_equal(Polynomial(tuple(terms))(raw.astype(np.float64)), want)


@given(
    st.lists(st.integers(-40000, 70000), min_size=2, max_size=9, unique=True),
    st.integers(0, 1),
    hnp.arrays(np.int64, 20, elements=st.integers(-32768, 65535)),
    st.data(),
)
def test_a_spline_is_the_librarys_to_the_last_bit_but_at_its_last_point(points, order, raw, data):
    from space_packet_parser.xtce.calibrators import SplineCalibrator, SplinePoint

    x = sorted(points)
    y = data.draw(st.lists(st.floats(-1e6, 1e6), min_size=len(x), max_size=len(x)))
    library = SplineCalibrator([SplinePoint(float(a), b) for a, b in zip(x, y, strict=True)], order, extrapolate=True)
    ours = Spline(tuple(map(float, x)), tuple(y), order)
    raw = raw[raw != x[-1]]
    np.testing.assert_array_equal(ours(raw.astype(np.float64)), [library.calibrate(each) for each in raw.tolist()])
    assert ours(np.array([float(x[-1])]))[0] == pytest.approx(y[-1], rel=1e-9, abs=1e-6)


def test_a_state_that_has_no_word_keeps_its_number():
    container = DATABASE.container("FGS_ACQUISITION")
    field = container.field("IFGS_ACQ_ALGM")
    assert 200 not in field.mnemonic.states
    numbers = {field.name: np.array([200])}
    rows = encoded(container, np.array([START_US]), numbers, 0)
    (got,) = [d for d in decoded(container, (rows,), 1) if d.field is field]
    assert (got.raw.tolist(), got.values.tolist()) == ([200], [200.0])


def test_counts_that_do_not_fit_are_refused():
    container = DATABASE.container("NRC_FPE_A")
    name = "INRC_FA_ACE1_BOARD_TEMP"
    with pytest.raises(BadInput, match=f"{name}: counts are not between 0 and 4095, as 12 bits hold"):
        encoded(container, np.array([START_US]), {name: np.array([4096])}, 0)


def test_a_time_that_the_packet_cannot_carry_is_refused():
    with pytest.raises(BadInput, match="not between 1958 and 2137"):
        encoded(FIXED[0], np.array([-(10**18)]), {}, 0)


@given(st.integers(-32768, 32767), st.text(max_size=12), st.text(max_size=300))
def test_a_message_of_any_length_goes_through_the_library(number, source, text):
    container = DATABASE.container("EVENT_MESSAGE")
    words = {"ICTM_EVENT_MSG_SRC": source, "ICTM_EVENT_MSG": text}
    packet = encoded_one(container, START_US, {"ICTM_EVENT_MSG_ID": number}, words, 5)
    assert list(by_library(DATABASE, container, [packet])) == [{"ICTM_EVENT_MSG_ID": (float(number), number)}]
    found = DATABASE.definition.parse_bytes(packet)
    assert found["ICTM_EVENT_MSG"] == text
    assert source.startswith(found["ICTM_EVENT_MSG_SRC"].rstrip(" ")) or source.strip() == ""


def test_a_message_whose_length_lies_or_whose_text_is_none_is_not_decoded():
    container = DATABASE.container("EVENT_MESSAGE")
    packet = bytearray(encoded_one(container, START_US, {}, {"ICTM_EVENT_MSG": "abcd"}, 0))
    for place, byte in ((25, 3), (25, 200), (26, 0xFF)):
        wrong = bytearray(packet)
        wrong[place] = byte
        assert next(by_library(DATABASE, container, [bytes(wrong)])) is None
