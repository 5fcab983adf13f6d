"""The simulated NIRCam: what the test bed knows about its filters and its detectors.

The numbers in `FILTERS` are rounded from the instrument's public
documentation; the numbers in `DetectorModel` are **ours**, of the right size for a NIRCam H2RG, and are the same ones
that the local calibration references state (`dmsops.testbed.references`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.core.errors import BadVisit

if TYPE_CHECKING:
    from dmsops.core.records import Readout

MODULES = {
    "A": ("NRCA1", "NRCA2", "NRCA3", "NRCA4", "NRCALONG"),
    "B": ("NRCB1", "NRCB2", "NRCB3", "NRCB4", "NRCBLONG"),
}
PIXEL_CM = 18e-4
TELESCOPE_M2 = 25.4
THROUGHPUT = 0.35
PHOTONS_AT_AB_ZERO = 3.631e-23 / 6.626e-34  # photons per second, square metre and unit of ln(wavelength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter: pivot wavelength and width in metres; ``lens_waves`` of defocus if it carries a weak lens."""

    pivot: float
    width: float
    lens_waves: float = 0.0


FILTERS = {
    "F070W": Filter(pivot=0.704e-6, width=0.128e-6),
    "F090W": Filter(pivot=0.901e-6, width=0.194e-6),
    "F115W": Filter(pivot=1.154e-6, width=0.225e-6),
    "F140M": Filter(pivot=1.404e-6, width=0.142e-6),
    "F150W": Filter(pivot=1.501e-6, width=0.318e-6),
    "F150W2": Filter(pivot=1.659e-6, width=1.176e-6),
    "F182M": Filter(pivot=1.845e-6, width=0.238e-6),
    "F187N": Filter(pivot=1.874e-6, width=0.024e-6),
    "F200W": Filter(pivot=1.990e-6, width=0.461e-6),
    "F210M": Filter(pivot=2.093e-6, width=0.205e-6),
    "F212N": Filter(pivot=2.120e-6, width=0.027e-6),
    "WLP4": Filter(pivot=2.120e-6, width=0.027e-6, lens_waves=4.0),
    "F250M": Filter(pivot=2.503e-6, width=0.181e-6),
    "F277W": Filter(pivot=2.786e-6, width=0.672e-6),
    "F300M": Filter(pivot=2.996e-6, width=0.318e-6),
    "F322W2": Filter(pivot=3.247e-6, width=1.339e-6),
    "F335M": Filter(pivot=3.365e-6, width=0.347e-6),
    "F356W": Filter(pivot=3.563e-6, width=0.787e-6),
    "F360M": Filter(pivot=3.621e-6, width=0.372e-6),
    "F410M": Filter(pivot=4.092e-6, width=0.436e-6),
    "F430M": Filter(pivot=4.280e-6, width=0.228e-6),
    "F444W": Filter(pivot=4.421e-6, width=1.024e-6),
    "F460M": Filter(pivot=4.624e-6, width=0.228e-6),
    "F480M": Filter(pivot=4.834e-6, width=0.303e-6),
}
PUPILS = {  # waves of defocus at 2.12 um; F162M, F323N and their like stand in the pupil wheel and are taken as clear glass
    "CLEAR": 0.0,
    "WLP8": 8.0,
    "WLM8": -8.0,
    "F162M": 0.0,
    "F164N": 0.0,
    "F323N": 0.0,
    "F405N": 0.0,
    "F466N": 0.0,
    "F470N": 0.0,
}
LENS_WAVELENGTH = 2.12e-6
MAGNITUDE_LIMIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorModel:
    """Numbers of a simulated detector (ours): electrons, DN and seconds as named.

    Non-linearity: linear DN = measured + ``curvature`` * measured**2, both above the bias.
    """

    gain: float = 2.05  # e-/DN
    read_noise: float = 12.7  # e- rms of one read
    reset_noise: float = 8.0  # e- rms, kTC
    bias: float = 13000.0  # DN
    bias_spread: float = 60.0  # DN rms from pixel to pixel
    full_well: float = 45000.0  # DN above the bias where the response ends
    curvature: float = 6e-7  # per DN
    dark: float = 0.003  # DN/s
    hot: float = 20.0  # DN/s
    hot_fraction: float = 3e-4
    dead_fraction: float = 1e-3
    flat_spread: float = 0.01
    amplifier_drift: float = 2.0  # DN rms, per read and amplifier, full frame only

    @property
    def saturation(self) -> float:
        """The level in raw DN from which a pixel counts as saturated: 3 % before the response ends."""
        return self.bias + 0.97 * self.full_well


MODEL = DetectorModel()


def is_long(detector: str) -> bool:
    """Say whether a detector sits in the long-wave channel."""
    return detector.endswith("LONG")


def lens_waves(readout: Readout) -> float:
    """Give the defocus of a filter and pupil pair, in waves at 2.12 um.

    Raises
    ------
    BadVisit
        The test bed does not know the filter or the pupil.
    """
    return optical_filter(readout).lens_waves + PUPILS[readout.pupil]


def optical_filter(readout: Readout) -> Filter:
    """Find the filter of a readout; `BadVisit` names a filter or pupil that is not known."""
    if readout.filter not in FILTERS or readout.pupil not in PUPILS:
        raise BadVisit(
            f"detector {readout.detector}: the test bed does not know filter {readout.filter} with pupil {readout.pupil}",
            detector=readout.detector,
            filter=readout.filter,
            pupil=readout.pupil,
        )
    return FILTERS[readout.filter]


def electrons_per_second(magnitude: float, light: Filter) -> float:
    """Convert an AB magnitude into e-/s over the whole pupil (flat spectrum; mean throughput 0.35, ours).

    Source of the formula: definition of AB magnitudes, 3631 Jy at magnitude 0 (Oke & Gunn 1983).
    """
    rate = PHOTONS_AT_AB_ZERO * (light.width / light.pivot) * TELESCOPE_M2 * THROUGHPUT
    return float(rate * 10 ** (-0.4 * min(magnitude, MAGNITUDE_LIMIT)))
