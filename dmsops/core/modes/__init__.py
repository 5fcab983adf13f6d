"""Observing modes: what an instrument's patterns, subarrays and exposure types mean; one file per instrument.

An instrument is found by the name of one of its detectors (``NRCA3``) or by the first word of its exposure types
(``NRC_IMAGE``); where none is given, it is NIRCam.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dmsops.core.errors import BadVisit

if TYPE_CHECKING:
    from dmsops.core.records import Exposure

NIRCAM = "NIRCAM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutPattern:
    """Frames averaged into a group, and frames dropped between groups."""

    name: str
    nframes: int
    groupgap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subarray:
    """A part of a detector that is read alone: size in pixels, seconds to read one frame.

    ``aperture`` is its SIAF name, with ``{}`` for the detector's; ``detectors`` are those that have it, empty means all.
    ``corner`` (1-based column and row, science frame) is given only where the SIAF does not know it.
    """

    name: str
    columns: int
    rows: int
    frame_seconds: float
    aperture: str
    detectors: tuple[str, ...] = ()
    corner: tuple[int, ...] = ()

    def aperture_of(self, detector: str) -> str:
        """Name the SIAF aperture of this subarray on a detector (header name, as ``NRCALONG``).

        Raises
        ------
        BadVisit
            The detector does not have this subarray.
        """
        if self.detectors and detector not in self.detectors:
            raise BadVisit(f"detector {detector} has no subarray {self.name}", detector=detector, subarray=self.name)
        return self.aperture.format(_modes(instrument_of(detector))["apertures"][detector])


Light = Literal["sky", "lamp", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureType:
    """What an exposure type sees and which pipelines take it: an empty stage is none.

    ``stage1`` is ``detector1``, ``dark`` or ``guider``; ``light`` is where its light comes from.
    """

    name: str
    stage1: str = ""
    stage2: str = ""
    stage3: str = ""
    light: Light = "sky"

    @property
    def internal(self) -> bool:
        """Whether it looks at nothing in the sky: a dark, or a lamp inside the instrument."""
        return self.light != "sky"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideFunction:
    """What a guider does in one step of finding and holding its star: how it is read; ``nints`` 0 is as long as it lasts.

    ``dropped`` frames at the end (``DRPFRMS3``); ``integration_seconds`` 0 is what groups and frames add up to.
    """

    name: str
    exp_type: str
    readpatt: str
    subarray: str
    nints: int
    ngroups: int
    datamode: int
    dropped: int = 0
    integration_seconds: float = 0.0


@cache
def _files() -> dict[str, dict[str, Any]]:
    texts = (path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.toml")))
    return {content["name"]: content for content in map(tomllib.loads, texts)}


def _modes(instrument: str) -> Any:
    return _found(_files(), instrument, "instrument", "the observatory")


def instruments() -> tuple[str, ...]:
    """Give the instruments that there are modes for, by their header names."""
    return tuple(_files())


def instrument_of(word: str) -> str:
    """Find the instrument of a detector (``NRCA3``) or an exposure type (``NRC_IMAGE``); raises `BadVisit`."""
    for name, content in _files().items():
        if word in content["apertures"] or word.partition("_")[0] == content["prefix"]:
            return name
    raise BadVisit(f"'{word}' is no detector or exposure type of a known instrument", name=word)


def subarray(name: str, instrument: str = NIRCAM) -> Subarray:
    """Find an instrument's subarray by its header name; raises `BadVisit` when there is none."""
    facts = _listed(instrument, "subarrays", name, "subarray")
    lists = {key: tuple(facts.get(key, ())) for key in ("detectors", "corner")}
    return Subarray(name=name, **{**facts, **lists})


def subarrays(instrument: str = NIRCAM) -> tuple[str, ...]:
    """Give the names of an instrument's subarrays."""
    return tuple(_modes(instrument)["subarrays"])


def subarray_of(exposure: Exposure) -> Subarray:
    """Find the subarray of an exposure."""
    return subarray(exposure.subarray, instrument_of(exposure.readouts[0].detector))


def readout_pattern(name: str, instrument: str = NIRCAM) -> ReadoutPattern:
    """Find an instrument's readout pattern; raises `BadVisit` when there is none."""
    return ReadoutPattern(name=name, **_listed(instrument, "patterns", name, "readout pattern"))


def exposure_type(name: str) -> ExposureType:
    """Find an exposure type by its header name (``EXP_TYPE``); one that is not listed has no pipeline and ends at level 1b."""
    listed: dict[str, Any] = next(
        (content["exposure_types"] for content in _files().values() if name.partition("_")[0] == content["prefix"]), {}
    )
    return ExposureType(name=name, **listed.get(name, {}))


def exposure_types(instrument: str) -> tuple[str, ...]:
    """Give the exposure types that are listed for an instrument."""
    return tuple(_modes(instrument)["exposure_types"])


def guide_function(name: str) -> GuideFunction:
    """Find a guide-star function (``gs-id``, ``gs-acq1``, ``gs-acq2``, ``gs-track``, ``gs-fg``); raises `BadVisit`."""
    return GuideFunction(name=name, **_listed("FGS", "guide_functions", name, "guide-star function"))


def detectors_of(configuration: str, instrument: str = NIRCAM) -> tuple[str, ...]:
    """Give the detectors (upper case) of a configuration as the event log names it; raises `BadVisit`."""
    if configuration in _modes(instrument)["apertures"]:
        return (configuration,)
    return tuple(_listed(instrument, "configurations", configuration, "detector configuration"))


def knows_optics(light: str, pupil: str, instrument: str = NIRCAM) -> bool:
    """Say whether an instrument has that filter and that pupil element, by their header names."""
    return light in _modes(instrument)["filters"] and pupil in _modes(instrument)["pupils"]


def frame_seconds(name: str, instrument: str = NIRCAM) -> float:
    """Give the time to read one frame of a subarray, seconds."""
    return subarray(name, instrument).frame_seconds


def is_calibrated(exposure: Exposure) -> bool:
    """Say whether there are calibration references for an exposure's instrument: without them it ends at level 1b."""
    return bool(_modes(instrument_of(exposure.readouts[0].detector))["calibrated"])


def _listed(instrument: str, table: str, name: str, word: str) -> Any:
    return _found(_modes(instrument)[table], name, word, instrument)


def _found(known: Any, name: str, word: str, owner: str) -> Any:
    if name not in known:
        raise BadVisit(f"'{name}' is no {word} of {owner}; known are {', '.join(known)}", name=name)
    return known[name]
