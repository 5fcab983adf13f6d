"""What the test bed knows of the instrument."""

import pytest

from dmsops.core.errors import BadVisit
from dmsops.core.records import Readout
from dmsops.testbed import focal_plane, nircam


@pytest.mark.parametrize(
    ("detector", "subarray", "corner", "size"),
    [
        ("NRCA1", "SUB320", (1729, 1729), 320),
        ("NRCA2", "SUB320", (1729, 1), 320),
        ("NRCA3", "SUB320", (1, 1729), 320),
        ("NRCA4", "SUB320", (1, 1), 320),
        ("NRCALONG", "SUB320", (865, 865), 320),
        ("NRCA3", "SUB64FP1A", (430, 1379), 64),
        ("NRCA3", "SUB8FP1A", (458, 1407), 8),
        ("NRCBLONG", "FULL", (1, 1), 2048),
    ],
)
def test_subarrays_sit_where_the_siaf_puts_them(detector, subarray, corner, size):
    cut = focal_plane.cut(detector, subarray)
    assert ((cut.xstart, cut.ystart), cut.xsize, cut.ysize) == (corner, size, size)
    rows, columns = cut.slices
    assert (rows.start + 1, columns.start + 1) == corner[::-1]


def test_a_subarray_of_another_detector_is_refused():
    with pytest.raises(BadVisit, match="NRCA1 has no subarray SUB64FP1A"):
        focal_plane.aperture("NRCA1", "SUB64FP1A")


@pytest.mark.parametrize(
    ("light", "pupil", "waves"), [("F212N", "WLM8", -8), ("F212N", "WLP8", 8), ("WLP4", "WLP8", 12), ("F356W", "CLEAR", 0)]
)
def test_weak_lenses_add_up(light, pupil, waves):
    assert nircam.lens_waves(Readout(detector="NRCA3", filter=light, pupil=pupil)) == waves


@pytest.mark.parametrize(("light", "pupil"), [("F999W", "CLEAR"), ("F212N", "GRISMR")])
def test_a_filter_or_pupil_that_cannot_be_simulated_is_named(light, pupil):
    with pytest.raises(BadVisit, match=f"NRCA3.*{light}.*{pupil}"):
        nircam.lens_waves(Readout(detector="NRCA3", filter=light, pupil=pupil))


def test_five_magnitudes_are_a_factor_of_a_hundred():
    light = nircam.FILTERS["F212N"]
    assert nircam.electrons_per_second(5.0, light) == pytest.approx(100 * nircam.electrons_per_second(10.0, light))
