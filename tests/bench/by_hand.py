"""Small exposures from uncal to cal: the local engine against one ``strun`` per exposure and stage, as by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from dmsops.core.config import runtime_environment
from dmsops.flows import science
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept
from dmsops.rehearsal.wavefront import wanted_visit
from dmsops.testbed import fly, references
from dmsops.workflow import blackboard, queries
from dmsops.workflow.engines import local
from dmsops.workflow.steps import StepSpec
from tests.bench.row import Row

EXPOSURES = 20


def rows(place: Path) -> Iterator[Row]:
    """Make the uncals of the small visit once; calibrate them both ways."""
    source = _uncals(place)
    ours, peak = _on_the_engine(place, source)
    theirs = _by_hand(place / "hand", source)
    yield Row(
        row=f"{EXPOSURES} small exposures, uncal to cal, local engine",
        ours=ours,
        against=theirs,
        against_what="one strun per exposure and stage",
        ratio=theirs / ours,
        goal=">= 8",
        met=theirs / ours >= 8,
        peak_mb=peak,
    )


def _uncals(place: Path) -> Ops:
    flown = wanted_visit(None, None, "small")
    create_site(place / "small", mode="rehearsal")
    ops = connect(place / "small")
    references.build(ops.settings, references.sets_for([flown]), lambda *_: None)
    flight = fly.fly(flown, place / "small-visit", settings=ops.settings, progress=lambda *_: None)
    accept(ops, flight.delivery)
    science.plan_visit(ops, str(flown.id))
    local.run(ops)
    return ops


def _on_the_engine(place: Path, source: Ops) -> tuple[float, float]:
    """Time planning, start of the engine and all steps."""
    create_site(place / "engine", mode="rehearsal", crds_path=source.settings.crds_cache)
    ops = connect(place / "engine")
    specs = [s for kind in ("processing.detector1", "processing.image2") for s in _specs(source, kind)]
    begun = time.monotonic()
    with ops.db.begin() as c:
        for row in queries.products(source):
            if row["name"].endswith(("_uncal.fits", "_asn.json")):
                ops.store.put(source.store.path(row["sha256"]))
                blackboard.publish(c, ops, row["name"], row["sha256"], row["size"], origin="bench")
        blackboard.submit(c, ops, "BENCH", "small", specs)
    tally = local.run(ops)
    assert tally.done == 2 * EXPOSURES, tally
    return time.monotonic() - begun, tally.peak_mb


def _specs(source: Ops, kind: str) -> list[StepSpec]:
    found = []
    for row in [r for r in queries.steps(source) if r["kind"] == kind and "_0310" in r["dataset"]][:EXPOSURES]:
        whole = queries.step_row(source, row["id"])
        needs = tuple(n["product"] for n in whole["needs"])
        found.append(StepSpec(kind=kind, dataset=row["dataset"], needs=needs, makes=tuple(whole["makes"]), params=row["params"]))
    return found


def _by_hand(folder: Path, source: Ops) -> float:
    folder.mkdir()
    strun = Path(sys.executable).with_name("strun")
    environment = {**os.environ, **runtime_environment(source.settings)}
    for row in queries.products(source):
        if row["name"].endswith(("_uncal.fits", "_asn.json")):
            shutil.copyfile(source.store.path(row["sha256"]), folder / row["name"])
    begun = time.monotonic()
    stages = (("calwebb_detector1", "processing.detector1", "_uncal.fits"), ("calwebb_image2", "processing.image2", "_asn.json"))
    for pipeline, kind, ending in stages:
        for spec in _specs(source, kind):
            given = next(n for n in spec.needs if n.endswith(ending))
            subprocess.run([strun, pipeline, given], cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - begun
