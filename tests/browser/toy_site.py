"""A small site with steps in every state, on step kinds of its own: for the boards, which only draw and call verbs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from dmsops.core.people import Person, Role, put_person
from dmsops.ops import Ops, connect, create_site
from dmsops.wfsc.clock import start_clock
from dmsops.workflow import blackboard, fleet, lease
from dmsops.workflow.steps import Diagnosis, Job, Outcome, StepSpec, step

PASSWORD = "seven gold mirrors"
VISIT = "02726402001"
TESTER = Person("toy", Role.LEAD)
DETECTORS = ("nrca1", "nrca2", "nrca3")
EXPOSURES = ("04102_00001", "04102_00002", "05102_00001")


@step("toy.level1b", title="Make level 1b from packets", estimate_seconds=4)
def level1b(ops: Ops, job: Job) -> Outcome:
    return Outcome(products=job.makes)


@step("toy.detector1", title="Remove detector effects", estimate_seconds=20)
def detector1(ops: Ops, job: Job) -> Outcome:
    return Outcome(products=job.makes)


@step("toy.deliver", title="Deliver to the wavefront team", external=True)
def deliver(ops: Ops, job: Job) -> Outcome:
    return Outcome()


def enrol(ops: Ops) -> None:
    """Add a lead, an operator and a viewer, all with the same password."""
    with ops.db.begin() as c:
        for name, role in (("lena", Role.LEAD), ("otto", Role.OPERATOR), ("vera", Role.VIEWER)):
            put_person(c, name, role, PASSWORD)


def empty(folder: Path, **settings: Any) -> Ops:
    """A site with people and nothing else."""
    create_site(folder, lead="lena", **settings)
    ops = connect(folder, operator=TESTER)
    enrol(ops)
    return ops


def specs(visit: str = VISIT) -> list[StepSpec]:
    """Level 1b and detector1 for each exposure and detector, then one delivery."""
    found, rates = [], []
    for exposure in EXPOSURES:
        for detector in DETECTORS:
            root = f"jw{visit}_{exposure}_{detector}"
            found.append(StepSpec(kind="toy.level1b", dataset=root, makes=(f"{root}_uncal.fits",)))
            found.append(StepSpec(kind="toy.detector1", dataset=root, needs=(f"{root}_uncal.fits",), makes=(f"{root}_rate.fits",)))
            rates.append(f"{root}_rate.fits")
    found.append(StepSpec(kind="toy.deliver", dataset=visit, needs=(*rates, "JWST_P_2022338000000_2023100000000.OEM")))
    return found


def plan(ops: Ops, visit: str = VISIT, cls: str = "wfsc") -> None:
    """Plan the visit's steps."""
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", visit, specs(visit), cls=cls, due=ops.clock.now() + timedelta(minutes=90))


def claim(ops: Ops, count: int = 1) -> list[lease.Claim]:
    """Take steps as an engine does."""
    with ops.db.begin() as c:
        return lease.claim(c, ops, "toy-engine", count, lambda item: log_of(ops, item))


def log_of(ops: Ops, item: lease.Claim) -> Path:
    """Where the engine keeps an attempt's log."""
    return ops.settings.folder("logs") / "steps" / f"{item.step_id:06d}" / f"{item.attempt}.log"


def finish(ops: Ops, item: lease.Claim) -> None:
    """End a step well, with small products."""
    made = []
    for name in item.makes:
        path = ops.settings.folder("work") / name
        path.write_bytes(name.encode())
        made.append((name, ops.store.put(path), path.stat().st_size))
    with ops.db.begin() as c:
        lease.finish(c, ops, "toy-engine", item, lease.Ending(products=tuple(made), cpu_seconds=3.2, peak_mb=640.0))


def fail(ops: Ops, item: lease.Claim, sentence: str = "reference file jwst_nircam_mask_0063.fits is not in the cache <b>") -> None:
    """End a step badly."""
    log = log_of(ops, item)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("2022-12-04 03:42:10,112 - stpipe - INFO - Step dq_init running\n" * 30 + f"ERROR - {sentence}\n")
    why = Diagnosis(fault_class="config", sentence=sentence, remedy="Fetch the reference (procedure P20), then rescue with P08.")
    with ops.db.begin() as c:
        lease.fail(c, ops, "toy-engine", item, why, f"{item.kind} | ReferenceMissing | fetch")


def fill(ops: Ops) -> None:
    """Bring a visit to where steps have failed, run, are ready, wait and are done."""
    plan(ops)
    for item in claim(ops, 7):
        finish(ops, item)
    first, second, third, *_ = claim(ops, 5)
    fail(ops, first)
    fail(ops, second)
    finish(ops, third)
    fleet.sign_on(ops, 2)


def full(folder: Path, **settings: Any) -> Ops:
    """A site with failed, running, ready, waiting and done steps, and a clock 34 minutes old."""
    ops = empty(folder, **settings)
    fill(ops)
    with ops.db.begin() as c:
        start_clock(c, ops, VISIT, ops.clock.now() - timedelta(minutes=34))
    return ops
