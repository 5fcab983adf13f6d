"""A small archive for tests: one wavefront visit received, planned, worked through by hand with small products, and ingested."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dmsops.archive.describing import collection_of
from dmsops.archive.ingest import ingest, product_of
from dmsops.core.names import CombinedProduct, ExposureProduct, parse_any
from dmsops.core.records import Dither, Exposure, Visit
from dmsops.engineering import coverage
from dmsops.engineering.pointing import pointing_container
from dmsops.engineering.queries import us
from dmsops.flows import science
from dmsops.flows.steps import _ingest_of
from dmsops.ops import Ops
from dmsops.prediction.products import combined, optics
from dmsops.receipt import accept
from dmsops.testing.deliveries import small_visit, write_delivery
from dmsops.testing.products import write_product
from dmsops.workflow import lease
from dmsops.workflow.lease import Ending
from dmsops.workflow.steps import StepSpec

VISIT = "02726402001"


def wavefront_visit(number: str = VISIT, **changes: Any) -> Visit:
    """Describe a visit of one wavefront pair on two detectors; ``changes`` are those of every exposure."""
    visit = small_visit(number)
    pair = [replace(e, dither=Dither(pattern="WFSC", index=i + 1, total=2), **changes) for i, e in enumerate(visit.exposures)]
    return replace(visit, exposures=tuple(pair))


def small_archive(ops: Ops, folder: Path, visit: Visit | None = None) -> Visit:
    """Fill an empty site with a visit, from its delivery to the archive; then an hour passes.

    Parameters
    ----------
    folder : Path
        Where products are written.
    """
    visit = visit or wavefront_visit()
    receive(ops, visit)
    work(ops, visit, folder)
    ops.clock.advance(timedelta(hours=1))
    return visit


def receive(ops: Ops, visit: Visit) -> None:
    """Receive a visit's delivery; its pointing telemetry covers it without a gap."""
    accept(ops, write_delivery(ops.settings.folder("inbox") / f"D{visit.id}", visit, delivery_id=f"D{visit.id}"))
    with ops.db.begin() as c:
        coverage.cover(c, pointing_container(), [(us(visit.start), us(visit.end))], 1)


def work(ops: Ops, visit: Visit, folder: Path) -> None:
    """Plan a visit and end all its steps: small products in the place of calibrated ones, ingests as they are."""
    science.plan_visit(ops, str(visit.id))
    while items := _claim(ops):
        for item in items:
            _finish(ops, visit, item, folder)


def _claim(ops: Ops) -> Any:
    with ops.db.begin() as c:
        return lease.claim(c, ops, "hand", 100, lambda item: f"{item.step_id}/{item.attempt}.log")


def _finish(ops: Ops, visit: Visit, item: Any, folder: Path) -> None:
    made = []
    if item.kind == "archive.ingest":
        _ingest(ops, item, folder)
    for name in item.makes:
        path = written(ops, visit, folder / f"{item.step_id}-{item.attempt}" / name)
        made.append((name, ops.store.put(path), path.stat().st_size))
    spawn = calibration(visit) if item.kind == "science.associate" else ()
    with ops.db.begin() as c:
        lease.finish(c, ops, "hand", item, Ending(products=tuple(made), spawn=spawn, cpu_seconds=1.0, peak_mb=1.0))


def _ingest(ops: Ops, item: Any, folder: Path) -> None:
    """Ingest a step's inputs under their own names."""
    place = folder / f"inputs-{item.step_id}-{item.attempt}"
    place.mkdir(parents=True, exist_ok=True)
    for name, sha256 in item.inputs.items():
        shutil.copy(ops.store.path(sha256), place / name)
    ingest(ops, [product_of(place / name) for name in sorted(item.inputs)], members=item.params.get("members", ()))


def written(ops: Ops, visit: Visit, path: Path, **keywords: Any) -> Path:
    """Write a product of a visit by its name; what is no product gets a line of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name
    if not (ExposureProduct.matches(name) or CombinedProduct.matches(name)):
        path.write_text(f"{name}\n")
        return path
    origin = "DMSOPS" if collection_of(ops) == "JWST" else "DMSOPS-REHEARSAL"
    return write_product(path, **{**_facts(visit, name), "FILENAME": name, "ORIGIN": origin, **keywords})


def _facts(visit: Visit, name: str) -> dict[str, Any]:
    parsed = parse_any(name)
    if isinstance(parsed, CombinedProduct):
        return {"DATE": "2022-12-04T04:40:00.000", **_span(visit.exposures[0].start, visit.exposures[-1].end)}
    exposure = next((e for e in visit.exposures if e.name == parsed.exposure), visit.exposures[0])
    return {"DATE": "2022-12-04T04:20:00.000", "DETECTOR": parsed.detector.upper(), **_span(exposure.start, exposure.end)}


def _span(start: datetime, end: datetime) -> dict[str, float]:
    days = [40587.0 + when.timestamp() / 86400.0 for when in (start, end)]
    return {"EXPSTART": days[0], "EXPEND": days[1], "EFFEXPTM": (end - start).total_seconds()}


def calibration(visit: Visit) -> tuple[StepSpec, ...]:
    """Plan what associations call for: an image for each exposure and detector, a combined one for each pair, and their ingests."""
    taken = [e for e in visit.exposures if not e.is_jitter]
    images = [_image(e, r.detector) for e in taken for r in e.readouts]
    pairs = [_pair(visit, name, taken) for name in combined(visit)]
    made = [*images, *pairs]
    return (*made, *map(_ingest_of, made))


def _image(exposure: Exposure, detector: str) -> StepSpec:
    cal = exposure.product(detector, "cal")
    return StepSpec(kind="processing.image2", dataset=cal.root, needs=(str(cal.with_suffix("rate")),), makes=(str(cal),))


def _pair(visit: Visit, name: CombinedProduct, taken: list[Exposure]) -> StepSpec:
    seen = [(e, r.detector, f"{optics(e, r)}-{r.detector.lower()}") for e in taken for r in e.readouts]
    members = tuple(str(e.product(detector, "cal")) for e, detector, path in seen if path == name.optics)
    return StepSpec(kind="processing.wfs_image3", dataset=name.observation_id, needs=members, makes=(str(name),))


def lay_inventory(ops: Ops, name: str, document: bytes) -> Path:
    """Lay a partner's inventory into the inbox."""
    folder = ops.settings.folder("inbox") / "partners"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.tsv"
    path.write_bytes(document)
    return path
