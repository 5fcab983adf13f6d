"""Sound observations without bytes: exposures of all instruments, combined products of them, guide stars, darks, lamps.

They are described by the catalogue's own code from made-up headers, so a rule sees what ingest sees.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dmsops.catalogue.describe import Product, describe
from dmsops.catalogue.headers import header_of
from dmsops.core.names import parse_any

_START_MJD = 59917.0
_INSTRUMENTS = (
    ("NIRCAM", "nrca3", "NRC_IMAGE", "F212N", "WLM8"),
    ("NIRCAM", "nrcalong", "NRC_IMAGE", "F444W", "CLEAR"),
    ("NIRCAM", "nrcb1", "NRC_IMAGE", "F200W", "CLEAR"),
    ("MIRI", "mirimage", "MIR_IMAGE", "F770W", ""),
    ("NIRISS", "nis", "NIS_IMAGE", "CLEAR", "F150W"),
    ("NIRCAM", "nrca1", "NRC_DARK", "F212N", "CLEAR"),
    ("FGS", "guider1", "FGS_IMAGE", "", ""),
)
_CATEGORIES = ("GO", "CAL", "GTO", "COM")
_PROGRAMS = 40
_PIXELS, _HALF = 2048, 0.018
"""Pixels along a detector's side, and half that side in degrees."""
_MORE_AXES = {"uncal": (5, 2), "rateints": (2,)}
"""Groups and integrations, by suffix."""
PAIR = 5
"""Every so many exposures, the two last ones of NIRCam are also combined."""


def clean(n: int, *, seed: int = 1, collection: str = "JWST") -> Iterator[Any]:
    """Give that many sound, different observations (caom2), members before what is combined of them.

    An exposure has up to five products on two planes, a combined one has one: about four artifacts an observation.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up places
    made, number, last = 0, 0, ""
    while made < n:
        exposure = _Exposure(number, chance)
        yield exposure.described(collection)
        made, number = made + 1, number + 1
        pairable = exposure.instrument == "NIRCAM" and exposure.exp_type == "NRC_IMAGE"
        if pairable and number % PAIR == 0 and made < n:
            yield _combined(exposure, last, collection)
            made += 1
        last = f"{exposure.root}_cal.fits" if pairable else last


class _Exposure:
    """One exposure, as its headers say."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.instrument, self.detector, self.exp_type, self.light, self.pupil = _INSTRUMENTS[number % len(_INSTRUMENTS)]
        self.number = number
        self.program = f"{1001 + number % _PROGRAMS:05d}"
        self.category = _CATEGORIES[number % _PROGRAMS % len(_CATEGORIES)]
        visit, exposure = divmod(number // _PROGRAMS, 99999)
        self.root = f"jw{self.program}001{1 + visit:03d}_02101_{1 + exposure:05d}_{self.detector}"
        self.begin = _START_MJD + number * 0.01
        self.place = (chance.uniform(0, 360), math.degrees(math.asin(chance.uniform(-1, 1))))
        self.head = header_of([self._keywords()])
        self.sums = random.Random(number)  # noqa: S311 - made-up sums

    def _keywords(self) -> dict[str, Any]:
        seen = {"S_REGION": _square(*self.place), **_sky(*self.place)} if self.exp_type != "NRC_DARK" else {}
        target = {"TARGPROP": f"STAR-{self.program}", "TARG_RA": self.place[0], "TARG_DEC": self.place[1]}
        return seen | target | {
            "DATE": _date(self.begin + 0.2), "PROGRAM": self.program, "PI_NAME": "A. Person", "TITLE": f"Program {self.program}",
            "CATEGORY": self.category, "INSTRUME": self.instrument, "DETECTOR": self.detector.upper(), "EXP_TYPE": self.exp_type,
            "VISITYPE": "PRIME_TARGETED_FIXED", "FILTER": self.light, "PUPIL": self.pupil, "EXPSTART": self.begin,
            "EXPEND": self.begin + 0.005, "EFFEXPTM": 300.0, "CAL_VER": "3.0.0", "CRDS_CTX": "jwst_1584.pmap", "SDP_VER": "2026.1.0",
            "ENGQLPTG": "CALCULATED_TR_202111", "NAXIS1": _PIXELS, "NAXIS2": _PIXELS,
        }  # fmt: skip

    def described(self, collection: str) -> Any:
        suffixes = ("uncal", "dark") if self.exp_type == "NRC_DARK" else ("uncal", "rate", "rateints", "cal", "i2d")
        return _describe([f"{self.root}_{suffix}.fits" for suffix in suffixes], self, collection)


def _combined(exposure: _Exposure, other: str, collection: str) -> Any:
    optics = "-".join(sorted(word.lower() for word in (exposure.light, exposure.pupil)))
    target, activity = divmod(exposure.number // _PROGRAMS, 99)
    name = f"jw{exposure.program}-o001_t{target + 1:03d}_nircam_{optics}-{exposure.detector}_wfscmb-{activity + 1:02d}.fits"
    return _describe([name], exposure, collection, sorted({f"{exposure.root}_cal.fits", other} - {""}))


def _describe(names: Sequence[str], exposure: _Exposure, collection: str, members: Sequence[str] = ()) -> Any:
    archived = datetime.fromisoformat(_date(exposure.begin + 0.3)).replace(tzinfo=UTC)
    return describe([_product(name, exposure) for name in names], members=members, collection=collection, archived_at=archived)


def _product(name: str, exposure: _Exposure) -> Product:
    sha256, size = f"{exposure.sums.getrandbits(256):064x}", exposure.sums.randint(10**5, 10**8)
    more = _MORE_AXES.get(parse_any(name).suffix, ())
    image = replace(exposure.head.image, axes=(_PIXELS, _PIXELS, *more)) if exposure.head.image is not None else None
    return Product(name=name, sha256=sha256, path=Path(name), head=replace(exposure.head, image=image), size=size)


def _sky(ra: float, dec: float) -> dict[str, Any]:
    """Write the world coordinates of a detector that fills the square."""
    step = 2 * _HALF / _PIXELS
    return {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": (_PIXELS + 1) / 2, "CRPIX2": (_PIXELS + 1) / 2, "CRVAL1": ra, "CRVAL2": dec,
        "CD1_1": -step, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": step,
    }  # fmt: skip


def _square(ra: float, dec: float, half: float = _HALF) -> str:
    """Write the footprint of a detector, counter-clockwise as seen from the origin; degrees."""
    wide = half / max(math.cos(math.radians(dec)), 1e-3)
    high, low = min(dec + half, 89.99), max(dec - half, -89.99)
    corners = ((ra + wide, low), (ra - wide, low), (ra - wide, high), (ra + wide, high))
    return "POLYGON ICRS  " + " ".join(f"{a % 360:.9f} {d:.9f}" for a, d in corners)


def _date(mjd: float) -> str:
    return (datetime(1858, 11, 17) + timedelta(days=mjd)).isoformat(timespec="milliseconds")  # noqa: DTZ001 - as headers write UTC
