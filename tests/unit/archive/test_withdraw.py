"""Withdrawal: out of the current set, told, kept whole, and taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dmsops.archive import ingest, queries, withdraw
from dmsops.archive.ingest import product_of
from dmsops.core.errors import BadTransition, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"


@pytest.fixture
def archived(ops: Ops, tmp_path: Path) -> Ops:
    ingest(ops, [product_of(write_product(tmp_path / f"{ROOT}_{suffix}.fits")) for suffix in ("uncal", "cal")])
    return ops


def test_a_withdrawn_observation_is_no_longer_current_and_all_of_it_is_kept(archived: Ops) -> None:
    before = queries.products(archived)
    seen = withdraw.preview(archived, [ROOT])
    withdraw.withdraw(archived, [ROOT], ticket=seen.hash, reason="taken with a wrong setting")
    story = queries.story(archived, ROOT)
    assert (story["observation"]["state"], story["planes"]) == ("withdrawn", [])
    assert queries.products(archived) == []
    assert len(queries.products(archived, superseded=True)) == len(before)
    assert story["events"][-1]["event"] == "observation.withdrawn"
    for product in before:
        archived.store.verify(product["sha256"])
    assert queries.caom_summary(archived)["observations"] == 0


def test_it_comes_back_as_it_was(archived: Ops) -> None:
    before = queries.story(archived, ROOT)
    withdraw.withdraw(archived, [ROOT], ticket=withdraw.preview(archived, [ROOT]).hash, reason="x")
    withdraw.restore(archived, [ROOT], ticket=withdraw.preview(archived, [ROOT], back=True).hash, reason="it was right")
    after = queries.story(archived, ROOT)
    assert after["observation"]["version"] == 3
    assert after["observation"]["checksum"] == before["observation"]["checksum"]
    assert [p["name"] for p in after["products"] if p["current"]] == [p["name"] for p in before["products"]]
    assert [len(p["artifacts"]) for p in after["planes"]] == [len(p["artifacts"]) for p in before["planes"]]
    assert after["withdrawals"][0]["restored_by"] == archived.operator.name


def test_only_what_fits_can_be_withdrawn_or_restored(archived: Ops) -> None:
    with pytest.raises(NotFound):
        withdraw.preview(archived, ["jw99999"])
    with pytest.raises(BadTransition, match="archived"):
        withdraw.preview(archived, [ROOT], back=True)


def test_withdrawing_needs_a_lead_and_a_preview_that_holds(archived: Ops, tmp_path: Path) -> None:
    seen = withdraw.preview(archived, [ROOT])
    operator = replace(archived, operator=Person(name="operator", role=Role.OPERATOR))
    with pytest.raises(NotAllowed):
        withdraw.withdraw(operator, [ROOT], ticket=seen.hash, reason="x")
    ingest(archived, [product_of(write_product(tmp_path / f"{ROOT}_uncal.fits"))])
    with pytest.raises(StalePlan):
        withdraw.withdraw(archived, [ROOT], ticket=seen.hash, reason="x")
