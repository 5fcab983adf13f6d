"""Where the telescope looked, and the telemetry that says so.

The truth is an attitude per exposure: the target at the reference point of the exposure's aperture, moved by its dither.
The telemetry is made backwards from it, by inverting the matrices with which ``jwst.lib.set_telescope_pointing`` reads
it (Technical Report JWST-STScI-003222, equations 16-30), velocity aberration included. Attitudes stand still during an
exposure (ours); jitter is in the images only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadVisit
from dmsops.core.records import Exposure, GuideStar, Visit
from dmsops.testbed import focal_plane, guiding

Matrix = NDArray[np.float64]
Samples = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
SAMPLES_PER_SECOND = 4.0
MARGIN_SECONDS = 30.0
ABERRATION_ROUNDS = 6
NOT_ZERO = 1e-9  # an exact 0 counts as bad telemetry where averages are taken


def attitude(visit: Visit, exposure: Exposure) -> Matrix:
    """Give the attitude matrix of an exposure, from V to the sky (shape (3, 3), as ``pysiaf`` defines it).

    A parallel exposure has that of the prime one beside it.
    The dither moves the telescope by (x, y) in the ideal frame, so the target moves by (-x, -y).
    """
    rotations = focal_plane.rotations()
    prime = focal_plane.steering(visit, exposure)
    v2, v3 = focal_plane.target_aperture(prime).idl_to_tel(-prime.dither.x, -prime.dither.y)
    return np.asarray(rotations.attitude(v2, v3, visit.target.ra, visit.target.dec, visit.position_angle), dtype=np.float64)


def sky_to_telescope(matrix: Matrix, ra: float, dec: float) -> tuple[float, float]:
    """Give V2, V3 (arcsec) of a place on the sky (degrees)."""
    rotations = focal_plane.rotations()
    v2, v3 = rotations.getv2v3(matrix, ra, dec)
    return float(v2), float(v3)


def telescope_to_sky(matrix: Matrix, v2: float, v3: float) -> tuple[float, float]:
    """Give right ascension and declination (degrees) of a place in V2, V3 (arcsec)."""
    rotations = focal_plane.rotations()
    ra, dec = rotations.pointing(matrix, v2, v3)
    return float(ra) % 360.0, float(dec)


def with_guide_star(visit: Visit) -> Visit:
    """Put the guide star on the sky: where its guider coordinates point during the visit's first exposure.

    A visit without exposures is given back as it is.
    """
    if not visit.exposures:
        return visit
    star = visit.guide_star or GuideStar()
    guider = _guider(star.guider)
    ra, dec = telescope_to_sky(attitude(visit, visit.exposures[0]), *guider.idl_to_tel(star.x, star.y))
    return replace(visit, guide_star=replace(star, ra=ra, dec=dec))


@cache
def _guider(number: int) -> Any:
    if number not in {1, 2}:
        raise BadVisit(f"there is no guider {number}: the observatory has 1 and 2", field="guide_star.guider")
    return focal_plane.siaf("FGS")[f"FGS{number}_FULL_OSS"]


def guide_position(matrix: Matrix, star: GuideStar, guider: int) -> tuple[float, float]:
    """Give where a guide star falls on a guider: arcsec in its ideal frame."""
    x, y = _guider(guider).tel_to_idl(*sky_to_telescope(matrix, star.ra, star.dec))
    return float(x), float(y)


def telemetry(visit: Visit, velocity: Callable[[datetime], NDArray[np.float64]]) -> Samples:
    """Make the pointing telemetry of a visit's exposures.

    Parameters
    ----------
    visit : Visit
        With its guide star on the sky (`with_guide_star`).
    velocity : callable
        Barycentric velocity (km/s, shape (3,)) of the observatory at a time.

    Returns
    -------
    dict
        Mnemonic -> (unix seconds UTC, engineering values): four samples a second from before the first exposure (or what
        the guiders read before it) to after the last; the attitude changes half-way between exposures. Empty for a visit without exposures.
    """
    if not visit.exposures:
        return {}
    exposures = sorted((e for e in visit.exposures if focal_plane.steering(visit, e) is e), key=lambda e: e.start)
    values = [_mnemonics(visit, exposure, velocity) for exposure in exposures]
    begin = min(exposures[0].start, *(function.start for function in guiding.functions(visit)), exposures[0].start)
    first, last = begin.timestamp() - MARGIN_SECONDS, exposures[-1].end.timestamp() + MARGIN_SECONDS
    times = np.floor(first) + np.arange(int((last - first) * SAMPLES_PER_SECOND) + 1) / SAMPLES_PER_SECOND
    turns = [(a.end.timestamp() + b.start.timestamp()) / 2 for a, b in pairwise(exposures)]
    which = np.searchsorted(turns, times, side="right")
    return {name: (times, np.array([v[name] for v in values])[which]) for name in values[0]}


def _mnemonics(visit: Visit, exposure: Exposure, velocity: Callable[[datetime], NDArray[np.float64]]) -> dict[str, float]:
    """Give every mnemonic's value during one exposure."""
    star = visit.guide_star or GuideStar()
    matrix = attitude(visit, exposure)
    commanded = np.array(guide_position(matrix, star, 1))  # always in guider 1's frame, whichever guider is used
    measured = guide_position(matrix, star, star.guider)
    to_guider, to_body = _body_matrices()
    middle = exposure.start + (exposure.end - exposure.start) / 2
    quaternion = _quaternion(_body_attitude(matrix.T, commanded, velocity(middle), to_guider))
    found = {f"SA_ZATTEST{i}": float(q) for i, q in enumerate(quaternion, start=1)}
    found |= {f"SA_ZRFGS2J{i + 1}{j + 1}": float(to_body[i, j]) for i in range(3) for j in range(3)}
    found |= {"SA_ZADUCMDX": 0.0, "SA_ZADUCMDY": 0.0, "SA_ZFGDETID": float(star.guider)}
    return found | {
        "SA_ZFGGSCMDX": float(commanded[0]),
        "SA_ZFGGSCMDY": float(commanded[1]),
        "SA_ZFGGSPOSX": measured[0],
        "SA_ZFGGSPOSY": measured[1],
    }


