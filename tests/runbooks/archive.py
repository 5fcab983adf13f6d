"""The archive of the frozen site: a visit, an observation that was refused, a name that two associations claim, a faulty row."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation
from dmsops.core.errors import GateFailed
from dmsops.core.records import Visit
from dmsops.interfaces import pps
from dmsops.ops import Ops
from dmsops.prediction.products import combined
from dmsops.workflow import blackboard, lease
from dmsops.workflow.lease import Ending
from dmsops.workflow.steps import StepSpec
from tests.archives import wavefront_visit, written

VISIT = "02726405001"
ASSOCIATE = "science.associate"
STAMP = "20221204t032117"
CROSSED = "POLYGON ICRS  80.01 -69.51 79.99 -69.49 79.99 -69.51 80.01 -69.49"
LONELY = "jw02726405001_03104_00002_nrca4"
ASSOCIATION = f"jw02726-o405_{STAMP}_wfs-image3_00002_asn.json"


def fill(ops: Ops, folder: Path) -> None:
    """Associate a visit, archive what was made of it, and let three things go wrong."""
    visit = wavefront_visit(VISIT)
    associated(ops, visit)
    first, second = visit.exposures
    for exposure in (first, second):
        offer(ops, visit, folder / "good", [str(exposure.product("NRCA3", suffix)) for suffix in ("uncal", "rate", "rateints", "cal")])
    name = next(str(product) for product in combined(visit) if "nrca3" in str(product))
    members = [str(exposure.product("NRCA3", "cal")) for exposure in (first, second)]
    offer(ops, visit, folder / "old", [name], members=members)
    refused(ops, visit, folder / "bad", [str(first.product("NRCA4", "cal"))], region=CROSSED)
    refused(ops, visit, folder / "new", [name], members=[members[0], str(second.product("NRCA4", "cal"))], value=2.0)
    spoil(ops, str(first.product("NRCA3", "cal").root))


def associated(ops: Ops, visit: Visit) -> None:
    """End the step that makes a visit's associations: one exposure is in none, and half a pair is left."""
    taken = [[str(e.name), r.detector] for e in visit.exposures for r in e.readouts]
    spec = StepSpec(
        kind=ASSOCIATE, dataset=f"{visit.id.v} ({len(taken)} files)", params={"visits": [pps.visit_to_dict(visit)], "exposures": taken}
    )
    problem = f"{ASSOCIATION}: a wavefront pair needs exactly two science members, this association has 1 (procedure P13)"
    metrics = {"counts": {"image2": 3, "wfs-image3": 2}, "problems": [problem], "orphans": [LONELY]}
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", str(visit.id), [spec], cls="wfsc")
    with ops.db.begin() as c:
        (item,) = lease.claim(c, ops, "frozen", 1, lambda one: f"{one.step_id:06d}/{one.attempt}.log", kinds=(ASSOCIATE,))
    with ops.db.begin() as c:
        lease.finish(c, ops, "frozen", item, Ending(metrics=metrics, cpu_seconds=1.0, peak_mb=200.0))


def offer(ops: Ops, visit: Visit, folder: Path, names: list[str], *, members: list[str] | None = None, **keywords: object) -> None:
    """Write products and ingest them."""
    paths = [written(ops, visit, folder / name, **keywords) for name in names]
    ingest(ops, [product_of(path) for path in paths], members=members or ())


def refused(ops: Ops, visit: Visit, folder: Path, names: list[str], **keywords: object) -> None:
    """Write products whose ingest fails."""
    try:
        offer(ops, visit, folder, names, **keywords)  # type: ignore[arg-type]
    except GateFailed:
        return
    raise AssertionError(names)


def spoil(ops: Ops, identity: str) -> None:
    """Let the catalogue's row of an observation say another checksum than its document."""
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == identity).values(checksum=f"md5:{'0' * 32}"))


LATER = timedelta(minutes=31)
"""After the deliveries: the products of the visit are made by then."""
