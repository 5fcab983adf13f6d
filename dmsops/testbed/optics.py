"""Point spread functions of the segmented telescope, made with ``poppy`` and no downloaded files.

The pupil is 18 hexagons with a central obscuration and three struts; each segment has its own piston, tip and tilt
(drawn from the visit, so every visit has its own telescope); the weak lenses add defocus. Light is one wavelength per
filter; pointing jitter and the pixel's own width blur the image. Telescope sizes and drawn alignment are ours, of the
right order; the weak lenses' 4 and 8 waves at 2.12 um are NIRCam's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmsops.testbed.nircam import LENS_WAVELENGTH, Filter

FLAT_TO_FLAT_M = 1.315
GAP_M = 0.007
PUPIL_M = 6.7
LENS_RADIUS_M = 3.3
PUPIL_SAMPLES = 512
SEGMENTS = 18
PISTON_NM = 25.0
TILT_NRAD = 25.0
MOVE_FRACTION = 0.6
JITTER_ARCSEC = 0.003


@dataclass(frozen=True, slots=True)
class Psf:
    """A point spread function, finer than the pixels and already averaged over a pixel.

    Attributes
    ----------
    values : ndarray, shape (n, n)
        Light per detector pixel for a star of 1 e-/s centred on each fine point; sums to ``oversample**2``.
    oversample : int
        Fine points per pixel, each axis.
    """

    values: NDArray[np.float64]
    oversample: int

    @property
    def pixels(self) -> int:
        """Width of the stamp in detector pixels."""
        return len(self.values) // self.oversample

    def at(self, dy: float, dx: float) -> NDArray[np.float64]:
        """Sample the pixels of a star that sits (dy, dx) pixels from the middle of the stamp's central pixel.

        Returns
        -------
        ndarray, shape (pixels - 1, pixels - 1)
            Share of the star's light in each pixel; sums to 1. Pixel [k, k] with k = (pixels - 2) // 2 is the central one.
        """
        from scipy.ndimage import map_coordinates

        count, n = self.pixels - 1, len(self.values)
        half = (count - 1) // 2
        steps = np.arange(count) - half
        rows = (n - 1) / 2 + (steps - dy) * self.oversample
        columns = (n - 1) / 2 + (steps - dx) * self.oversample
        grid = np.meshgrid(rows, columns, indexing="ij")
        stamp = np.clip(map_coordinates(self.values, grid, order=3, mode="constant", prefilter=True), 0.0, None)
        return np.asarray(stamp / stamp.sum(), dtype=np.float64)


@lru_cache(maxsize=64)
def segments(seed: int, moves: int) -> tuple[tuple[float, float, float], ...]:
    """Draw piston (m), tip and tilt (rad) of each segment; each mirror move takes out part of what was there.

    Parameters
    ----------
    seed : int
        The visit's own telescope.
    moves : int
        Mirror moves carried out so far in the visit.
    """
    rng = np.random.default_rng(seed)
    state = rng.normal(0.0, 1.0, (SEGMENTS, 3)) * np.array([PISTON_NM, TILT_NRAD, TILT_NRAD]) * 1e-9
    for _ in range(moves):
        state = state * (1 - MOVE_FRACTION) + rng.normal(0.0, 0.1, (SEGMENTS, 3)) * np.array([PISTON_NM, TILT_NRAD, TILT_NRAD]) * 1e-9
    return tuple((float(p), float(x), float(y)) for p, x, y in state)


@lru_cache(maxsize=16)
def point_spread(light: Filter, waves: float, pixel_arcsec: float, seed: int, moves: int) -> Psf:
    """Make the point spread function of one optical setting.

    Parameters
    ----------
    light : Filter
        Wavelength.
    waves : float
        Defocus of the weak lenses, waves at 2.12 um; the sign is the lens's.
    pixel_arcsec : float
        Width of a detector pixel.
    seed, moves : int
        The telescope's alignment (see `segments`).

    Returns
    -------
    Psf
        281 pixels wide with a weak lens (8 waves spread light over 137 short-wave pixels), 161 without.
    """
    import astropy.units as u

    blurred = abs(waves) > 0
    oversample, pixels = (2, 281) if blurred else (4, 161)
    system = _telescope(waves, seed, moves, oversample)
    system.add_detector(pixelscale=pixel_arcsec, fov_pixels=pixels, oversample=oversample)
    fine = np.asarray(system.calc_psf(wavelength=light.pivot * u.m)[0].data, dtype=np.float64)
    blur = _over_pixel(fine, oversample, JITTER_ARCSEC / pixel_arcsec * oversample)
    return Psf(blur * (oversample**2 / blur.sum()), oversample)


@lru_cache(maxsize=4)
def round_spread(width: float) -> Psf:
    """Make a round spot for an instrument whose optics are not simulated.

    Parameters
    ----------
    width : float
        Pixels at half of the maximum.
    """
    oversample, pixels = 4, 41
    n = oversample * pixels
    steps = (np.arange(n) - (n - 1) / 2) / oversample
    line = np.exp(-4 * np.log(2) * (steps / width) ** 2)
    spot = np.outer(line, line)
    return Psf(spot * (oversample**2 / spot.sum()), oversample)


def _telescope(waves: float, seed: int, moves: int, oversample: int) -> Any:
    """Put the optical system together, up to the detector."""
    import astropy.units as u
    import poppy

    hexagons = {"rings": 2, "flattoflat": FLAT_TO_FLAT_M * u.m, "gap": GAP_M * u.m, "center": False}
    mirror = poppy.dms.HexSegmentedDeformableMirror(**hexagons)
    for number, (piston, tip, tilt) in zip(mirror.segmentlist, segments(seed, moves), strict=True):
        mirror.set_actuator(number, piston * u.m, tip * u.radian, tilt * u.radian)
    system = poppy.OpticalSystem(pupil_diameter=PUPIL_M * u.m, npix=PUPIL_SAMPLES, oversample=oversample)
    system.add_pupil(poppy.MultiHexagonAperture(**hexagons))
    system.add_pupil(poppy.SecondaryObscuration(secondary_radius=0.37, n_supports=3, support_width=0.1, support_angle_offset=90))
    system.add_pupil(mirror)
    if waves:
        system.add_pupil(poppy.ThinLens(nwaves=waves, reference_wavelength=LENS_WAVELENGTH, radius=LENS_RADIUS_M * u.m))
    return system


def _over_pixel(fine: NDArray[np.float64], oversample: int, jitter: float) -> NDArray[np.float64]:
    """Average over a pixel's width and the jitter (rms in fine points), keeping the centre where it is."""
    from scipy.ndimage import convolve1d, gaussian_filter

    box = np.ones(oversample + 1)  # odd and symmetric: an even box would move the image by half a fine point
    box[[0, -1]] = 0.5
    box /= box.sum()
    smooth = convolve1d(convolve1d(fine, box, axis=0, mode="constant"), box, axis=1, mode="constant")
    return np.asarray(gaussian_filter(smooth, jitter, mode="constant"), dtype=np.float64)
