"""One small wavefront pair, flown and processed once for all tests: acquisition, two dithers, a short- and a long-wave detector."""

from __future__ import annotations

import hashlib
import importlib
import json
import warnings
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from dmsops.core.config import Settings, enter_runtime
from dmsops.core.plain import to_plain
from dmsops.core.records import Visit
from dmsops.engineering.ingest import ingest
from dmsops.interfaces.fos.osf import read_osf
from dmsops.interfaces.pps import read_plan, visit_to_dict
from dmsops.ops import Ops
from dmsops.testbed import references
from dmsops.testbed.fly import fly
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.sites import small_site
from dmsops.workflow.steps import Job, Outcome, kind_named, use_modules

DETECTORS = ("NRCA3", "NRCALONG")
STAMP = "20221204t043000"


@dataclass
class Bench:
    """Runs processing's steps on one flight, without an engine."""

    ops: Ops
    root: Path
    delivery: Path
    truth_folder: Path
    visit: Visit
    without_telemetry: Ops

    def run(self, kind: str, *, inputs=(), makes=(), params=None, keep=True, ops=None) -> Outcome:
        folder = self.root / "jobs" / f"{len(list((self.root / 'jobs').iterdir())):03d}"
        folder.mkdir()
        links = {}
        for source in inputs:
            links[source.name] = folder / source.name
            links[source.name].symlink_to(source.resolve())
        job = Job(kind=kind, dataset="", key="", attempt=1, folder=folder, inputs=links, makes=tuple(makes), params=params or {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # gwcs on scipy 1.18
            outcome = kind_named(kind).function(ops or self.ops, job)
        self.last = folder
        for name in outcome.products if keep else ():
            self._keep(folder / name)
        return outcome

    def _keep(self, made: Path) -> None:
        """Keep a product as the store does: under a name that says nothing, reached by a link."""
        kept = self.root / "store" / hashlib.sha256(made.name.encode()).hexdigest()
        kept.write_bytes(made.read_bytes())
        self.product(made.name).unlink(missing_ok=True)
        self.product(made.name).symlink_to(kept)

    def product(self, name: str) -> Path:
        return self.root / "products" / name

    def truth(self, name: str) -> dict:
        return json.loads((self.truth_folder / f"{name.rsplit('_', 1)[0]}.json").read_text())

    def readings(self):
        return [(e, r.detector) for e in self.visit.exposures for r in e.readouts]

    def params(self, **more):
        """Give inputs and parameters that every level 1b step has."""
        files = {kind: sorted(self.delivery.glob(pattern)) for kind, pattern in FILES.items()}
        names = {kind: [f.name for f in found] for kind, found in files.items()}
        plain = {"visit": visit_to_dict(self.visit), "osf": names["osf"][0], "oem": names["oem"][0]}
        params = {**plain, "science": names["science"], **more}
        return [f for found in files.values() for f in found], params

    def guidestar(self, name, detector):
        inputs, params = self.params(function=str(name), detector=detector)
        return self.run("processing.guidestar", inputs=inputs, params=params)

    def level1b(self, exposure, detector, *, keep=True, part=None, telemetry=True, **changes):
        files = {kind: sorted(self.delivery.glob(pattern)) for kind, pattern in FILES.items()}
        files = {**files, **changes}
        params = {
            "visit": visit_to_dict(self.visit), "osf": files["osf"][0].name, "oem": files["oem"][0].name, "exposure": str(exposure.name),
            "detector": detector, "science": [f.name for f in files["science"]],
        }  # fmt: skip
        if part is not None:
            params["segment"] = to_plain(part)
        inputs = [f for found in files.values() for f in found]
        name = str(exposure.product(detector, "uncal", part and part.label))
        ops = self.ops if telemetry else self.without_telemetry
        return self.run("processing.level1b", inputs=inputs, makes=(name,), params=params, keep=keep, ops=ops)


FILES = {"science": "S0000*.out", "osf": "*_osf.xml", "oem": "JWST_*.OEM"}


def pair_visit() -> Visit:
    """Cut the shipped visit down: acquisition and the first pair, on two detectors, small."""
    visit = as_size(load_visit(shipped()["wfsc_sensing_only"]), "small")
    kept = [e for e in visit.exposures if e.exp_type == "NRC_TACQ" or e.name.activity == "04"]
    return replace(visit, exposures=tuple(replace(e, readouts=tuple(r for r in e.readouts if r.detector in DETECTORS)) for e in kept))


def make_bench(root: Path, visit: Visit, settings: Settings) -> Bench:
    """Fly a visit, and give the bench to work on it."""
    flight = fly(visit, root / "flight", settings=settings)
    for name in ("jobs", "products", "store"):
        (root / name).mkdir()
    (plan,) = flight.delivery.glob("*_plan.json")
    assert read_osf(next(flight.delivery.glob("*_osf.xml"))).visit_id == visit.id
    given = {"mode": "rehearsal", "crds_path": settings.crds_cache, "crds_context": settings.crds_context}
    sites = [small_site(root / name, visit.end + timedelta(minutes=2), **given) for name in ("site", "site-without-telemetry")]
    for file in sorted(flight.delivery.glob("E0000*")):
        ingest(sites[0], name=file.name, sha256=sites[0].store.put(file))
    return Bench(sites[0], root, flight.delivery, flight.truth, read_plan(plan), sites[1])


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Give settings with the small references."""
    settings = Settings(site=tmp_path_factory.mktemp("settings") / "site", mode="rehearsal")
    enter_runtime(settings)
    use_modules(("dmsops.processing.steps", "dmsops.flows.level1b"))
    importlib.import_module("dmsops.processing.preload")
    references.build(settings, ("small",))
    return settings


@pytest.fixture(scope="session")
def bench(settings, tmp_path_factory) -> Bench:
    """Give the flown pair with its uncal files."""
    return make_bench(tmp_path_factory.mktemp("bench"), pair_visit(), settings)


@pytest.fixture(scope="session")
def checkout(settings, tmp_path_factory) -> Bench:
    """Give the flown checkout of all instruments, every exposure made into level 1b."""
    bench = make_bench(tmp_path_factory.mktemp("checkout"), load_visit(shipped()["instrument_checkout"]), settings)
    bench.metrics = {str(e.product(d, "uncal")): bench.level1b(e, d).metrics for e, d in bench.readings()}
    return bench


@pytest.fixture(autouse=True)
def _references_of_the_bench(request) -> None:
    """Look references up in the flown visits' own cache, whatever site another test has entered before."""
    if {"bench", "checkout"} & set(request.fixturenames):
        enter_runtime(request.getfixturevalue("settings"))


@pytest.fixture(scope="session")
def processed(bench) -> Bench:
    """Give the flown pair processed to the wavefront combination, step by step as the workflow layer would."""
    metrics = {}
    for exposure, detector in bench.readings():
        made = bench.level1b(exposure, detector)
        metrics[made.products[0]] = made.metrics
        names = [str(exposure.product(detector, s)) for s in ("uncal", "rate", "rateints")]
        bench.run("processing.detector1", inputs=[bench.product(names[0])], makes=names[1:])
    received = [[str(e.name), d] for e, d in bench.readings()]
    made = bench.run("processing.associate", params={"visits": [visit_to_dict(bench.visit)], "exposures": received, "version_id": STAMP})
    for spec in sorted(made.spawn, key=lambda s: s.kind):
        bench.run(spec.kind, inputs=[bench.product(n) for n in spec.needs], makes=spec.makes, params=spec.params)
    bench.metrics = metrics
    bench.associated = made
    return bench
