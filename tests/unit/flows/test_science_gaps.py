"""Planning a visit of which packets are missing: what waits, what a decision lets go on, what late packets make again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.flows import science
from dmsops.ops import Ops
from dmsops.receipt import accept, gaps, queries
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from dmsops.workflow import blackboard
from dmsops.workflow import queries as workflow
from dmsops.workflow.tables import make, need, step
from tests.unit.receipt.packets import EXPOSURE, FILE, all_but, deliver, groups, nothing

VISIT = "02726402001"
ROOT = f"{EXPOSURE}_nrca3"
LATE = "S0000_2022338025616_901.out"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """A site that has the visit without groups 3 and 4 of one detector of one exposure."""
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    accept(opened, deliver(tmp_path / "D0001", groups(3, 4)))
    yield opened
    opened.db.dispose()


def decide(ops: Ops, decision: str) -> None:
    gaps.decide(ops, EXPOSURE, "NRCA3", decision, ticket=gaps.preview(ops, EXPOSURE, "NRCA3", decision).hash, reason="needed now")


def steps(ops: Ops, kind: str) -> list[Any]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(step).where(step.c.kind == kind, step.c.dataset == ROOT).order_by(step.c.id)))


def ingested(c: sa.Connection, ops: Ops) -> None:
    """Say of every engineering file that its samples are held: level 1b waits for that."""
    reports = sa.select(make.c.product).join(step, step.c.id == make.c.step_id).where(step.c.kind == "engineering.ingest")
    for name in c.execute(reports).scalars().all():
        blackboard.publish(c, ops, name, "e" * 64, 1, origin="engineering")


def run(ops: Ops, kind: str, sha256: str) -> None:
    """Run the ready step of this kind, as an engine would: its products get these bytes; telemetry is taken as ingested."""
    with ops.db.begin() as c:
        ingested(c, ops)
        row = c.execute(sa.select(step).where(step.c.kind == kind, step.c.dataset == ROOT, step.c.state == "ready")).one()
        blackboard.move(c, ops, "claim", row)
        row = c.execute(sa.select(step).where(step.c.id == row.id)).one()
        for name in (f"{ROOT}_uncal.fits",) if kind == "processing.level1b" else (f"{ROOT}_rate.fits", f"{ROOT}_rateints.fits"):
            blackboard.publish(c, ops, name, sha256 * 64, 1, origin=kind, step_id=row.id)
        blackboard.move(c, ops, "finish", row)
        blackboard.after_end(c, ops, row.id)


def test_an_exposure_with_missing_packets_waits_and_they_are_asked_for(ops: Ops) -> None:
    planned = science.plan_visit(ops, VISIT)
    assert steps(ops, "processing.level1b") == []
    (waits,) = planned.awaited
    assert waits == f"{EXPOSURE} NRCA3: 2 of 6 packets are missing; it waits for packets (procedure P04)"
    assert [r["name"] for r in queries.rerequests(ops)] == [FILE]


def test_what_is_used_with_gaps_is_planned_and_said(ops: Ops) -> None:
    decide(ops, "use")
    planned = science.plan_visit(ops, VISIT)
    assert len(steps(ops, "processing.level1b")) == 1
    assert planned.awaited == []
    assert planned.problems == planned.lost == [f"{EXPOSURE} NRCA3 is used without 2 of 6 packets: needed now"]
    with reading(ops.db) as c:
        told = c.execute(sa.select(step.c.params).where(step.c.kind == "science.associate")).scalar()
    assert told["notes"] == planned.lost


def test_what_is_given_up_holds_nothing_up(ops: Ops) -> None:
    decide(ops, "give-up")
    planned = science.plan_visit(ops, VISIT)
    assert steps(ops, "processing.level1b") == []
    assert planned.awaited == []
    assert any("given up" in problem for problem in planned.problems)
    assert planned.exposures == 2


@pytest.mark.parametrize("name", [FILE, LATE], ids=["the same file, whole", "another file with the rest"])
def test_late_packets_make_the_better_product_and_all_that_follows_again(ops: Ops, tmp_path: Path, name: str) -> None:
    decide(ops, "use")
    science.plan_visit(ops, VISIT)
    run(ops, "processing.level1b", "a")
    run(ops, "processing.detector1", "b")
    accept(ops, deliver(tmp_path / "D2", nothing if name == FILE else all_but(groups(3, 4)), delivery_id="D2", only=FILE, as_name=name))
    planned = science.plan_visit(ops, VISIT)
    assert (planned.again, planned.problems) == (1, [])
    (again,) = steps(ops, "processing.level1b")
    (fitted,) = steps(ops, "processing.detector1")
    assert (again.state, fitted.state) == ("ready", "waiting")
    assert {p["name"] for p in workflow.products(ops, text=ROOT)} == set()
    run(ops, "processing.level1b", "c")
    run(ops, "processing.detector1", "d")
    versions = workflow.versions(ops, [f"{ROOT}_uncal.fits", f"{ROOT}_rate.fits"])
    assert {n: [(v["version"], v["current"]) for v in found] for n, found in versions.items()} == {
        n: [(2, True), (1, False)] for n in versions
    }
    planned = science.plan_visit(ops, VISIT)
    assert (planned.steps, planned.again) == (0, 0)


def test_late_packets_wait_while_the_older_product_is_being_used(ops: Ops, tmp_path: Path) -> None:
    decide(ops, "use")
    science.plan_visit(ops, VISIT)
    run(ops, "processing.level1b", "a")
    (fitted,) = steps(ops, "processing.detector1")
    with ops.db.begin() as c:
        blackboard.move(c, ops, "claim", fitted)
    accept(ops, deliver(tmp_path / "D2", nothing, delivery_id="D2", only=FILE))
    planned = science.plan_visit(ops, VISIT)
    assert len(steps(ops, "processing.level1b")) == 1
    assert planned.problems == [f"{ROOT} is made again of more than before when step {fitted.id} has ended: plan the visit again"]


def test_a_step_that_has_not_run_takes_the_late_packets_with_it(ops: Ops, tmp_path: Path) -> None:
    decide(ops, "use")
    science.plan_visit(ops, VISIT)
    with ops.db.begin() as c:
        ingested(c, ops)
    accept(ops, deliver(tmp_path / "D2", all_but(groups(3, 4)), delivery_id="D2", only=FILE, as_name=LATE))
    science.plan_visit(ops, VISIT)
    (only,) = steps(ops, "processing.level1b")
    assert (only.state, LATE in only.params["science"]) == ("ready", True)
    with reading(ops.db) as c:
        assert LATE in c.execute(sa.select(need.c.product).where(need.c.step_id == only.id)).scalars().all()
