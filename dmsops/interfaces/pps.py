"""Proposal planning (PPS): the plan of a visit, and what PPS is told of it afterwards; JSON documents (ours).

The plan says what the observatory was asked to do: the record `dmsops.core.records.Visit`, field by field,
times as ISO text with Z. File name: ``V02726402001_plan.json``. The visit status says what became of each exposure, and
of the visit in a word of the public visit status pages (`WORDS`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadDelivery, BadInput
from dmsops.core.files import write_json
from dmsops.core.names import DETECTORS, VisitId
from dmsops.core.plain import from_plain, to_plain
from dmsops.core.records import Exposure, Visit
from dmsops.interfaces.documents import load_json

WORDS = {
    "Pending": "No status file of the visit has come.",
    "Executed": "The visit was successful.",
    "Archived": "The visit was successful, and all that was executed is in the archive.",
    "Failed": "The visit was not successful.",
    "Failed Archived": "The visit was not successful; what was executed of it is in the archive.",
    "Skipped": "The visit was skipped: nothing of it was executed.",
}
"""Visit status words and what we mean by each (the words are public, the sentences ours)."""
_DETECTORS = {name.upper() for name in DETECTORS}


def plan_name(visit: VisitId) -> str:
    """Name a visit's plan."""
    return f"{visit.v}_plan.json"


def visit_to_dict(visit: Visit) -> dict[str, Any]:
    """Write a visit as plain data that JSON and TOML can hold."""
    plain: dict[str, Any] = to_plain(visit)
    return plain


def visit_from_dict(plain: Any, *, source: str = "visit", error: type[BadInput] = BadDelivery) -> Visit:
    """Read a visit from plain data.

    Parameters
    ----------
    source : str
        File name for messages.
    error : type
        Class of error to raise: `BadDelivery` for a neighbour's plan.

    Raises
    ------
    BadDelivery
        (or ``error``) A field is unknown, missing, of another type or contradicts another; names file and field.
    """
    visit = from_plain(Visit, plain, source=source, error=error)
    for where, why in _contradictions(visit):
        raise error(f"{source}: field '{where}' {why}", file=source, field=where)
    return visit


def _contradictions(visit: Visit) -> list[tuple[str, str]]:
    found = [("end", "lies before the visit's start")] if visit.end < visit.start else []
    names = [e.name for e in visit.exposures]
    if len(set(names)) != len(names):
        found.append(("exposures", "names an exposure twice"))
    for i, exposure in enumerate(visit.exposures):
        found += [(f"exposures[{i}].{field}", why) for field, why in _exposure_contradictions(visit, exposure)]
    return found


def _exposure_contradictions(visit: Visit, exposure: Exposure) -> list[tuple[str, str]]:
    detectors = [r.detector for r in exposure.readouts]
    unknown = sorted(set(detectors) - _DETECTORS)
    rules = (
        ("name", exposure.name.visit != visit.id, f"belongs to another visit than {visit.id.v}"),
        ("end", exposure.end < exposure.start, "lies before the exposure's start"),
        ("readouts", not detectors, "is empty"),
        ("readouts", len(set(detectors)) != len(detectors), "names a detector twice"),
        ("readouts", bool(unknown), f"names unknown detectors: {', '.join(unknown)}"),
        ("nints", exposure.nints < 1, "is below 1"),
        ("ngroups", exposure.ngroups < 1, "is below 1"),
        ("nframes", exposure.nframes < 1, "is below 1"),
        ("groupgap", exposure.groupgap < 0, "is below 0"),
        ("dither.total", not 1 <= exposure.dither.index <= exposure.dither.total, "is below the index, or the index below 1"),
    )
    return [(field, why) for field, broken, why in rules if broken]


def write_plan(visit: Visit, path: Path) -> None:
    """Write a visit's plan, whole or not there."""
    write_json(path, visit_to_dict(visit))


def read_plan(path: Path) -> Visit:
    """Read a visit's plan.

    Raises
    ------
    BadDelivery
        The file is no JSON, or a field cannot be used; the message names file and field.
    """
    return visit_from_dict(load_json(path), source=path.name)


def status_name(visit: VisitId, number: int) -> str:
    """Name the visit status that goes with reconciliation ``number``: ``V02726402001_status_0007.json``."""
    return f"{visit.v}_status_{number:04d}.json"


def status_word(status: str, *, archived: bool) -> str:
    """Give a visit's status word; ``status`` is what the status file says, empty when there is none."""
    if status == "SKIPPED":
        return "Skipped"
    if not status:
        return "Pending"
    if status == "SUCCESSFUL":
        return "Archived" if archived else "Executed"
    return "Failed Archived" if archived else "Failed"


def visit_status(
    visit: VisitId, word: str, *, status_file: str | None, reason: str, exposures: Iterable[Mapping[str, str]]
) -> dict[str, Any]:
    """Say what became of a visit.

    Parameters
    ----------
    word : str
        One of `WORDS`.
    status_file : str or None
        Name of the Observatory Status File that it rests on.
    reason : str
        Why the visit ended early or was skipped; empty when all went well.
    exposures : iterable of mapping
        ``exposure``, ``detector``, ``verdict``, ``words``.
    """
    return {"visit": visit.v, "status": word, "status_file": status_file, "reason": reason, "exposures": [dict(e) for e in exposures]}
