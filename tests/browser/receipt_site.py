"""A small site on which receipt has something of everything: for the receipt board, which only draws and calls verbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.core.records import Visit
from dmsops.flows import science
from dmsops.interfaces.fos.manifest import MANIFEST, write_manifest
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept
from dmsops.receipt.gap_requests import ask_for_gaps
from dmsops.testbed.faults import inject
from dmsops.testing.deliveries import START, small_visit, write_delivery
from tests.browser.toy_site import enrol

WHOLE, HURT, HOLED, SILENT, NEXT = (f"0272640{n}001" for n in (2, 3, 4, 5, 6))
"""Visits: all is well; a file is damaged; packets are missing; no status file came; still in the inbox."""
RECEIVED = START + timedelta(hours=1)
NOW = START + timedelta(hours=14)
GAP = f"jw{HOLED}_03104_00001"


def visit_of(number: str, hours: float) -> Visit:
    """Give a visit of its own, so many hours later."""
    visit, later = small_visit(number), timedelta(hours=hours)
    moved = tuple(replace(e, start=e.start + later, end=e.end + later) for e in visit.exposures)
    return replace(visit, exposures=moved, start=visit.start + later, end=visit.end + later)


def deliver(ops: Ops, number: str, hours: float, sequence: int, faults: Sequence[str] = ()) -> Path:
    """Write a delivery of a visit into the inbox, with what goes wrong on the way."""
    folder, delivery_id = ops.settings.folder("inbox") / f"D{sequence:04d}", f"D{sequence:04d}"
    write_delivery(folder, visit_of(number, hours), delivery_id=delivery_id, sequence=sequence, seed=sequence)
    (folder / MANIFEST).unlink()
    inject(folder, faults, seed=sequence, stage="sending")
    write_manifest(folder, delivery_id=delivery_id, sender="FOS", sequence=sequence, created=START + timedelta(hours=hours + 1))
    inject(folder, faults, seed=sequence)
    return folder


def full(folder: Path, **settings: Any) -> Ops:
    """A site with a visit of each kind, received some hours ago, and a delivery that waits in the inbox."""
    create_site(folder, lead="lena", mode="rehearsal", name="string three", stand_at=NOW.isoformat(), **settings)
    then = connect(folder, operator=Person("toy", Role.LEAD), clock=SimulatedClock(RECEIVED))
    enrol(then)
    accept(then, deliver(then, WHOLE, 0, 1))
    accept(then, deliver(then, HURT, 0.6, 2, ["F02:S0000_*_001.out"]))
    accept(then, deliver(then, HOLED, 1.2, 3, ["F10:S0000_*_001.out"]))
    accept(then, deliver(then, SILENT, 1.8, 5, ["F16"]))
    ask_for_gaps(then, HOLED)
    science.plan_visit(then, WHOLE)
    deliver(then, NEXT, 2.4, 6)
    then.db.dispose()
    return connect(folder, operator=Person("toy", Role.LEAD))
