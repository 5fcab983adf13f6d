"""Names: what is written can be read, what is read is written the same, nothing else is taken."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core import names
from dmsops.core.errors import BadInput, BadName

digits = lambda n: st.text("0123456789", min_size=n, max_size=n)  # noqa: E731
base36 = st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=2)
word = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
stamps = st.datetimes().map(lambda t: t.strftime("%Y%m%dt%H%M%S").rjust(15, "0"))
candidates = st.one_of(digits(3).map("o{}".format), digits(4).map("c{}".format), digits(4).map("a{}".format))
visits = st.builds(names.VisitId, digits(5), digits(3), digits(3))
exposures = st.builds(names.ExposureName, visits, digits(2), st.sampled_from("12345"), base36, st.integers(0, 99999))
ends = st.datetimes().map(lambda t: t.strftime("%Y%j%H%M%S").rjust(13, "0"))
guide_stars = st.one_of(
    st.builds(names.GuideStarName, visits, st.just("gs-id"), st.integers(1, 99).map(str)),
    st.builds(names.GuideStarName, visits, st.sampled_from(["gs-acq1", "gs-acq2", "gs-track", "gs-fg"]), ends),
)
NAMES = {
    "visit": visits,
    "exposure": exposures,
    "exposure product": st.builds(
        names.ExposureProduct, exposures, st.sampled_from(names.DETECTORS), word, st.none() | st.integers(0, 999), st.just("fits")
    ),
    "combined product": st.builds(
        names.CombinedProduct,
        digits(5), candidates, digits(3).map("t{}".format), st.sampled_from(names.INSTRUMENTS),
        st.lists(word, min_size=1, max_size=3).map("-".join), word, st.none() | base36, st.none() | st.sampled_from(["1", "12"]),
    ),
    "guide-star function": guide_stars,
    "guide-star product": st.builds(
        names.GuideStarProduct,
        guide_stars, st.sampled_from(["uncal", "cal", "image-uncal", "stacked-uncal"]), st.none() | st.integers(0, 999),
    ),
    "association": st.builds(
        names.AssociationName, digits(5), candidates, stamps, st.sampled_from(["image2", "wfs-image3", "tso-spec2"]), digits(5) | digits(3)
    ),
    "pool": st.builds(names.PoolName, digits(5), stamps),
    "recorder file": st.builds(names.RecorderFileName, st.sampled_from("SECR"), digits(13), digits(3)),
    "engineering file": st.builds(names.RecorderFileName, st.sampled_from("ECR"), digits(13), digits(3), st.sampled_from(["out", "h5"])),
    "ephemeris": st.builds(names.EphemerisName, st.sampled_from("PD"), digits(8), digits(8)),
}  # fmt: skip


@pytest.mark.parametrize("family", NAMES)
def test_every_name_survives_the_round_trip(family: str) -> None:
    @given(NAMES[family])
    def law(name: names.Name) -> None:
        assert type(name).parse(str(name)) == name
        assert str(names.parse_any(str(name))) == str(name)

    law()


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_a_bad_name_and_never_anything_else(text: str) -> None:
    known = any(family.matches(text) for family in names.FAMILIES)
    with contextlib.nullcontext() if known else pytest.raises(BadName):
        assert str(names.parse_any(text)).lstrip("V") == text.lstrip("V")


@pytest.mark.parametrize(
    "text",
    [
        "jw02726402001_03104_00001_nrca3_uncal.fits",
        "jw02726402001_03104_00001-seg002_nrcalong_rateints.fits",
        "jw04556001001_gs-fg_2024060040644_uncal.fits",
        "jw04556001001_gs-fg_2024060040644-seg001_cal.fits",
        "jw04556001001_gs-id_1_image-uncal.fits",
        "jw04556001001_gs-id_2_stacked-uncal.fits",
        "jw02586-o173_t035_nircam_f212n-wlm8-nrca3_wfscmb-04.fits",
        "jw00626-o032_20190909t010000_spec2_008_asn.json",
        "jw02726_20221204t042704_pool.csv",
        "2022134T184135248_001_osf.xml".replace("T", ""),
    ],
)
def test_real_names_parse_and_are_written_the_same(text: str) -> None:
    assert str(names.parse_any(text)) == text


def test_only_engineering_comes_as_hdf5() -> None:
    assert names.RecorderFileName.parse("E0000_2022338035325_001.h5").extension == "h5"
    assert names.RecorderFileName.parse("S0000_2022338035325_001.out").extension == "out"
    assert not names.RecorderFileName.matches("S0000_2022338035325_001.h5")


def test_program_ids_stay_strings() -> None:
    assert names.VisitId.parse("V01067001002").program == "01067"


@pytest.mark.parametrize(
    "text", ["gs-id_2024060040644", "gs-fg_1", "gs-track_2024399040644", "gs-fg_2024060250000", "gs-acq3_2024060040644"]
)
def test_a_guide_star_name_has_an_attempt_or_a_time_as_its_function_has_it(text: str) -> None:
    assert not names.GuideStarName.matches(f"jw04556001001_{text}")


def test_an_activity_may_be_base_36() -> None:
    name = names.ExposureName.parse("jw02726402001_0310i_00001")
    assert name.obs_id == "V02726402001P000000000310I"


@pytest.mark.parametrize("text", ["../x", "a/b", "", ".hidden", "x" * 300, "a b", "a\n", "ok\x00"])
def test_a_name_that_could_lead_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(BadName, match="plain file name"):
        names.safe_file_name(text)


@given(digits(5))
def test_a_program_has_five_digits(text: str) -> None:
    names.need_program(text)


@pytest.mark.parametrize("text", ["", "2726", "027260", "0272a", "02726\n", "-2726", "\u0660\u0662\u0667\u0662\u0666"])
def test_what_is_no_program_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match="is not a program of five digits") as refused:
        names.need_program(text)
    assert refused.value.facts == {"field": "program"}