@cache
def _body_matrices() -> tuple[Matrix, Matrix]:
    """Give the matrix from the spacecraft's J frame to guider 1, and the telemetered guider-to-J matrix that says so."""
    from jwst.lib import set_telescope_pointing as pointing

    to_body = np.array(pointing.J2FGS_MATRIX_DEFAULT, dtype=np.float64).reshape(3, 3).copy()
    to_body[to_body == 0.0] = NOT_ZERO
    return np.asarray(to_body.T), to_body


def _body_attitude(sky_to_v: Matrix, commanded: NDArray[np.float64], velocity: NDArray[np.float64], to_guider: Matrix) -> Matrix:
    """Find the matrix from the sky to J that the pipeline turns into ``sky_to_v`` once it has taken the aberration out.

    The aberration depends on the attitude that is looked for, so it is approached in rounds; each gains four digits.
    """
    from jwst.lib import set_telescope_pointing as pointing
    from jwst.lib.siafdb import SiafDb

    goal = pointing.calc_v2siaf_matrix(SiafDb().get_wcs("FGS1_FULL_OSS")) @ sky_to_v
    to_star = pointing.calc_m_fgsx2gs(commanded)
    body = to_guider.T @ goal
    for _ in range(ABERRATION_ROUNDS):
        aberration = pointing.calc_gs2gsapp(to_star @ to_guider @ body, velocity)
        body = to_guider.T @ to_star.T @ np.linalg.inv(aberration) @ to_star @ goal
    return np.asarray(body, dtype=np.float64)


def _quaternion(sky_to_body: Matrix) -> NDArray[np.float64]:
    """Write an attitude as the quaternion of the telemetry (scalar last)."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(sky_to_body.T).as_quat(), dtype=np.float64)
