"""A simulated detector: maps that stay, and exposures that are drawn.

What a pixel reads, from light to number: photons and dark current (Poisson) and cosmic rays fill the well; the well's
response bends (`DetectorModel.curvature`) and ends; bias, reset noise, amplifier offset and read noise are added; the
converter clips to 16 bits. The maps are the ones that the local calibration references state, so a calibrated exposure
must give back the scene. All numbers are ours; those of NIRCam stand for the detectors of the other instruments too.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dmsops.core import modes
from dmsops.testbed.focal_plane import cut, full_size
from dmsops.testbed.nircam import MODEL, PIXEL_CM, DetectorModel

REFERENCE_BORDER = 4
AMPLIFIERS = 4
RAYS_PER_CM2_SECOND = 4.0
RAY_MEAN = 3000.0  # e-, beyond the least
RAY_LEAST = 300.0  # e-
ADC_MAX = 65535
PIXELS_AT_ONCE = 1_000_000
Ray = tuple[int, int, int, int, float]
"""A cosmic ray: integration, group, y, x (all 0-based), electrons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maps:
    """What is fixed in a detector, in science orientation; every array has the same shape (rows, columns).

    Attributes
    ----------
    bias : ndarray of float32
        DN of an empty pixel.
    flat : ndarray of float32
        Relative response to light, mean 1.
    dead, hot, reference : ndarray of bool
        Pixels that see nothing, that leak, that are light-tight by design (the border of four).
    """

    bias: NDArray[np.float32]
    flat: NDArray[np.float32]
    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    reference: NDArray[np.bool_]

    def cut(self, area: tuple[slice, slice]) -> Maps:
        """Cut a subarray out; the copy does not keep the full frame in memory."""
        return Maps(**{name: getattr(self, name)[area].copy() for name in self.__slots__})

    def dark_rate(self, model: DetectorModel = MODEL) -> NDArray[np.float32]:
        """Give the dark current, DN/s."""
        rate = np.full(self.bias.shape, model.dark, dtype=np.float32)
        rate[self.hot] = model.hot
        rate[self.reference] = 0.0
        return rate

    def response(self) -> NDArray[np.float32]:
        """Give how much of the light each pixel turns into charge: the flat, and nothing where dead or covered."""
        return np.where(self.dead | self.reference, np.float32(0), self.flat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How an exposure is read out; ``frame_seconds`` between two reads, ``frames`` averaged and ``gap`` dropped per group."""

    nints: int
    ngroups: int
    frame_seconds: float
    frames: int = 1
    gap: int = 0

    def group_end(self, integration: int, group: int) -> float:
        """Give seconds from the exposure's start to the end of a group (0-based), one reset frame before each integration."""
        per_integration = 1 + (self.ngroups - 1) * (self.frames + self.gap) + self.frames
        return self.frame_seconds * (integration * per_integration + 1 + group * (self.frames + self.gap) + self.frames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What a detector delivered.

    Attributes
    ----------
    pixels : ndarray of uint16, shape (nints, ngroups, rows, columns)
        Raw DN.
    rays : tuple of Ray
        Cosmic rays; ``group`` is the first that shows the ray.
    zero : ndarray of uint16, shape (nints, rows, columns), optional
        The first read of every integration.
    reference : ndarray of uint16, shape (nints, ngroups, rows, columns / 4), optional
        What the reference output gave beside every group.
    """

    pixels: NDArray[np.uint16]
    rays: tuple[Ray, ...]
    zero: NDArray[np.uint16] | None = None
    reference: NDArray[np.uint16] | None = None


def seed_of(*words: object) -> int:
    """Make a seed from words: the same on every machine and in every process."""
    return zlib.crc32("|".join(map(str, words)).encode())


@lru_cache(maxsize=1)
def maps(detector: str, model: DetectorModel = MODEL) -> Maps:
    """Draw a detector's maps, full frame; always the same for one detector."""
    rng = np.random.default_rng(seed_of("maps", detector))
    shape = full_size(detector)
    reference = np.ones(shape, dtype=np.bool_)
    inside = slice(REFERENCE_BORDER, -REFERENCE_BORDER)
    rows = slice(None) if modes.instrument_of(detector) == "MIRI" else inside  # MIRI has them on the left and the right only
    reference[rows, inside] = False
    dead = _scatter(rng, shape, model.dead_fraction) & ~reference
    hot = _scatter(rng, shape, model.hot_fraction) & ~reference & ~dead
    return Maps(
        bias=np.float32(model.bias) + np.float32(model.bias_spread) * rng.standard_normal(shape, dtype=np.float32),
        flat=np.float32(1) + np.float32(model.flat_spread) * rng.standard_normal(shape, dtype=np.float32),
        dead=dead,
        hot=hot,
        reference=reference,
    )


@lru_cache(maxsize=6)
def maps_of(detector: str, subarray: str) -> Maps:
    """Give a detector's maps in a subarray; those of one module's exposure stay at hand."""
    return maps(detector) if subarray == "FULL" else maps(detector).cut(cut(detector, subarray).slices)


def _scatter(rng: np.random.Generator, shape: tuple[int, int], fraction: float) -> NDArray[np.bool_]:
    """Choose that fraction of the pixels."""
    chosen = np.zeros(shape, dtype=np.bool_)
    chosen.flat[rng.integers(0, chosen.size, int(fraction * chosen.size))] = True
    return chosen


def respond(linear: NDArray[np.float32], model: DetectorModel = MODEL) -> NDArray[np.float32]:
    """Bend and end the response: linear DN -> measured DN, both above the bias (inverse of m + curvature m**2)."""
    root = np.sqrt(np.float32(1) + np.float32(4 * model.curvature) * linear)
    return np.asarray(np.minimum(2 * linear / (1 + root), np.float32(model.full_well)), dtype=np.float32)


def expose(
    scene: NDArray[np.float32],
    fixed: Maps,
    timing: Timing,
    seed: int,
    *,
    full_frame: bool = False,
    zero_frame: bool = False,
    reference_output: bool = False,
    rays_per_cm2_second: float = RAYS_PER_CM2_SECOND,
    model: DetectorModel = MODEL,
) -> Readings:
    """Expose a detector to a scene and read it up the ramp.

    Parameters
    ----------
    scene : ndarray of float32, shape (rows, columns)
        e-/s that would be collected at a response of 1, sky included.
    fixed : Maps
        The detector's maps, cut to the same shape.
    timing : Timing
        Integrations, groups, frames.
    seed : int
        Decides every drawn number.
    full_frame : bool
        Read through four amplifiers, each with its own drift (which the reference pixels let the pipeline remove).
    zero_frame, reference_output : bool
        Keep the first read of every integration; read the reference output beside every group.
    rays_per_cm2_second : float
        Cosmic rays.
    model : DetectorModel
        Numbers of the detector.
    """
    rng = np.random.Generator(np.random.SFC64(seed))
    rate = scene * fixed.response() + fixed.dark_rate(model) * np.float32(model.gain)
    pixels = np.empty((timing.nints, timing.ngroups, *scene.shape), dtype=np.uint16)
    zero = np.empty((timing.nints, *scene.shape), dtype=np.uint16) if zero_frame else None
    rays: list[Ray] = []
    together = max(1, PIXELS_AT_ONCE // scene.size)
    for first in range(0, timing.nints, together):
        these = slice(first, first + together)
        block, zeros = pixels[these], None if zero is None else zero[these]
        found = _integrate(rng, rate, fixed.bias, timing, block, rays_per_cm2_second, model, full_frame=full_frame, zero=zeros)
        rays.extend((i + first, group, y, x, e) for i, group, y, x, e in found if not fixed.reference[y, x])
    return Readings(pixels=pixels, rays=tuple(rays), zero=zero, reference=_reference(rng, pixels, model) if reference_output else None)


def _reference(rng: np.random.Generator, pixels: NDArray[np.uint16], model: DetectorModel) -> NDArray[np.uint16]:
    """Draw what the reference output gives: no light, the noise of one read, a quarter of the columns."""
    shape = (*pixels.shape[:3], pixels.shape[3] // AMPLIFIERS)
    return _converted(np.float32(model.bias) + _noise(rng, shape, model.read_noise / model.gain))


def _integrate(
    rng: np.random.Generator,
    rate: NDArray[np.float32],
    bias: NDArray[np.float32],
    timing: Timing,
    block: NDArray[np.uint16],
    rays_per_cm2_second: float,
    model: DetectorModel,
    *,
    full_frame: bool,
    zero: NDArray[np.uint16] | None,
) -> list[Ray]:
    """Fill a block of integrations (and their zero frames), all at once: one by one is slow for small frames; give their cosmic rays."""
    shape = (len(block), *rate.shape)
    rays: list[Ray] = []
    well: NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
    empty = bias + _noise(rng, shape, model.reset_noise / model.gain)
    for group in range(timing.ngroups):
        if group and timing.gap:
            rays += _collect(rng, well, rate, timing.frame_seconds * timing.gap, rays_per_cm2_second, group)
        level: NDArray[np.float32] = np.zeros(shape, dtype=np.float32)
        for frame in range(timing.frames):
            rays += _collect(rng, well, rate, timing.frame_seconds, rays_per_cm2_second, group)
            level += respond(np.divide(well, model.gain, dtype=np.float32), model)
            if zero is not None and group == 0 and frame == 0 and timing.frames > 1:
                zero[:] = _converted(level + empty + _noise(rng, shape, model.read_noise / model.gain))
        level /= timing.frames
        level += empty
        level += _noise(rng, shape, model.read_noise / model.gain / timing.frames**0.5)
        if full_frame:
            level += _drift(rng, shape[2], model.amplifier_drift)
        block[:, group] = _converted(level)
    if zero is not None and timing.frames == 1:
        zero[:] = block[:, 0]
    return rays


def _converted(level: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.clip(np.rint(level), 0, ADC_MAX).astype(np.uint16)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], rms: float) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(rms)


def _drift(rng: np.random.Generator, columns: int, rms: float) -> NDArray[np.float32]:
    """Give each amplifier's offset, as a row of columns."""
    return np.repeat(_noise(rng, (AMPLIFIERS,), rms), columns // AMPLIFIERS)


def _collect(
    rng: np.random.Generator,
    well: NDArray[np.float32],
    rate: NDArray[np.float32],
    seconds: float,
    rays_per_cm2_second: float,
    group: int,
) -> list[Ray]:
    """Add to the wells (e-, shape (integrations, rows, columns), in place) what arrives in some seconds; give the cosmic rays.

    Pixels that get nothing at all are covered: they keep no ray either.
    """
    well += rng.poisson(np.broadcast_to(rate * np.float32(seconds), well.shape))
    integrations, rows, columns = well.shape
    count = int(rng.poisson(rays_per_cm2_second * seconds * well.size * PIXEL_CM**2))
    i, y, x = rng.integers(0, integrations, count), rng.integers(0, rows, count), rng.integers(0, columns, count)
    electrons = (RAY_LEAST + rng.exponential(RAY_MEAN, count)).astype(np.float32)
    np.add.at(well, (i, y, x), np.where(rate[y, x] == 0, np.float32(0), electrons))
    return [(int(a), group, int(b), int(c), round(float(e), 1)) for a, b, c, e in zip(i, y, x, electrons, strict=True)]
