"""The quality gate: is a product good, whatever the pipeline's return code said.

The jwst package ends without an error in a dozen cases of trouble (no product when every pixel is saturated, no flux
units when no photometry row matches, a planned pointing instead of a calculated one). The gate looks at what is in the
product. Limits are *ours*, in one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from dmsops.core.errors import GateFailed
from dmsops.processing.wholeness import is_whole

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

DO_NOT_USE = 1
SATURATED = 2
FINE = ("COMPLETE",)
GUIDERS = ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")
RAMP_GROUPS_FOR_JUMP = 3
DO_NOT_USE_WITH_GAPS = 0.75
"""Most of the pixels of all integrations that may be unusable where rows did not arrive: whole integrations may be lost then,
as long as the rate, which is of all of them together, is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the gate found: an error stops the product, a warning is listed with it."""

    code: str
    level: Literal["error", "warning"]
    says: str
    value: Any = None
    limit: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a kind of product must show: step states, header values, fractions of pixels."""

    steps: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    photometry: bool = False
    do_not_use: float = 0.30
    saturated: float = 0.50
    pointing: bool = True


LIMITS = {
    "uncal": Limits(),
    "dark": Limits(steps=("S_DQINIT", "S_SATURA", "S_SUPERB", "S_LINEAR")),
    "rate": Limits(steps=("S_DQINIT", "S_SATURA", "S_SUPERB", "S_LINEAR", "S_DARK", "S_JUMP", "S_RAMP"), units=("DN/s",)),
    "rateints": Limits(steps=("S_DQINIT", "S_SATURA", "S_JUMP", "S_RAMP"), units=("DN/s",)),
    "cal": Limits(steps=("S_RAMP", "S_WCS", "S_FLAT", "S_PHOTOM"), units=("MJy/sr",), photometry=True),
    "i2d": Limits(steps=("S_RESAMP",), units=("MJy/sr",), photometry=True, do_not_use=0.60),
    "wfscmb": Limits(steps=("S_WFSCOM",), units=("MJy/sr",), photometry=True),
}


def inspect(suffix: str, header: Mapping[str, Any], data: np.ndarray | None, dq: np.ndarray | None) -> list[Finding]:
    """Look at one product.

    Parameters
    ----------
    suffix : str
        Kind of product; a kind without limits only has to hold numbers.
    header : mapping
        Keywords of the primary and the SCI header together.
    data : ndarray, optional
        Science pixels, any shape.
    dq : ndarray, optional
        Data quality flags of the same shape (bit 1 DO_NOT_USE, bit 2 SATURATED).

    Returns
    -------
    list of Finding
        Empty when all is well.
    """
    limits = LIMITS.get(suffix, Limits(pointing=False))
    if str(header.get("EXP_TYPE", "")) in GUIDERS:  # they are pointed by their star, not by the attitude's telemetry
        limits = replace(limits, pointing=False)
    if suffix == "rateints" and header.get("DATAPROB") is True:
        limits = replace(limits, do_not_use=DO_NOT_USE_WITH_GAPS)
    found = [*_steps(limits, header), *_units(limits, header)]
    if limits.pointing:
        found += _pointing(header)
    if header.get("DATAPROB") is True:
        found.append(
            Finding(code="telemetry.gaps", level="warning", says="rows of the telemetry did not arrive (DATAPROB)", value=True, limit=False)
        )
    return found + _pixels(limits, data, dq)


def _steps(limits: Limits, header: Mapping[str, Any]) -> list[Finding]:
    found = []
    for key in limits.steps:
        state = header.get(key)
        if state in FINE or (key == "S_JUMP" and state == "SKIPPED" and int(header.get("NGROUPS") or 0) < RAMP_GROUPS_FOR_JUMP):
            continue
        says = f"step {key} is {state or 'not recorded'}, and must be COMPLETE"
        found.append(Finding(code="step.state", level="error", says=says, value=state, limit="COMPLETE"))
    return found


