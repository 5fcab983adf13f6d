"""Loaded once by the engine's fork server, so that every forked step begins with the pipelines in memory.

The environment must be set before (`dmsops.core.config.enter_runtime`): pysiaf and crds read it when they are imported.
What is imported here is frozen out of the garbage collector's sight: the jwst package collects after every step of a
pipeline, which costs 0.2 s a time with its 360,000 objects and nothing once they are frozen.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import logging
import sys
import tempfile

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
    "ccsds_ndm.ndm_io",
    "lxml.etree",
    "dmsops.processing.steps",
)


def _give_back(said: io.StringIO) -> None:
    """Let loggers that took hold of the silenced stream speak to the real one: CRDS's messages belong into the step's log."""
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    for handler in (handler for logger in known for handler in logger.handlers):
        if isinstance(handler, logging.StreamHandler) and handler.stream is said:
            handler.setStream(sys.stderr)


def _fill_caches() -> None:
    """Do once what every step would do again: read the Earth-orientation table, and the schemas behind a model that is saved."""
    import numpy as np
    from astropy.time import Time
    from stdatamodels.jwst import datamodels

    from dmsops.processing.ephemeris import earth_fixed

    earth_fixed(np.ones(3), np.ones(3), Time("2022-01-01"))
    with tempfile.TemporaryDirectory(prefix="dmsops-preload-") as place:
        for model in (datamodels.Level1bModel, datamodels.RampModel, datamodels.ImageModel, datamodels.CubeModel):
            with model() as empty:
                empty.meta.instrument.name = "NIRCAM"
                empty.save(f"{place}/{model.__name__}.fits")


def preload() -> None:
    """Import what the steps need, fill the data models' schema caches, and freeze it.

    What libraries say while they are imported (notes to their developers, a version check that cannot reach its
    server) is for no operator: it is kept off the terminal. An import that fails still raises.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        for name in MODULES:
            importlib.import_module(name)
        _fill_caches()
    _give_back(said)
    gc.collect()
    gc.freeze()


preload()
