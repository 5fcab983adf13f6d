"""Fingerprint of a failure: step kind, exception, and the frame where it went wrong; the same cause gives the same text."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import PurePath

MEANT = ("dmsops", "jwst", "stcal", "stdatamodels")
"""Packages whose frames say where it went wrong; numpy's or astropy's say only how."""
_INSTALLED = ("site-packages", "dist-packages")
_STDLIB = PurePath(sysconfig.get_paths()["stdlib"])
LENGTH = 160
"""Width of the column."""


def fingerprint(kind: str, error: BaseException) -> str:
    """Give the fingerprint of a step's failure: ``kind | exception | module:function``.

    The frame is the deepest one of ours, of the jwst packages or of a step module that was never installed; line
    numbers, values and paths are not in it, so it stays the same from one dataset and machine to the next.

    Parameters
    ----------
    kind : str
        The step's kind.
    error : BaseException
        As it was caught, with its traceback.
    """
    return f"{kind} | {type(error).__name__} | {where(traceback.extract_tb(error.__traceback__))}"[:LENGTH]


def where(frames: Sequence[traceback.FrameSummary]) -> str:
    """Give ``module:function`` of the deepest frame that means something; of the deepest one when none does."""
    if not frames:
        return "nowhere"
    meant = [f for f in frames if _matters(PurePath(f.filename))]
    frame = (meant or list(frames))[-1]
    return f"{_module(PurePath(frame.filename))}:{frame.name}"


def _package_at(path: PurePath) -> int | None:
    """Find where in a path the package begins that the file belongs to."""
    parts = path.parts
    for root in _INSTALLED:
        if root in parts:
            return parts.index(root) + 1
    return next((i for i, part in enumerate(parts[:-1]) if part in MEANT and part not in parts[i + 1 :]), None)


def _matters(path: PurePath) -> bool:
    at = _package_at(path)
    if at is not None and at < len(path.parts):
        return path.parts[at] in MEANT
    return not path.is_relative_to(_STDLIB) and not path.name.startswith("<")


def _module(path: PurePath) -> str:
    at = _package_at(path)
    parts = path.parts[at:] if at is not None else path.parts[-1:]
    return ".".join((*parts[:-1], PurePath(parts[-1]).stem)).removesuffix(".__init__")
