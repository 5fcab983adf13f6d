"""Observing modes: what an instrument's patterns, subarrays and configurations mean; one file per instrument."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadVisit


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutPattern:
    """Frames averaged into a group, and frames dropped between groups."""

    name: str
    nframes: int
    groupgap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subarray:
    """A part of a detector that is read alone: size in pixels, seconds to read one frame.

    ``detectors`` are those that have it; empty means all.
    """

    name: str
    columns: int
    rows: int
    frame_seconds: float
    aperture: str
    detectors: tuple[str, ...] = ()

    def aperture_of(self, detector: str) -> str:
        """Name the SIAF aperture of this subarray on a detector (header name, as ``NRCALONG``).

        Raises
        ------
        BadVisit
            The detector does not have this subarray.
        """
        if self.detectors and detector not in self.detectors:
            raise BadVisit(f"detector {detector} has no subarray {self.name}", detector=detector, subarray=self.name)
        return self.aperture.format(detector.replace("LONG", "5"))


@cache
def _nircam() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("nircam.toml").read_text(encoding="utf-8"))


def subarray(name: str) -> Subarray:
    """Find a NIRCam subarray by its header name; raises `BadVisit` when there is none."""
    facts = _found("subarrays", name, "subarray")
    return Subarray(name=name, **{**facts, "detectors": tuple(facts.get("detectors", ()))})


def readout_pattern(name: str) -> ReadoutPattern:
    """Find a NIRCam readout pattern; raises `BadVisit` when there is none."""
    return ReadoutPattern(name=name, **_found("patterns", name, "readout pattern"))


def detectors_of(configuration: str) -> tuple[str, ...]:
    """Give the detectors (upper case) of a configuration as the event log names it; raises `BadVisit`."""
    if configuration in _nircam()["configurations"]["NRCALL"]:
        return (configuration,)
    return tuple(_found("configurations", configuration, "detector configuration"))


def knows_optics(light: str, pupil: str) -> bool:
    """Say whether NIRCam has that filter and that pupil element, by their header names."""
    return light in _nircam()["filters"] and pupil in _nircam()["pupils"]


def frame_seconds(name: str) -> float:
    """Give the time to read one frame of a subarray, seconds."""
    return subarray(name).frame_seconds


def _found(table: str, name: str, word: str) -> Any:
    known = _nircam()[table]
    if name not in known:
        raise BadVisit(f"'{name}' is no {word} of NIRCam; known are {', '.join(known)}", name=name)
    return known[name]
