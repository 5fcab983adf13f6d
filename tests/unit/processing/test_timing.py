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


@pytest.mark.parametrize("instrument", modes.instruments())
def test_every_subarray_has_its_aperture_in_the_siaf(instrument):
    from dmsops.testbed.focal_plane import siaf

    names = [n for n in DETECTORS if modes.instrument_of(n) == instrument]
    parts = [modes.subarray(s, instrument) for s in modes.subarrays(instrument)]
    wanted = {part.aperture_of(name) for part in parts for name in names if not part.detectors or name in part.detectors}
    assert wanted - set(siaf(instrument).apernames) == set()


def test_an_unknown_detector_is_refused_by_name():
    with pytest.raises(BadVisit, match="NRCC1"):
        detector("NRCC1")
