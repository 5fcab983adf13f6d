"""Observing modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.errors import BadVisit
from dmsops.core.modes import (
    detectors_of,
    exposure_type,
    frame_seconds,
    instrument_of,
    instruments,
    knows_optics,
    readout_pattern,
    subarray,
)


@pytest.mark.parametrize(
    ("name", "nframes", "groupgap"),
    [
        ("RAPID", 1, 0), ("BRIGHT1", 1, 1), ("BRIGHT2", 2, 0), ("SHALLOW2", 2, 3), ("SHALLOW4", 4, 1),
        ("MEDIUM2", 2, 8), ("MEDIUM8", 8, 2), ("DEEP2", 2, 18), ("DEEP8", 8, 12),
    ],
)  # fmt: skip
def test_readout_patterns(name, nframes, groupgap):
    pattern = readout_pattern(name)
    assert (pattern.nframes, pattern.groupgap) == (nframes, groupgap)


@pytest.mark.parametrize("name", ["SUB640", "SUB320", "SUB160", "SUB400P", "SUB160P", "SUB64P", "SUB64FP1A", "SUB64FP1B"])
def test_frame_times_of_subarrays_follow_their_formula(name):
    part = subarray(name)
    assert part.frame_seconds == pytest.approx((part.columns + 12) * (part.rows + 2) * 1e-5)


def test_the_frame_time_of_the_full_frame():
    assert frame_seconds("FULL") == pytest.approx((2048 / 4 + 12) * (2048 + 1) * 1e-5, abs=2e-5)


@pytest.mark.parametrize(
    ("name", "detector", "aperture"),
    [
        ("FULL", "NRCA3", "NRCA3_FULL"),
        ("SUB320", "NRCALONG", "NRCA5_SUB320"),
        ("SUB64FP1A", "NRCA3", "NRCA3_FP1_SUB64"),
        ("SUB8FP1B", "NRCB4", "NRCB4_FP1_SUB8"),
    ],
)
def test_subarrays_have_an_aperture_on_their_detectors(name, detector, aperture):
    assert subarray(name).aperture_of(detector) == aperture


def test_a_detector_without_the_subarray_is_refused():
    with pytest.raises(BadVisit, match="detector NRCA1 has no subarray SUB64FP1A"):
        subarray("SUB64FP1A").aperture_of("NRCA1")


def test_configurations_give_detectors():
    assert detectors_of("NRCAALL") == ("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG")
    assert detectors_of("NRCALL") == detectors_of("NRCAALL") + detectors_of("NRCBALL")
    assert detectors_of("NRCBLONG") == ("NRCBLONG",)


@pytest.mark.parametrize("find", [subarray, readout_pattern, detectors_of])
def test_an_unknown_word_is_named(find):
    with pytest.raises(BadVisit, match="'NONE_SUCH' is no "):
        find("NONE_SUCH")


def test_optics_are_known_by_their_header_names():
    assert knows_optics("F212N", "WLM8")
    assert knows_optics("WLP4", "CLEAR")
    assert not knows_optics("NULL", "CLEAR")
    assert not knows_optics("F212N", "RETRACT")


def test_there_are_modes_for_five_instruments():
    assert set(instruments()) == {"NIRCAM", "NIRISS", "MIRI", "NIRSPEC", "FGS"}


@pytest.mark.parametrize(
    ("word", "instrument"),
    [("NRCALONG", "NIRCAM"), ("NRS2", "NIRSPEC"), ("GUIDER1", "FGS"), ("FGS_ID-STACK", "FGS"), ("MIR_DARKIMG", "MIRI"), ("NIS", "NIRISS")],
)
def test_the_instrument_is_known_by_a_detector_or_an_exposure_type(word, instrument):
    assert instrument_of(word) == instrument


def test_a_word_of_no_instrument_is_refused():
    with pytest.raises(BadVisit, match="'HST_IMAGE' is no detector"):
        instrument_of("HST_IMAGE")


def test_the_same_name_is_another_subarray_in_another_instrument():
    assert (subarray("SUB64", "MIRI").columns, subarray("SUB64", "NIRISS").columns) == (72, 64)
    assert subarray("FULL", "MIRI").rows == 1024
    with pytest.raises(BadVisit, match="'SUB320' is no subarray of MIRI"):
        subarray("SUB320", "MIRI")


@pytest.mark.parametrize("name", ["SUB256", "SUB128", "SUB64", "SUB80", "SUBTAAMI"])
def test_frame_times_of_niriss_follow_the_formula_of_one_output(name):
    part = subarray(name, "NIRISS")
    assert part.frame_seconds == pytest.approx((part.columns + 12) * (part.rows + 2) * 1e-5)


@pytest.mark.parametrize("name", ["SUB2048", "SUB32"])
def test_frame_times_of_nirspec_follow_the_formula_of_its_short_side(name):
    part = subarray(name, "NIRSPEC")
    assert part.frame_seconds == pytest.approx((part.rows + 12) * (part.columns + 1) * 1e-5)


@pytest.mark.parametrize(
    ("name", "stage1", "light"),
    [("NRC_IMAGE", "detector1", "sky"), ("NRC_DARK", "dark", "none"), ("NIS_LAMP", "detector1", "lamp"), ("FGS_TRACK", "guider", "sky")],
)
def test_exposure_types_know_their_first_pipeline_and_their_light(name, stage1, light):
    found = exposure_type(name)
    assert (found.stage1, found.light, found.internal) == (stage1, light, light != "sky")


def test_an_exposure_type_that_is_not_listed_has_no_pipeline():
    assert exposure_type("NRS_IFU").stage1 == ""
    assert not exposure_type("HST_IMAGE").internal


def test_every_exposure_type_is_one_of_the_pipelines_own():
    import yaml
    from stdatamodels import jwst

    from dmsops.core.modes import exposure_types

    schema = Path(jwst.__file__).parent / "datamodels" / "schemas" / "core.schema.yaml"
    known = set(yaml.safe_load(schema.read_text())["properties"]["meta"]["properties"]["exposure"]["properties"]["type"]["enum"])
    assert {name for instrument in instruments() for name in exposure_types(instrument)} <= known
