"""Two associations with one product name: refused, raised, decided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmsops.archive import duplicates, errors, ingest, queries
from dmsops.archive.ingest import product_of
from dmsops.core.errors import BadInput, GateFailed, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.testing.products import write_product

NAME = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
IDENTITY = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3-04"


def member(number: int) -> str:
    return f"jw02726402001_03104_{number:05d}_nrca3_cal.fits"


def offer(ops: Ops, folder: Path, *numbers: int, **keywords: Any) -> Any:
    return ingest(ops, [product_of(write_product(folder / NAME, **keywords))], members=[member(n) for n in numbers])


@pytest.fixture
def doubled(ops: Ops, tmp_path: Path) -> Ops:
    offer(ops, tmp_path / "a", 1, 2)
    with pytest.raises(GateFailed, match="00001") as caught:
        offer(ops, tmp_path / "b", 3, 4, CAL_VER="3.0.1")
    assert "P13" in caught.value.remedy
    return ops


def test_the_same_members_or_more_supersede(ops: Ops, tmp_path: Path) -> None:
    offer(ops, tmp_path / "a", 1, 2)
    assert offer(ops, tmp_path / "b", 1, 2, CAL_VER="3.0.1").version == 2
    assert offer(ops, tmp_path / "c", 1, 2, 3, CAL_VER="3.0.2").version == 3


def test_other_members_are_refused_and_raised_and_the_old_product_stays(doubled: Ops) -> None:
    assert queries.products(doubled)[0]["version"] == 1
    assert [row["kind"] for row in errors.listed(doubled)] == ["duplicate_product"]
    assert duplicates.listed(doubled)[0]["observation_id"] == IDENTITY


def test_keeping_the_old_one_closes_the_error(doubled: Ops) -> None:
    seen = duplicates.preview(doubled, IDENTITY, "old")
    duplicates.decide(doubled, IDENTITY, keep="old", ticket=seen.hash, reason="the second association is wrong")
    assert duplicates.listed(doubled) == []
    with pytest.raises(NotFound, match="no duplicate"):
        duplicates.preview(doubled, IDENTITY, "old")


def test_keeping_the_new_one_lets_its_ingest_through(doubled: Ops, tmp_path: Path) -> None:
    seen = duplicates.preview(doubled, IDENTITY, "new")
    duplicates.decide(doubled, IDENTITY, keep="new", ticket=seen.hash, reason="the first association was wrong")
    assert queries.products(doubled)[0]["version"] == 1
    assert offer(doubled, tmp_path / "b", 3, 4, CAL_VER="3.0.1").version == 2


def test_deciding_needs_role_reason_and_a_preview_that_holds(doubled: Ops, tmp_path: Path) -> None:
    seen = duplicates.preview(doubled, IDENTITY, "new")
    watcher = replace(doubled, operator=Person(name="watcher", role=Role.VIEWER))
    with pytest.raises(NotAllowed):
        duplicates.decide(watcher, IDENTITY, keep="new", ticket=seen.hash, reason="x")
    with pytest.raises(BadInput, match="reason"):
        duplicates.decide(doubled, IDENTITY, keep="new", ticket=seen.hash, reason=" ")
    with pytest.raises(BadInput, match="neither"):
        duplicates.preview(doubled, IDENTITY, "both")
    with pytest.raises(GateFailed):
        offer(doubled, tmp_path / "c", 5, 6, CAL_VER="3.0.2")
    with pytest.raises(StalePlan):
        duplicates.decide(doubled, IDENTITY, keep="new", ticket=seen.hash, reason="x")
