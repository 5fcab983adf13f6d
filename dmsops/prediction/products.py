"""Products of a visit by suffix, from its plan alone.

Rules: jwst documentation, *stage 2 and stage 3 associations* and *data product types*; the names are those that the
jwst package's association rules give (held to them by a test). Imaging only, so far.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.core.names import CombinedProduct

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Readout, Visit

STAGE_1 = ("rate", "rateints")
PAIR = 2


def predict(visit: Visit) -> dict[str, tuple[str, ...]]:
    """Name every product that a visit should give.

    Returns
    -------
    dict
        Suffix (``uncal``, ``rate``, ``rateints``, ``cal``, ``i2d``, ``wfscmb``) to file names, sorted; suffixes without
        products are left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for exposure in visit.exposures:
        for readout in exposure.readouts:
            for suffix in exposure_suffixes(visit, exposure):
                found[suffix].add(str(exposure.product(readout.detector, suffix)))
    for name in combined(visit):
        found[name.suffix].add(str(name))
    return {suffix: tuple(sorted(names)) for suffix, names in found.items()}


def exposure_suffixes(visit: Visit, exposure: Exposure) -> tuple[str, ...]:
    """Say which products every detector of an exposure gives by itself."""
    if exposure.is_jitter:
        return ("uncal",)
    image = exposure.exp_type.upper().endswith("_IMAGE") and not visit.is_wavefront
    return ("uncal", *STAGE_1, "cal", *(("i2d",) if image else ()))


def combined(visit: Visit) -> list[CombinedProduct]:
    """Name the stage-3 products: a wfscmb for every wavefront pair, an i2d for every optical path of an ordinary visit."""
    if visit.is_wavefront:
        return _pairs(visit)
    images = [e for e in visit.exposures if e.exp_type.upper().endswith("_IMAGE") and not e.is_jitter]
    return sorted({_name(visit, optics(e, r), "i2d") for e in images for r in e.readouts})


def _pairs(visit: Visit) -> list[CombinedProduct]:
    members: dict[CombinedProduct, int] = defaultdict(int)
    for exposure in visit.exposures:
        if exposure.dither.pattern.upper() != "WFSC" or exposure.is_jitter:
            continue
        for readout in exposure.readouts:
            path = f"{optics(exposure, readout)}-{readout.detector.lower()}"
            members[_name(visit, path, "wfscmb", exposure.name.activity.lower())] += 1
    return sorted(name for name, count in members.items() if count == PAIR)


def _name(visit: Visit, path: str, suffix: str, activity: str | None = None) -> CombinedProduct:
    return CombinedProduct(visit.id.program, f"o{visit.id.observation}", "t001", "nircam", path, suffix, activity)


def optics(exposure: Exposure, readout: Readout) -> str:
    """Write the optical path as stage-3 names do: filter and pupil in alphabetical order, then the subarray unless FULL."""
    elements = sorted((readout.filter.lower(), readout.pupil.lower()))
    return "-".join([*elements, *([] if exposure.subarray.upper() == "FULL" else [exposure.subarray.lower()])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Predicted against present, by suffix; ``extra`` are present products that were not predicted."""

    predicted: dict[str, int]
    present: dict[str, int]
    missing: dict[str, tuple[str, ...]]
    extra: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything predicted is there."""
        return not any(self.missing.values())


def compare(predicted: dict[str, tuple[str, ...]], present: Iterable[str]) -> Comparison:
    """Hold what is there against what was predicted.

    Parameters
    ----------
    predicted : dict
        As `predict` gives it.
    present : iterable of str
        File names of products.
    """
    there = set(present)
    return Comparison(
        predicted={suffix: len(names) for suffix, names in predicted.items()},
        present={suffix: len(there.intersection(names)) for suffix, names in predicted.items()},
        missing={suffix: tuple(n for n in names if n not in there) for suffix, names in predicted.items()},
        extra=tuple(sorted(there.difference(*predicted.values()))),
    )
