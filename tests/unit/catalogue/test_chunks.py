"""A product's image as a chunk: axes and world coordinates are its header's, and lie where the header's own transformation puts them."""

from __future__ import annotations

from typing import Any

import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from dmsops.catalogue.chunks import PART, corners_of, ends_of, part_of
from dmsops.catalogue.headers import header_of
from dmsops.catalogue.images import image_of
from dmsops.catalogue.planes import kind_of
from dmsops.catalogue.polygon import apart

SKY = {
    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CUNIT1": "deg", "CUNIT2": "deg", "CRPIX1": 160.5, "CRPIX2": 160.5,
    "CRVAL1": 140.2, "CRVAL2": 21.4, "CD1_1": -4.5e-6, "CD1_2": -1.7e-5, "CD2_1": -1.7e-5, "CD2_2": 4.5e-6,
}  # fmt: skip
EXPOSURE = {"EXP_TYPE": "NRC_IMAGE", "INSTRUME": "NIRCAM", "FILTER": "F212N", "PUPIL": "WLM8", "EXPSTART": 59917.1, "EXPEND": 59917.3,
            "EFFEXPTM": 30.0}  # fmt: skip


def image(*axes: int, **more: Any) -> dict[str, Any]:
    return {"NAXIS": len(axes), **{f"NAXIS{n}": length for n, length in enumerate(axes, 1)}, **SKY, **more}


def chunk(*cards: dict[str, Any]) -> Any:
    part = part_of(header_of(cards))
    assert part is not None
    assert part.name == PART
    (only,) = part.chunks
    return only


def test_an_image_says_where_when_and_in_what_light() -> None:
    made = chunk({"NAXIS": 0, **EXPOSURE}, image(320, 300))
    assert (made.naxis, made.position_axis_1, made.position_axis_2, made.energy_axis, made.time_axis) == (2, 1, 2, None, None)
    axis = made.position.axis
    assert (axis.axis1.ctype, axis.axis2.ctype, axis.axis1.cunit, made.position.coordsys) == ("RA---TAN", "DEC--TAN", "deg", "ICRS")
    function = axis.function
    assert (function.dimension.naxis1, function.dimension.naxis2) == (320, 300)
    assert (function.ref_coord.coord1.pix, function.ref_coord.coord1.val, function.ref_coord.coord2.val) == (160.5, 140.2, 21.4)
    assert (function.cd11, function.cd12, function.cd21, function.cd22) == (-4.5e-6, -1.7e-5, -1.7e-5, 4.5e-6)
    assert ends_of(made.energy.axis) == pytest.approx((2.109e-6, 2.134e-6), rel=1e-12)
    assert (made.energy.specsys, made.energy.bandpass_name) == ("TOPOCENT", "F212N;WLM8")
    assert ends_of(made.time.axis) == (59917.1, 59917.3)
    assert (made.time.timesys, made.time.exposure) == ("UTC", 30.0)


def test_integrations_are_steps_of_time() -> None:
    made = chunk(EXPOSURE, image(320, 300, 4))
    assert (made.naxis, made.time_axis) == (3, 3)
    assert (made.time.axis.function.naxis, made.time.axis.function.delta) == (4, pytest.approx(0.05))
    assert ends_of(made.time.axis) == pytest.approx((59917.1, 59917.3), abs=1e-9)


def test_groups_are_no_axis_that_can_be_named() -> None:
    made = chunk(EXPOSURE, image(320, 300, 5, 2))
    assert (made.naxis, made.position_axis_1, made.time_axis) == (None, None, None)
    assert made.position is not None
    assert ends_of(made.time.axis) == (59917.1, 59917.3)


def test_integrations_without_times_are_not_named() -> None:
    made = chunk({**EXPOSURE, "EXPEND": None}, image(320, 300, 4))
    assert (made.naxis, made.time) == (None, None)


def test_a_dark_has_no_place_but_a_time() -> None:
    made = chunk({**EXPOSURE, "EXP_TYPE": "NRC_DARK"}, image(320, 300))
    assert (made.position, made.naxis) == (None, None)
    assert made.time is not None


@pytest.mark.parametrize(
    "cards", [[EXPOSURE], [EXPOSURE, {"NAXIS": 1, "NAXIS1": 5}], [{"EXP_TYPE": "NRC_DARK"}, image(3, 3)]], ids=["none", "row", "unknown"]
)
def test_what_is_no_image_or_says_nothing_has_no_part(cards: list[dict[str, Any]]) -> None:
    assert part_of(header_of(cards)) is None


def test_steps_and_rotation_make_the_matrix() -> None:
    card = {key: value for key, value in image(4, 4).items() if not key.startswith("CD")}
    steps = {"CDELT1": 2e-5, "CDELT2": 3e-5, "PC1_1": -1.0, "PC1_2": 0.5, "PC2_1": 0.25, "PC2_2": 1.0}
    found = image_of([{**card, **steps}])
    assert found is not None
    assert found.sky is not None
    assert found.sky.cd == pytest.approx((-2e-5, 1e-5, 0.75e-5, 3e-5))


@pytest.mark.parametrize(
    "change",
    [
        {"CTYPE1": "GLON-TAN"},
        {"CTYPE2": "WAVE"},
        {"CUNIT1": "arcsec"},
        {"CRPIX1": None},
        {"CRVAL2": float("nan")},
        {"CD1_1": "wide"},
        {"CD2_2": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_no_sky_is_none(change: dict[str, Any]) -> None:
    found = image_of([image(4, 4, **change)])
    assert found is not None
    assert found.sky is None


@given(
    ra=st.floats(0, 359.99), dec=st.floats(-89.5, 89.5), turn=st.floats(0, 360), scale=st.floats(1e-6, 5e-5), columns=st.integers(1, 2048)
)
def test_corners_are_where_the_headers_own_transformation_puts_them(ra: float, dec: float, turn: float, scale: float, columns: int) -> None:
    from math import cos, radians, sin

    c, s = scale * cos(radians(turn)), scale * sin(radians(turn))
    card = {**SKY, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec, "CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c}
    found = corners_of(chunk(EXPOSURE, image(columns, 100, **card)).position)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.cd = ["RA---TAN", "DEC--TAN"], [160.5, 160.5], [ra, dec], [[-c, s], [s, c]]
    corners = [(0.5, 0.5), (columns + 0.5, 0.5), (columns + 0.5, 100.5), (0.5, 100.5)]
    assert found is not None
    for mine, theirs in zip(found, wcs.all_pix2world(corners, 1), strict=True):
        assert apart(mine, (float(theirs[0]), float(theirs[1]))) < 1e-9


def test_another_projection_has_no_corners_of_ours() -> None:
    assert corners_of(chunk(EXPOSURE, image(4, 4, CTYPE1="RA---SIN", CTYPE2="DEC--SIN")).position) is None


@pytest.mark.parametrize(
    ("name", "exp_type", "kind"),
    [
        ("jw02726402001_03104_00001_nrca3_cal.fits", "NRC_IMAGE", "image"),
        ("jw02726402001_03104_00001_nrca3_cal.fits", "NRC_WFSS", "spectrum"),
        ("jw02726402001_03104_00001_nrca3_cal.fits", None, "image"),
        ("jw02726402001_03104_00001_nrs1_x1d.fits", "NRS_FIXEDSLIT", "spectrum"),
        ("jw02726402001_03104_00001_nrs1_s3d.fits", "NRS_IFU", "cube"),
    ],
)
def test_the_kind_of_data_follows_from_suffix_and_exposure_type(name: str, exp_type: str | None, kind: str) -> None:
    assert kind_of(name, exp_type) == kind
