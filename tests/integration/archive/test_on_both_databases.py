"""The archive's whole story, on SQLite and on PostgreSQL: taken, superseded, refused, decided, withdrawn, restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dmsops.archive import duplicates, errors, ingest, proposals, queries, withdraw
from dmsops.archive.ingest import again, ingest_again, product_of
from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import GateFailed
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product

ROOT = "jw02726402001_03104_{:05d}_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


def exposure(ops: Ops, folder: Path, n: int, *suffixes: str, **keywords: Any) -> int:
    made = [product_of(write_product(folder / f"{ROOT.format(n)}_{s}.fits", value=n, **keywords)) for s in suffixes]
    return ingest(ops, made).version


def pair(ops: Ops, folder: Path, *numbers: int, **keywords: Any) -> int:
    members = [f"{ROOT.format(n)}_cal.fits" for n in numbers]
    return ingest(ops, [product_of(write_product(folder / COMBINED, **keywords))], members=members).version


def test_products_are_taken_superseded_refused_decided_withdrawn_and_restored(tmp_path: Path, database: str) -> None:
    create_site(tmp_path / "site", lead="lead", database=database)
    ops = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=6)))
    proposals.put(ops, "02726", exclusive_days=30, reason="as the program says")
    for n in (1, 2, 3):
        assert exposure(ops, tmp_path / "a", n, "uncal", "rate", "cal") == 1
    assert pair(ops, tmp_path / "a", 1, 2) == 1
    assert exposure(ops, tmp_path / "b", 1, "uncal", "cal", CAL_VER="3.0.1") == 2
    with pytest.raises(GateFailed):
        exposure(ops, tmp_path / "c", 4, "cal", region="")
    with pytest.raises(GateFailed, match="other members"):
        pair(ops, tmp_path / "b", 3, 4, CAL_VER="3.0.1")
    assert errors.counts(ops) == {"duplicate_product": 1, "is_valid_fails": 1}
    seen = duplicates.preview(ops, COMBINED.replace("_wfscmb", "").removesuffix(".fits"), "old")
    duplicates.decide(ops, seen.observation_id, keep="old", ticket=seen.hash, reason="the first is right")
    first = ROOT.format(1)
    withdraw.withdraw(ops, [first], ticket=withdraw.preview(ops, [first]).hash, reason="x")
    assert withdraw.preview(ops, [first], back=True).items[0].used_by == (seen.observation_id,)
    withdraw.restore(ops, [first], ticket=withdraw.preview(ops, [first], back=True).hash, reason="y")
    rows = {row["id"]: (row["version"], row["products"], row["state"]) for row in queries.observations(ops)}
    assert rows == {
        first: (4, 2, "archived"),
        ROOT.format(2): (1, 3, "archived"),
        ROOT.format(3): (1, 3, "archived"),
        seen.observation_id: (1, 1, "archived"),
    }
    anew = again(ops, seen.observation_id)
    assert anew.differs == ()
    assert ingest_again(ops, anew, reason="looked at again") == (1, False)
    assert queries.caom_summary(ops) == {"observations": 4, "invalid": 1}
    ops.db.dispose()


def test_exclusive_access_that_changes_is_described_again(tmp_path: Path, database: str) -> None:
    create_site(tmp_path / "site", lead="lead", database=database)
    ops = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=6)))
    exposure(ops, tmp_path / "a", 1, "cal", CATEGORY="GO")
    proposals.put(ops, "02726", exclusive_days=0, reason="the program gave it up")
    anew = again(ops, ROOT.format(1))
    assert any("data_release" in words or "dataRelease" in words or "release" in words for words in anew.differs)
    assert ingest_again(ops, anew, reason="the program gave it up") == (2, True)
    plane = queries.story(ops, ROOT.format(1))["planes"][0]
    assert plane["data_release"] == plane["meta_release"]
    ops.db.dispose()
