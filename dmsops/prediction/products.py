"""Products of a visit by suffix, from its plan alone.

Rules: jwst documentation, *stage 2 and stage 3 associations*, *data product types* and *pipeline stages by EXP_TYPE* (the
latter in ``core/modes``); the names are those that the jwst package's association rules give (held to them by a test).
Imaging, darks and lamps, so far; what has no calibration references ends at level 1b.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmsops.core import modes
from dmsops.core.names import CombinedProduct
from dmsops.core.segments import SEGMENT_BYTES, segments

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Readout, Visit

STAGE_1 = ("rate", "rateints")
PAIR = 2


def predict(visit: Visit, segment_bytes: int = SEGMENT_BYTES) -> dict[str, tuple[str, ...]]:
    """Name every product that a visit should give.

    Parameters
    ----------
    segment_bytes : int
        Size above which an exposure is made in segments (the site's setting).

    Returns
    -------
    dict
        Suffix (``uncal``, ``rate``, ``rateints``, ``cal``, ``i2d``, ``wfscmb``) to file names, sorted; suffixes without
        products are left out.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for exposure in visit.exposures:
        pieces = [(r.detector, part.label) for r in exposure.readouts for part in segments(exposure, segment_bytes)]
        for suffix in exposure_suffixes(visit, exposure):
            found[suffix] |= {str(exposure.product(detector, suffix, label)) for detector, label in pieces}
    for name in combined(visit):
        found[name.suffix].add(str(name))
    return {suffix: tuple(sorted(names)) for suffix, names in found.items()}


def stage_1(exposure: Exposure) -> tuple[str, ...]:
    """Say what stage 1 makes of an exposure: nothing of jitter, and nothing where there are no calibration references."""
    if exposure.is_jitter or not modes.is_calibrated(exposure):
        return ()
    return {"detector1": STAGE_1, "dark": ("dark",)}.get(modes.exposure_type(exposure.exp_type).stage1, ())


def is_associated(exposure: Exposure) -> bool:
    """Say whether an exposure goes on into associations after stage 1."""
    return stage_1(exposure) == STAGE_1 and modes.exposure_type(exposure.exp_type).stage2 == "image2"


def exposure_suffixes(visit: Visit, exposure: Exposure) -> tuple[str, ...]:
    """Say which products every detector of an exposure gives by itself."""
    after = ("cal", "i2d") if _is_image(exposure) and not visit.is_wavefront else ("cal",)
    return ("uncal", *stage_1(exposure), *(after if is_associated(exposure) else ()))


def _is_image(exposure: Exposure) -> bool:
    return is_associated(exposure) and modes.exposure_type(exposure.exp_type).stage3 == "image3"


def combined(visit: Visit) -> list[CombinedProduct]:
    """Name the stage-3 products: a wfscmb for every wavefront pair, an i2d for every optical path of an ordinary visit."""
    if visit.is_wavefront:
        return _pairs(visit)
    return sorted({_name(visit, optics(e, r), "i2d") for e in visit.exposures if _is_image(e) for r in e.readouts})


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
