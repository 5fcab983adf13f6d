"""Level 1b: from the pixels of the recorder, the plan, the status file and telemetry to a schema-valid uncal model."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import StepFailed
from dmsops.core.segments import Segment, whole
from dmsops.processing.ephemeris import fill_ephemeris, observer
from dmsops.processing.header import fill_header
from dmsops.processing.pointing import PointingTelemetry, point
from dmsops.processing.timing import group_table, int_times, integration_edges, timing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from dmsops.core.records import Exposure, Readout, Visit
    from dmsops.processing.header import Frame, Pedigree

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What was recorded for one detector of one exposure.

    ``pixels`` uint16 (nints, ngroups, rows, columns); ``filled`` bool (nints, ngroups, rows): rows that arrived; of the
    integrations of one segment. ``zeroframe`` (nints, rows, columns) and ``refout`` (nints, ngroups, rows, columns / 4)
    are None where the detector sent none.
    """

    pixels: np.ndarray
    filled: np.ndarray
    frame: Frame
    bad_packets: int = 0
    zeroframe: np.ndarray | None = None
    refout: np.ndarray | None = None


def make_level1b(
    telemetry: Telemetry,
    visit: Visit,
    exposure: Exposure,
    readout: Readout,
    *,
    ephemeris: Any,
    engineering: PointingTelemetry,
    frame_seconds: float,
    pedigree: Pedigree,
    ephemeris_name: str = "ephemeris",
    segment: Segment | None = None,
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
    engineering : PointingTelemetry
        Pointing telemetry around the exposure; may be empty.
    frame_seconds : float
        Time to read one frame of the subarray.
    segment : Segment, optional
        Which integrations the telemetry holds; all of them unless given.

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

    part = segment or whole(exposure)
    name = exposure.product(readout.detector, "uncal", part.label)
    _check(telemetry, exposure, part, str(name))
    missing = int((~telemetry.filled).sum())
    times = timing(exposure, frame_seconds)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ValidationWarning)
        model = Level1bModel(data=telemetry.pixels)
        fill_header(model, visit, exposure, readout, telemetry.frame, times, pedigree, part)
        model.meta.bunit_data = "DN"
        _planes(model, telemetry)
        model.meta.exposure.data_problem = missing > 0
        where = observer(ephemeris, times.mid, ephemeris_name)
        fill_ephemeris(model, where)
        delay = where.barycentric_seconds(visit.target.ra, visit.target.dec)
        begins = integration_edges(exposure.nints, times)[0][part.first - 1 : part.last]
        model.int_times = int_times(begins, part.first, times, delay, where.tdb_minus_utc, model.get_dtype("int_times"))
        model.group = group_table(telemetry, begins, part.first, times, delay, model.get_dtype("group"))
        problems = point(model, engineering, visit.position_angle)
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


def _planes(model: Any, telemetry: Telemetry) -> None:
    """Add what came beside the groups: first reads (NIRCam), reference output (MIRI)."""
    if telemetry.zeroframe is not None:
        model.zeroframe = telemetry.zeroframe
    if telemetry.refout is not None:
        model.refout = telemetry.refout


def _check(telemetry: Telemetry, exposure: Exposure, part: Segment, name: str) -> None:
    expected = (part.integrations, exposure.ngroups, telemetry.frame.ysize, telemetry.frame.xsize)
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
