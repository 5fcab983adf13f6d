"""The catalogue's rows say what the document says, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive import ingest, queries, rows
from dmsops.archive.ingest import product_of
from dmsops.archive.tables import artifact, plane, plane_input
from dmsops.catalogue import from_xml
from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.ops import Ops
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_00001_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


def test_rows_say_what_the_document_says(ops: Ops, tmp_path: Path) -> None:
    done = ingest(ops, [product_of(write_product(tmp_path / f"{ROOT}_{suffix}.fits")) for suffix in ("uncal", "cal")])
    story = queries.story(ops, ROOT)
    row, document = story["observation"], from_xml(done.xml)
    assert (row["proposal_id"], row["instrument"], row["target"], row["state"]) == ("02726", "NIRCAM", "STAR", "archived")
    assert row["checksum"] == document.acc_meta_checksum.uri
    first, second = story["planes"]
    assert [first["product_id"], second["product_id"]] == ["level1", "level2"]
    assert second["region"].startswith("POLYGON ICRS ")
    assert second["radius"] == pytest.approx(0.0106, abs=0.001)
    assert (second["time_min"], second["time_max"], second["exposure"]) == (59917.1, 59917.2, 30.0)
    assert second["em_min"] == pytest.approx(2.109e-6)
    assert second["context"] == "jwst_0001.pmap"
    made = second["artifacts"][0]
    product = next(p for p in story["products"] if p["name"].endswith("_cal.fits"))
    assert made["uri"] == f"mast:JWST/product/{product['name']}"
    assert (made["content_length"], made["content_checksum"]) == (product["size"], f"sha256:{product['sha256']}")


def test_a_second_writing_leaves_no_row_of_the_first(ops: Ops, tmp_path: Path) -> None:
    ingest(ops, [product_of(write_product(tmp_path / f"{ROOT}_{suffix}.fits")) for suffix in ("uncal", "rate", "cal")])
    ingest(ops, [product_of(write_product(tmp_path / f"{ROOT}_uncal.fits"))])
    with reading(ops.db) as c:
        counted = [c.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in (plane, artifact)]
    assert counted == [1, 1]


def test_members_and_inputs_are_rows(ops: Ops, tmp_path: Path) -> None:
    members = [f"{ROOT}_cal.fits", f"{ROOT.replace('00001', '00002')}_cal.fits"]
    ingest(ops, [product_of(write_product(tmp_path / COMBINED))], members=members)
    story = queries.story(ops, "jw02726-o402_t001_nircam_f212n-wlm8-nrca3-04")
    assert story["members"] == [f"caom:JWST/{name.removesuffix('_cal.fits')}" for name in members]
    assert story["planes"][0]["inputs"] == [f"{uri}/level2" for uri in story["members"]]
    with reading(ops.db) as c:
        assert c.execute(sa.select(sa.func.count()).select_from(plane_input)).scalar() == 2


def test_the_document_comes_from_the_store(ops: Ops, tmp_path: Path) -> None:
    done = ingest(ops, [product_of(write_product(tmp_path / f"{ROOT}_cal.fits"))])
    assert rows.document(ops, ROOT) == done.xml
    with pytest.raises(NotFound, match="jw99999"):
        rows.document(ops, "jw99999")
