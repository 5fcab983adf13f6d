"""Many observations at once: loaded whole, loaded again without harm, and made again from their documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import bulk, search
from dmsops.archive.tables import artifact, observation, observation_member, plane, plane_input
from dmsops.catalogue import to_xml
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput
from dmsops.ops import Ops
from dmsops.testing.observations import clean
from tests.bench import catalogue

PARTS = (artifact, plane_input, observation_member, plane)


@pytest.fixture(scope="module")
def described() -> list[Any]:
    return list(clean(12))


def stored(ops: Ops, described: list[Any]) -> list[tuple[Any, str]]:
    found = []
    for one in described:
        path = ops.settings.folder("work") / "caom.xml"
        path.write_bytes(to_xml(one))
        found.append((one, ops.store.put(path)))
    return found


def content(ops: Ops) -> dict[str, list[tuple[Any, ...]]]:
    """Rows without their numbers, and what the index finds."""
    with reading(ops.db) as c:
        rows = {
            t.name: sorted(tuple(map(str, r)) for r in c.execute(sa.select(*(x for x in t.c if x.name not in {"id", "plane_id"}))))
            for t in PARTS
        }
        rows["observation"] = sorted(tuple(map(str, r)) for r in c.execute(sa.select(observation)))
    rows["cone"] = [(r["observation_id"], r["product_id"]) for r in search.search(ops, cone=(0, 0, 180), limit=1000).rows]
    rows["time"] = [(r["observation_id"], r["product_id"]) for r in search.search(ops, time=(0, 1e5), limit=1000).rows]
    return rows


def test_what_is_loaded_is_found_and_loading_again_changes_nothing(ops: Ops, described: list[Any]) -> None:
    given = stored(ops, described)
    assert bulk.load(ops, given, batch=5) == len(given)
    first = content(ops)
    assert len(first["observation"]) == len(given)
    drawn = [r for r in search.search(ops, limit=1000).rows if r["region"]]
    assert len(drawn) > len(given)
    assert first["cone"] == [(r["observation_id"], r["product_id"]) for r in drawn]
    assert bulk.load(ops, given, batch=7) == len(given)
    assert content(ops) == first


def test_an_observation_that_is_twice_in_a_batch_leaves_the_batch_out(ops: Ops, described: list[Any]) -> None:
    given = stored(ops, described[:2])
    with pytest.raises(BadInput, match=described[0].observation_id):
        bulk.load(ops, [*given, given[0]])
    assert content(ops)["observation"] == []


def test_lost_rows_are_made_again_from_the_documents(ops: Ops, described: list[Any]) -> None:
    bulk.load(ops, stored(ops, described))
    whole = content(ops)

    def lose(c: sa.Connection) -> None:
        for table in PARTS:
            c.execute(sa.delete(table))
        for index in ("plane_sky", "plane_span"):
            c.exec_driver_sql(f"DELETE FROM {index}")

    transact(ops.db, lose)
    left = bulk.unbuilt(ops)
    assert left == sorted(o.observation_id for o in described)
    told: list[int] = []
    done = bulk.rebuild(ops, left, batch=5, progress=lambda done, *_: told.append(done))
    assert (len(done.done), done.failed, told) == (12, {}, [5, 10, 12])
    assert bulk.unbuilt(ops) == []
    assert content(ops) == whole


def test_a_document_that_cannot_be_read_is_reported_and_the_others_are_rebuilt(ops: Ops, described: list[Any]) -> None:
    given = stored(ops, described[:4])
    bulk.load(ops, given)
    ids = [o.observation_id for o in described[:4]]
    damaged = ops.store.path(given[0][1])
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-20])
    transact(ops.db, lambda c: c.execute(sa.update(observation).where(observation.c.id == ids[1]).values(xml_sha256=given[2][1])))
    done = bulk.rebuild(ops, [*ids, "jw99999999999_03104_00001_nrca3"])
    assert done.done == tuple(ids[2:])
    assert set(done.failed) == {ids[0], ids[1], "jw99999999999_03104_00001_nrca3"}
    assert ids[2] in done.failed[ids[1]]
    assert "no document" in done.failed["jw99999999999_03104_00001_nrca3"]


def test_the_bench_of_the_catalogue_gives_both_sides_the_same_rows(tmp_path: Path) -> None:
    with catalogue.sqlite_side(tmp_path) as side:
        lines = [*catalogue.loaded(side, 5_000), *catalogue.asked(side, 5)]
        tables = observation.metadata.tables
        with reading(side.ops.db) as c:
            for table in ("observation", "plane", "artifact", "plane_sky", "plane_span"):
                columns = ", ".join(tables[table].c.keys()) if table in tables else "*"
                query = f"SELECT {columns} FROM {table} ORDER BY id"
                assert [tuple(row) for row in c.exec_driver_sql(query)] == side.driver.execute(query).fetchall()
    assert len(lines) == 7
    assert all(line.ours for line in lines)
