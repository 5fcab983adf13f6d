"""The WaveFront Exercise: a wavefront visit is flown, and the wavefront team has its products within the limit.

Every part is what operations use; only the sender (the test bed) and the receiver (WSS's twin) are simulated.
Given again on the same site it goes on where it stopped; a finished exercise is reported again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dmsops.archive import queries as archived
from dmsops.core import config
from dmsops.core.errors import Refused
from dmsops.core.names import CombinedProduct, ExposureProduct
from dmsops.core.people import Role, require
from dmsops.core.records import Visit
from dmsops.flows import science
from dmsops.ops import connect, create_site
from dmsops.prediction import products as prediction
from dmsops.receipt import accept
from dmsops.testbed import fly, osslog, references, sizes, visits
from dmsops.wfsc import queries as wavefront
from dmsops.workflow import engines, queries

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.workflow.engines.dispatch import Tally

Size = Literal["small", "real"]
DEFAULT_VISIT = "wfsc_sensing_only"


class Watcher(Protocol):
    """Somebody who watches the exercise: a terminal, a test, nobody."""

    def phase(self, title: str) -> Any:
        """Begin a phase; gives a context whose value takes ``(done, total, what)``."""

    def engine(self) -> Any:
        """Begin processing; gives a context whose value is the engine's progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What an exercise came to: ``report`` as data, ``good`` when everything expected is there."""

    report: dict[str, Any]
    good: bool


def open_site(site: str | Path | None, *, workers: int = 2, engine: str = "local") -> Ops:
    """Open the exercise's site, or make it with so many workers and that engine.

    Raises
    ------
    Refused
        The site is there and is not a rehearsal site: an exercise never touches LIVE.
    """
    folder = config.site_folder(site)
    if not (folder / config.SITE_FILE).exists():
        create_site(folder, name="WaveFront Exercise", mode="rehearsal", workers=workers, engine=engine)
    else:
        create_site(folder)
    ops = connect(folder)
    if ops.settings.mode != "rehearsal":
        raise Refused(
            f"{folder} is a LIVE site: exercises run on rehearsal sites only", remedy="Name another folder with --site (procedure P20)."
        )
    require(ops.operator, Role.OPERATOR, "rehearse wavefront")
    return ops


def wanted_visit(log: Path | None, definition: Path | None, size: Size) -> Visit:
    """Give the visit to fly, at the wanted size: from an event log, a definition, or the shipped one."""
    if log is not None:
        return sizes.as_size(osslog.read_log(log), size)
    return sizes.as_size(visits.load_visit(definition or visits.shipped()[DEFAULT_VISIT]), size)


def run(ops: Ops, visit: Visit, watcher: Watcher, *, seed: int = 1) -> Exercise:
    """Run the exercise.

    Parameters
    ----------
    visit : Visit
        What to fly (see `wanted_visit`).
    watcher : Watcher
        Who is shown the progress.
    """
    with watcher.phase("Calibration references") as progress:
        references.build(ops.settings, references.sets_for([visit]), progress)
    with watcher.phase("Flying the visit") as progress:
        flight = fly.fly(visit, flight_folder(ops, visit), settings=ops.settings, seed=seed, progress=progress)
    with watcher.phase("Receiving"):
        receipt = accept(ops, flight.delivery)
        planned = science.plan_visit(ops, str(visit.id))
    with watcher.engine() as progress:
        tally = engines.run(ops, progress=progress)
    return _report(ops, visit, receipt, planned, tally)


def flight_folder(ops: Ops, visit: Visit) -> Path:
    """Give the folder of a flight: one for each visit and size."""
    kind = "real" if any(e.subarray == "FULL" for e in visit.exposures) else "small"
    return ops.settings.folder("visits") / f"{visit.id.v}-{kind}"


def _report(ops: Ops, visit: Visit, receipt: Any, planned: science.Planned, tally: Tally) -> Exercise:
    names = product_names(ops, visit)
    expected = prediction.predict(_carried_out(visit), ops.settings.segment_bytes)
    compared = prediction.compare(expected, names)
    steps = queries.counts(ops, str(visit.id))
    clock = _clock(ops, visit)
    delivery = _delivery(ops, visit)
    caom = archived.caom_summary(ops)
    good = compared.complete and steps["failed"] == 0 and caom["invalid"] == 0
    if visit.is_wavefront and any(expected.values()):
        good = good and delivery["state"] == "acknowledged"
    received = {"delivery": receipt.delivery_id, "files": len(receipt.files), "quarantined": [f.name for f in receipt.quarantined]}
    engine = {"seconds": round(tally.seconds, 1), "peak_mb": round(tally.peak_mb), "cpu_seconds": round(tally.cpu_seconds, 1)}
    report = {
        "visit": visit.id.v,
        "visit_status": visit.status,
        "end_reason": visit.end_reason,
        "products": _by_suffix(names),
        "missing": [name for group in compared.missing.values() for name in group],
        "unexpected": list(compared.extra),
        "received": received,
        "problems": planned.problems,
        "steps": steps,
        "clock": clock,
        "caom": caom,
        "delivery": delivery,
        "engine": engine,
    }
    return Exercise(report=report, good=good)


def _carried_out(visit: Visit) -> Visit:
    """Give the visit without the exposures that were not completed: nothing is expected of them."""
    return replace(visit, exposures=tuple(e for e in visit.exposures if e.status == "completed"))


def product_names(ops: Ops, visit: Visit) -> list[str]:
    """Name the products that the archive holds of a visit: of its exposures, and combined in its observation."""
    prefixes = (f"jw{visit.id}_", f"jw{visit.id.program}-o{visit.id.observation}_")
    return sorted(row["name"] for prefix in prefixes for row in archived.products(ops, prefix=prefix))


def _by_suffix(names: list[str]) -> dict[str, int]:
    families = [ExposureProduct.parse(n) if ExposureProduct.matches(n) else CombinedProduct.parse(n) for n in names]
    found = Counter(name.suffix for name in families)
    order = ("uncal", "rate", "rateints", "cal", "i2d", "wfscmb")
    return {suffix: found[suffix] for suffix in (*(s for s in order if s in found), *sorted(set(found) - set(order)))}


def _delivery(ops: Ops, visit: Visit) -> dict[str, Any]:
    rows = wavefront.deliveries(ops, str(visit.id))
    if not rows:
        return {"id": None, "state": "none", "files": 0, "place": None}
    last = rows[-1]
    return {"id": last["id"], "state": last["state"], "files": len(last["files"]), "place": last["place"]}


def _clock(ops: Ops, visit: Visit) -> dict[str, Any]:
    limit = ops.settings.wfsc_limit_minutes
    return wavefront.clock_row(ops, str(visit.id)) or {"used_minutes": None, "limit_minutes": limit, "state": "not started"}