def _units(limits: Limits, header: Mapping[str, Any]) -> list[Finding]:
    found = []
    unit = header.get("BUNIT")
    if limits.units and unit not in limits.units:
        says = f"the unit is {unit or 'missing'}, and must be {' or '.join(limits.units)}"
        found.append(Finding(code="unit", level="error", says=says, value=unit, limit=limits.units[0]))
    if limits.photometry and not (isinstance(header.get("PHOTMJSR"), int | float) and header["PHOTMJSR"] > 0):
        says = "the flux conversion PHOTMJSR is missing: no photometry row matched filter and pupil"
        found.append(Finding(code="photometry", level="error", says=says, value=header.get("PHOTMJSR"), limit="> 0"))
    return found


def _pointing(header: Mapping[str, Any]) -> list[Finding]:
    quality = header.get("ENGQLPTG")
    if quality is None:
        return [
            Finding(code="pointing.missing", level="error", says="the pointing was never set (ENGQLPTG is missing)", limit="CALCULATED_...")
        ]
    if quality == "PLANNED":
        says = "the pointing is the planned one, not from telemetry (ENGQLPTG is PLANNED): list for special processing"
        return [Finding(code="pointing.planned", level="warning", says=says, value=quality, limit="CALCULATED_...")]
    return []


def _pixels(limits: Limits, data: np.ndarray | None, dq: np.ndarray | None) -> list[Finding]:
    import numpy as np

    found = []
    if data is None or data.size == 0:
        return [Finding(code="pixels.none", level="error", says="the product has no science pixels")]
    if np.issubdtype(data.dtype, np.floating) and not np.isfinite(data).any():
        found.append(Finding(code="pixels.nan", level="error", says="no science pixel holds a number", value=1.0, limit=0.0))
    if dq is not None and dq.size:
        for code, bit, limit, word in (
            ("pixels.unusable", DO_NOT_USE, limits.do_not_use, "flagged DO_NOT_USE"),
            ("pixels.saturated", SATURATED, limits.saturated, "SATURATED"),
        ):
            fraction = float(np.mean((dq & bit) != 0))
            if fraction > limit:
                says = f"{fraction:.1%} of the pixels are {word}, and the limit is {limit:.0%}"
                found.append(Finding(code=code, level="error", says=says, value=round(fraction, 4), limit=limit))
    return found


def look(path: Path, suffix: str) -> list[Finding]:
    """Read a product from its file and look at it."""
    from astropy.io import fits

    if not path.is_file() or path.stat().st_size == 0:
        says = "the pipeline ended without an error and left no product"
        return [Finding(code="product.missing", level="error", says=says)]
    if not is_whole(path):
        says = "the product is not a whole FITS file: its length is not what its headers say"
        return [Finding(code="product.unreadable", level="error", says=says, value=path.stat().st_size)]
    try:
        with fits.open(path, memmap=False) as file:
            names = [hdu.name for hdu in file]
            missing = [name for name in ("SCI", "ASDF") if name not in names]
            if missing:
                return [
                    Finding(
                        code="product.extension",
                        level="error",
                        says=f"the product has no {' and no '.join(missing)} extension",
                        value=missing,
                    )
                ]
            header = {**dict(file[0].header), **dict(file["SCI"].header)}
            return inspect(suffix, header, file["SCI"].data, file["DQ"].data if "DQ" in names else None)
    except (OSError, TypeError, ValueError) as error:
        return [Finding(code="product.unreadable", level="error", says=f"the product cannot be read as FITS: {error}")]


def check(path: Path, suffix: str) -> list[str]:
    """Pass a good product and give its warnings in words; stop a bad one.

    Raises
    ------
    GateFailed
        The product is missing or not good; facts ``gate``, ``product``, ``value``, ``limit`` of the first finding,
        ``findings`` of all.
    """
    found = look(path, suffix)
    errors = [f for f in found if f.level == "error"]
    if errors:
        first = errors[0]
        raise GateFailed(
            f"{path.name}: {'; '.join(f.says for f in errors)}",
            product=path.name,
            gate=first.code,
            value=first.value,
            limit=first.limit,
            findings=[f.says for f in errors],
        )
    return [f.says for f in found]
