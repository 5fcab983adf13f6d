"""One small flight with a predicted ephemeris, processed and archived by the engine; its definitive one waits in a further delivery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dmsops.core.people import Person, Role
from dmsops.core.records import Visit
from dmsops.flows import science
from dmsops.ops import Ops, connect, create_site
from dmsops.receipt import accept
from dmsops.testbed import references
from dmsops.testbed.fly import Flight, fly
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.workflow import engines
from tests.forking import server_of_ones_own  # noqa: F401 - a fixture

VISIT = "02726402001"


@dataclass(frozen=True)
class Flown:
    """A site on which a visit was flown, received and processed."""

    ops: Ops
    flight: Flight
    visit: Visit


def small_pair() -> Visit:
    """Cut the shipped visit down to its first pair on one detector."""
    visit = as_size(load_visit(shipped()["wfsc_sensing_only"]), "small")
    kept = [e for e in visit.exposures if e.name.activity == "04"]
    return replace(visit, exposures=tuple(replace(e, readouts=tuple(r for r in e.readouts if r.detector == "NRCA3")) for e in kept))


@pytest.fixture(scope="session")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flown]:
    """Fly, receive and process the pair; the definitive ephemeris has not come yet."""
    site = create_site(tmp_path_factory.mktemp("refresh") / "site", lead="lead", name="refresh", mode="rehearsal")
    ops = connect(site, operator=Person("lead", Role.LEAD))
    visit = small_pair()
    references.build(ops.settings, references.sets_for([visit]))
    flight = fly(visit, site / "visits" / VISIT, settings=ops.settings, faults=["F24"])
    accept(ops, flight.delivery)
    assert science.plan_visit(ops, VISIT).problems == []
    assert engines.run(ops).failed == 0
    yield Flown(ops, flight, visit)
    ops.db.dispose()


def further(flight: Flight) -> Path:
    """Give the delivery that brings the definitive ephemeris."""
    (folder,) = flight.more
    return folder
