"""What the catalogue reads of a product: the FITS keywords that it describes an observation from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Wcs:
    """A linear celestial WCS as FITS keywords give it: two axes, ``matrix`` (1,1), (1,2), (2,1), (2,2) in units of ``units`` per pixel."""

    types: tuple[str, str]
    units: tuple[str, str]
    pixel: tuple[float, float]
    value: tuple[float, float]
    matrix: tuple[float, float, float, float]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Keywords of one product; what is absent is empty or None. Times MJD (UTC), angles degrees, exposure seconds."""

    date: datetime | None
    program: str
    pi_name: str
    title: str
    category: str
    target: str
    target_ra: float | None
    target_dec: float | None
    instrument: str
    detector: str
    exp_type: str
    visit_type: str
    light: str
    pupil: str
    start: float | None
    end: float | None
    seconds: float | None
    region: str
    cal_version: str
    crds_context: str
    software_version: str
    pointing: str
    wcs: Wcs | None


_WORDS = {
    "program": ("PROGRAM",),
    "pi_name": ("PI_NAME",),
    "title": ("TITLE",),
    "category": ("CATEGORY",),
    "target": ("TARGPROP", "TARGNAME"),
    "instrument": ("INSTRUME",),
    "detector": ("DETECTOR",),
    "exp_type": ("EXP_TYPE",),
    "visit_type": ("VISITYPE",),
    "light": ("FILTER",),
    "pupil": ("PUPIL",),
    "region": ("S_REGION",),
    "cal_version": ("CAL_VER",),
    "crds_context": ("CRDS_CTX",),
    "software_version": ("SDP_VER",),
    "pointing": ("ENGQLPTG",),
}
_NUMBERS = {"target_ra": "TARG_RA", "target_dec": "TARG_DEC", "start": "EXPSTART", "end": "EXPEND", "seconds": "EFFEXPTM"}


def read_header(path: Path, name: str) -> Header:
    """Read a product's primary and science headers; pixels are not touched. ``name`` is what messages call it.

    Raises
    ------
    BadInput
        The file is no FITS file.
    """
    from astropy.io import fits

    try:
        with fits.open(path, memmap=True, lazy_load_hdus=True) as hdus:
            cards = [hdus[0].header, *([hdus["SCI"].header] if "SCI" in hdus else [])]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"'{name}' cannot be read as FITS: {error}", file=name) from None
    return header_of(cards)


def header_of(cards: Iterable[Any]) -> Header:
    """Take the keywords out of headers (or dicts); the first that has a keyword gives it."""
    sources = list(cards)
    values: dict[str, Any] = {name: _word(sources, keys) for name, keys in _WORDS.items()}
    values |= {name: _number(sources, key) for name, key in _NUMBERS.items()}
    values["date"] = _time(_word(sources, ("DATE",)))
    values["wcs"] = _wcs(sources)
    return Header(**{f.name: values[f.name] for f in fields(Header)})


def _first(sources: list[Any], key: str) -> Any:
    return next((s[key] for s in sources if key in s and s[key] not in ("", None)), None)


def _word(sources: list[Any], keys: tuple[str, ...]) -> str:
    found = (_first(sources, key) for key in keys)
    return next((str(value).strip() for value in found if value is not None), "")


def _number(sources: list[Any], key: str) -> float | None:
    value = _first(sources, key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _wcs(sources: list[Any]) -> Wcs | None:
    """Read the WCS of the first two axes; None unless all of it is there (FITS WCS papers I and II: PC with CDELT, or CD)."""
    pixel, value, scale, size = ([_number(sources, f"{key}{i}") for i in (1, 2)] for key in ("CRPIX", "CRVAL", "CDELT", "NAXIS"))
    types, units = ([_word(sources, (f"{key}{i}",)) for i in (1, 2)] for key in ("CTYPE", "CUNIT"))
    cells = [(i, j) for i in (1, 2) for j in (1, 2)]
    matrix = [_number(sources, f"CD{i}_{j}") for i, j in cells]
    if None in matrix and None not in scale:
        turned = [_number(sources, f"PC{i}_{j}") for i, j in cells]
        default = [1.0, 0.0, 0.0, 1.0]
        matrix = [(d if t is None else t) * (scale[i - 1] or 0.0) for t, d, (i, _) in zip(turned, default, cells, strict=True)]
    numbers = [*pixel, *value, *matrix, *size]
    if not all(types) or any(n is None for n in numbers):
        return None
    x = [float(n) for n in numbers if n is not None]
    return Wcs(
        types=(types[0], types[1]), units=(units[0] or "deg", units[1] or "deg"), pixel=(x[0], x[1]), value=(x[2], x[3]),
        matrix=(x[4], x[5], x[6], x[7]), size=(int(x[8]), int(x[9])),
    )  # fmt: skip


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
