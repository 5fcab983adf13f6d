"""The simulated sky of a visit: the target and one companion for every detector.

Real wavefront visits look at one bright star on one detector; here every detector that takes part gets a star of the
same kind near the centre of its frame, so that each has something to calibrate and to combine. Stars are unnaturally
blue: their long-wave rate is chosen so that nothing saturates, whatever the short-wave magnitude. Both are ours.

Only NIRCam's optics are simulated. In the other instruments a star is a round spot that fills a tenth of the well during a
ramp, whatever its magnitude; a lamp lights every pixel alike; a dark sees nothing (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core import modes
from dmsops.core.records import Exposure, Readout, Visit
from dmsops.testbed.detector import seed_of
from dmsops.testbed.focal_plane import Cut, aperture, cut, steering
from dmsops.testbed.nircam import electrons_per_second, is_long, lens_waves, optical_filter
from dmsops.testbed.optics import Psf, point_spread, round_spread
from dmsops.testbed.pointing import Matrix, attitude, sky_to_telescope, telescope_to_sky

SKY_ELECTRONS = 0.1  # e-/s per pixel
LONG_WELL_ELECTRONS = 150_000.0  # collected from a star in the long-wave channel during a ramp of four frames
OTHER_WELL_ELECTRONS = 100_000.0  # collected from a star during a ramp by an instrument other than NIRCam
LAMP_WELL_ELECTRONS = 20_000.0  # collected by every pixel from a lamp during a ramp
SPOT_PIXELS = 2.0  # width at half maximum of a star in an instrument other than NIRCam
COMPANION_SPREAD_ARCSEC = 0.5
EDGE_SHARE = 0.2
PIXEL_ARCSEC = {"short": 0.0311, "long": 0.0630}  # one image for all detectors of a channel; their scales differ by 1 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Star:
    """A simulated star: degrees, AB magnitude for the short-wave channel, e-/s in the long-wave one."""

    ra: float
    dec: float
    magnitude: float
    long_rate: float

    def rate(self, readout: Readout) -> float:
        """Give the star's light in e-/s over the whole image (NIRCam)."""
        return self.long_rate if is_long(readout.detector) else electrons_per_second(self.magnitude, optical_filter(readout))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A star as it falls on a detector: 0-based pixel of the cut, and e-/s over the whole image."""

    star: Star
    x: float
    y: float
    rate: float


def field(visit: Visit, seed: int) -> tuple[Star, ...]:
    """Make the stars of a visit, the target first; the same for every exposure.

    Companions are placed for the exposure that most detectors take part in (the last of them: the sensing itself).
    """
    if not visit.exposures:
        return ()
    main = max(visit.exposures, key=lambda e: (len(e.readouts), e.start))
    long_rate = LONG_WELL_ELECTRONS / (4 * modes.subarray_of(main).frame_seconds)
    target = Star(ra=visit.target.ra, dec=visit.target.dec, magnitude=visit.target.magnitude, long_rate=long_rate)
    rng = np.random.default_rng(seed_of("field", visit.id, seed))
    matrix, stars = attitude(visit, main), [target]
    for readout in main.readouts:
        where = cut(readout.detector, main.subarray)
        offset = rng.uniform(-COMPANION_SPREAD_ARCSEC, COMPANION_SPREAD_ARCSEC, 2)
        if not (readout.detector in {"NRCA3", "NRCB4"} and _is_inside(place(matrix, [target], readout, where)[0], where)):
            at = aperture(readout.detector, main.subarray)
            ra, dec = telescope_to_sky(matrix, *at.idl_to_tel(*offset))
            stars.append(Star(ra=ra, dec=dec, magnitude=visit.target.magnitude, long_rate=long_rate))
    return (*stars, *(replace(target, ra=ra, dec=dec) for ra, dec in _beside(visit, main)))


def _beside(visit: Visit, main: Exposure) -> list[tuple[float, float]]:
    """Give a place on the sky for every detector of a parallel exposure: it does not look where the telescope points."""
    found = []
    for exposure in visit.exposures:
        if exposure is not main and steering(visit, exposure) is not exposure:
            matrix = attitude(visit, exposure)
            found += [telescope_to_sky(matrix, *aperture(r.detector, exposure.subarray).idl_to_tel(0.0, 0.0)) for r in exposure.readouts]
    return found


def place(matrix: Matrix, stars: Sequence[Star], readout: Readout, where: Cut, rate: float | None = None) -> list[Image]:
    """Give where stars fall on a detector's cut under an attitude, whether inside it or not; ``rate`` (e-/s) stands for their own."""
    full: Any = aperture(readout.detector, "FULL")
    seen = np.array([sky_to_telescope(matrix, star.ra, star.dec) for star in stars])
    x, y = full.tel_to_sci(seen[:, 0], seen[:, 1])
    return [
        Image(star=star, x=float(column) - where.xstart, y=float(row) - where.ystart, rate=star.rate(readout) if rate is None else rate)
        for star, column, row in zip(stars, x, y, strict=True)
    ]


