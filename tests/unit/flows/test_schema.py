"""The way down is previewed, journalled first, and refused while an engine works; the way up writes the rows that are missing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import artifact, observation, plane
from dmsops.core import db
from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import BadInput, BadSetting, NotAllowed, Refused, StalePlan
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role, put_person
from dmsops.flows import schema
from dmsops.ops import Ops
from dmsops.testing.products import write_product
from dmsops.workflow.fleet import sign_off, sign_on

BEFORE = db.revisions()[-2]
ROWLESS = "0006"
"""The last schema that has no rows of the catalogue."""


@pytest.fixture(autouse=True)
def _after_the_exposures(clock: SimulatedClock) -> None:
    clock.advance(timedelta(hours=2))


def revision(ops: Ops) -> str:
    with db.reading(ops.db) as c:
        return str(c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


def test_the_preview_names_what_would_be_lost_and_changes_nothing(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, "ana", Role.LEAD)
        c.execute(sa.text("UPDATE people SET token = 'x' WHERE name = 'ana'"))
    seen = schema.preview(ops, "0002")
    assert [(one.table, one.rows) for one in seen.lost] == [("people", 1)]
    assert "tokens" in seen.lost[0].words
    assert revision(ops) == db.expected_revision()


@pytest.mark.parametrize("to", ["0000", "9999", db.expected_revision(), "base", "../x", ""])
def test_what_is_no_older_schema_is_refused(ops: Ops, to: str) -> None:
    with pytest.raises(BadInput, match="is no schema older than"):
        schema.preview(ops, to)


def test_going_down_is_in_the_journal_and_leaves_an_older_schema(ops: Ops) -> None:
    seen = schema.preview(ops, BEFORE)
    schema.downgrade(ops, BEFORE, ticket=seen.hash, reason="the new version is withdrawn")
    assert revision(ops) == BEFORE
    with pytest.raises(BadSetting):
        db.check_revision(ops.db)
    with db.reading(ops.db) as c:
        line = c.execute(sa.select(journal).where(journal.c.event == "schema.lowered")).one()
    assert (line.target, line.reason) == (BEFORE, "the new version is withdrawn")


def test_the_journals_line_is_there_though_the_way_down_failed(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_url: str, _to: str) -> None:
        raise OSError

    monkeypatch.setattr(db, "downgrade", broken)
    with pytest.raises(OSError):  # noqa: PT011 - the one that was thrown
        schema.downgrade(ops, BEFORE, ticket=schema.preview(ops, BEFORE).hash, reason="x")
    with db.reading(ops.db) as c:
        assert c.execute(sa.select(sa.func.count()).where(journal.c.event == "schema.lowered")).scalar() == 1


def test_it_needs_a_lead_a_reason_and_a_preview_that_holds(ops: Ops) -> None:
    ticket = schema.preview(ops, BEFORE).hash
    with pytest.raises(NotAllowed):
        schema.downgrade(ops.as_person(Person("o", Role.OPERATOR)), BEFORE, ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="needs a reason"):
        schema.downgrade(ops, BEFORE, ticket=ticket, reason=" ")
    with pytest.raises(StalePlan):
        schema.downgrade(ops, BEFORE, ticket="0" * 16, reason="x")
    assert revision(ops) == db.expected_revision()


def test_it_is_refused_while_an_engine_works_and_not_after(ops: Ops) -> None:
    engine = sign_on(ops, workers=1)
    ticket = schema.preview(ops, BEFORE).hash
    with pytest.raises(Refused, match="is at work"):
        schema.downgrade(ops, BEFORE, ticket=ticket, reason="x")
    sign_off(ops, engine)
    schema.downgrade(ops, BEFORE, ticket=ticket, reason="x")


def test_down_and_up_again_the_catalogue_has_its_rows_as_before(ops: Ops, tmp_path: Path) -> None:
    names = [f"jw02726402001_02101_0000{n}_nrca3_cal.fits" for n in (1, 2)]
    for name in names:
        write_product(tmp_path / name)
        ingest(ops, [product_of(tmp_path / name)])
    before = rows(ops)
    schema.downgrade(ops, ROWLESS, ticket=schema.preview(ops, ROWLESS).hash, reason="try")
    db.upgrade(ops.settings.database_url)
    told: list[tuple[int, int, str]] = []
    made = schema.rebuild(ops, progress=lambda *seen: told.append(seen))
    assert (made.done, made.faults) == (2, ())
    assert rows(ops) == before
    assert told[-1][:2] == (2, 2)
    assert schema.rebuild(ops).done == 0


def rows(ops: Ops) -> list[object]:
    with db.reading(ops.db) as c:
        return [list(c.execute(sa.select(t).order_by(t.c.id)).all()) for t in (observation, plane)]


def archived_twice(ops: Ops, folder: Path) -> None:
    """Put two exposures into the archive, and take their catalogue rows from them by going down and up."""
    for n in (1, 2):
        name = f"jw02726402001_02101_0000{n}_nrca3_cal.fits"
        write_product(folder / name)
        ingest(ops, [product_of(folder / name)])
    schema.downgrade(ops, ROWLESS, ticket=schema.preview(ops, ROWLESS).hash, reason="try")
    db.upgrade(ops.settings.database_url)


def documents_become(ops: Ops, sha256: str) -> None:
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id.like("%00001_nrca3")).values(xml_sha256=sha256))


def test_one_document_that_is_gone_keeps_no_other_out(ops: Ops, tmp_path: Path) -> None:
    archived_twice(ops, tmp_path)
    documents_become(ops, "f" * 64)
    made = schema.rebuild(ops)
    assert made.done == 1
    assert [text[:29] for text in made.faults] == ["jw02726402001_02101_00001_nrc"]


def test_another_observations_document_writes_no_rows(ops: Ops, tmp_path: Path) -> None:
    archived_twice(ops, tmp_path)
    with db.reading(ops.db) as c:
        other = c.execute(sa.select(observation.c.xml_sha256).where(observation.c.id.like("%00002_nrca3"))).scalar_one()
    documents_become(ops, other)
    assert schema.rebuild(ops).faults == ("jw02726402001_02101_00001_nrca3: its document describes jw02726402001_02101_00002_nrca3",)


def test_what_contradicts_another_observation_is_left_out_and_said(ops: Ops, tmp_path: Path) -> None:
    archived_twice(ops, tmp_path)
    schema.rebuild(ops)
    with ops.db.begin() as c:
        mine = sa.select(plane.c.id).where(plane.c.observation_id.like("%00001_nrca3")).scalar_subquery()
        stolen = c.execute(sa.select(artifact.c.uri).where(artifact.c.plane_id == mine)).scalars().first()
        c.execute(sa.delete(artifact).where(artifact.c.plane_id == mine))
        c.execute(sa.delete(plane).where(plane.c.observation_id.like("%00001_nrca3")))
        c.execute(sa.text("DELETE FROM plane_sky"))
        c.execute(sa.text("DELETE FROM plane_span"))
        c.execute(sa.update(artifact).values(uri=stolen))
    made = schema.rebuild(ops)
    assert (made.done, made.faults) == (0, ("jw02726402001_02101_00001_nrca3: its rows contradict those of another observation",))
