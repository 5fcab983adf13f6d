"""A program's exclusive access is changed as it was shown, for what is archived already too, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive.ingest import ingest, ingest_again, product_of
from dmsops.archive.tables import plane
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, StalePlan
from dmsops.core.people import Person, Role
from dmsops.flows import exclusive
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product

PROGRAM = "02726"
ROOTS = ("jw02726402001_03104_00001_nrca3", "jw02726402001_03104_00002_nrca3")
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04"
DAY = timedelta(days=1)


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    """Give a site with a pair of one program, archived a day apart, and what they were combined into; and another program's exposure."""
    create_site(tmp_path / "site", lead="lead", database=database)
    opened = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + DAY))
    for root in ROOTS:
        ingest(opened, [product_of(write_product(tmp_path / f"{root}_{s}.fits", CATEGORY="GO")) for s in ("uncal", "cal")])
        opened.clock.advance(DAY)  # type: ignore[attr-defined]
    members = [f"{root}_cal.fits" for root in ROOTS]
    ingest(opened, [product_of(write_product(tmp_path / f"{COMBINED}.fits", CATEGORY="GO"))], members=members)
    ingest(opened, [product_of(write_product(tmp_path / "jw01067001001_02101_00001_nrca3_cal.fits", CATEGORY="GO", PROGRAM="01067"))])
    yield opened
    opened.db.dispose()


def releases(ops: Ops) -> dict[str, datetime | None]:
    with reading(ops.db) as c:
        return {row.observation_id: row.data_release for row in c.execute(sa.select(plane.c.observation_id, plane.c.data_release))}


def test_a_program_is_released_and_nothing_else(ops: Ops) -> None:
    before = releases(ops)
    seen = exclusive.preview(ops, PROGRAM, 0)
    assert seen.counts() == {"becomes public at once": 3}
    assert releases(ops) == before
    done = exclusive.change(ops, PROGRAM, 0, ticket=seen.hash, reason="the PI gave it up")
    assert done.failed == ()
    assert set(done.done) == {i.observation_id for i in seen.items}
    after = releases(ops)
    assert {i.observation_id: i.then for i in seen.items} == {name: when for name, when in after.items() if name.startswith("jw02726")}
    assert after["jw01067001001_02101_00001_nrca3"] == before["jw01067001001_02101_00001_nrca3"]
    assert exclusive.preview(ops, PROGRAM, 0).items == ()


def test_a_combined_product_follows_the_latest_of_its_members(ops: Ops) -> None:
    seen = exclusive.preview(ops, PROGRAM, 10)
    then = {item.observation_id: item.then for item in seen.items}
    combined = next(item for item in seen.items if item.combined)
    assert combined.then == max(then.values())
    assert [item.combined for item in seen.items] == [False, False, True]
    exclusive.change(ops, PROGRAM, 10, ticket=seen.hash, reason="as the program says")
    assert then == {name: when for name, when in releases(ops).items() if name in then}


def test_what_is_public_already_is_shown_as_taken_back(ops: Ops) -> None:
    exclusive.change(ops, PROGRAM, 0, ticket=exclusive.preview(ops, PROGRAM, 0).hash, reason="by mistake")
    assert exclusive.preview(ops, PROGRAM, 365).counts() == {"is taken back from the public": 3}


def test_what_a_kill_left_is_finished_by_the_same_change(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = exclusive.preview(ops, PROGRAM, 0)
    calls = []

    def killed(*args: object, **named: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return ingest_again(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(exclusive, "ingest_again", killed)
    with pytest.raises(KeyboardInterrupt):
        exclusive.change(ops, PROGRAM, 0, ticket=seen.hash, reason="the PI gave it up")
    monkeypatch.undo()
    left = exclusive.preview(ops, PROGRAM, 0)
    assert len(left.items) == 2
    assert left.days_now == 0
    exclusive.change(ops, PROGRAM, 0, ticket=left.hash, reason="the PI gave it up")
    assert exclusive.preview(ops, PROGRAM, 0).items == ()


def test_it_is_refused_without_role_reason_or_a_preview_that_holds(ops: Ops) -> None:
    seen = exclusive.preview(ops, PROGRAM, 0)
    with pytest.raises(NotAllowed):
        exclusive.change(ops.as_person(Person("op", Role.OPERATOR)), PROGRAM, 0, ticket=seen.hash, reason="x")
    with pytest.raises(BadInput, match="reason"):
        exclusive.change(ops, PROGRAM, 0, ticket=seen.hash, reason="")
    with pytest.raises(StalePlan, match="program 02726"):
        exclusive.change(ops, PROGRAM, 5, ticket=seen.hash, reason="x")
    for program, days in (("2726", 0), (PROGRAM, -1), (PROGRAM, 100_000)):
        with pytest.raises(BadInput):
            exclusive.preview(ops, program, days)
