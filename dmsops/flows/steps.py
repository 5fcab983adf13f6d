"""Steps that join parts: associations become calibration, archive and delivery work."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dmsops.core.names import CombinedProduct, ExposureProduct
from dmsops.core.records import Visit
from dmsops.core.segments import segments
from dmsops.interfaces import pps
from dmsops.prediction.products import STAGE_1
from dmsops.processing.associate import PAIR
from dmsops.processing.associate import associate as make_associations
from dmsops.wfsc.select import wanted_by_wss
from dmsops.workflow.steps import Job, Outcome, StepSpec, step

if TYPE_CHECKING:
    from dmsops.ops import Ops


def _foreseen(params: dict[str, Any]) -> list[tuple[str, int]]:
    """Tell what the associations of these exposures will call for; ingest runs beside it and nothing waits for it."""
    visit = pps.visit_from_dict(params["visits"][0])
    jitter = {str(e.name) for e in visit.exposures if e.is_jitter}
    images = sum(name not in jitter for name, _ in params["exposures"])
    if not visit.is_wavefront:
        return [("processing.image2", images), ("processing.image3", 1)]
    return [("processing.image2", images), ("processing.wfs_image3", images // PAIR), ("wfsc.deliver", 1)]


@step("science.associate", title="Pool and associations", estimate_seconds=8, memory_mb=500, foresees=_foreseen)
def associate(ops: Ops, job: Job) -> Outcome:
    """Make pool and associations, then plan stage 2, stage 3, archive and (wavefront visits) delivery to WSS."""
    outcome = make_associations(ops, job)
    visit = pps.visit_from_dict(job.params["visits"][0])
    calibration = [_named_by_members(spec) for spec in outcome.spawn]
    archive = [_ingest_of(spec) for spec in calibration]
    spawn = [*calibration, *archive]
    if visit.is_wavefront:
        spawn.append(_delivery(ops, visit, calibration, job))
    return replace(outcome, spawn=tuple(spawn))


def _named_by_members(spec: StepSpec) -> StepSpec:
    """Name a step by its members: the same members make the same step, whatever the association file is called this time."""
    members = sorted(n for n in spec.needs if not n.endswith("_asn.json"))
    return replace(spec, identity=json.dumps([members, sorted(spec.makes)]))


def _ingest_of(spec: StepSpec) -> StepSpec:
    """Archive what one association makes: an exposure with its stage-1 files, or a combined observation with its members."""
    first = spec.makes[0]
    if ExposureProduct.matches(first):
        name = ExposureProduct.parse(first)
        root, earlier = name.root, tuple(str(name.with_suffix(s)) for s in ("uncal", *STAGE_1))
        return StepSpec(kind="archive.ingest", dataset=root, needs=(*earlier, *spec.makes), makes=(f"{root}_caom.xml",))
    root = CombinedProduct.parse(first).observation_id
    members = sorted(n for n in spec.needs if n.endswith(".fits"))
    return StepSpec(kind="archive.ingest", dataset=root, needs=spec.makes, makes=(f"{root}_caom.xml",), params={"members": members})


def _delivery(ops: Ops, visit: Visit, calibration: list[StepSpec], job: Job) -> StepSpec:
    """Deliver to WSS: combined images, calibrated target acquisition, jitter at level 1b."""
    combined = [m for s in calibration for m in s.makes if CombinedProduct.matches(m)]
    exposures = {str(e.name): e for e in visit.exposures}
    taken = [(exposures[name], detector) for name, detector in job.params["exposures"]]
    pieces = [(e, d, part.label) for e, d in taken for part in segments(e, ops.settings.segment_bytes)]
    single = [str(e.product(d, suffix, label)) for e, d, label in pieces for suffix in ("uncal", "cal")]
    products = wanted_by_wss(visit, {*combined, *single})
    params = {"visit": str(visit.id), "missing": list(job.params.get("missing", [])), "notes": list(job.params.get("notes", []))}
    return StepSpec(kind="wfsc.deliver", dataset=visit.id.v, needs=products, makes=(f"{visit.id}_wss_delivery.json",), params=params)
