"""Where the observatory was: ephemeris keywords from an Orbit Ephemeris Message.

The OEM gives geocentric position and velocity (EME2000, km, km/s); astropy's builtin Earth gives the rest of the
way to the barycentre. Values are those of the one-minute grid at or before the exposure's middle, as in flight headers.
An ephemeris on another grid is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import StepFailed
from dmsops.interfaces.fdf import interpolate
from dmsops.processing.timing import SECONDS_PER_DAY

if TYPE_CHECKING:
    import numpy as np

LIGHT_KM_S = 299792.458
MINUTES_PER_DAY = 1440.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """The observatory at one time.

    ``mjd`` UTC; ``position`` and ``velocity`` barycentric, km and km/s (3,); ``earth_position`` in the Earth-fixed
    frame (ITRS), m; ``earth_velocity`` geocentric in the same axes, m/s; ``sun`` heliocentric position, km.
    """

    mjd: float
    position: np.ndarray
    velocity: np.ndarray
    earth_position: np.ndarray
    earth_velocity: np.ndarray
    sun: np.ndarray
    tdb_minus_utc: float
    kind: str
    frame: str

    def barycentric_seconds(self, ra: float, dec: float) -> float:
        """Light travel time to the barycentre for light from (ra, dec), seconds."""
        return _delay(self.position, ra, dec)

    def receding(self, ra: float, dec: float) -> float:
        """Speed away from (ra, dec) as seen from the barycentre, m/s: VELOSYS, as flight headers have it."""
        return -float(self.velocity @ _toward(ra, dec)) * 1000.0

    def heliocentric_seconds(self, ra: float, dec: float) -> float:
        """Light travel time to the Sun for light from (ra, dec), seconds."""
        return _delay(self.sun, ra, dec)


def _toward(ra: float, dec: float) -> np.ndarray:
    """Give the unit vector towards a place on the sky (degrees)."""
    import numpy as np

    alpha, delta = np.radians([ra, dec])
    return np.array([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)])


def _delay(position: np.ndarray, ra: float, dec: float) -> float:
    return float(position @ _toward(ra, dec) / LIGHT_KM_S)


def observer(ephemeris: Any, mid: float, name: str = "ephemeris") -> Observer:
    """Find the observatory at an exposure.

    Parameters
    ----------
    ephemeris : dmsops.interfaces.fdf.Ephemeris
        Geocentric positions (km) and velocities (km/s) at UTC times.
    mid : float
        Middle of the exposure, MJD UTC.
    name : str
        The ephemeris file, for the message.

    Raises
    ------
    StepFailed
        The ephemeris does not cover the exposure.
    """
    import numpy as np
    from astropy import units as u
    from astropy.coordinates import get_body_barycentric_posvel
    from astropy.time import Time

    when = np.floor(mid * MINUTES_PER_DAY + 1e-6) / MINUTES_PER_DAY
    position, velocity = _at(ephemeris, float(when), name)
    time = Time(when, format="mjd", scale="utc")
    bodies = {body: get_body_barycentric_posvel(body, time, ephemeris="builtin") for body in ("earth", "sun")}
    earth_p, earth_v = bodies["earth"][0].xyz.to_value(u.km), bodies["earth"][1].xyz.to_value(u.km / u.s)
    fixed_p, fixed_v = earth_fixed(position, velocity, time)
    return Observer(
        mjd=float(when),
        position=earth_p + position,
        velocity=earth_v + velocity,
        earth_position=fixed_p,
        earth_velocity=fixed_v,
        sun=earth_p + position - bodies["sun"][0].xyz.to_value(u.km),
        tdb_minus_utc=float((time.tdb.mjd - time.mjd) * SECONDS_PER_DAY),
        kind=ephemeris.kind,
        frame=ephemeris.frame,
    )


def _at(ephemeris: Any, mjd: float, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Give position and velocity at a time: the vector itself on the ephemeris's own grid, between two the cubic through both."""
    import numpy as np

    times = as_mjd(ephemeris.times)
    if not times.size or not times[0] - 1e-9 <= mjd <= times[-1] + 1e-9:
        span = f"MJD {times[0]:.4f} to {times[-1]:.4f}" if times.size else "nothing"
        raise StepFailed(
            f"{name} covers {span}, and the exposure is at MJD {mjd:.4f}",
            remedy="Load an ephemeris that covers the exposure with procedure P06, then rescue with P08.",
            file=name,
            mjd=mjd,
        )
    seconds = (times - times[0]) * SECONDS_PER_DAY
    at = np.array([(mjd - times[0]) * SECONDS_PER_DAY])
    place, speed = interpolate(seconds, ephemeris.positions, ephemeris.velocities, at)
    return place[0], speed[0]


def as_mjd(times: np.ndarray) -> np.ndarray:
    """Give times as MJD, whether they come as MJD or as datetime64."""
    import numpy as np

    if np.issubdtype(times.dtype, np.datetime64):
        return times.astype("datetime64[us]").astype(np.int64) / (SECONDS_PER_DAY * 1e6) + 40587.0
    return np.asarray(times, dtype=float)


def earth_fixed(position: np.ndarray, velocity: np.ndarray, time: Any) -> tuple[np.ndarray, np.ndarray]:
    """Turn a geocentric position and velocity (km, km/s) into the Earth-fixed axes (m, m/s).

    FITS (WCS paper III) wants OBSGEO in ITRS. The velocity is turned, not referred to the turning Earth:
    at this distance the frame itself would move at 110 km/s, which means nothing (ours).
    """
    from astropy import units as u
    from astropy.coordinates import GCRS, ITRS, CartesianRepresentation
    from astropy.utils import iers

    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
        turned = [
            GCRS(CartesianRepresentation(*vector, unit=u.km), obstime=time).transform_to(ITRS(obstime=time)).cartesian.xyz.to_value(u.m)
            for vector in (position, velocity)
        ]
    return turned[0], turned[1]


def fill_ephemeris(model: Any, where: Observer) -> None:
    """Write the ephemeris and time-correction keywords into a model whose target and times are filled."""
    e = model.meta.ephemeris
    e.reference_frame, e.type, e.time = where.frame, where.kind, where.mjd
    e.spatial_x_bary, e.spatial_y_bary, e.spatial_z_bary = where.position.tolist()
    e.velocity_x_bary, e.velocity_y_bary, e.velocity_z_bary = where.velocity.tolist()
    e.spatial_x_geo, e.spatial_y_geo, e.spatial_z_geo = where.earth_position.tolist()
    e.velocity_x_geo, e.velocity_y_geo, e.velocity_z_geo = where.earth_velocity.tolist()
    ra, dec = model.meta.target.ra, model.meta.target.dec
    model.meta.wcsinfo.velosys = where.receding(ra, dec)
    for prefix, seconds in (("barycentric", where.barycentric_seconds(ra, dec)), ("heliocentric", where.heliocentric_seconds(ra, dec))):
        _fill_corrected(model, prefix, seconds)
    x = model.meta.exposure
    shift = (where.tdb_minus_utc + where.barycentric_seconds(ra, dec)) / SECONDS_PER_DAY
    x.start_time_tdb, x.mid_time_tdb, x.end_time_tdb = x.start_time + shift, x.mid_time + shift, x.end_time + shift


def _fill_corrected(model: Any, prefix: str, seconds: float) -> None:
    t, x = model.meta.time, model.meta.exposure
    setattr(t, f"{prefix}_correction", seconds)
    for name, when in (("expstart", x.start_time), ("expmid", x.mid_time), ("expend", x.end_time)):
        setattr(t, f"{prefix}_{name}", when + seconds / SECONDS_PER_DAY)
