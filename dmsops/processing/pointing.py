"""Pointing of an exposure: the jwst package's own set_telescope_pointing, fed from telemetry on the loopback.

Telemetry that is absent or bad never stops level 1b: planned values stand in, and the product says so
(``ENGQLPTG = PLANNED``, ``ENG_QUAL = SUSPECT``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.interfaces.edb import serve
from dmsops.processing.timing import SECONDS_PER_DAY

if TYPE_CHECKING:
    import numpy as np

    Samples = dict[str, tuple[np.ndarray, np.ndarray]]

TOLERANCE_SECONDS = 60.0
"""How far outside the exposure a sample may lie and still stand in (set_telescope_pointing's own default)."""

_log = logging.getLogger(__name__)


def cut(samples: Samples, start: float, stop: float) -> Samples:
    """Take the finite samples of a time range, in order, exact repeats dropped.

    Parameters
    ----------
    samples : dict
        Mnemonic to (unix seconds, values), both (N,) float64, in any order.
    start, stop : float
        Unix seconds, both inside.
    """
    import numpy as np

    found: Samples = {}
    for name, (times, values) in samples.items():
        inside = (times >= start) & (times <= stop) & np.isfinite(values)
        pairs = np.unique(np.column_stack([times[inside], values[inside]]), axis=0)
        if len(pairs):
            found[name.upper()] = (pairs[:, 0], pairs[:, 1])
    return found


def doubts(samples: Samples) -> list[str]:
    """Say what is suspicious about telemetry that was cut for one exposure: conflicts and quaternions that are none."""
    import numpy as np

    found = [f"{name} has different values at the same time" for name, (times, _) in sorted(samples.items()) if (np.diff(times) == 0).any()]
    quaternion = [samples.get(f"SA_ZATTEST{i}") for i in (1, 2, 3, 4)]
    if any(part is None for part in quaternion):
        return [*found, "no attitude in the telemetry"]
    lengths = {len(part[1]) for part in quaternion if part is not None}
    if len(lengths) == 1:
        norm = np.sqrt(sum(part[1] ** 2 for part in quaternion if part is not None))
        if (np.abs(norm - 1) > 1e-3).any():
            found.append("the attitude in the telemetry is not a unit quaternion")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PointingTelemetry:
    """What the engineering database has around an exposure.

    ``samples`` is mnemonic to (unix seconds, values), both (N,) float64; ``suspects`` says, a sentence each, which of them are
    contested.
    """

    samples: Samples
    suspects: tuple[str, ...] = ()


TelemetryOf = Callable[[datetime, datetime], PointingTelemetry]
"""Gives what the engineering database has of a time, with `TOLERANCE_SECONDS` before and after it."""


def point(model: Any, telemetry: PointingTelemetry, planned_pa_v3: float) -> list[str]:
    """Set pointing, WCS and velocity aberration of an uncal model, in memory.

    Parameters
    ----------
    model : Level1bModel
        Header filled, ephemeris included.
    telemetry : PointingTelemetry
        Around the exposure.
    planned_pa_v3 : float
        Position angle to fall back on, degrees.

    Returns
    -------
    list of str
        What is wrong with the pointing; empty when it was calculated from good telemetry.
    """
    from jwst.lib.set_telescope_pointing import update_wcs

    start, stop = ((m - 40587.0) * SECONDS_PER_DAY for m in (model.meta.exposure.start_time, model.meta.exposure.end_time))
    wanted = cut(telemetry.samples, start - TOLERANCE_SECONDS, stop + TOLERANCE_SECONDS)
    doubted = doubts(wanted)
    problems = [*doubted, *telemetry.suspects]
    broken = any("attitude" in doubt for doubt in doubted)
    with serve({} if broken else wanted) as address:
        update_wcs(model, engdb_url=address, tolerance=TOLERANCE_SECONDS, allow_default=True, default_pa_v3=planned_pa_v3)
    if model.meta.visit.engdb_pointing_quality == "PLANNED" and not problems:
        problems.append("telemetry does not cover the exposure or is incomplete")
    model.meta.visit.engineering_quality = "SUSPECT" if problems else "OK"
    for problem in problems:
        _log.warning("pointing: %s", problem)
    _aberrate(model)
    return problems


def _aberrate(model: Any) -> None:
    """Do what the jwst package's ``set_velocity_aberration.add_dva`` does, without writing the file once more."""
    from stcal.velocity_aberration import compute_va_effects

    e, w = model.meta.ephemeris, model.meta.wcsinfo
    scale, ra, dec = compute_va_effects(
        velocity_x=e.velocity_x_bary, velocity_y=e.velocity_y_bary, velocity_z=e.velocity_z_bary, ra=w.ra_ref, dec=w.dec_ref
    )
    v = model.meta.velocity_aberration
    v.scale_factor, v.va_ra_ref, v.va_dec_ref = scale, ra, dec
