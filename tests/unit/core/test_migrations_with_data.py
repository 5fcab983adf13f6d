"""Migrations of databases that hold something, up and down, on both: nothing that both schemas can hold is lost or changed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op

from dmsops.core import db
from dmsops.core.errors import BadSetting

STEPS = list(zip(db.revisions(), db.revisions()[1:], strict=False))
AT = "2026-01-02T03:04:05.000000Z"
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of a database that is quite empty, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'site.db'}"
    server = request.getfixturevalue("postgresql")
    name = f"empty{next(server._numbers)}"
    server._sql(f"CREATE DATABASE {name}")
    return str(server.url(name))


def tables_of(c: sa.Connection) -> sa.MetaData:
    """Read the tables from the database itself, without the R*trees' own."""
    found = sa.MetaData()
    found.reflect(c, only=lambda name, _: not name.startswith(("plane_s", "alembic")))
    return found


def value_of(column: sa.Column[Any], n: int) -> Any:
    """Make the n-th value of a column's type."""
    if column.foreign_keys:
        target = next(iter(column.foreign_keys)).column
        return value_of(target, n)
    if column.name == "findings":
        return [] if n % 2 == 0 else [f"C0{n} is wrong"]  # what is sound has none
    if isinstance(column.type, sa.JSON):
        return {"n": n}
    if isinstance(column.type, sa.Boolean):
        return n % 2 == 0
    if isinstance(column.type, sa.Float | sa.Integer):
        return 10 * n
    return AT if column.name.endswith("_at") or column.name == "at" else f"{column.name[:6]}{n}"[: getattr(column.type, "length", None)]


def fill(url: str, only: str = "") -> Rows:
    """Put three rows into every table (or into one) and give all that is there."""
    engine = db.open_engine(url)
    with engine.begin() as c:
        for table in tables_of(c).sorted_tables:
            if not only or table.name == only:
                c.execute(sa.insert(table), [{column.name: value_of(column, n) for column in table.columns} for n in (1, 2, 3)])
    engine.dispose()
    return look(url)


def look(url: str) -> Rows:
    """Give every row of every table, in order."""
    engine = db.open_engine(url)
    with db.reading(engine) as c:
        seen = {t.name: [dict(r) for r in c.execute(sa.select(t)).mappings()] for t in tables_of(c).sorted_tables}
    engine.dispose()
    return {name: sorted(rows, key=str) for name, rows in seen.items()}


def shape(url: str) -> Any:
    """Give tables with their columns, keys and indexes, as the database tells them."""
    engine = db.open_engine(url)
    with db.reading(engine) as c:
        i = sa.inspect(c)
        names = [n for n in i.get_table_names() if not n.startswith(("plane_s", "alembic"))]
        seen = {
            name: (
                sorted((col["name"], str(col["type"]), col["nullable"]) for col in i.get_columns(name)),
                sorted(map(str, i.get_foreign_keys(name))),
                sorted((str(x["name"]), str(x["column_names"])) for x in i.get_indexes(name)),
            )
            for name in names
        }
    engine.dispose()
    return seen


def put(url: str, table: str, **values: Any) -> None:
    engine = db.open_engine(url)
    with engine.begin() as c:
        found = sa.Table(table, sa.MetaData(), autoload_with=c)
        base = {column.name: None if column.nullable else value_of(column, 7) for column in found.columns}
        c.execute(sa.insert(found).values({**base, **values}))
    engine.dispose()


@pytest.mark.parametrize(("older", "newer"), STEPS)
def test_up_and_down_gives_back_every_row_and_the_old_shape(url: str, older: str, newer: str) -> None:
    db.upgrade(url, older)
    before, old_shape = fill(url), shape(url)
    db.upgrade(url, newer)
    db.downgrade(url, older)
    assert shape(url) == old_shape
    assert look(url) == before


def test_going_down_step_by_step_from_full_tables_keeps_every_older_row_and_each_schemas_shape(url: str) -> None:
    shapes = {}
    for revision in db.revisions():
        db.upgrade(url, revision)
        shapes[revision] = shape(url)
    full = fill(url)
    for older, _ in reversed(STEPS):
        db.downgrade(url, older)
        assert shape(url) == shapes[older], older
        for name, rows in look(url).items():
            assert len(rows) >= len(full[name]), (older, name)
    db.upgrade(url)
    assert shape(url) == shapes[db.expected_revision()]


def test_all_the_way_down_leaves_nothing(url: str) -> None:
    db.upgrade(url)
    fill(url)
    db.downgrade(url, "base")
    assert look(url) == {}
    db.upgrade(url)


