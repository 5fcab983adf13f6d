"""Ingest errors: a state of their own, with a kind, until they are mended or let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmsops.archive import errors, ingest, proposals, queries
from dmsops.archive.ingest import product_of
from dmsops.catalogue import Product
from dmsops.core.errors import BadInput, DmsError, NotFound, StalePlan
from dmsops.core.files import sha256_of
from dmsops.ops import Ops
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"


def bad_fits(folder: Path) -> list[Product]:
    path = folder / f"{ROOT}_cal.fits"
    path.write_bytes(b"no FITS")
    return [product_of(path)]


def bad_name(folder: Path) -> list[Product]:
    return [product_of(write_product(folder / "anything.fits"))]


def no_region(folder: Path) -> list[Product]:
    return [product_of(write_product(folder / f"{ROOT}_cal.fits", region=""))]


def no_asdf(folder: Path) -> list[Product]:
    return [product_of(write_product(folder / f"{ROOT}_cal.fits", asdf=False))]


def changed_bytes(folder: Path) -> list[Product]:
    path = write_product(folder / f"{ROOT}_cal.fits")
    return [Product(name=path.name, sha256="0" * 64, path=path)]


CASES: dict[str, Any] = {
    "bad_data": bad_fits,
    "invalid_file_name": bad_name,
    "is_valid_fails": no_region,
    "no_asdf": no_asdf,
    "store": changed_bytes,
}


@pytest.mark.parametrize("kind", CASES)
def test_every_kind_is_recorded_and_nothing_is_half_ingested(ops: Ops, tmp_path: Path, kind: str) -> None:
    products = CASES[kind](tmp_path)
    with pytest.raises(DmsError):
        ingest(ops, products)
    row = errors.listed(ops)[0]
    assert (row["kind"], row["state"], row["times"]) == (kind, "open", 1)
    assert row["kind"] in errors.KINDS
    assert row["products"] == {p.name: p.sha256 for p in products}
    assert queries.observations(ops) == []
    assert queries.products(ops) == []


def test_the_same_trouble_again_is_counted_and_an_ingest_that_works_closes_it(ops: Ops, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DmsError):
            ingest(ops, no_region(tmp_path))
    assert [(row["times"], row["state"]) for row in errors.listed(ops)] == [(2, "open")]
    assert errors.counts(ops) == {"is_valid_fails": 1}
    ingest(ops, [product_of(write_product(tmp_path / "b" / f"{ROOT}_cal.fits"))])
    assert errors.listed(ops) == []
    assert errors.listed(ops, states=())[0]["state"] == "fixed"


def test_an_archived_observation_stays_as_it_was_when_a_later_ingest_fails(ops: Ops, tmp_path: Path) -> None:
    ingest(ops, [product_of(write_product(tmp_path / "a" / f"{ROOT}_cal.fits"))])
    before = queries.story(ops, ROOT)
    with pytest.raises(DmsError):
        ingest(ops, no_region(tmp_path))
    after = queries.story(ops, ROOT)
    assert [after[k] for k in ("observation", "planes", "products", "events")] == [
        before[k] for k in ("observation", "planes", "products", "events")
    ]


def test_an_error_is_let_go_with_a_reason_by_the_preview(ops: Ops, tmp_path: Path) -> None:
    with pytest.raises(DmsError):
        ingest(ops, no_region(tmp_path))
    seen = errors.preview(ops, [1])
    with pytest.raises(BadInput, match="reason"):
        errors.let_go(ops, [1], ticket=seen.hash, reason="")
    with pytest.raises(StalePlan):
        errors.let_go(ops, [1], ticket="0", reason="x")
    errors.let_go(ops, [1], ticket=seen.hash, reason="a test exposure")
    assert errors.listed(ops, states=())[0]["closed_reason"] == "a test exposure"
    with pytest.raises(NotFound):
        errors.preview(ops, [1])


def test_exclusive_access_follows_the_proposal(ops: Ops, tmp_path: Path) -> None:
    products = [product_of(write_product(tmp_path / f"{ROOT}_cal.fits", CATEGORY="GO"))]
    proposals.put(ops, "02726", exclusive_days=90, pi_name="A. Person", reason="as the program says")
    ingest(ops, products)
    story = queries.story(ops, ROOT)
    held = story["planes"][0]["data_release"] - story["products"][0]["archived_at"]
    assert abs(held.total_seconds() - 90 * 86400) < 1
    assert proposals.listed(ops)[0]["exclusive_days"] == 90


@pytest.mark.parametrize(("program", "days"), [("2726", 1), ("02726", -1), ("02726", 10**6)])
def test_a_proposal_that_cannot_be_is_refused(ops: Ops, program: str, days: int) -> None:
    with pytest.raises(BadInput):
        proposals.put(ops, program, exclusive_days=days, reason="x")


def test_sums_of_products_are_those_of_their_bytes(tmp_path: Path) -> None:
    path = write_product(tmp_path / f"{ROOT}_cal.fits")
    assert product_of(path).sha256 == sha256_of(path)
