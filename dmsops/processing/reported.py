"""What level 1b takes from a status file for one exposure: when this is the same, so is the product, whatever the file is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmsops.core.plain import to_plain
from dmsops.processing.steps import executed

if TYPE_CHECKING:
    from dmsops.core.names import ExposureName
    from dmsops.core.records import Exposure, Visit
    from dmsops.interfaces.fos.osf import StatusFile


def reported(visit: Visit, status: StatusFile, name: ExposureName) -> dict[str, Any]:
    """Give everything in an exposure's headers that its status file says, as plain data.

    Parameters
    ----------
    visit : Visit
        As planned.
    name : ExposureName
        An exposure of the plan that the status file covers.

    Returns
    -------
    dict
        ``visit`` (start, end, status, guide star as it held), ``exposure`` (start, end, status), ``sensed`` (end of the
        wavefront exposure before it, start of the one after: PWFSEET, NWFSEST), ``antenna`` (moves while it lasted).
    """
    done = executed(visit, status)
    exposure = done.exposure(name)
    assert exposure is not None
    moves = [m for m in status.antenna_moves if m.start <= exposure.end and m.end >= exposure.start]
    return {
        "visit": to_plain([done.start, done.end, done.status, done.guide_star]),
        "exposure": to_plain([exposure.start, exposure.end, exposure.status]),
        "sensed": to_plain(_sensed(done, exposure)),
        "antenna": to_plain(moves),
    }


def _sensed(visit: Visit, exposure: Exposure) -> list[Any]:
    if not visit.is_wavefront:
        return []
    others = [e for e in visit.exposures if e.dither.pattern == "WFSC" and e.name != exposure.name]
    before = max((e.end for e in others if e.end <= exposure.start), default=None)
    return [before, min((e.start for e in others if e.start >= exposure.end), default=None)]
