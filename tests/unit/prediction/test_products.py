"""Products predicted from a plan, and compared with what came."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dmsops.core.names import ExposureName, VisitId, parse_any
from dmsops.core.records import Dither, Exposure, Readout, Target, Visit
from dmsops.prediction.products import compare, predict

START = datetime(2022, 12, 4, 3, 42, tzinfo=UTC)
VISIT = VisitId("02726", "402", "001")
MODULE_A = ("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG")


def exposure(activity, number, *, detectors=MODULE_A, exp_type="NRC_IMAGE", subarray="FULL", note="", pattern="NONE", pupil="WLM8"):
    return Exposure(
        name=ExposureName(VISIT, "03", "1", activity, number),
        exp_type=exp_type,
        readpatt="RAPID",
        nints=2,
        ngroups=4,
        subarray=subarray,
        dms_note=note,
        readouts=tuple(
            Readout(detector=d, filter="F356W" if "LONG" in d else "F212N", pupil="CLEAR" if "LONG" in d else pupil) for d in detectors
        ),
        start=START,
        end=START + timedelta(seconds=97),
        exposure_seconds=96.6,
        photon_seconds=85.9,
        dither=Dither(pattern=pattern, index=number, total=2),
    )


def visit(*exposures, visit_type="PRIME_WFSC_SENSING_ONLY"):
    return Visit(
        id=VISIT,
        visit_type=visit_type,
        template="WFSC NIRCam Fine Phasing",
        title="t",
        category="COM",
        pi_name="n",
        priority="HIGH",
        start=START,
        end=START + timedelta(hours=1),
        target=Target(name="S", ra=80, dec=-69, magnitude=9),
        position_angle=0,
        guide_star=None,
        exposures=exposures,
    )


@pytest.fixture
def sensing():
    """The routine sensing visit of 2022-12-04: TA, jitter, two pairs on five detectors."""
    return visit(
        exposure("02", 1, detectors=("NRCA3",), exp_type="NRC_TACQ", subarray="SUB64FP1A", pupil="CLEAR"),
        exposure("03", 1, detectors=("NRCA3",), subarray="SUB8FP1A", note="WFSC_LOS_JITTER", pupil="CLEAR"),
        *(exposure(a, n, pattern="WFSC", pupil=p) for a, p in (("04", "WLM8"), ("05", "WLP8")) for n in (1, 2)),
    )


def test_the_routine_sensing_visit_gives_its_known_numbers(sensing):
    counts = {suffix: len(names) for suffix, names in predict(sensing).items()}
    assert counts == {"uncal": 22, "rate": 21, "rateints": 21, "cal": 21, "wfscmb": 10}


def test_combined_images_have_their_flight_names(sensing):
    names = predict(sensing)["wfscmb"]
    assert "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits" in names
    assert "jw02726-o402_t001_nircam_clear-f356w-nrcalong_wfscmb-05.fits" in names


def test_jitter_stops_at_level_1b(sensing):
    predicted = predict(sensing)
    assert [s for s, names in predicted.items() if any("03103_00001" in n for n in names)] == ["uncal"]


def test_subarrays_are_in_combined_names():
    names = predict(visit(*(exposure("04", n, detectors=("NRCA3",), subarray="SUB320", pattern="WFSC") for n in (1, 2))))["wfscmb"]
    assert names == ("jw02726-o402_t001_nircam_f212n-wlm8-sub320-nrca3_wfscmb-04.fits",)


def test_half_a_pair_gives_no_combined_image():
    assert "wfscmb" not in predict(visit(exposure("04", 1, pattern="WFSC")))


def test_an_ordinary_visit_gives_i2d_of_exposures_and_of_each_optical_path():
    predicted = predict(visit(exposure("04", 1), exposure("04", 2), visit_type="PRIME_TARGETED_FIXED"))
    assert {s: len(n) for s, n in predicted.items()} == {"uncal": 10, "rate": 10, "rateints": 10, "cal": 10, "i2d": 12}


def test_an_empty_visit_gives_nothing():
    assert predict(visit()) == {}


def test_every_predicted_name_is_a_name(sensing):
    for names in predict(sensing).values():
        for name in names:
            assert str(parse_any(name)) == name


def test_comparison_names_what_is_missing_and_what_was_not_foreseen(sensing):
    predicted = predict(sensing)
    present = [*predicted["uncal"][1:], "jw02726402001_03104_00001_nrca3_i2d.fits"]
    found = compare(predicted, present)
    assert not found.complete
    assert found.missing["uncal"] == predicted["uncal"][:1]
    assert found.present["uncal"] == 21
    assert found.extra == ("jw02726402001_03104_00001_nrca3_i2d.fits",)


def test_a_whole_visit_is_complete(sensing):
    predicted = predict(sensing)
    assert compare(predicted, [n for names in predicted.values() for n in names]).complete


def other(exp_type, detector, subarray, activity="09"):
    plain = exposure(activity, 1, exp_type=exp_type, subarray=subarray)
    return replace(plain, readouts=(Readout(detector=detector, filter="CLEAR", pupil="N/A"),))


@pytest.mark.parametrize(
    ("exp_type", "detector", "suffixes"),
    [
        ("NRC_DARK", "NRCA3", {"uncal", "dark"}),
        ("NRC_LED", "NRCA3", {"uncal", "rate", "rateints"}),
        ("NRC_TACQ", "NRCA3", {"uncal", "rate", "rateints", "cal"}),
        ("NIS_IMAGE", "NIS", {"uncal"}),
        ("MIR_DARKIMG", "MIRIMAGE", {"uncal"}),
    ],
)
def test_the_exposure_type_says_what_is_made(exp_type, detector, suffixes):
    assert set(predict(visit(other(exp_type, detector, "FULL"), visit_type="PRIME_TARGETED_FIXED"))) == suffixes


def test_segments_are_predicted_by_name():
    predicted = predict(visit(exposure("04", 1, detectors=("NRCA3",), subarray="SUB64P")), segment_bytes=1)
    assert predicted["rate"] == tuple(f"jw02726402001_03104_00001-seg00{n}_nrca3_rate.fits" for n in (1, 2))
