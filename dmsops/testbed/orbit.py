"""A simulated orbit about L2: good enough for headers and aberration, not for navigation (ours).

The observatory keeps 1 % of the Sun's distance beyond the Earth, on the far side from the Sun, and circles that point
once in half a year, 700,000 km sideways and 400,000 km up and down: the size of the real halo orbit. The Earth's own
motion is astropy's built-in ephemeris.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dmsops.core.records import Visit
from dmsops.interfaces.fdf import Ephemeris

OUTWARD_KM = 1.5e6
SIDEWAYS_KM = 7.0e5
UPWARD_KM = 4.0e5
PERIOD_DAYS = 177.66
OBLIQUITY = np.deg2rad(23.4392911)
SECONDS_PER_DAY = 86400.0
MARGIN = timedelta(hours=12)
CORRECTION_KM, CORRECTION_KM_S = 12.0, 5.0e-6
"""How far a prediction of some days is off: 12 km and 5 mm/s (ours)."""
Vectors = NDArray[np.float64]


def ephemeris(visit: Visit) -> Ephemeris:
    """Give predicted positions and velocities minute by minute, from 12 hours before a visit to 12 hours after."""
    first = (visit.start - MARGIN).replace(second=0, microsecond=0, tzinfo=None)
    count = int((visit.end.replace(tzinfo=None) + MARGIN - first).total_seconds() // 60) + 2
    times = np.datetime64(first, "ms") + np.arange(count) * np.timedelta64(60_000, "ms")
    positions, velocities = geocentric(times)
    return Ephemeris(kind="Predicted", times=times, positions=positions, velocities=velocities)


def corrected(predicted: Ephemeris, rng: np.random.Generator, *, km: float = CORRECTION_KM, km_s: float = CORRECTION_KM_S) -> Ephemeris:
    """Give the definitive ephemeris for a predicted one: what was learned afterwards, in a drawn direction each.

    The difference is a shift that grows with a constant speed, so that velocities stay the change of positions. The
    pointing telemetry of a flight is made with the predicted one; at this size the difference does not show in it.
    """
    shift, speed = (v / np.linalg.norm(v) for v in rng.normal(size=(2, 3)))
    seconds = ((predicted.times - predicted.times[0]) / np.timedelta64(1, "s"))[:, None]
    positions = predicted.positions + km * shift + seconds * km_s * speed
    return Ephemeris(kind="Definitive", times=predicted.times, positions=positions, velocities=predicted.velocities + km_s * speed)


def velocity(at: datetime) -> Vectors:
    """Give the barycentric velocity (km/s, shape (3,)) at the minute before a time, as the products' headers have it."""
    minute = np.array([np.datetime64(at.replace(second=0, microsecond=0, tzinfo=None), "ms")])
    _, _, earth = _sun_and_earth(minute)
    return np.asarray((geocentric(minute)[1] + earth)[0], dtype=np.float64)


def geocentric(times: NDArray[np.datetime64]) -> tuple[Vectors, Vectors]:
    """Give geocentric positions (km) and velocities (km/s) in EME2000, each of shape (N, 3).

    Formula: the frame turns with the Earth about the Sun; x outward, z towards the ecliptic pole, y completing it; in it
    the orbit is an ellipse of fixed size. Velocities are its exact derivative, the frame's own turning included.
    """
    from_sun, speed, _ = _sun_and_earth(times)
    distance = np.linalg.norm(from_sun, axis=1, keepdims=True)
    out = from_sun / distance
    out_rate = (speed - out * np.sum(out * speed, axis=1, keepdims=True)) / distance
    pole = np.array([0.0, -np.sin(OBLIQUITY), np.cos(OBLIQUITY)])
    side, side_rate = np.cross(pole, out), np.cross(pole, out_rate)
    turn = 2 * np.pi / (PERIOD_DAYS * SECONDS_PER_DAY)
    phase = (turn * (times - np.datetime64("2022-01-24T00:00:00", "ms")).astype(np.float64) / 1000.0)[:, None]
    positions = OUTWARD_KM * out + SIDEWAYS_KM * np.sin(phase) * side + UPWARD_KM * np.cos(phase) * pole
    velocities = OUTWARD_KM * out_rate + SIDEWAYS_KM * (np.sin(phase) * side_rate + turn * np.cos(phase) * side)
    return positions, velocities - UPWARD_KM * turn * np.sin(phase) * pole


def _sun_and_earth(times: NDArray[np.datetime64]) -> tuple[Vectors, Vectors, Vectors]:
    """Give the Earth's place from the Sun (km), its speed from the Sun and its barycentric speed (km/s)."""
    import astropy.units as u
    from astropy.coordinates import get_body_barycentric_posvel
    from astropy.time import Time

    when = Time(times.astype("datetime64[us]"), scale="utc")
    (place, pace), (sun, sun_pace) = (get_body_barycentric_posvel(body, when, ephemeris="builtin") for body in ("earth", "sun"))
    from_sun = (place - sun).xyz.to_value(u.km).T
    earth = pace.xyz.to_value(u.km / u.s).T
    return np.asarray(from_sun), np.asarray(earth - sun_pace.xyz.to_value(u.km / u.s).T), np.asarray(earth)
