"""Wavelength bands of filters, in micrometres, as far as we know them.

Source: JWST User Documentation, *NIRCam Filters*, *MIRI Filters and Dispersers*, *NIRISS Filters* and *FGS Instrumentation*
(half-power wavelengths, rounded to 1 nm); the weak lens WLP4 carries a narrow band around 2.12 um.
"""

from __future__ import annotations

_NIRCAM = {
    "F070W": (0.624, 0.781), "F090W": (0.795, 1.005), "F115W": (1.013, 1.282), "F140M": (1.331, 1.479), "F150W": (1.331, 1.668),
    "F150W2": (1.007, 2.380), "F162M": (1.542, 1.713), "F164N": (1.635, 1.653), "F182M": (1.722, 1.968), "F187N": (1.863, 1.884),
    "F200W": (1.755, 2.227), "F210M": (1.992, 2.201), "F212N": (2.109, 2.134), "WLP4": (2.109, 2.134), "F250M": (2.412, 2.595),
    "F277W": (2.423, 3.132), "F300M": (2.831, 3.157), "F322W2": (2.432, 4.013), "F323N": (3.217, 3.255), "F335M": (3.177, 3.538),
    "F356W": (3.135, 3.981), "F360M": (3.426, 3.814), "F405N": (4.028, 4.074), "F410M": (3.866, 4.302), "F430M": (4.167, 4.398),
    "F444W": (3.881, 4.982), "F460M": (4.515, 4.747), "F466N": (4.629, 4.681), "F470N": (4.683, 4.733), "F480M": (4.662, 4.973),
}  # fmt: skip
_MIRI = {
    "F560W": (5.054, 6.171), "F770W": (6.581, 8.687), "F1000W": (9.023, 10.891), "F1130W": (10.953, 11.667), "F1280W": (11.588, 14.115),
    "F1500W": (13.527, 16.640), "F1800W": (16.519, 19.502), "F2100W": (18.477, 23.159), "F2550W": (23.301, 26.733),
}  # fmt: skip
_NIRISS = {
    "F090W": (0.796, 1.005), "F115W": (1.013, 1.283), "F140M": (1.331, 1.480), "F150W": (1.330, 1.671), "F158M": (1.488, 1.688),
    "F200W": (1.751, 2.226), "F277W": (2.413, 3.143), "F356W": (3.141, 4.068), "F380M": (3.726, 3.931), "F430M": (4.182, 4.395),
    "F444W": (3.880, 5.023), "F480M": (4.668, 4.971),
}  # fmt: skip
_BANDS = {"NIRCAM": _NIRCAM, "MIRI": _MIRI, "NIRISS": _NIRISS}
_WHOLE = {"FGS": (0.6, 5.0)}
"""Instruments without filters: their whole range."""


def band_of(instrument: str, light: str, pupil: str) -> tuple[float, float] | None:
    """Give the band in micrometres that filter and pupil let through together; None when it is not known.

    A filter in the pupil wheel is the narrower of the two, so it wins over the filter wheel's.
    """
    known = _BANDS.get(instrument, {})
    return known.get(pupil) or known.get(light) or _WHOLE.get(instrument)


def bandpass_name(light: str, pupil: str) -> str:
    """Name what the light went through: ``F212N;WLM8``, or ``F212N`` when the pupil is clear."""
    return ";".join(word for word in (light, pupil) if word and word not in ("CLEAR", "CLEARP", "N/A"))
