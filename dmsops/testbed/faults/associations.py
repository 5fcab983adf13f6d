"""F29 to F31: plans of which the associations are wrong, though every exposure of them is good.

F30 comes in two kinds: with ``F30`` a wavefront pair has a third exposure, with its variant ``F30S`` a second one is missing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from dmsops.core.errors import BadInput
from dmsops.core.names import VisitId
from dmsops.core.records import Exposure, Visit
from dmsops.testbed.faults.registry import fault

PATTERN = "WFSC"
PAUSE = timedelta(seconds=60)


@fault("F29", "two visits of an observation make products of one name", stage="plan", found_by="ingest", repaired_by="P13")
def repeat_visit(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Let the visit be the next one of its observation: the names of combined products have no visit in them."""
    following = replace(visit.id, visit=f"{int(visit.id.visit) + 1:03d}")
    exposures = tuple(_of(following, e) for e in visit.exposures)
    return replace(visit, id=following, exposures=exposures), f"{following.v} repeats {visit.id.v}: its pairs have the same product names"


def _of(visit: VisitId, exposure: Exposure) -> Exposure:
    return replace(exposure, name=replace(exposure.name, visit=visit))


@fault("F30", "a wavefront pair has three members", stage="plan", found_by="associations", repaired_by="P13")
def add_member(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Plan the last exposure of the last pair once more, as a third dither."""
    last = _paired(visit, "F30")[-1]
    name = replace(last.name, number=last.name.number + 1)
    start = max(e.end for e in visit.exposures) + PAUSE
    third = replace(last, name=name, start=start, end=start + (last.end - last.start), dither=replace(last.dither, index=3, total=3))
    exposures = (*visit.exposures, third)
    longer = replace(visit, exposures=exposures, end=max(visit.end, third.end + PAUSE))
    return longer, f"{name} is a third exposure of the wavefront pair of {last.name}"


@fault("F30S", "a wavefront pair has one member", stage="plan", found_by="associations", repaired_by="P13")
def drop_member(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Leave the last exposure of the last pair out of the plan."""
    last = _paired(visit, "F30S")[-1]
    return replace(visit, exposures=tuple(e for e in visit.exposures if e is not last)), f"{last.name} of a wavefront pair is not planned"


@fault("F31", "a jitter exposure is sent to level 2", stage="plan", found_by="associations", repaired_by="P13")
def forget_note(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Take the note from the jitter exposures that keeps them out of the associations."""
    jitter = [e for e in visit.exposures if e.is_jitter]
    if not jitter:
        raise BadInput("fault F31 finds no jitter exposure in the visit", fault="F31")
    exposures = tuple(replace(e, dms_note="") if e.is_jitter else e for e in visit.exposures)
    return replace(visit, exposures=exposures), f"{', '.join(str(e.name) for e in jitter)} is planned without its note of jitter"


def _paired(visit: Visit, fault_id: str) -> list[Exposure]:
    found = [e for e in visit.exposures if e.dither.pattern.upper() == PATTERN and not e.is_jitter]
    if not found:
        raise BadInput(f"fault {fault_id} finds no wavefront pair in the visit", fault=fault_id)
    return sorted(found, key=lambda e: e.start)
