"""How far a lost row reaches: the flags cover all that the pipeline's own reference-pixel correction changes because of it."""

from __future__ import annotations

import numpy as np
import pytest

from dmsops.processing.lost_rows import flag_lost_rows

REFERENCE_PIXEL = 2**31
PLACES = {
    "NRCA1": ("NIRCAM", -1, 2, (2048, 2048)),
    "NIS": ("NIRISS", -2, -1, (2048, 2048)),
    "MIRIMAGE": ("MIRI", 1, 2, (1024, 1032)),
}
"""Instrument, fast and slow axis as the detectors have them (SIAF), and shape of a full frame."""


def corrected(model):
    from jwst.refpix.reference_pixels import correct_model

    kernel = {"refpix_algorithm": "median", "sirs_kernel_model": None, "sigreject": 4.0, "gaussmooth": 1.0, "halfwidth": 30}
    correct_model(model, True, True, 11, 1.0, True, kernel, 3.0)
    return model.data


def ramp(detector):
    """Give two groups of a detector with its reference pixels flagged: a level for each amplifier's columns, and noise."""
    from stdatamodels.jwst.datamodels import RampModel

    instrument, fast, slow, shape = PLACES[detector]
    rng = np.random.default_rng(3)
    model = RampModel(10_000 + 5 * rng.standard_normal((1, 2, *shape)).astype(np.float32))
    edge = np.ones(shape, dtype=bool)
    edge[(slice(None) if instrument == "MIRI" else slice(4, -4)), 4:-4] = False
    model.pixeldq[edge] |= REFERENCE_PIXEL
    model.meta.instrument.name, model.meta.instrument.detector = instrument, detector
    model.meta.subarray.name, model.meta.exposure.readpatt = "FULL", "RAPID"
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    model.meta.subarray.fastaxis, model.meta.subarray.slowaxis = fast, slow
    model.meta.exposure.noutputs = 4
    return model


@pytest.mark.parametrize(
    ("detector", "rows"),
    [("NRCA1", slice(1000, 1015)), ("NRCA1", slice(2040, 2048)), ("NIS", slice(500, 515)), ("MIRIMAGE", slice(300, 331))],
)
def test_what_a_lost_row_changes_elsewhere_is_flagged(detector, rows):
    whole = corrected(ramp(detector))
    holed = ramp(detector)
    holed.data[0, 1, rows] = 0
    assert flag_lost_rows(holed) == rows.stop - rows.start
    flagged = (holed.groupdq & 1) != 0
    changed = np.abs(corrected(holed) - whole) > 0.5
    assert changed[0, 1].any()
    assert not changed[0, 0].any()
    assert not (changed & ~flagged).any()
    assert not flagged[0, 0].any()
