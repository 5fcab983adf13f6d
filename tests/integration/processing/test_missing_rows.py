"""Rows that did not arrive, through the real calwebb_detector1: a slope is right or flagged, never silently wrong."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from dmsops.interfaces.fos import layout
from tests.unit.receipt.packets import thin

DO_NOT_USE = 1
PACKET_ROWS = layout.rows_per_packet(320)
LOST = {
    "one group": {(1, 2): [1]},
    "the first group": {(1, 1): [1]},
    "all but one group": {(1, 1): [2], (1, 2): [2], (1, 3): [2]},
    "a whole integration": {(1, g): [0] for g in (1, 2, 3, 4)},
}
"""Which packets of which (integration, group) of the first wavefront exposure are lost."""
CASES = [("NRCA3", "one group"), ("NRCA3", "all but one group"), ("NRCA3", "a whole integration")]
CASES += [("NRCALONG", "the first group"), ("NRCALONG", "all but one group")]
REACH = 2


@pytest.fixture(scope="module")
def rates(processed, tmp_path_factory):
    """Give a function that makes rate and rateints without some packets."""
    exposure = next(e for e in processed.visit.exposures if e.exp_type != "NRC_TACQ")

    def make(detector, lost):
        folder = tmp_path_factory.mktemp("gaps")
        files = []
        for source in sorted(processed.delivery.glob("S0000*.out")):
            (folder / source.name).write_bytes(source.read_bytes())
            files.append(folder / source.name)
            thin(files[-1], lambda head: _is_lost(head, exposure, detector, lost))
        names = [str(exposure.product(detector, s)) for s in ("uncal", "rate", "rateints")]
        outcome = processed.level1b(exposure, detector, keep=False, science=files)
        uncal = folder / names[0]
        uncal.write_bytes((processed.last / names[0]).read_bytes())
        processed.run("processing.detector1", inputs=[uncal], makes=names[1:], keep=False)
        found = []
        for name in names[1:]:
            with fits.open(processed.last / name) as file:
                found.append((file["SCI"].data.copy(), file["DQ"].data.copy()))
        return outcome.metrics["missing_rows"], *found

    return make


def _is_lost(head, exposure, detector, lost) -> bool:
    packets = lost.get((int(head["integration"]), int(head["frame_group"])), ())
    mine = int(head["identification"]) & 0x7FF == layout.APIDS[detector] and int(head["number"]) == exposure.name.number
    same = int(head["activity"]) == int(exposure.name.activity, 36)
    return mine and same and head["kind"] == layout.FRAME and int(head["first_row"]) // PACKET_ROWS in packets


@pytest.fixture(scope="module")
def whole(rates):
    return {detector: rates(detector, {}) for detector in ("NRCA3", "NRCALONG")}


@pytest.mark.parametrize(("detector", "case"), CASES)
def test_a_slope_without_some_of_its_rows_is_right_or_flagged(rates, whole, detector, case):
    """NRCA3's subarray has reference pixels, so that a lost row spoils its whole frame; that of NRCALONG has none."""
    missing, rate, ints = rates(detector, LOST[case])
    none, good_rate, good_ints = whole[detector]
    assert (missing > 0, none) == (True, 0)
    touched = np.zeros(ints[0].shape, dtype=bool)
    for (integration, _), packets in LOST[case].items():
        for packet in packets:
            rows = slice(max(packet * PACKET_ROWS - REACH, 0), (packet + 1) * PACKET_ROWS + REACH)
            touched[integration - 1, slice(None) if detector == "NRCA3" else rows] = True
    _agree(ints, good_ints, touched)
    _agree(rate, good_rate, touched.any(axis=0))


def _agree(found, good, touched):
    """Compare with the slopes of the whole exposure where neither is flagged: the same where nothing was lost, else within noise."""
    usable = ((found[1] | good[1]) & DO_NOT_USE) == 0
    difference = np.abs(found[0] - good[0])
    noise = np.sqrt(np.abs(good[0])) + 5
    assert np.isfinite(found[0][usable]).all()
    assert (difference[usable & ~touched] < 0.01 * noise[usable & ~touched]).mean() > 0.999 if (usable & ~touched).any() else True
    if (usable & touched).any():
        off = (found[0] - good[0])[usable & touched] / noise[usable & touched]
        assert (np.abs(off) < 12).mean() > 0.999
        assert abs(np.median(off)) < 0.05
