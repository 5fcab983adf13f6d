"""F13 to F17: how a visit goes wrong in flight, and how its status file does on the way down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from dmsops.core.errors import BadInput
from dmsops.core.files import make_folder
from dmsops.core.records import Acquisition, Exposure, Guiding, Visit
from dmsops.interfaces.fos import osf
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.testbed.faults.registry import fault

ATTEMPTS = 3
"""Attempts at a guide star before a visit is skipped (ours)."""
LATER = timedelta(minutes=33)
SHIFT = timedelta(milliseconds=128)


@fault("F13", "a visit is skipped: no guide star", stage="visit", found_by="OSF", repaired_by="P05")
def skip(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Fail the guide star acquisition on all attempts: nothing of the visit is carried out."""
    at = min((e.start for e in visit.exposures), default=visit.end)
    reason = "FGS fixed target guide star acquisition failed on all attempts"
    gone = _left(visit.exposures)
    failed = Guiding(outcome="FAILED", attempt=ATTEMPTS)
    skipped = replace(
        visit, exposures=gone, moves=(), guide_star=None, status="SKIPPED", end_reason=reason, end=at, guiding=failed, acquisitions=()
    )
    return skipped, f"{visit.id.v} is skipped after {ATTEMPTS} attempts at its guide star"


@fault("F14", "a visit ends early: the recorder is almost full", stage="visit", found_by="OSF", repaired_by="P05")
def fill_recorder(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """End the visit within one of the exposures of its second half; that one is aborted, those after it are not begun."""
    order = sorted(visit.exposures, key=lambda e: e.start)
    if not order:
        raise BadInput("fault F14 finds no exposure in the visit", fault="F14")
    at = int(rng.integers(len(order) // 2, len(order)))
    cut = order[at]
    share = float(rng.uniform(0.5, 0.8))
    end = cut.start + timedelta(seconds=round(cut.exposure_seconds * share, 3))
    aborted = replace(cut, status="aborted", end=end, exposure_seconds=round((end - cut.start).total_seconds(), 3))
    exposures = (*order[:at], aborted, *_left(order[at + 1 :]))
    ended = replace(
        visit,
        exposures=exposures,
        moves=tuple(m for m in visit.moves if m.at <= end),
        status="UNSUCCESSFUL",
        end_reason="SSR ALMOST FULL",
        end=end + timedelta(seconds=30),
    )
    return ended, f"{visit.id.v} ends in {cut.name}: the recorder is almost full"


@fault("F15", "target acquisition fails", stage="visit", found_by="OSF", repaired_by="P05")
def miss_target(visit: Visit, rng: np.random.Generator) -> tuple[Visit, str]:
    """Let the target not be found after the first acquisition exposure: the visit ends there."""
    order = sorted(visit.exposures, key=lambda e: e.start)
    at = next((i for i, e in enumerate(order) if e.exp_type.endswith("_TACQ")), None)
    if at is None:
        raise BadInput("fault F15 finds no target acquisition in the visit", fault="F15")
    taken = order[at]
    failed = Acquisition(detector=taken.readouts[0].detector, outcome="FAILED", exposure=taken.name)
    ended = replace(
        visit,
        exposures=(*order[: at + 1], *_left(order[at + 1 :])),
        moves=(),
        status="UNSUCCESSFUL",
        end_reason=f"{taken.exp_type[:3]} target locate failed",
        end=taken.end + timedelta(minutes=4),
        acquisitions=(failed,),
    )
    return ended, f"{visit.id.v} ends after {taken.name}: the target was not found"


@fault("F16", "a visit has no status file", stage="sending", found_by="OSF", repaired_by="P05", hits="*_osf.xml")
def withhold(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take the status file out before the sender writes its manifest."""
    file.unlink()
    return f"{file.name} was never sent"


@fault("F17", "a second status file changes the first", stage="after", found_by="OSF", repaired_by="P05", hits="*_osf.xml")
def issue_again(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Deliver issue 2 of the status file: one exposure started a little earlier than the first issue said."""
    report = osf.read_osf(file)
    done = [i for i, e in enumerate(report.exposures) if e.status == "completed"]
    if not done:
        raise BadInput("fault F17 finds no completed exposure in the status file", fault="F17")
    at = done[int(rng.integers(len(done)))]
    changed = replace(report.exposures[at], start=report.exposures[at].start - SHIFT)
    exposures = (*report.exposures[:at], changed, *report.exposures[at + 1 :])
    written = report.written + LATER
    again = deliver_report(delivery, replace(report, issue=report.issue + 1, written=written, exposures=exposures))
    return f"{again.name} changes the start of {changed.name}"


def deliver_report(delivery: Path, report: osf.StatusFile) -> Path:
    """Write a status file as a further delivery beside one that is there; gives the file."""
    number = 2 + len(list(delivery.parent.glob(f"{delivery.name}-*")))
    folder = delivery.with_name(f"{delivery.name}-{number}")
    make_folder(folder)
    path = osf.write_report(report, folder)
    first = read_manifest(delivery / MANIFEST)
    created = max(first.created, report.written) + timedelta(minutes=2)
    write_manifest(
        folder, delivery_id=f"{first.delivery_id}-{number}", sender=first.sender, sequence=first.sequence + number - 1, created=created
    )
    return path


def _left(exposures: list[Exposure] | tuple[Exposure, ...]) -> tuple[Exposure, ...]:
    """Give exposures as they are when their visit never got to them."""
    return tuple(replace(e, status="missing") for e in exposures)
