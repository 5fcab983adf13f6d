"""Which ephemeris level 1b is planned with: a definitive one that covers the exposure, else the newest prediction, else none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, Refused
from dmsops.core.people import Person, Role
from dmsops.flows import ephemeris, science
from dmsops.interfaces.fdf import read_oem
from dmsops.ops import Ops
from dmsops.receipt import accept, ephemerides
from dmsops.receipt.ephemeris_acts import accept as accept_anyway
from dmsops.receipt.ephemeris_acts import preview_acceptance
from dmsops.receipt.tables import ephemeris_file
from dmsops.testbed import faults
from dmsops.testing.deliveries import START, small_visit, write_delivery
from dmsops.testing.sites import small_site
from dmsops.workflow.tables import step

VISIT = "02726402001"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


@pytest.fixture
def delivery(ops: Ops) -> Path:
    """Receive a visit's delivery with a predicted ephemeris; nothing is planned yet."""
    folder = write_delivery(ops.settings.folder("inbox") / "delivery", small_visit())
    accept(ops, folder)
    return folder


def used(ops: Ops) -> set[str]:
    with reading(ops.db) as c:
        return {p["oem"] for p in c.execute(sa.select(step.c.params).where(step.c.kind == "processing.level1b")).scalars()}


def follow(ops: Ops, delivery: Path, fault: str) -> str:
    """Receive the definitive ephemeris that a fault sends, and give its name."""
    (said,) = faults.inject(delivery, [fault], stage="after")
    accept(ops, max(delivery.parent.glob("delivery-*")))
    return next(word for word in said.split() if word.endswith(".OEM"))


def test_a_prediction_is_used_while_there_is_nothing_better(ops: Ops, delivery: Path) -> None:
    science.plan_visit(ops, VISIT)
    assert used(ops) == {"JWST_P_20221204_20221204.OEM"}


def test_a_definitive_ephemeris_is_used_before_a_prediction(ops: Ops, delivery: Path) -> None:
    name = follow(ops, delivery, "F24")
    science.plan_visit(ops, VISIT)
    assert used(ops) == {name}


def test_a_definitive_ephemeris_that_comes_after_planning_plans_no_second_level_1b(ops: Ops, delivery: Path) -> None:
    before = science.plan_visit(ops, VISIT)
    follow(ops, delivery, "F24")
    assert before.steps > 0
    assert science.plan_visit(ops, VISIT).steps == 0


def test_one_in_doubt_is_not_used_until_a_person_has_accepted_it(ops: Ops, delivery: Path) -> None:
    name = follow(ops, delivery, "F24J")
    science.plan_visit(ops, VISIT)
    assert used(ops) == {"JWST_P_20221204_20221204.OEM"}
    accept_anyway(ops, name, ticket=preview_acceptance(ops, name).hash, reason="a manoeuvre")
    assert ephemerides.usable(ops)[0]["name"] == name


def test_an_exposure_that_no_usable_ephemeris_covers_waits_and_says_so_with_its_procedure(ops: Ops, delivery: Path) -> None:
    with ops.db.begin() as c:
        c.execute(sa.update(ephemeris_file).values(doubts=["it is far from the one before"]))
    report = science.plan_visit(ops, VISIT)
    assert report.exposures == 0
    assert all("no ephemeris that may be used covers it" in problem and "P06" in problem for problem in report.awaited)
    with ops.db.begin() as c:
        c.execute(sa.update(ephemeris_file).values(doubts=[]))
    assert science.plan_visit(ops, VISIT).awaited == []
    assert used(ops) == {"JWST_P_20221204_20221204.OEM"}


def test_a_site_that_received_before_ephemerides_were_checked_catches_up(ops: Ops, delivery: Path) -> None:
    with ops.db.begin() as c:
        c.execute(sa.delete(ephemeris_file))
    assert science.plan_visit(ops, VISIT).awaited == []


def test_a_refresh_needs_an_operator_a_reason_and_something_to_do(ops: Ops) -> None:
    ticket = ephemeris.preview(ops).hash
    with pytest.raises(NotAllowed):
        ephemeris.refresh(ops.as_person(Person("eyes", Role.VIEWER)), ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="reason"):
        ephemeris.refresh(ops, ticket=ticket, reason="")
    with pytest.raises(Refused, match="no product"):
        ephemeris.refresh(ops, ticket=ticket, reason="x")


@pytest.mark.parametrize(("fault", "km", "mm_s"), [("F24", 12.0, 5.0), ("F24J", 4000.0, 5000.0)])
def test_the_fault_sends_a_definitive_ephemeris_so_far_from_the_prediction(delivery: Path, fault: str, km: float, mm_s: float) -> None:
    faults.inject(delivery, [fault], stage="after")
    (path,) = delivery.with_name("delivery-2").glob("*.OEM")
    before, after = read_oem(next(delivery.glob("*.OEM"))), read_oem(path)
    assert after.kind == "Definitive"
    assert np.linalg.norm(after.positions[0] - before.positions[0]) == pytest.approx(km)
    assert np.linalg.norm(after.velocities - before.velocities, axis=1) * 1e6 == pytest.approx(mm_s)
    change = np.diff(after.positions, axis=0) / 60.0
    assert change == pytest.approx(after.velocities[:-1], abs=1e-4)


def test_two_faults_make_two_deliveries(delivery: Path) -> None:
    faults.inject(delivery, ["F24", "F24J"], stage="after")
    assert sorted(p.name for p in delivery.parent.glob("delivery-*")) == ["delivery-2", "delivery-3"]
