"""Loaded once by the engine's fork server, so that every forked step begins with the pipelines in memory.

The environment must be set before (`dmsops.core.config.enter_runtime`): pysiaf and crds read it when they are imported.
What is imported here is frozen out of the garbage collector's sight: the jwst package collects after every step of a
pipeline, which costs 0.2 s a time with its 360,000 objects and nothing once they are frozen.
"""

from __future__ import annotations

import gc
import importlib

MODULES = (
    "jwst.pipeline",
    "jwst.wfs_combine",
    "jwst.associations",
    "jwst.associations.mkpool",
    "jwst.associations.generator.generate_per_candidate",
    "jwst.lib.set_telescope_pointing",
    "stdatamodels.jwst.datamodels",
    "stcal.velocity_aberration",
    "astropy.coordinates",
    "astropy.io.fits",
    "crds",
    "pysiaf",
    "lxml.etree",
    "dmsops.processing.steps",
)


def preload() -> None:
    """Import what the steps need, fill the data models' schema caches, and freeze it."""
    for name in MODULES:
        importlib.import_module(name)
    from stdatamodels.jwst import datamodels

    for model in (datamodels.Level1bModel, datamodels.RampModel, datamodels.ImageModel, datamodels.CubeModel):
        model().close()
    gc.collect()
    gc.freeze()


preload()
