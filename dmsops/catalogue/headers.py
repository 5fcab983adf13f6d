"""What the catalogue reads of a product: the FITS keywords that it describes an observation from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmsops.catalogue.images import Image, image_of, number_of
from dmsops.core.errors import BadInput


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
    image: Image | None


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
    values |= {"date": _time(_word(sources, ("DATE",))), "image": image_of(sources)}
    return Header(**{f.name: values[f.name] for f in fields(Header)})


def _first(sources: list[Any], key: str) -> Any:
    return next((s[key] for s in sources if key in s and s[key] not in ("", None)), None)


def _word(sources: list[Any], keys: tuple[str, ...]) -> str:
    found = (_first(sources, key) for key in keys)
    return next((str(value).strip() for value in found if value is not None), "")


def _number(sources: list[Any], key: str) -> float | None:
    return number_of(_first(sources, key))


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
