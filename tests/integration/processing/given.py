"""References given to a pipeline by hand, where the local CRDS has none: no bad pixels, one gain, one noise, an even flat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from stdatamodels.jwst import datamodels

GAIN, READ_NOISE = 2.05, 8.0


def references_by_hand(uncal: Path, folder: Path) -> dict[str, str]:
    """Write mask, gain, read noise and flat of the place that an uncal was read from; gives their files by kind."""
    with datamodels.open(uncal) as model:
        where, shape, instrument = model.meta.subarray, model.data.shape[-2:], model.meta.instrument
        made = {
            "mask": datamodels.MaskModel(dq=np.zeros(shape, dtype=np.uint32)),
            "gain": datamodels.GainModel(data=np.full(shape, GAIN, dtype=np.float32)),
            "readnoise": datamodels.ReadnoiseModel(data=np.full(shape, READ_NOISE, dtype=np.float32)),
            "flat": datamodels.FlatModel(data=np.ones(shape, dtype=np.float32)),
        }
        for kind, reference in made.items():
            reference.meta.instrument.name, reference.meta.instrument.detector = instrument.name, instrument.detector
            for key in ("xstart", "ystart", "xsize", "ysize", "fastaxis", "slowaxis"):
                setattr(reference.meta.subarray, key, getattr(where, key))
            reference.save(folder / f"{kind}.fits")
    return {kind: str(folder / f"{kind}.fits") for kind in made}