def _is_inside(image: Image, where: Cut) -> bool:
    """Say whether an image is well away from the edges of the cut."""
    edges = EDGE_SHARE * np.array([where.xsize, where.ysize])
    return bool(edges[0] < image.x < where.xsize - edges[0] and edges[1] < image.y < where.ysize - edges[1])


def render(visit: Visit, exposure: Exposure, readout: Readout, stars: tuple[Star, ...]) -> tuple[NDArray[np.float32], tuple[Image, ...]]:
    """Draw what a detector looks at during an exposure.

    Returns
    -------
    scene : ndarray of float32, shape (rows, columns)
        e-/s per pixel before the detector's own response, sky included.
    images : tuple of Image
        The stars whose light reaches the cut.
    """
    where = cut(readout.detector, exposure.subarray)
    light, ramp = modes.exposure_type(exposure.exp_type).light, _ramp_seconds(exposure)
    if light != "sky":
        level = LAMP_WELL_ELECTRONS / ramp if light == "lamp" else 0.0
        return np.full((where.ysize, where.xsize), level, dtype=np.float32), ()
    ours = modes.instrument_of(readout.detector) == modes.NIRCAM
    spread = _nircam_spread(visit, exposure, readout) if ours else round_spread(SPOT_PIXELS)
    images = place(attitude(visit, exposure), stars, readout, where, None if ours else OTHER_WELL_ELECTRONS / ramp)
    scene = np.full((where.ysize, where.xsize), SKY_ELECTRONS, dtype=np.float64)
    seen = tuple(image for image in images if _add(scene, image, spread))
    return scene.astype(np.float32), seen


def _ramp_seconds(exposure: Exposure) -> float:
    frames = exposure.ngroups * exposure.nframes + (exposure.ngroups - 1) * exposure.groupgap
    return frames * modes.subarray_of(exposure).frame_seconds


def _nircam_spread(visit: Visit, exposure: Exposure, readout: Readout) -> Psf:
    scale = PIXEL_ARCSEC["long" if is_long(readout.detector) else "short"]
    moves = sum(move.at <= exposure.start for move in visit.moves)
    return point_spread(optical_filter(readout), lens_waves(readout), scale, seed_of("mirror", visit.id), moves)


def _add(scene: NDArray[np.float64], image: Image, spread: Psf) -> bool:
    """Add a star's light in place; say whether any of it fell into the scene."""
    column, row = round(image.x), round(image.y)
    count = spread.pixels - 1
    half = (count - 1) // 2
    top, left = row - half, column - half
    rows = slice(max(top, 0), min(top + count, scene.shape[0]))
    columns = slice(max(left, 0), min(left + count, scene.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return False
    stamp = spread.at(image.y - row, image.x - column)
    scene[rows, columns] += image.rate * stamp[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return True
