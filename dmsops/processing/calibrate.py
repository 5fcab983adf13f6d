"""Calibration: the jwst package's own pipelines, run in process, with nothing of theirs changed.

Every verb reads inputs by name from one folder and writes its products there. The jwst log goes through the logging
that the caller has set up. A pipeline's exception becomes a `StepFailed` in words.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from dmsops.core.errors import DmsError, StepFailed
from dmsops.processing.diagnose import SIGNATURES, explain, recognise
from dmsops.processing.lost_rows import flag_lost_rows
from dmsops.processing.references import require_references
from dmsops.processing.wholeness import is_whole

_log = logging.getLogger(__name__)


def detector1(uncal: Path, folder: Path) -> None:
    """Fit the ramps of an uncal file: writes rate and rateints into ``folder``.

    Rows that did not arrive (DATAPROB) are flagged first, see `dmsops.processing.lost_rows`.

    Raises
    ------
    StepFailed
        A reference is missing or damaged, or the pipeline failed; the sentence says which.
    """
    from jwst.pipeline import Detector1Pipeline

    _from_ramps(Detector1Pipeline, uncal, folder)


def _from_ramps(pipeline: Any, uncal: Path, folder: Path) -> None:
    """Run a stage-1 pipeline, the rows that did not arrive flagged before."""
    _prepare(uncal, pipeline)
    with in_words(uncal.name):
        flagged = _with_lost_rows_flagged(uncal)
    if flagged is None:
        _run(pipeline, uncal, folder, uncal.name)
        return
    with flagged:
        _run(pipeline, uncal, folder, uncal.name, flagged)


def _with_lost_rows_flagged(uncal: Path) -> Any:
    """Open an uncal of which rows did not arrive, with its flags; None when all arrived."""
    from astropy.io import fits
    from stdatamodels.jwst.datamodels import RampModel

    if fits.getval(uncal, "DATAPROB", ext=0) is not True:
        return None
    model = RampModel(uncal)
    lost = flag_lost_rows(model)
    _log.warning("%s: %d rows did not arrive; they are flagged, and so are rows that they would spoil", uncal.name, lost)
    return model


def dark(uncal: Path, folder: Path) -> None:
    """Correct a dark exposure's ramps, without fitting them: writes dark into ``folder``.

    Raises
    ------
    StepFailed
        As for `detector1`.
    """
    from jwst.pipeline import DarkPipeline

    _from_ramps(DarkPipeline, uncal, folder)


def image2(association: Path, rates: list[Path], folder: Path) -> None:
    """Calibrate the members of an image2 association: writes cal (and i2d where CRDS does not skip resampling).

    ``rates`` are the members, beside the association.

    Raises
    ------
    StepFailed
        As for `detector1`.
    """
    from jwst.pipeline import Image2Pipeline

    for rate in rates:
        _prepare(rate, Image2Pipeline)
    _own(association)
    _run(Image2Pipeline, association, folder, association.name)


def wfs_image3(association: Path, folder: Path) -> None:
    """Combine a wavefront pair (``calwebb_wfs-image3``): writes the wfscmb.

    Raises
    ------
    StepFailed
        The pipeline failed.
    """
    from jwst.wfs_combine import WfsCombineStep

    _own(association)
    _run(WfsCombineStep, association, folder, association.name)


def image3(association: Path, folder: Path) -> None:
    """Combine an ordinary imaging association: writes i2d, catalogue, segmentation map and crf.

    Raises
    ------
    StepFailed
        The pipeline failed.
    """
    from jwst.pipeline import Image3Pipeline

    _own(association)
    _run(Image3Pipeline, association, folder, association.name)


def _prepare(product: Path, pipeline: Any) -> None:
    """Look at an input and its references before the pipeline does: it would not name what is wrong."""
    if not is_whole(product):
        raise StepFailed(
            f"input {product.name} is not a whole FITS file: its length is not what its headers say",
            remedy=SIGNATURES["fits-corrupt"].remedy,
            failure="data",
            input=product.name,
        )
    with in_words(product.name):
        require_references(product, pipeline)


def _own(association: Path) -> None:
    """Put a copy in the place of a link: the jwst package follows links and looks for the members beside the real file."""
    if association.is_symlink():
        text = association.read_bytes()
        association.unlink()
        association.write_bytes(text)


def _run(pipeline: Any, given: Path, folder: Path, name: str, model: Any = None) -> None:
    """Run a pipeline with the input's folder as the present one: members of an association are found nowhere else.

    ``model`` is given to it in the place of the file, where it was changed after it was opened.
    """
    logging.getLogger("stpipe").setLevel(logging.INFO)
    logging.getLogger("jwst").setLevel(logging.INFO)
    with in_words(name), chdir(given.parent):
        pipeline.call(given.name if model is None else model, save_results=True, output_dir=str(folder.resolve()), configure_log=False)


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Turn whatever a pipeline raises into a `StepFailed` that says what happened and which procedure helps."""
    try:
        yield
    except DmsError:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        _log.exception("%s: the pipeline stopped", name)
        cause = explain(text)
        raise StepFailed(
            f"{name}: {cause.sentence} ({text[:300]})",
            remedy=cause.remedy,
            failure=cause.fault_class,
            signature=recognise(text),
            input=name,
        ) from error
