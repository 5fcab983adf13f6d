"""What a product's image is: how long its axes are, and where its pixels lie on the sky (FITS WCS papers I and II)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

_DISTORTED = "-SIP"
_LARGEST_PIXEL = 60.0 / 3600.0
"""Degrees: the pipeline leaves steps of a whole degree in the headers of modes that it sets no coordinates for (NIRSpec's)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """The linear part of celestial coordinates: types of the axes, reference pixel (1-based), its place and the CD matrix (degrees)."""

    types: tuple[str, str]
    pixel: tuple[float, float]
    place: tuple[float, float]
    cd: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Lengths of the axes in the order of FITS (columns, rows, then groups or integrations), and the sky where it is known."""

    axes: tuple[int, ...]
    sky: Sky | None


def image_of(cards: Sequence[Mapping[str, Any]]) -> Image | None:
    """Take the first image out of headers (or dicts); None where none has two axes or more."""
    card = next((c for c in cards if c.get("NAXIS1") and c.get("NAXIS2")), None)
    if card is None:
        return None
    axes = tuple(int(n) for n in takewhile(bool, (card.get(f"NAXIS{k}", 0) for k in count(1))))
    return Image(axes=axes, sky=_sky(card))


def number_of(value: Any) -> float | None:
    """Give a keyword's value as a number; None of what is none: FITS has logical values, which Python counts among the numbers."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sky(card: Mapping[str, Any]) -> Sky | None:
    types = tuple(str(card.get(f"CTYPE{k}", "")).strip().removesuffix(_DISTORTED) for k in (1, 2))
    if not types[0].startswith("RA--") or not types[1].startswith("DEC-") or {card.get(f"CUNIT{k}", "deg") for k in (1, 2)} != {"deg"}:
        return None
    pixel, place = _numbers(card, "CRPIX1", "CRPIX2"), _numbers(card, "CRVAL1", "CRVAL2")
    cd = _matrix(card)
    if pixel is None or place is None or cd is None or max(map(abs, cd)) > _LARGEST_PIXEL:
        return None
    return Sky(types=(types[0], types[1]), pixel=(pixel[0], pixel[1]), place=(place[0], place[1]), cd=(cd[0], cd[1], cd[2], cd[3]))


def _matrix(card: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Give the CD matrix, or what PC matrix and steps make together; None where there is neither."""
    cd = _numbers(card, "CD1_1", "CD1_2", "CD2_1", "CD2_2")
    if cd is not None:
        return cd
    pc, steps = _numbers(card, "PC1_1", "PC1_2", "PC2_1", "PC2_2"), _numbers(card, "CDELT1", "CDELT2")
    if pc is None or steps is None:
        return None
    return pc[0] * steps[0], pc[1] * steps[0], pc[2] * steps[1], pc[3] * steps[1]


def _numbers(card: Mapping[str, Any], *keys: str) -> tuple[float, ...] | None:
    found = [number_of(card.get(key)) for key in keys]
    numbers = tuple(n for n in found if n is not None and math.isfinite(n))
    return numbers if len(numbers) == len(keys) else None
