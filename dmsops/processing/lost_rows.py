"""Rows of telemetry that did not arrive, before the ramps are fitted: flagged, so that no slope is made of them.

In an uncal such rows hold 0, which no converter gives. The saturation step flags 0 as below the converter's floor and not
to be used, but only there; the reference-pixel and crosstalk corrections before the fit spread what is missing over rows
that arrived. So the flags (GROUPDQ, DO_NOT_USE) are set before `calwebb_detector1` begins, as far as those corrections
reach. What remains of a ramp is fitted; where less than a slope needs remains, the pipeline flags the pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

DO_NOT_USE = 1
REFERENCE_ROWS = 4
"""Rows and columns of reference pixels on each edge of a HAWAII-2RG (jwst documentation, *reference pixel correction*)."""
FULL = 2048
CROSSTALK_ROWS = 2
"""How far the interpixel capacitance correction reaches (kernels of up to 5 x 5)."""
SIDE_ROWS = 11
"""Length of the running median over the side reference pixels (`side_smoothing_length` of the refpix step)."""


def flag_lost_rows(model: Any) -> int:
    """Flag the rows of a ramp that did not arrive, and those that they would spoil.

    Parameters
    ----------
    model : RampModel
        Opened from an uncal whose header says DATAPROB; ``groupdq`` is changed in place.

    Returns
    -------
    int
        Rows that did not arrive.
    """
    lost = ~model.data.any(axis=-1)
    spoilt = spoilt_rows(
        lost,
        first_row=model.meta.subarray.ystart,
        first_column=model.meta.subarray.xstart,
        columns=model.data.shape[-1],
        miri=model.meta.instrument.name == "MIRI",
        transposed=abs(model.meta.subarray.fastaxis) != 1,
    )
    model.groupdq |= (spoilt * DO_NOT_USE).astype(model.groupdq.dtype)[..., None]
    return int(lost.sum())


def spoilt_rows(
    lost: np.ndarray, *, first_row: int, first_column: int, columns: int, miri: bool = False, transposed: bool = False
) -> np.ndarray:  # fmt: skip
    """Say which rows of which frames must not be used when some are lost.

    A frame is spoilt as a whole when the reference-pixel correction takes a mean over rows that are lost: in a full frame where
    reference rows are among them, or where the amplifiers read along the other axis (rows cut through all of them); in a
    subarray with reference pixels, where it takes one mean over all of them; and on MIRI, whose reference columns run along
    all rows.

    Parameters
    ----------
    lost : (nints, ngroups, rows) bool
        Rows that did not arrive.
    first_row, first_column : int
        Place on the detector, from 1.
    columns : int
        Columns of the frame.

    Returns
    -------
    (nints, ngroups, rows) bool
    """
    import numpy as np
    from scipy.ndimage import binary_dilation

    rows = lost.shape[-1]
    numbers = first_row + np.arange(rows)
    edge_rows = (numbers <= REFERENCE_ROWS) | (numbers > FULL - REFERENCE_ROWS)
    sides = first_column <= REFERENCE_ROWS or first_column + columns - 1 > FULL - REFERENCE_ROWS
    in_rows = not miri and not transposed and (rows == columns == FULL or not (sides or edge_rows.any()))
    whole = lost[..., edge_rows].any(axis=-1) if in_rows else lost.any(axis=-1)
    reach = SIDE_ROWS if sides else CROSSTALK_ROWS
    near = binary_dilation(lost, np.ones((1, 1, 2 * reach + 1), dtype=bool))
    return np.asarray(near | whole[..., None])
