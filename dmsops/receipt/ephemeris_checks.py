"""Is an ephemeris plausible in itself, and does it agree with another one where both speak.

The limits here are *ours*: wide enough for every place that the observatory has about L2, narrow enough for a wrong unit,
a wrong centre, or positions and velocities that do not belong together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dmsops.core.clock import iso
from dmsops.core.errors import BadDelivery
from dmsops.interfaces.fdf import ephemeris_name, interpolate

if TYPE_CHECKING:
    import numpy as np

    from dmsops.interfaces.fdf import Ephemeris

NEAREST_KM, FARTHEST_KM = 0.9e6, 2.1e6
"""Distance from the Earth: the orbit about L2 keeps within 1.2 and 1.8 million km."""
SLOPE_KM_S = 0.01
"""How far a velocity may be from the change of the positions beside it."""
_SAMPLES = 500
"""As many times, evenly spread, are looked at where two ephemerides both speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an ephemeris speaks of: kind, when it was written, times (UTC), number of vectors, largest step between two."""

    kind: str
    created: datetime | None
    covers_from: datetime
    covers_to: datetime
    vectors: int
    largest_step_seconds: float


def coverage_of(ephemeris: Ephemeris, name: str) -> Coverage:
    """Check an ephemeris in itself, and say what it covers.

    Raises
    ------
    BadDelivery
        Its name speaks of other days, the observatory would be nowhere near L2, or its velocities are not the change of its
        positions; the message names the file and the vector's time.
    """
    import numpy as np

    steps = np.diff(ephemeris.times) / np.timedelta64(1, "s")
    named = str(ephemeris_name(ephemeris))
    if named != name:
        raise BadDelivery(f"{name}: covers other days than its name says; it would be {named} (procedure P06)", file=name)
    _check_distance(ephemeris, name)
    _check_slope(ephemeris, steps, name)
    return Coverage(
        kind=ephemeris.kind,
        created=ephemeris.created,
        covers_from=aware(ephemeris.times[0]),
        covers_to=aware(ephemeris.times[-1]),
        vectors=len(ephemeris.times),
        largest_step_seconds=float(steps.max()),
    )


def aware(when: np.datetime64) -> datetime:
    """Give a time of an ephemeris as an aware one (UTC)."""
    return datetime.fromisoformat(str(when.astype("datetime64[us]"))).replace(tzinfo=UTC)


def _check_distance(ephemeris: Ephemeris, name: str) -> None:
    import numpy as np

    distance = np.linalg.norm(ephemeris.positions, axis=1)
    outside = np.flatnonzero((distance < NEAREST_KM) | (distance > FARTHEST_KM))
    if outside.size:
        at = outside[0]
        raise BadDelivery(
            f"{name}: at {iso(aware(ephemeris.times[at]))} the observatory would be {distance[at]:,.0f} km from the Earth, "
            f"and L2's surroundings end at {NEAREST_KM:,.0f} and {FARTHEST_KM:,.0f} km (procedure P06)",
            file=name,
        )


def _check_slope(ephemeris: Ephemeris, steps: np.ndarray, name: str) -> None:
    """Hold each step's change of position against the mean of the velocities at its ends."""
    import numpy as np

    change = np.diff(ephemeris.positions, axis=0) / steps[:, None]
    off = np.linalg.norm(change - (ephemeris.velocities[1:] + ephemeris.velocities[:-1]) / 2, axis=1)
    worst = int(np.argmax(off))
    if not off[worst] <= SLOPE_KM_S:
        raise BadDelivery(
            f"{name}: after {iso(aware(ephemeris.times[worst]))} the position changes by {off[worst]:.3f} km/s otherwise than "
            f"the velocity says, and {SLOPE_KM_S} km/s is the limit (procedure P06)",
            file=name,
        )


def residual(new: Ephemeris, old: Ephemeris) -> tuple[float, float] | None:
    """Give the largest differences (km, km/s) of two ephemerides where both speak; None when they have no time in common."""
    import numpy as np

    zero = old.times[0]
    own, there = ((e.times - zero) / np.timedelta64(1, "s") for e in (new, old))
    common = np.flatnonzero((own >= there[0]) & (own <= there[-1]))
    if not common.size:
        return None
    chosen = common[np.unique(np.linspace(0, common.size - 1, min(common.size, _SAMPLES)).astype(int))]
    place, speed = interpolate(there, old.positions, old.velocities, own[chosen])
    return (
        float(np.linalg.norm(new.positions[chosen] - place, axis=1).max()),
        float(np.linalg.norm(new.velocities[chosen] - speed, axis=1).max()),
    )
