"""What procedure P10 looks at: a wavefront visit's clock, products, pairs and hand-over, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import NotFound
from dmsops.core.names import VisitId
from dmsops.core.records import Visit
from dmsops.interfaces.pps import read_plan
from dmsops.prediction.products import Comparison, combined, compare, optics, predict
from dmsops.receipt.queries import files_released
from dmsops.wfsc import queries as wavefront
from dmsops.wfsc.clock import ClockReading
from dmsops.wfsc.deliver import deliver
from dmsops.wfsc.select import wanted_by_wss
from dmsops.wfsc.watch import clock_of, clocks
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]


def chosen_visit(ops: Ops, visit: str = "") -> Visit:
    """Give the plan of the visit that was named, else of the wavefront visit whose clock is due first.

    Raises
    ------
    NotFound
        No wavefront visit was received, or this one came without its plan.
    BadName
        The text is not a visit id.
    """
    running = clocks(ops)
    if not visit and not running:
        raise NotFound("no wavefront visit was received", remedy="An expected visit that did not come goes through procedure P04.")
    number = str(VisitId.parse(visit)) if visit else running[0].visit
    plans = files_released(ops, "plan", number)
    if not plans:
        raise NotFound(f"the plan of visit V{number} was not received", remedy="Ask for it again with procedure P04.", visit=number)
    return read_plan(ops.store.path(plans[-1]["sha256"]))


def clock(ops: Ops, visit: Visit) -> ClockReading:
    """Read the visit's clock with its forecast; raises `NotFound` when it has none."""
    return clock_of(ops, str(visit.id))


def clock_row(ops: Ops, visit: Visit) -> Row:
    """Give the clock as one row: state, words, started, due, predicted (9 of 10 have ended by then; None when blocked or stopped)."""
    read = clock(ops, visit)
    seen = read.forecast
    predicted = None if seen is None or seen.blocked else seen.p90
    return {"state": read.state.value, "clock": read.words, "started": read.started_at, "due": read.due, "predicted": predicted}


def completeness(ops: Ops, visit: Visit) -> Comparison:
    """Hold the visit's published products against those that its plan predicts."""
    names = [
        row["name"]
        for prefix in (f"jw{visit.id}", f"jw{visit.id.program}-o{visit.id.observation}")
        for row in queries.products(ops, text=prefix)
    ]
    predicted = predict(visit, ops.settings.segment_bytes)
    return compare(predicted, [name for name in names if name.endswith(".fits")])


def completeness_rows(ops: Ops, visit: Visit) -> list[Row]:
    """Give completeness by suffix: predicted, present, and the names that are missing."""
    found = completeness(ops, visit)
    return [
        {"suffix": s, "predicted": n, "present": found.present[s], "missing": list(found.missing[s])} for s, n in found.predicted.items()
    ]


def pairs(ops: Ops, visit: Visit) -> list[Row]:
    """Give every predicted wfscmb with its two members: how many are there, and whether it was made."""
    present = {row["name"] for row in queries.products(ops, text=f"jw{visit.id.program}") if row["name"].endswith(".fits")}
    rows = []
    for name in combined(visit):
        members = [
            str(exposure.product(readout.detector, "cal"))
            for exposure in visit.exposures
            for readout in exposure.readouts
            if exposure.dither.pattern.upper() == "WFSC"
            and exposure.name.activity.lower() == name.activity
            and f"{optics(exposure, readout)}-{readout.detector.lower()}" == name.optics
        ]
        there = [m for m in members if m in present]
        rows.append({"wfscmb": str(name), "members": f"{len(there)} of {len(members)}", "made": str(name) in present})
    return rows


def blockers(ops: Ops, visit: Visit) -> list[Row]:
    """Give the visit's failed steps: what a rescue (P08) has to repair before the hand-over."""
    return queries.steps(ops, states=["failed"], workflow_dataset=str(visit.id))


def handovers(ops: Ops, visit: Visit) -> list[Row]:
    """Give the visit's hand-overs to WSS, the newest last."""
    return wavefront.deliveries(ops, str(visit.id))


def ready_for_wss(ops: Ops, visit: Visit) -> dict[str, Path]:
    """Give what WSS wants of the visit and is there now: product name to file."""
    there = {row["name"]: row["sha256"] for row in queries.products(ops, text=f"jw{visit.id.program}") if row["name"].endswith(".fits")}
    mine = [name for name in there if name.startswith((f"jw{visit.id}_", f"jw{visit.id.program}-o{visit.id.observation}_"))]
    return {name: ops.store.path(there[name]) for name in wanted_by_wss(visit, mine)}


def hand_over_now(ops: Ops, visit: str) -> Row:
    """Hand over what is there now, complete or not: P10's exception path.

    Raises
    ------
    DeliveryRefused
        WSS refused it.
    """
    plan = chosen_visit(ops, visit)
    return deliver(ops, str(plan.id), ready_for_wss(ops, plan))
