"""Segments of long exposures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core import modes
from dmsops.core.names import ExposureName, VisitId
from dmsops.core.records import Exposure, Readout
from dmsops.core.segments import BYTES_PER_PIXEL, segments, whole

START = datetime(2022, 12, 4, tzinfo=UTC)


def exposure(nints, subarray="SUB8FP1A"):
    return Exposure(
        name=ExposureName(VisitId("02726", "402", "001"), "03", "1", "04", 1),
        exp_type="NRC_IMAGE",
        readouts=(Readout(detector="NRCA3", filter="F212N", pupil="CLEAR"),),
        readpatt="RAPID",
        nints=nints,
        ngroups=2,
        subarray=subarray,
        start=START,
        end=START + timedelta(hours=1),
        exposure_seconds=3600.0,
        photon_seconds=3000.0,
    )


@given(nints=st.integers(1, 300), most=st.integers(1, 100))
def test_segments_follow_each_other_cover_all_integrations_and_keep_the_limit(nints, most):
    found = segments(exposure(nints), most * BYTES_PER_PIXEL * 64)
    assert [i for s in found for i in range(s.first, s.last + 1)] == list(range(1, nints + 1))
    assert all(s.integrations <= most for s in found)
    assert [(s.number, s.total) for s in found] == [(n, len(found)) for n in range(1, len(found) + 1)]


@pytest.mark.parametrize(("nints", "pieces"), [(2, 1), (19, 1), (20, 2), (100, 6)])
def test_full_frames_are_cut_at_two_gigabytes_of_stage_2(nints, pieces):
    assert len(segments(exposure(nints, "FULL"))) == pieces


def test_one_integration_is_never_cut():
    (only,) = segments(exposure(1, "FULL"), 1)
    assert only == whole(exposure(1))
    assert only.label is None


def test_the_smallest_limit_makes_one_segment_of_each_integration():
    assert [s.label for s in segments(exposure(3), 1)] == [1, 2, 3]


def test_the_exposures_of_other_instruments_are_measured_by_their_own_subarrays():
    miri = Readout(detector="MIRIMAGE", filter="F770W", pupil="N/A")
    part = modes.subarray("SUB64", "MIRI")
    both = replace(exposure(4, "SUB64"), readouts=(miri,))
    assert len(segments(both, 2 * BYTES_PER_PIXEL * part.columns * part.rows)) == 2


def test_an_exposure_of_an_unknown_subarray_does_not_hold_up_the_others():
    assert segments(exposure(9, "SUB9"), 1) == (whole(exposure(9)),)
