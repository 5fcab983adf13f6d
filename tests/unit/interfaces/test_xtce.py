"""The telemetry database: what is in it, and what makes it refuse to load."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.errors import BadInput, NotFound
from dmsops.interfaces.fos.telemetry import POINTING_MNEMONICS
from dmsops.interfaces.prds import telemetry_database
from dmsops.interfaces.prds.decode import decoded
from dmsops.interfaces.prds.encode import encoded
from dmsops.interfaces.prds.xtce import OWN

DATABASE = telemetry_database()

HEADER = (
    ("PKT_VERSION", 3), ("PKT_TYPE", 1), ("PKT_SECONDARY_HEADER", 1), ("PKT_APID", 11), ("PKT_SEQUENCE_FLAGS", 2),
    ("PKT_SEQUENCE_COUNT", 14), ("PKT_LENGTH", 16), ("PKT_DAY", 16), ("PKT_MILLISECOND", 32), ("PKT_MICROSECOND", 16),
)  # fmt: skip
FACTS = {"Subsystem": "ACS", "RawType": "UI16", "EUType": "UI16", "SQLType": "INT", "AllPoints": "1"}


def kind(name: str, inside: str = "", bits: int = 16, encoding: str = "unsigned", alarm: str = "") -> str:
    data = f'<IntegerDataEncoding sizeInBits="{bits}" encoding="{encoding}">{inside}</IntegerDataEncoding>'
    return f'<IntegerParameterType name="{name}_T">{data}{alarm}</IntegerParameterType>'


def calibrated(inside: str) -> str:
    return f"<DefaultCalibrator>{inside}</DefaultCalibrator>"


def parameter(name: str, **facts: object) -> str:
    known = {**FACTS, **facts} if facts else {}
    data = "".join(f'<AncillaryData name="{key}">{value}</AncillaryData>' for key, value in known.items() if value is not None)
    return f'<Parameter name="{name}" parameterTypeRef="{name}_T"><AncillaryDataSet>{data}</AncillaryDataSet></Parameter>'


def container(name: str, entries: list[str], apid: int = 0x100, base: str = "CCSDSPacket", more: str = "") -> str:
    refs = "".join(f'<ParameterRefEntry parameterRef="{e}"/>' for e in [*entries, "PKT_CRC32"])
    criterion = f'<Comparison parameterRef="PKT_APID" value="{apid}" useCalibratedValue="false"/>{more}'
    restriction = f"<RestrictionCriteria><ComparisonList>{criterion}</ComparisonList></RestrictionCriteria>"
    behind = f'<BaseContainer containerRef="{base}">{restriction}</BaseContainer>'
    return f'<SequenceContainer name="{name}"><EntryList>{refs}</EntryList>{behind}</SequenceContainer>'


def document(types: str, parameters: str, containers: str, front: str = "") -> str:
    header = "".join(kind(n, bits=b) for n, b in (*HEADER, ("PKT_CRC32", 32)))
    named = "".join(parameter(n) for n, _ in (*HEADER, ("PKT_CRC32", 32)))
    refs = "".join(f'<ParameterRefEntry parameterRef="{n}"/>' for n, _ in HEADER)
    root = f'<SequenceContainer name="CCSDSPacket" abstract="true"><EntryList>{refs}</EntryList></SequenceContainer>'
    return (
        f'{front}<SpaceSystem name="T" xmlns="http://www.omg.org/spec/XTCE/20180204">'
        '<Header version="9" date="2022" validationStatus="Test"/>'
        f"<TelemetryMetaData><ParameterTypeSet>{header}{types}</ParameterTypeSet><ParameterSet>{named}{parameters}</ParameterSet>"
        f"<ContainerSet>{root}{containers}</ContainerSet></TelemetryMetaData></SpaceSystem>"
    )


def loaded(folder: Path, text: str):
    path = folder / "t.xml"
    path.write_text(text)
    return telemetry_database(path)


def test_the_definition_of_record_is_valid_xtce_by_the_schema_of_the_standard():
    from space_packet_parser import validate_xtce

    found = validate_xtce(OWN, print_results=False, raise_on_error=False, allow_schema_download=False)
    assert found, str(found)


def test_every_mnemonic_is_one_of_the_observatorys_with_its_own_types():
    import json

    import jwst.lib.tests as place

    path = Path(place.__path__[0]) / "data" / "meta_for_mock.json"
    real = {m["TlmMnemonic"]: m for m in json.loads(path.read_text())["TlmMnemonics"]}
    assert 400 <= len(DATABASE.mnemonics) <= 700
    assert len({m.subsystem for m in DATABASE.mnemonics}) >= 12
    for m in DATABASE.mnemonics:
        assert m.subsystem == real[m.name]["Subsystem"]
        if m.name not in POINTING_MNEMONICS:  # ours are sent as doubles
            assert (m.raw_type, m.eu_type, m.sql_type) == tuple(real[m.name][k] for k in ("RawType", "EUType", "SQLType"))


def test_what_the_pointing_of_an_exposure_asks_for_is_all_there():
    from jwst.lib import set_telescope_pointing as stp

    asked = {*POINTING_MNEMONICS, *stp.FGS_ACQ_MNEMONICS, *stp.FGS_GUIDED_MNEMONICS, *stp.FGS_ID_MNEMONICS}
    assert len(asked) > 35
    assert all(DATABASE.by_name(name) for name in asked)


def test_pointing_is_sent_by_the_packet_that_it_always_was_sent_by():
    found = DATABASE.container("ACS_POINTING")
    assert (found.apid, found.size, tuple(f.name for f in found.measured)) == (0x0A0, 178, POINTING_MNEMONICS)


def test_there_is_one_of_everything_that_a_real_database_holds():
    containers = {c.name: c for c in DATABASE.containers}
    assert {c.period_seconds for c in containers.values()} >= {0.25, 1.0, 4.0, 16.0, 0.0}
    assert [c.name for c in DATABASE.of_apid(0x0B9)] == ["NRS_DETECTOR_1", "NRS_DETECTOR_2"]
    assert containers["EVENT_MESSAGE"].size == 0
    fields = [f for c in containers.values() for f in c.measured]
    assert {type(f.calibration).__name__ for f in fields} == {"Polynomial", "Spline", "NoneType"}
    assert {len(f.calibration.terms) for f in fields if hasattr(f.calibration, "terms")} >= {2, 3, 4, 5, 6}
    assert {f.width for f in fields} >= {1, 3, 8, 12, 16, 32, 64}
    assert any(f.bit % 8 for f in fields)
    assert sum(m.limits is not None for m in DATABASE.mnemonics) > 100


def test_limits_of_every_mnemonic_can_be_reached_by_its_calibration():
    for c in DATABASE.containers:
        for f in c.measured:
            if f.mnemonic.limits is not None and f.calibration is not None:
                low = -(1 << f.width - 1) if f.kind == "signed" else 0
                reach = f.calibration(np.linspace(low, low + (1 << f.width) - 1, 4096))
                limits = [v for v in (f.mnemonic.limits.yellow_low, f.mnemonic.limits.yellow_high) if v is not None]
                assert reach.min() < min(limits), f.name
                assert reach.max() > max(limits), f.name


def test_names_are_found_in_any_letters_and_what_is_not_there_is_said():
    assert DATABASE.by_name("sa_zAttEst1") is DATABASE.by_number(DATABASE.by_name("SA_ZATTEST1").number)
    assert DATABASE.by_number(65535) is None
    with pytest.raises(NotFound, match="no mnemonic 'SA_ZNONE'"):
        DATABASE.by_name("SA_ZNONE")
    with pytest.raises(NotFound, match="no container 'X'"):
        DATABASE.container("X")


def test_a_mnemonic_can_be_sent_to_another_process():
    mnemonic = DATABASE.by_name("INIS_FWC_FILTER")
    assert pickle.loads(pickle.dumps(mnemonic)) == mnemonic
    assert {mnemonic: 1}[mnemonic] == 1


def test_a_database_is_loaded_once_and_again_when_its_file_changed(tmp_path):
    one = loaded(tmp_path, document(kind("A"), parameter("A", Number=1), container("C", ["A"])))
    assert telemetry_database(tmp_path / "t.xml") is one
    two = loaded(tmp_path, document(kind("BB"), parameter("BB", Number=1), container("C", ["BB"])))
    assert (one.mnemonics[0].name, two.mnemonics[0].name, two.version) == ("A", "BB", "9")
    assert one.sha256 != two.sha256


A = parameter("A", Number=1)
POINTS = '<SplinePoint raw="0" calibrated="1"/><SplinePoint raw="1" calibrated="2"/>'
ENDING = kind("A", calibrated(f'<SplineCalibrator order="1">{POINTS}</SplineCalibrator>'))
STEEP = kind("A", calibrated('<PolynomialCalibrator><Term coefficient="1" exponent="99999999"/></PolynomialCalibrator>'))
LITTLE = kind("A").replace('encoding="unsigned"', 'encoding="unsigned" byteOrder="leastSignificantByteFirst"')
TWICE = A.replace("</AncillaryDataSet>", '<AncillaryData name="Number">2</AncillaryData></AncillaryDataSet>')
LIMITS = (
    '<DefaultAlarm><StaticAlarmRanges><WarningRange minInclusive="{}" maxInclusive="5"/><CriticalRange minInclusive="2"/>'
    "</StaticAlarmRanges></DefaultAlarm>"
)
STATES = '<Enumeration value="0" label="ON"/><Enumeration value="1" label="ON"/>'
ENUMERATION = (
    f'<EnumeratedParameterType name="A_T"><IntegerDataEncoding sizeInBits="8"/><EnumerationList>{STATES}</EnumerationList>'
    "</EnumeratedParameterType>"
)
UNSOUND = {
    "no XML": ("nothing", "is no XML document"),
    "entities": (
        document(kind("A"), A, container("C", ["A"]), '<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
        "document type declaration",
    ),
    "not XTCE": ("<x/>", "element x: is no SpaceSystem"),
    "no type": (document("", A, container("C", ["A"])), "XTCE library cannot use it: KeyError: 'A_T'"),
    "number twice": (
        document(kind("A") + kind("B"), A + parameter("B", Number=1), container("C", ["A", "B"])),
        "mnemonics A and B have the same number 1",
    ),
    "number 0": (document(kind("A"), parameter("A", Number=0), container("C", ["A"])), "A: Number is none from 1 to 65535"),
    "number huge": (document(kind("A"), parameter("A", Number=65536), container("C", ["A"])), "A: Number is none from 1 to 65535"),
    "small letters": (document(kind("a"), parameter("a", Number=1), container("C", ["a"])), "a: is not written in capital letters"),
    "in no container": (
        document(kind("A") + kind("B"), A + parameter("B", Number=2), container("C", ["A"])),
        "mnemonic B is in no container",
    ),
    "in two": (
        document(kind("A"), A, container("C", ["A"]) + container("D", ["A"], 0x101)),
        "mnemonic A stands twice: in C and D",
    ),
    "no subsystem": (document(kind("A"), parameter("A", Number=1, Subsystem=None), container("C", ["A"])), "A: needs ancillary data"),
    "raw type unknown": (document(kind("A"), parameter("A", Number=1, RawType="UI12"), container("C", ["A"])), "A: RawType is none of"),
    "raw type too small": (document(kind("A"), parameter("A", Number=1, RawType="UI8"), container("C", ["A"])), "A: 16 bits are not those"),
    "raw type a float": (document(kind("A"), parameter("A", Number=1, RawType="FL32"), container("C", ["A"])), "A: RawType FL32 is not"),
    "sign": (document(kind("A"), parameter("A", Number=1, RawType="SI16"), container("C", ["A"])), "A: its sign is not that"),
    "AllPoints": (document(kind("A"), parameter("A", Number=1, AllPoints="2"), container("C", ["A"])), "A: AllPoints is neither"),
    "no enumeration": (document(kind("A"), parameter("A", Number=1, EUType="DS"), container("C", ["A"])), "A: EUType is DS if and only if"),
    "states twice": (
        document(ENUMERATION, parameter("A", Number=1, EUType="DS", RawType="UI8"), container("C", ["A"])),
        "A: two states of it have the same word",
    ),
    "limits": (document(kind("A", alarm=LIMITS.format(1)), A, container("C", ["A"])), "A: its yellow limits do not lie inside the red"),
    "limit no number": (document(kind("A", alarm=LIMITS.format("x")), A, container("C", ["A"])), "A_T: 'x' is no number"),
    "science APID": (document(kind("A"), A, container("C", ["A"], 0x203)), "container C: APID 0x203 is not one for engineering"),
    "APID twice": (
        document(kind("A") + kind("B"), A + parameter("B", Number=2), container("C", ["A"]) + container("D", ["B"])),
        "containers C and D of APID 0x100 cannot be told apart",
    ),
    "half a byte": (document(kind("A", bits=4), A, container("C", ["A"])), "container C does not begin with the header"),
    "no check sum": (
        document(kind("A"), A, container("C", ["A"])).replace('"A"/><ParameterRefEntry parameterRef="PKT_CRC32"/>', '"A"/>'),
        "container C does not begin with the header and time, end with the check sum",
    ),
    "criterion": (
        document(kind("A"), A, container("C", ["A"], more='<Comparison parameterRef="A" value="3" comparisonOperator="&gt;"/>')),
        "container C: is not selected by equality",
    ),
    "criterion too large": (
        document(kind("A"), A, container("C", ["A"], more='<Comparison parameterRef="A" value="70000" useCalibratedValue="false"/>')),
        "container C: is selected by A, which cannot be 70000",
    ),
    "base of itself": (document(kind("A"), A, container("C", ["A"], base="C")), "XTCE library cannot use it"),
    "spline ends": (document(ENDING, A, container("C", ["A"])), "A: a spline has two different points or more, and extrapolates"),
    "exponent": (document(STEEP, A, container("C", ["A"])), "A: a polynomial has exponents 0 to 9"),
    "little end": (document(LITTLE, A, container("C", ["A"])), "A: only big-endian"),
    "fact twice": (document(kind("A"), TWICE, container("C", ["A"])), "A: ancillary data Number stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND)
def test_an_unsound_database_is_refused_and_the_element_named(tmp_path, case):
    text, says = UNSOUND[case]
    with pytest.raises(BadInput, match=r"^t\.xml: ") as caught:
        loaded(tmp_path, text)
    assert says in caught.value.message


def test_a_database_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInput, match=r"none\.xml: cannot be read"):
        telemetry_database(tmp_path / "none.xml")


coefficients = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5)
integers = st.tuples(st.sampled_from(["UI", "SI"]), st.integers(1, 32), st.none() | coefficients)
floats = st.tuples(st.just("FL"), st.sampled_from([32, 64]), st.none())


@settings(max_examples=25, deadline=None)
@given(st.lists(integers | floats, min_size=1, max_size=12), st.integers(0, 2**32))
def test_any_layout_is_decoded_as_the_library_decodes_it(tmp_path_factory, drawn, seed):
    """Containers drawn at random: integers of any width at any bit, floats at whole bytes, polynomials."""
    types, parameters, names, bit = "", "", [], 0

    def spare(bits: int) -> None:
        nonlocal types, parameters, bit
        if bits:
            name = f"SPARE{len(names)}"
            types, parameters, bit = types + kind(name, bits=bits), parameters + parameter(name), bit + bits
            names.append(name)

    for number, (raw, bits, terms) in enumerate(drawn, start=1):
        if raw == "FL":
            spare(-bit % 8)
        name = f"M{number}"
        inner = "".join(f'<Term coefficient="{c!r}" exponent="{i}"/>' for i, c in enumerate(terms or []))
        inner = calibrated(f"<PolynomialCalibrator>{inner}</PolynomialCalibrator>") if terms else ""
        if raw == "FL":
            types += f'<FloatParameterType name="{name}_T"><FloatDataEncoding sizeInBits="{bits}"/></FloatParameterType>'
        else:
            types += kind(name, inner, bits, "unsigned" if raw == "UI" else "twosComplement")
        size = bits if raw == "FL" else next(b for b in (8, 16, 32) if b >= bits)
        parameters += parameter(name, Number=number, RawType=f"{raw}{size}", EUType="FL64", SQLType="FLOAT")
        names.append(name)
        bit += bits
    spare(-bit % 8)
    database = loaded(tmp_path_factory.mktemp("x"), document(types, parameters, container("C", names)))
    (layout,) = database.containers
    rows = encoded(layout, np.arange(5), {}, 0)
    rows[:, 14:-4] = np.frombuffer(np.random.default_rng(seed).bytes(5 * (layout.size - 18)), dtype=np.uint8).reshape(5, -1)
    library = [database.definition.parse_bytes(row.tobytes()) for row in rows]
    for got in decoded(layout, [rows], 5):
        if got.raw is not None:
            assert got.raw.tolist() == [packet[got.field.name].raw_value for packet in library]
        want = np.array([float(packet[got.field.name]) for packet in library])
        terms = getattr(got.field.calibration, "terms", ())
        size = sum(abs(c) * np.abs(got.raw.astype(float)) ** e for c, e in terms) if terms else 0.0
        exact = got.field.width <= 16 or not terms
        np.testing.assert_array_equal(got.values, want) if exact else np.testing.assert_array_less(
            np.abs(got.values - want), 4e-16 * size + 5e-324
        )
