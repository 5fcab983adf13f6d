"""Ingest: one observation, one transaction, one event; versions, and nothing twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmsops.archive import ingest, queries
from dmsops.archive.ingest import product_of
from dmsops.catalogue import Product, from_xml
from dmsops.core.errors import GateFailed, StoreDamaged
from dmsops.ops import Ops
from dmsops.testing.products import write_product
from dmsops.workflow.steps import Job, kind_named

ROOT = "jw02726402001_03104_00001_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


def exposure(folder: Path, *suffixes: str, **keywords: Any) -> list[Product]:
    return [product_of(write_product(folder / f"{ROOT}_{suffix}.fits", **keywords)) for suffix in suffixes]


def test_products_observation_and_event_arrive_together(ops: Ops, tmp_path: Path) -> None:
    done = ingest(ops, exposure(tmp_path, "uncal", "rate", "cal"))
    assert (done.observation_id, done.version, done.new) == (ROOT, 1, True)
    assert queries.counts_by_suffix(ops) == {"cal": 1, "rate": 1, "uncal": 1}
    row = queries.observations(ops)[0]
    assert (row["id"], row["kind"], row["state"], row["products"]) == (ROOT, "simple", "archived", 3)
    assert ops.store.path(row["xml_sha256"]).read_bytes() == done.xml
    assert [(e["event"], e["version"]) for e in queries.unsent(ops)] == [("observation.ingested", 1)]
    assert queries.caom_summary(ops) == {"observations": 1, "invalid": 0}
    for product in queries.products(ops, observation_id=ROOT):
        ops.store.verify(product["sha256"])


def test_the_same_ingest_again_changes_nothing(ops: Ops, tmp_path: Path) -> None:
    products = exposure(tmp_path, "uncal", "cal")
    first = ingest(ops, products)
    again = ingest(ops, products)
    assert again == replace(first, new=False)
    assert len(queries.unsent(ops)) == 1


def test_new_bytes_supersede_and_the_old_version_is_kept(ops: Ops, tmp_path: Path) -> None:
    ingest(ops, exposure(tmp_path / "a", "uncal", "cal"))
    done = ingest(ops, exposure(tmp_path / "b", "uncal", "cal", CAL_VER="3.0.1"))
    assert done.version == 2
    versions = [(p["version"], p["current"]) for p in queries.products(ops, prefix=f"{ROOT}_cal", superseded=True)]
    assert versions == [(1, False), (2, True)]
    assert [e["event"] for e in queries.unsent(ops)] == ["observation.ingested", "observation.superseded"]


def test_what_reprocessing_did_not_make_again_is_taken_out(ops: Ops, tmp_path: Path) -> None:
    ingest(ops, exposure(tmp_path, "uncal", "rate", "cal"))
    ingest(ops, exposure(tmp_path, "uncal", "cal"))
    assert queries.counts_by_suffix(ops) == {"cal": 1, "uncal": 1}
    assert queries.unsent(ops)[-1]["facts"]["gone"] == [f"{ROOT}_rate.fits"]
    ingest(ops, exposure(tmp_path, "uncal", "rate", "cal"))
    assert queries.counts_by_suffix(ops) == {"cal": 1, "rate": 1, "uncal": 1}


def test_a_product_that_is_not_its_recorded_sum_stops_everything(ops: Ops, tmp_path: Path) -> None:
    products = exposure(tmp_path, "uncal", "cal")
    with products[1].path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(StoreDamaged, match="cal"):
        ingest(ops, products)
    assert queries.observations(ops) == []
    assert queries.products(ops) == []


def test_an_unsound_description_is_refused_recorded_and_repaired(ops: Ops, tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="C27") as caught:
        ingest(ops, exposure(tmp_path / "a", "uncal", "cal", region=""))
    assert "P15" in caught.value.remedy
    assert caught.value.facts["findings"]
    assert queries.caom_summary(ops) == {"observations": 0, "invalid": 1}
    assert queries.products(ops) == []
    ingest(ops, exposure(tmp_path / "b", "uncal", "cal"))
    assert queries.caom_summary(ops) == {"observations": 1, "invalid": 0}


def test_rehearsal_data_go_into_a_collection_of_their_own(ops: Ops, tmp_path: Path) -> None:
    rehearsal = replace(ops, settings=ops.settings.model_copy(update={"mode": "rehearsal"}))
    assert from_xml(ingest(rehearsal, exposure(tmp_path, "cal")).xml).collection == "JWST-REHEARSAL"


def job(folder: Path, names: list[str], **params: Any) -> Job:
    """Inputs are links to published files, as an engine gives them."""
    inputs = {}
    for name in names:
        inputs[name] = folder / name
        inputs[name].symlink_to(write_product(folder / "published" / name))
    return Job(kind="archive.ingest", dataset="x", key="k", attempt=1, folder=folder, inputs=inputs, makes=(), params=params)


def test_the_step_leaves_the_observation_as_xml(ops: Ops, tmp_path: Path) -> None:
    members = [f"{ROOT}_cal.fits", "jw02726402001_03104_00002_nrca3_cal.fits"]
    step = kind_named("archive.ingest").function
    folder = tmp_path / "job"
    folder.mkdir()
    outcome = step(ops, job(folder, [COMBINED], members=members))
    assert outcome.products == ("jw02726-o402_t001_nircam_f212n-wlm8-nrca3-04_caom.xml",)
    observation: Any = from_xml((folder / outcome.products[0]).read_bytes())
    assert len(observation.members) == 2
    assert queries.observations(ops)[0]["kind"] == "derived"


def test_a_combined_product_without_members_is_refused(ops: Ops, tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match="C08"):
        kind_named("archive.ingest").function(ops, job(tmp_path, [COMBINED]))
