"""Exposures of MIRI, NIRSpec, NIRISS and FGS in an event log (ours: written as NIRCam's are, with one filter and one pupil word).

They are in the plan and in the status file of their visit. Whether the test bed can also make their packets is another matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.core.errors import BadVisit
from dmsops.core.modes import ReadoutPattern
from dmsops.core.names import DETECTORS
from dmsops.core.records import Readout

if TYPE_CHECKING:
    from dmsops.testbed.ossreading import Draft

_KNOWN = {name.upper() for name in DETECTORS}
CONFIGURATIONS = {"NRSALL": ("NRS1", "NRS2"), "MIRIFU": ("MIRIFULONG", "MIRIFUSHORT")}
USUAL = {"MIR": ("MIRIMAGE",), "NRS": CONFIGURATIONS["NRSALL"], "NIS": ("NIS",), "FGS": ("GUIDER1",)}
"""What an exposure was read from when its log does not say: it has no message of its end."""


def readout_pattern(name: str) -> ReadoutPattern:
    """Take a pattern as it is named: frames averaged and dropped are not known here, so none are."""
    return ReadoutPattern(name=name, nframes=1, groupgap=0)


def readouts(draft: Draft) -> tuple[Readout, ...]:
    """Give what was read in an exposure.

    Raises
    ------
    BadVisit
        The configuration is no detector, and no set of detectors, of that instrument.
    """
    light = draft.start.words["filters"].split("/")[0]
    pupil = "NONE" if draft.pupils is None else draft.pupils.words["pupils"].split("/")[0]
    return tuple(Readout(detector=d, filter=light, pupil=pupil) for d in _detectors(draft))


def _detectors(draft: Draft) -> tuple[str, ...]:
    kind = draft.start.words["type"]
    if draft.completed is None:
        return CONFIGURATIONS["MIRIFU"] if kind == "MIR_MRS" else USUAL[kind[:3]]
    cfg = draft.completed.words["cfg"]
    found = CONFIGURATIONS.get(cfg, (cfg,))
    prefix = "GUIDER" if kind.startswith("FGS") else kind[:3]
    if not all(d in _KNOWN and d.startswith(prefix) for d in found):
        raise BadVisit(f"'{cfg}' is no detector configuration of an exposure of type {kind}", name=cfg)
    return found
