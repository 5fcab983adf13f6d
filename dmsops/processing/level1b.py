"""Level 1b: from the pixels of the recorder, the plan, the status file and telemetry to a schema-valid uncal model."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import StepFailed
from dmsops.processing.ephemeris import fill_ephemeris, observer
from dmsops.processing.header import fill_header
from dmsops.processing.pointing import point
from dmsops.processing.timing import group_table, int_times, timing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from dmsops.core.records import Exposure, Readout, Visit
    from dmsops.processing.header import Frame, Pedigree
    from dmsops.processing.pointing import Samples

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What was recorded for one detector of one exposure.

    ``pixels`` uint16 (nints, ngroups, rows, columns); ``filled`` bool (nints, ngroups, rows): rows that arrived.
    """

    pixels: np.ndarray
    filled: np.ndarray
    frame: Frame
    bad_packets: int = 0


def make_level1b(
    telemetry: Telemetry,
    visit: Visit,
    exposure: Exposure,
    readout: Readout,
    *,
    ephemeris: Any,
    samples: Samples,
    frame_seconds: float,
    pedigree: Pedigree,
    ephemeris_name: str = "ephemeris",
) -> tuple[Any, dict[str, Any]]:
    """Make an uncal model.

    Rows that did not arrive stay 0, which no converter gives; the header says ``DATAPROB`` and the GROUP table counts the
    gaps. `dmsops.processing.lost_rows` flags them, and what they would spoil, before the ramps are fitted.

    Parameters
    ----------
    telemetry : Telemetry
        Pixels and which rows of them arrived.
    ephemeris : dmsops.interfaces.fdf.Ephemeris
        Must cover the exposure.
    samples : dict
        Pointing telemetry: mnemonic to (unix seconds, values); may be empty.
    frame_seconds : float
        Time to read one frame of the subarray.

    Returns
    -------
    model : Level1bModel
        Not yet saved; validated.
    metrics : dict
        ``missing_rows``, ``missing_fraction``, ``bad_packets``, ``pointing`` (ENGQLPTG), ``problems``.

    Raises
    ------
    StepFailed
        Nothing at all arrived, the shape disagrees with the plan, or the ephemeris does not cover the exposure.
    """
    from stdatamodels.exceptions import ValidationWarning
    from stdatamodels.jwst.datamodels import Level1bModel

    name = exposure.product(readout.detector, "uncal")
    _check(telemetry, exposure, str(name))
    missing = int((~telemetry.filled).sum())
    times = timing(exposure, frame_seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        model = Level1bModel(data=telemetry.pixels)
        fill_header(model, visit, exposure, readout, telemetry.frame, times, pedigree)
        model.meta.exposure.data_problem = missing > 0
        where = observer(ephemeris, times.mid, ephemeris_name)
        fill_ephemeris(model, where)
        delay = where.barycentric_seconds(visit.target.ra, visit.target.dec)
        model.int_times = int_times(exposure.nints, times, delay, where.tdb_minus_utc, model.get_dtype("int_times"))
        model.group = group_table(telemetry.filled, telemetry.pixels.shape[-1], times, delay, model.get_dtype("group"))
        problems = point(model, samples, visit.position_angle)
        model.validate()
    if missing:
        problems.append(f"{missing} of {telemetry.filled.size} rows did not arrive")
    _log.info("level 1b %s: %d rows missing, pointing %s", name, missing, model.meta.visit.engdb_pointing_quality)
    return model, {
        "missing_rows": missing,
        "missing_fraction": missing / telemetry.filled.size,
        "bad_packets": telemetry.bad_packets,
        "pointing": model.meta.visit.engdb_pointing_quality,
        "problems": problems,
    }


def _check(telemetry: Telemetry, exposure: Exposure, name: str) -> None:
    expected = (exposure.nints, exposure.ngroups, telemetry.frame.ysize, telemetry.frame.xsize)
    if telemetry.pixels.shape != expected:
        raise StepFailed(
            f"{name}: telemetry has shape {telemetry.pixels.shape} (integrations, groups, rows, columns), the plan says {expected}",
            remedy="Reconcile the visit with procedure P05: plan and telemetry disagree.",
            product=name,
        )
    if not telemetry.filled.any():
        raise StepFailed(
            f"{name}: no row of this detector arrived",
            remedy="Ask for the recorder file again with procedure P04, then rescue with P08.",
            product=name,
        )


def save(model: Any, folder: Path) -> Path:
    """Write a model under its own name into a folder; anything the schema does not allow is an error."""
    from stdatamodels.exceptions import ValidationWarning

    path = folder / str(model.meta.filename)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        model.save(path)
    return path
