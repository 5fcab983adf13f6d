"""The archive's whole story on both grounds: taken, superseded, refused, decided, withdrawn, restored, searched, built again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import bulk, duplicates, errors, ingest, proposals, queries, sky, withdraw
from dmsops.archive.ingest import again, ingest_again, product_of
from dmsops.archive.search import by_name, count, products_of, search
from dmsops.archive.tables import artifact, observation, observation_member, plane, plane_input
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import BadInput, GateFailed, StoreDamaged
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.receipt import sweep
from dmsops.testing.products import write_product
from tests.grounds import Ground, spoil

ROOT = "jw02726402001_03104_{:05d}_nrca3"
ELSEWHERE = "POLYGON ICRS  10.01 19.99 9.99 19.99 9.99 20.01 10.01 20.01"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"


@pytest.fixture
def ops(ground: Ground) -> Iterator[Ops]:
    opened = ground.site(mode="live")
    yield opened
    opened.db.dispose()


def exposure(ops: Ops, folder: Path, n: int, *suffixes: str, **keywords: Any) -> int:
    made = [product_of(write_product(folder / f"{ROOT.format(n)}_{s}.fits", value=n, **keywords)) for s in suffixes]
    return ingest(ops, made).version


def pair(ops: Ops, folder: Path, *numbers: int, **keywords: Any) -> int:
    members = [f"{ROOT.format(n)}_cal.fits" for n in numbers]
    return ingest(ops, [product_of(write_product(folder / COMBINED, **keywords))], members=members).version


def rows(ops: Ops) -> dict[str, list[tuple[Any, ...]]]:
    """Give all rows of the catalogue, without their numbers."""
    numbers = {"id", "plane_id"}
    found = {}
    with ops.db.connect() as c:
        for table in (observation, plane, artifact, plane_input, observation_member):
            columns = [column for column in table.c if column.name not in numbers or table is observation]
            found[table.name] = sorted((tuple(row) for row in c.execute(sa.select(*columns))), key=str)
    return found


def test_products_are_taken_superseded_refused_decided_withdrawn_and_restored(ops: Ops, tmp_path: Path) -> None:
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
    found = {row["id"]: (row["version"], row["products"], row["state"]) for row in queries.observations(ops)}
    assert found == {
        first: (4, 2, "archived"),
        ROOT.format(2): (1, 3, "archived"),
        ROOT.format(3): (1, 3, "archived"),
        seen.observation_id: (1, 1, "archived"),
    }
    anew = again(ops, seen.observation_id)
    assert anew.differs == ()
    assert ingest_again(ops, anew, reason="looked at again") == (1, False)
    assert queries.caom_summary(ops) == {"observations": 4, "invalid": 1}


def test_exclusive_access_that_changes_is_described_again(ops: Ops, tmp_path: Path) -> None:
    exposure(ops, tmp_path / "a", 1, "cal", CATEGORY="GO")
    proposals.put(ops, "02726", exclusive_days=0, reason="the program gave it up")
    anew = again(ops, ROOT.format(1))
    assert any("data_release" in words or "dataRelease" in words or "release" in words for words in anew.differs)
    assert ingest_again(ops, anew, reason="the program gave it up") == (2, True)
    described = queries.story(ops, ROOT.format(1))["planes"][0]
    assert described["data_release"] == described["meta_release"]


def test_another_association_supersedes_when_a_person_has_decided_so(ops: Ops, tmp_path: Path) -> None:
    for n in (1, 2, 3, 4):
        exposure(ops, tmp_path / "a", n, "cal")
    pair(ops, tmp_path / "a", 1, 2)
    with pytest.raises(GateFailed, match="other members"):
        pair(ops, tmp_path / "b", 3, 4, CAL_VER="3.0.1")
    (waiting,) = duplicates.listed(ops)
    seen = duplicates.preview(ops, waiting["observation_id"], "new")
    duplicates.decide(ops, seen.observation_id, keep="new", ticket=seen.hash, reason="the second is right")
    assert pair(ops, tmp_path / "b", 3, 4, CAL_VER="3.0.1") == 2
    assert [row["current"] for row in queries.products(ops, prefix=COMBINED, superseded=True)] == [False, True]
    assert errors.listed(ops) == duplicates.listed(ops) == []


def test_damaged_bytes_are_refused_become_an_error_and_can_be_let_go(ops: Ops, tmp_path: Path) -> None:
    good = product_of(write_product(tmp_path / f"{ROOT.format(1)}_cal.fits"))
    good.path.write_bytes(good.path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreDamaged, match="expected"):
        ingest(ops, [good])
    with pytest.raises(BadInput):
        ingest(ops, [])
    found = [row for row in errors.listed(ops) if row["kind"] == "store"]
    assert [row["observation_id"] for row in found] == [ROOT.format(1)]
    assert queries.observations(ops) == list(ops.store.objects()) == []
    numbers = [row["id"] for row in errors.listed(ops)]
    errors.let_go(ops, numbers, ticket=errors.preview(ops, numbers).hash, reason="nobody has better bytes")
    assert errors.counts(ops) == {}


def test_what_is_archived_is_found_by_place_time_light_words_and_name(ops: Ops, tmp_path: Path) -> None:
    exposure(ops, tmp_path, 1, "uncal", "cal")
    there = {"region": ELSEWHERE, "TARG_RA": 10.0, "TARG_DEC": 20.0, "EXPSTART": 59917.21, "EXPEND": 59917.22, "TARGPROP": "OTHER"}
    exposure(ops, tmp_path, 2, "uncal", "cal", **there)
    asked: tuple[dict[str, Any], ...] = (
        {"cone": (80.0, -69.5, 0.001)}, {"cone": (80.03, -69.5, 0.01)}, {"region": [(79.9, -69.6), (80.1, -69.6), (80.0, -69.4)]},
        {"time": (59917.0, 59917.15)}, {"target": "STAR"}, {"text": ROOT.format(1)},
        {"cone": (80.0, -69.5, 1.0), "time": (59917.0, 59919.0)},
    )  # fmt: skip
    for filters in asked:
        found = search(ops, **filters).rows
        assert {row["observation_id"] for row in found} == {ROOT.format(1)}, filters
        assert len(found) == count(ops, **filters)
    assert count(ops) == count(ops, time=(59917.0, 59919.0)) == count(ops, energy=(2.1e-6, 2.15e-6)) == 4
    assert count(ops, cone=(200.0, 0.0, 5.0)) == count(ops, energy=(1.0, 2.0)) == count(ops, text="%") == 0
    assert [row["product_id"] for row in search(ops, level=2).rows] == ["level2", "level2"]
    first = search(ops, limit=3)
    assert first.more
    assert [len(first.rows), len(search(ops, limit=3, after=first.after).rows)] == [3, 1]
    known = by_name(ops, f"{ROOT.format(2)}_cal.fits")
    assert known is not None
    assert known["uri"] in {row["uri"] for row in products_of(ops, ROOT.format(2))} - {
        row["uri"] for row in products_of(ops, ROOT.format(1))
    }


def test_the_catalogue_is_built_again_from_its_documents_as_it_was(archive: Ops) -> None:
    before, ids = rows(archive), [row["id"] for row in queries.observations(archive)]
    with archive.db.begin() as c:
        sky.remove(c, c.execute(sa.select(plane.c.id)).scalars().all())
        for table in (artifact, plane_input, observation_member, plane):
            c.execute(sa.delete(table))
    assert bulk.unbuilt(archive) == ids
    assert bulk.rebuild(archive, ids, batch=4) == bulk.Rebuilt(done=tuple(ids), failed={})
    assert rows(archive) == before
    assert doctor.examine(archive, Scope()).findings == ()


def test_of_an_observation_whose_document_is_lost_or_damaged_the_rows_stay(archive: Ops) -> None:
    before, found = rows(archive), queries.observations(archive)
    archive.store.remove(found[0]["xml_sha256"])
    spoil(archive, found[1]["xml_sha256"])
    done = bulk.rebuild(archive, [row["id"] for row in found])
    assert set(done.failed) == {found[0]["id"], found[1]["id"]}
    assert len(done.done) == len(found) - 2
    assert rows(archive) == before


def test_nothing_of_a_small_archive_is_an_orphan_and_nothing_lacks_bytes(archive: Ops) -> None:
    seen = sweep.plan(archive)
    assert (seen.without_bytes, seen.nothing) == ((), True)
    assert doctor.examine(archive, Scope(deep=True)).findings == ()