def test_what_was_refused_becomes_an_open_ingest_error_and_goes_back(url: str) -> None:
    db.upgrade(url, "0006")
    told = {"collection": "JWST", "changed_at": AT}
    put(url, "observation", id="jw02726402001_02101_00001_nrca3", kind="simple", version=2, valid=True, findings=[], xml_sha256="a", **told)
    put(
        url, "observation", id="jw02726402001_02101_00002_nrca3", kind="simple", version=1, valid=False, findings=["C09 x", "C10 y"], **told
    )
    put(url, "observation", id="jw02726-o402_t001_nircam_f212n", kind="derived", version=0, valid=False, findings=["C01 z"], **told)
    before = look(url)["observation"]
    db.upgrade(url, "0007")
    now = look(url)
    assert [(o["id"][20:25], o["state"], o["version"]) for o in now["observation"]] == [("00001", "archived", 2), ("00002", "archived", 1)]
    errors = {e["observation_id"]: e for e in now["ingest_error"]}
    assert errors["jw02726402001_02101_00002_nrca3"]["findings"] == ["C09 x", "C10 y"]
    assert errors["jw02726-o402_t001_nircam_f212n"] | {"id": 0} == {
        "id": 0, "observation_id": "jw02726-o402_t001_nircam_f212n", "kind": "is_valid_fails", "message": "C01 z", "findings": ["C01 z"],
        "products": {}, "members": [], "state": "open", "times": 1, "first_at": AT, "last_at": AT, "closed_at": None, "closed_by": None,
        "closed_reason": None,
    }  # fmt: skip
    db.downgrade(url, "0006")
    assert look(url)["observation"] == before


def test_a_withdrawn_observation_does_not_come_back_by_going_down_and_up(url: str) -> None:
    db.upgrade(url, "0007")
    put(url, "observation", id="jw1", kind="simple", version=3, state="withdrawn")
    put(url, "tombstone", observation_id="jw1", reason="wrong target", products={})
    db.downgrade(url, "0006")
    assert [(o["valid"], o["findings"]) for o in look(url)["observation"]] == [(False, ["withdrawn under schema 0007: wrong target"])]
    db.upgrade(url, "0007")
    assert [o["state"] for o in look(url)["observation"]] == ["withdrawn"]
    assert look(url)["ingest_error"] == []


def test_a_held_step_is_a_failed_one_for_the_first_schema(url: str) -> None:
    db.upgrade(url, "0002")
    fill(url, "workflow")
    for n, state in enumerate(("held", "leased", "skipped", "done")):
        put(url, "step", id=n, key=str(n), workflow_id=10, state=state, rank=25, held_reason="waits for darks" if state == "held" else None)
    db.downgrade(url, "0001")
    seen = {s["id"]: (s["state"], s["fault"], s["rank"]) for s in look(url)["step"]}
    assert seen == {0: ("failed", "waits for darks", 2), 1: ("ready", None, 2), 2: ("done", None, 2), 3: ("done", None, 2)}


def test_what_would_be_lost_is_counted_by_what_it_is(url: str) -> None:
    db.upgrade(url)
    put(url, "people", name="ana", role="lead", token=None)
    put(url, "people", name="script", role="operator", token="x")
    put(url, "finding", check="C01", uri="u", state="open")
    engine = db.open_engine(url)
    with db.reading(engine) as c:
        assert [row[:2] for row in db.losses(c, "0006")] == [("finding", 1)]
        assert [row[:2] for row in db.losses(c, "0002")] == [("finding", 1), ("people", 1)]
        assert db.losses(c, db.expected_revision()) == []
    engine.dispose()


def test_every_revision_says_what_going_below_it_loses(url: str) -> None:
    db.upgrade(url)
    full = fill(url)
    engine = db.open_engine(url)
    with db.reading(engine) as c:
        told = {row[0] for row in db.losses(c, "0001")}
    engine.dispose()
    db.downgrade(url, "0001")
    gone = set(full) - set(look(url))
    derived = {"artifact", "observation_member", "plane_input", "step_counter"}  # told with `plane`; counted again by the way up
    assert gone - derived <= told


def _die_in_the_middle(url: str, table: str, direction: str) -> None:
    before: Callable[..., Any] = op.create_table if direction == "up" else op.drop_table

    def deadly(name: str, *rest: Any, **more: Any) -> Any:
        if name == table:
            os._exit(9)
        return before(name, *rest, **more)

    setattr(op, {"up": "create_table", "down": "drop_table"}[direction], deadly)
    if direction == "up":
        db.upgrade(url)
    else:
        db.downgrade(url, "0004")


@pytest.mark.parametrize(("direction", "start"), [("up", "0004"), ("down", "0007")])
def test_a_migration_that_is_killed_in_its_middle_leaves_the_database_as_it_was(url: str, direction: str, start: str) -> None:
    db.upgrade(url, start)
    before, old_shape = fill(url), shape(url)
    child = multiprocessing.get_context("fork").Process(
        target=_die_in_the_middle, args=(url, {"up": "tombstone", "down": "message"}[direction], direction)
    )
    child.start()
    child.join()
    assert child.exitcode == 9
    assert (look(url), shape(url)) == (before, old_shape)
    db.upgrade(url)
    db.downgrade(url, "0006")


def test_a_schema_that_is_too_old_or_too_new_is_refused_in_words(url: str) -> None:
    db.upgrade(url, "0005")
    engine = db.open_engine(url)
    with pytest.raises(BadSetting, match=r"has schema 0005, this version of DMSOps works with") as old:
        db.check_revision(engine)
    assert "dmsops site upgrade" in old.value.remedy
    with engine.begin() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BadSetting, match=r"9999, which is newer than") as new:
        db.check_revision(engine)
    assert "dmsops site downgrade --to" in new.value.remedy
    with pytest.raises(BadSetting, match=r"9999, which is newer than"):
        db.upgrade(url)
    engine.dispose()
