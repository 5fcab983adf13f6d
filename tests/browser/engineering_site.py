"""A small site on which engineering has something of everything: for the engineering board, which only draws and calls verbs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.engineering import queries
from dmsops.flows import engineering as flow
from dmsops.flows.level1b import Used
from dmsops.interfaces.prds import telemetry_database
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.workflow import blackboard, lease
from dmsops.workflow.steps import Diagnosis, StepSpec
from tests.browser.toy_site import claim, enrol, log_of
from tests.engineering_files import SECOND, T0, Row, named, seconds, take

NOW = START + timedelta(hours=6)
ATTITUDE, TEMPERATURE, WHEEL, LOAD = "SA_ZATTEST1", "IGDP_NRC_A_T_COM", "IGDP_NRC_A_FW_LW_ELEM", "ICHS_CPU_UTIL"
"""Mnemonics: contested and with a gap; outside yellow for a while; states; outside red now."""
REFUSED, SIMULATED, BROKEN = named(3), named(4), named(5)
"""Files: refused for their origin; one whose ingest failed."""
FINE, HURT = "jw02726402001_03104_00001_nrca1", "jw02726402001_03104_00002_nrca1"
"""Exposures: made with the telemetry as it is; made before some of it came."""
MINUTES = 40
GAP_AT, GAP_SECONDS = T0 + 1499 * SECOND, 21
CONTESTED = (600, 603)
"""Seconds after 04:00 UTC in which the real-time file has other values."""


def attitude(first: int, last: int, value: float | None = None) -> list[Row]:
    """Give an attitude a second."""
    return seconds(first, last, ATTITUDE, value)


def slow(first: int, last: int) -> list[Row]:
    """Give temperatures, states and the load of the computer, at their rates."""
    found: list[Row] = []
    for s in range(first, last, 16):
        warm = 37.0 + 4.0 * (1200 < s < 1500) + 0.1 * (s % 5)
        found.append((TEMPERATURE, T0 + s * SECOND, warm))
    found += [(WHEEL, T0 + s * SECOND, float(1 + s // 300 % 7)) for s in range(first, last)]
    found += [(LOAD, T0 + s * SECOND, 40.0 if s < last - 120 else 97.5) for s in range(first, last, 4)]
    return found


def recorded() -> list[Row]:
    """Give forty minutes of telemetry, with a gap in the attitude."""
    last = 60 * MINUTES
    return [*attitude(0, 1500), *attitude(1500 + GAP_SECONDS - 1, last), *slow(0, last)]


def told(ops: Ops, dataset: str, first: int, last: int, revision: int, pointing: str) -> int:
    """Put a level 1b step on the site that ended well and used some engineering; gives its number."""
    spec = StepSpec(kind="processing.level1b", dataset=dataset, makes=(f"{dataset}_uncal.fits",))
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", dataset[2:13], [spec], cls="science")
    (item,) = claim(ops)
    path = ops.settings.folder("work") / item.makes[0]
    path.write_bytes(dataset.encode())
    product = (item.makes[0], ops.store.put(path), path.stat().st_size)
    used = Used(T0 + first * SECOND, T0 + last * SECOND, revision)
    ending = lease.Ending(products=(product,), metrics={"pointing": pointing}, uses=(str(used),))
    with ops.db.begin() as c:
        lease.finish(c, ops, "toy-engine", item, ending)
    return item.step_id


def break_ingest(ops: Ops) -> None:
    """Let the ingest of a file fail."""
    take_nothing(ops, BROKEN)
    spec = StepSpec(kind=flow.INGEST, dataset=BROKEN, makes=(f"{BROKEN}.json",))
    with ops.db.begin() as c:
        blackboard.submit(c, ops, flow.WORKFLOW, "2022-12-04", [spec], cls="science")
    (item,) = claim(ops)
    log_of(ops, item).parent.mkdir(parents=True, exist_ok=True)
    why = Diagnosis(fault_class="data", sentence=f"{BROKEN}: byte 0 is no packet <b>", remedy="Ask for it again (procedure P04).")
    with ops.db.begin() as c:
        lease.fail(c, ops, "toy-engine", item, why, "engineering.ingest | BadDelivery | engineering_packets:scan")


def take_nothing(ops: Ops, name: str) -> None:
    """Try to ingest a file that cannot be read."""
    from dmsops.core.errors import DmsError
    from dmsops.engineering.ingest import ingest

    path = ops.settings.folder("work") / name
    path.write_bytes(b"this is no telemetry")
    sha256 = ops.store.put(path)
    try:
        ingest(ops, name=name, sha256=sha256)
    except DmsError:
        return
    raise AssertionError(name)


def full(folder: Path, **settings: Any) -> Ops:
    """A site with ingested, refused and broken files, a contested interval, a gap, limits violated, and products made too early."""
    create_site(folder, lead="lena", mode="rehearsal", name="string four", stand_at=NOW.isoformat(), **settings)
    then = connect(folder, operator=Person("toy", Role.LEAD), clock=SimulatedClock(NOW - timedelta(hours=1)))
    enrol(then)
    take(then, recorded(), named(1, "E"))
    told(then, HURT, 590, 700, queries.summary(then)["revision"], "CALCULATED_TRACK")
    take(then, attitude(*CONTESTED, value=-5.0), named(2, "C"))
    told(then, FINE, 100, 200, queries.summary(then)["revision"], "CALCULATED_TRACK")
    for name in (REFUSED, SIMULATED):
        take(then, attitude(0, 5), name, origin="STF")
    break_ingest(then)
    then.db.dispose()
    return connect(folder, operator=Person("toy", Role.LEAD))


def names(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Give the names of rows."""
    return [row["name"] for row in rows]


assert {ATTITUDE, TEMPERATURE, WHEEL, LOAD} <= {m.name for m in telemetry_database().mnemonics}
