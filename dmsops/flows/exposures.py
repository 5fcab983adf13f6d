"""The steps of a visit's exposures: which can be made now, and what is made of each before associations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.core.plain import to_plain
from dmsops.core.segments import segments
from dmsops.interfaces import pps
from dmsops.prediction.products import is_associated, stage_1
from dmsops.processing.reported import reported
from dmsops.receipt import gaps
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.core.names import ExposureName
    from dmsops.core.records import Exposure
    from dmsops.core.segments import Segment
    from dmsops.flows.released import Released

LEVEL1B = "processing.level1b"
Ready = list[tuple["Exposure", str]]
"""Exposures and detectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """What a person should know, what more data will mend, and what no product will show; filled while steps are planned."""

    problems: list[str]
    awaited: list[str]
    lost: list[str]


def ready(files: Released, remarks: Remarks) -> Ready:
    """Give exposures and detectors that the status file covers and whose packets are there; name the others."""
    found: Ready = []
    for record in files.osf.exposures:
        exposure = files.visit.exposure(record.name)
        if exposure is None:
            remarks.problems.append(f"{record.name} was taken but is not in the plan: reconcile the visit (procedure P05)")
        elif record.status != "completed":
            remarks.lost.append(f"{record.name} was {record.status}: nothing is made of it (procedure P05)")
        elif files.ephemeris_of(exposure) is None:
            remarks.awaited.append(f"{record.name}: no ephemeris that may be used covers it; it waits for one (procedure P06)")
        else:
            found += [(exposure, r.detector) for r in exposure.readouts if _usable(files, record.name, r.detector, remarks)]
    remarks.problems.extend([*remarks.lost, *remarks.awaited])
    return found


def _usable(files: Released, name: ExposureName, detector: str, remarks: Remarks) -> bool:
    """Say whether level 1b can be made of what is there, and report what is missing."""
    row = files.gaps.get((str(name), detector))
    state = gaps.WAITING if row is None else row["state"]
    if row is not None and state == gaps.USED:
        remarks.lost.append(f"{name} {detector} is used without {row['missing']} of {row['expected']} packets: {row['reason']}")
    elif row is not None and state == gaps.GIVEN_UP:
        remarks.lost.append(f"{name} {detector} is given up, nothing is made of it: {row['reason']}")
    elif state == gaps.WAITING:
        why = "nothing of it arrived" if row is None else row["reason"]
        remarks.awaited.append(f"{name} {detector}: {why}; it waits for packets (procedure P04)")
    return state in {gaps.COMPLETE, gaps.USED}


def specs(files: Released, taken: Ready, segment_bytes: int) -> list[StepSpec]:
    """Give the steps of exposures and detectors, those of long ones by segment."""
    pieces = [(exposure, detector, part) for exposure, detector in taken for part in segments(exposure, segment_bytes)]
    return [spec for exposure, detector, part in pieces for spec in _specs(files, exposure, detector, part)]


def _specs(files: Released, exposure: Exposure, detector: str, part: Segment) -> list[StepSpec]:
    """Plan what is made of one detector of an exposure, or of one segment of it, before associations.

    A dark, a lamp, and what has no stage 2 or no calibration references is archived at once; the rest with its stage-2 products.
    """
    uncal = exposure.product(detector, "uncal", part.label)
    level1b = _level1b(files, exposure, detector, part)
    made = tuple(str(uncal.with_suffix(s)) for s in stage_1(exposure))
    if not made:
        return [level1b, ingest(uncal.root, (str(uncal),))]
    kind = f"processing.{modes.exposure_type(exposure.exp_type).stage1}"
    calibrated = StepSpec(kind=kind, dataset=uncal.root, needs=(str(uncal),), makes=made)
    if is_associated(exposure):
        return [level1b, calibrated]
    return [level1b, calibrated, ingest(uncal.root, (str(uncal), *made))]


def _level1b(files: Released, exposure: Exposure, detector: str, part: Segment) -> StepSpec:
    """Plan level 1b: one step for one product, whatever it is made from; what that is stands in its parameters."""
    uncal = exposure.product(detector, "uncal", part.label)
    science = tuple(sorted(set(files.science[str(exposure.name), detector])))
    oem = files.ephemeris_of(exposure)
    assert oem is not None
    params: dict[str, Any] = {
        "visit": pps.visit_to_dict(files.visit), "osf": files.osf_name, "oem": oem["name"], "science": list(science),
        "packets": files.gaps[str(exposure.name), detector]["received"], "exposure": str(exposure.name), "detector": detector,
        "reported": reported(files.visit, files.osf, exposure.name),
    }  # fmt: skip
    if part.label is not None:
        params["segment"] = to_plain(part)
    needs = (*science, files.osf_name, oem["name"], *files.engineering)
    return StepSpec(kind=LEVEL1B, dataset=uncal.root, needs=needs, makes=(str(uncal),), params=params, identity=str(uncal))


def ingest(root: str, products: tuple[str, ...], members: tuple[str, ...] = ()) -> StepSpec:
    """Plan the archiving of one observation."""
    params = {"members": sorted(members)} if members else {}
    return StepSpec(kind="archive.ingest", dataset=root, needs=products, makes=(f"{root}_caom.xml",), params=params)


def told_otherwise(standing: Mapping[str, Any], planned: Iterable[StepSpec]) -> dict[int, StepSpec]:
    """Give the level 1b steps, by number, of whose exposure the status file says something else than they were planned from."""
    return {row.id: s for row, s in _pairs(standing, planned) if row.params.get("reported") != s.params["reported"]}


def of_more_packets(standing: Mapping[str, Any], planned: Iterable[StepSpec]) -> dict[int, StepSpec]:
    """Give the level 1b steps, by number, of which more packets are here than they were planned from; the status file says the same."""
    found = [(row, s) for row, s in _pairs(standing, planned) if row.params.get("reported") == s.params["reported"]]
    return {row.id: s for row, s in found if row.params.get("packets", s.params["packets"]) < s.params["packets"]}


def _pairs(standing: Mapping[str, Any], planned: Iterable[StepSpec]) -> list[tuple[Any, StepSpec]]:
    return [(standing[s.dataset], s) for s in planned if s.kind == LEVEL1B and s.dataset in standing]
