"""Times inside an exposure, and the detectors that headers know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core import modes
from dmsops.core.errors import BadVisit
from dmsops.processing.detectors import DETECTORS, detector
from dmsops.processing.timing import integration_edges, timing


def test_exposure_durations_follow_the_readout_pattern(build):
    times = timing(build.exposure(nints=2, ngroups=4), build.frame_seconds)
    frames = {"group": 1, "integration": 4, "exposure": 8, "measurement": 6, "elapsed": 9}
    for field, count in frames.items():
        assert getattr(times, field) == pytest.approx(count * build.frame_seconds)
    assert (times.end - times.start) * 86400 == pytest.approx(times.elapsed, abs=1e-4)


@given(nints=st.integers(1, 50), ngroups=st.integers(1, 20))
def test_integrations_follow_each_other_and_fill_the_exposure(build, nints, ngroups):
    times = timing(build.exposure(nints=nints, ngroups=ngroups), build.frame_seconds)
    begins, ends = integration_edges(nints, times)
    assert (begins[1:] >= ends[:-1] - 1e-9).all()
    np.testing.assert_allclose([begins[0], ends[-1]], [times.start, times.end], atol=1e-9)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_of_the_headers_has_its_apertures_in_the_siaf(name):
    import pysiaf

    known = pysiaf.Siaf("NIRCam").apernames
    assert {modes.subarray(s).aperture_of(name) for s in ("FULL", "SUB320")} <= set(known)


def test_an_unknown_detector_is_refused_by_name():
    with pytest.raises(BadVisit, match="NIS"):
        detector("NIS")
