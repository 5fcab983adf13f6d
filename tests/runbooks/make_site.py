"""The frozen site that runbooks and notebooks are shown on: ``python -m tests.runbooks.make_site DIR``.

Nothing is calibrated: the deliveries are written by the interfaces, steps are ended by hand, and the products are
small made-up images. Its clock stands at one moment, so what a runbook shows is the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.core.names import CombinedProduct
from dmsops.core.people import Person, Role, system_user
from dmsops.core.records import Dither, Exposure, Visit
from dmsops.flows import engineering
from dmsops.interfaces.fos.osf import report_of
from dmsops.ops import Ops, connect, create_site
from dmsops.prediction.products import predict
from dmsops.processing.reported import reported
from dmsops.receipt import accept
from dmsops.receipt.queries import files_released
from dmsops.testing.deliveries import small_visit, write_delivery
from dmsops.wfsc.clock import start_clock
from dmsops.workflow import blackboard, lease
from dmsops.workflow.lease import Claim, Ending
from dmsops.workflow.steps import Diagnosis, StepSpec
from tests.runbooks import archive, distribution, telemetry
from tests.runbooks.images import write_images

RECEIVED = datetime(2022, 12, 4, 4, 10, tzinfo=UTC)
NOW = datetime(2022, 12, 4, 4, 42, tzinfo=UTC)
DETECTORS = ("NRCA3", "NRCALONG")
FAULT = Diagnosis(
    fault_class="config",
    sentence="no DARK reference file matches detector NRCALONG, subarray SUB16",
    remedy="Add the reference file to the context, then rescue with procedure P08, mode 'after repair'.",
)


def make_site(folder: Path) -> Path:
    """Make the site: a visit half processed, deliveries in part or waiting, engineering that disagrees; an archive with faults, served."""
    create_site(folder, name="runbook site", mode="rehearsal", stand_at=NOW.isoformat())
    ops = connect(folder, operator=Person(system_user(), Role.LEAD), clock=SimulatedClock(RECEIVED))
    visit = wavefront_visit("02726402001")
    arrived = write_delivery(folder / "visits" / "D0001", visit, delivery_id="D0001")
    accept(ops, telemetry.bring(arrived, visit), reason="frozen site")
    accept(ops, partial_delivery(folder / "visits" / "D0004"), reason="frozen site")
    plan(ops, visit)
    take_telemetry(ops)
    process(ops, visit)
    accept(ops, telemetry.delivery_that_disagrees(folder / "visits" / "D0005", visit, "D0005", 5), reason="frozen site")
    take_telemetry(ops)
    later = wavefront_visit("02726403001", later=timedelta(hours=2))
    waiting = write_delivery(folder / "inbox" / "D0002", later, delivery_id="D0002", sequence=2)
    telemetry.bring_more(waiting, wavefront_visit("02726403001", later=telemetry.FOLLOWS))
    ops.clock.advance(archive.LATER)
    archive.fill(ops, folder / "visits" / "archived")
    distribution.fill(ops, folder / "visits" / "archived")
    ops.db.dispose()
    return folder


def partial_delivery(folder: Path) -> Path:
    """Write a delivery of a third visit: one recorder file is cut short, one is missing, and numbers lie between."""
    write_delivery(folder, wavefront_visit("02726404001", later=timedelta(hours=4)), delivery_id="D0004", sequence=4)
    telemetry.bring(folder, wavefront_visit("02726402001"))
    first, second = sorted(folder.glob("S0000_*"))
    first.write_bytes(first.read_bytes()[:-100])
    second.unlink()
    return folder


def wavefront_visit(number: str, *, later: timedelta = timedelta()) -> Visit:
    """Describe a visit of one pair on two detectors."""
    visit = small_visit(number, detectors=DETECTORS)
    pair = tuple(
        replace(e, dither=Dither(pattern="WFSC", index=i, total=2), start=e.start + later, end=e.end + later)
        for i, e in enumerate(visit.exposures, start=1)
    )
    return replace(visit, exposures=pair, start=visit.start + later, end=visit.end + later)


def plan(ops: Ops, visit: Visit) -> None:
    """Plan level 1b to hand-over as the science flow does, associations known beforehand."""
    number = str(visit.id)
    science = files_released(ops, "science", number)
    specs = [
        spec for e in visit.exposures for r in e.readouts for spec in exposure_steps(visit, e, r.detector, [f["name"] for f in science])
    ]
    combined = predict(visit)["wfscmb"]
    specs += [pair_step(name, visit) for name in combined]
    wanted = tuple(sorted({*combined, *predict(visit)["cal"]}))
    specs.append(StepSpec(kind="wfsc.deliver", dataset=visit.id.v, needs=wanted, makes=(f"{number}_wss_delivery.json",)))
    with ops.db.begin() as c:
        due = start_clock(c, ops, number, RECEIVED)
        for file in science:
            blackboard.publish(c, ops, file["name"], file["sha256"], file["size"], origin="receipt")
        blackboard.submit(c, ops, "SCIENCE", number, specs, cls="wfsc", due=due)


def exposure_steps(visit: Visit, exposure: Exposure, detector: str, science: list[str]) -> list[StepSpec]:
    """Plan one exposure of one detector up to cal."""
    uncal, rate, cal = (str(exposure.product(detector, suffix)) for suffix in ("uncal", "rate", "cal"))
    rateints = str(exposure.product(detector, "rateints"))
    root = exposure.product(detector, "uncal").root
    mine = tuple(name for name in science if name.endswith(f"_{exposure.name.number:03d}.out"))
    return [
        StepSpec(
            kind="processing.level1b",
            dataset=root,
            needs=mine,
            makes=(uncal,),
            params={"reported": reported(visit, report_of(visit), exposure.name)},
        ),
        StepSpec(kind="processing.detector1", dataset=root, needs=(uncal,), makes=(rate, rateints)),
        StepSpec(kind="processing.image2", dataset=root, needs=(rate,), makes=(cal,)),
    ]


def pair_step(name: str, visit: Visit) -> StepSpec:
    """Plan the combination of one pair."""
    detector = CombinedProduct.parse(name).optics.rsplit("-", 1)[1]
    members = tuple(str(e.product(detector, "cal")) for e in visit.exposures)
    return StepSpec(kind="processing.wfs_image3", dataset=name.split("_wfscmb", maxsplit=1)[0], needs=members, makes=(name,))


def take_telemetry(ops: Ops) -> None:
    """Plan and do the ingest of the engineering files that were released."""
    engineering.plan_received(ops)
    for item in claim(ops, engineering.INGEST):
        telemetry.take(ops, item)
        finish(ops, item)


def process(ops: Ops, visit: Visit) -> None:
    """End every step that can be ended; detector1 of one exposure fails, so its pair waits."""
    while items := claim(ops):
        for item in items:
            if item.kind == "processing.detector1" and item.dataset.endswith("00002_nrcalong"):
                fail(ops, item)
            else:
                finish(ops, item, visit)


def claim(ops: Ops, *kinds: str) -> Sequence[Claim]:
    """Take all ready steps, of all kinds or of some."""
    with ops.db.begin() as c:
        return lease.claim(c, ops, "frozen", 100, log_of, kinds=kinds)


def log_of(item: Claim) -> str:
    return f"{item.step_id:06d}/{item.attempt}.log"


def fail(ops: Ops, item: Claim) -> None:
    """End a step badly, its log written."""
    log = ops.settings.folder("logs") / "steps" / log_of(item)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"stpipe.Detector1Pipeline - INFO - Prefetching reference files\nCRDS - ERROR - {FAULT.sentence}\n", encoding="utf-8")
    with ops.db.begin() as c:
        lease.fail(
            c, ops, "frozen", item, FAULT, f"{item.kind} | CrdsLookupError | references:find", Ending(cpu_seconds=1.0, peak_mb=200.0)
        )


def finish(ops: Ops, item: Claim, visit: Visit | None = None) -> None:
    """End a step well: its products are small images, or small documents; level 1b of a visit is pointed by its telemetry."""
    folder = ops.settings.folder("work") / "frozen"
    folder.mkdir(exist_ok=True)
    made = write_images(folder, item)
    uses = telemetry.used(visit, item, 1) if visit else None
    if visit and uses:
        telemetry.pointed(made[0], visit)
    metrics = {"pointing": telemetry.POINTED} if uses else None
    products = tuple((path.name, ops.store.put(path), path.stat().st_size) for path in made)
    with ops.db.begin() as c:
        ending = Ending(products=products, metrics=metrics, uses=uses, cpu_seconds=1.0, peak_mb=200.0)
        lease.finish(c, ops, "frozen", item, ending)


if __name__ == "__main__":
    make_site(Path(sys.argv[1]))
