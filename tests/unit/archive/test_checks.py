"""Defects of a whole site: each is found by its check under its URI, and a sound site has none; on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import dmsops.archive.checks_described
import dmsops.archive.checks_fits
import dmsops.archive.checks_sync
import dmsops.archive.checks_versions
import dmsops.flows.checks  # noqa: F401 - importing registers
from dmsops.archive.checks_sync import POSTED_WITHIN, SENT_WITHIN
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.partners import inventory
from dmsops.archive.tables import archive_outbox, archived_product, observation, plane
from dmsops.catalogue.registry import RULES, Scope
from dmsops.core import outbox
from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from dmsops.testing.defects import DEEP, DEFECTS, FOLLOWS
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from dmsops.workflow import blackboard
from dmsops.workflow.steps import StepSpec
from tests.archives import lay_inventory, small_archive

MINE = ("C04", "C06", "C07", "C09", "C17", "C19", "C41", "C42", "C43", "C44", "C45", "C46", "C48", "C49", "C50", "C51", "C52")
ROOT = "jw02726402001_03104_00001_nrca3"
Found = dict[str, list[tuple[str | None, str, str, str]]]


def examined(ops: Ops, *, prefix: str = "", deep: bool = False) -> Found:
    """Run the checks of this file's subject; those that found nothing are left out."""
    found = {}
    for number in MINE:
        rule = RULES[number]
        if rule.site is not None and (deep or not rule.deep):
            found[number] = list(rule.site(ops, Scope(prefix=prefix, deep=deep)))
    return {number: seen for number, seen in found.items() if seen}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the archive once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("archive")
    ops = small_site(folder / "site", START + timedelta(hours=2))
    small_archive(ops, folder / "made")
    ops.db.dispose()
    return folder / "site"


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Iterator[Ops]:
    shutil.copytree(made, tmp_path / "archive")
    ops = connect(tmp_path / "archive", operator=Person("tester", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=3)))
    yield ops
    ops.db.dispose()


def test_a_sound_site_has_no_finding_even_looked_at_deeply(archive: Ops) -> None:
    lay_inventory(archive, "cadc", inventory(archive))
    assert examined(archive, deep=True) == {}


@pytest.mark.parametrize("number", DEFECTS)
def test_a_defect_is_found_by_its_check_under_its_uri_and_by_no_other(archive: Ops, number: str) -> None:
    uri = DEFECTS[number](archive)
    found = examined(archive, deep=number in DEEP)
    assert set(found) - FOLLOWS.get(number, set()) == {number}
    assert [seen[1] for seen in found[number]] == [uri]
    owner, _, expected, seen = found[number][0]
    assert expected
    assert seen
    assert owner is None or owner.removesuffix("-04") in uri


@pytest.mark.parametrize("number", sorted(set(DEFECTS) - {"C42", "C46"}))
def test_a_defect_outside_the_scope_is_not_found(archive: Ops, number: str) -> None:
    DEFECTS[number](archive)
    assert number not in examined(archive, prefix="jw99999", deep=number in DEEP)


def test_every_check_has_a_procedure_a_source_and_a_title() -> None:
    for number in MINE:
        rule = RULES[number]
        assert rule.site is not None
        assert "(P" in rule.remedy
        assert rule.source
        assert not rule.title.startswith("Find")


@pytest.fixture
def on_either(tmp_path: Path, database: str) -> Iterator[Ops]:
    create_site(tmp_path / "site", lead="lead", database=database)
    ops = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=2)))
    small_archive(ops, tmp_path / "made")
    yield ops
    ops.db.dispose()


def test_all_of_it_works_on_both_databases(on_either: Ops) -> None:
    lay_inventory(on_either, "cadc", inventory(on_either))
    assert examined(on_either, deep=True) == {}
    together = ("C07", "C09", "C17", "C41", "C45", "C46", "C49", "C50")
    uris = {number: DEFECTS[number](on_either) for number in together}
    found = examined(on_either)
    assert {number: [seen[1] for seen in found[number]] for number in together} == {n: [uri] for n, uri in uris.items()}


def test_a_site_that_never_sent_an_event_has_none_unsent(archive: Ops) -> None:
    archive.clock.advance(timedelta(days=30))  # type: ignore[attr-defined]
    assert "C50" not in examined(archive)


def test_events_that_stand_still_are_one_finding(archive: Ops) -> None:
    first = sa.select(sa.func.min(archive_outbox.c.id)).scalar_subquery()
    with archive.db.begin() as c:
        c.execute(sa.update(archive_outbox).where(archive_outbox.c.id == first).values(sent_at=archive.clock.now()))
    archive.clock.advance(SENT_WITHIN)  # type: ignore[attr-defined]
    (seen,) = examined(archive)["C50"]
    assert seen[1] == "outbox:archive"
    assert seen[3].startswith("5 are not")


def test_a_message_that_was_not_laid_out_is_found_after_ten_minutes(archive: Ops) -> None:
    with archive.db.begin() as c:
        outbox.put(c, archive.clock, "fos", "letter.json", kind="re-request", subject="D0001", document={})
    archive.clock.advance(POSTED_WITHIN)  # type: ignore[attr-defined]
    assert "C50" not in examined(archive)
    archive.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    assert [seen[1] for seen in examined(archive)["C50"]] == ["message:fos/letter.json"]


def test_an_event_that_goes_back_in_time_is_found(archive: Ops) -> None:
    last = sa.select(sa.func.max(archive_outbox.c.id)).scalar_subquery()
    early = archive.clock.now() - timedelta(days=1)
    with archive.db.begin() as c:
        row = c.execute(sa.select(archive_outbox).where(archive_outbox.c.id == last)).one()
        c.execute(sa.update(archive_outbox).where(archive_outbox.c.id == row.id).values(created_at=early))
    (seen,) = examined(archive)["C49"]
    assert seen[0] == row.observation_id


def test_a_combined_product_older_than_a_member_is_stale_unless_only_the_ephemeris_is_new(archive: Ops) -> None:
    level2 = sa.and_(plane.c.observation_id == ROOT, plane.c.calibration_level == 2)
    with archive.db.begin() as c:
        c.execute(sa.update(plane).where(level2).values(executed_at=archive.clock.now()))
    (seen,) = examined(archive)["C41"]
    assert seen[0] == "jw02726-o402_t001_nircam_f212n-wlm8-sub16-nrca3-04"
    assert ROOT in seen[3]
    with archive.db.begin() as c:
        spec = StepSpec(kind="ephemeris.refresh", dataset=ROOT, makes=(f"{ROOT}_cal.fits",))
        (number,) = blackboard.submit(c, archive, "EPHEMERIS", "now", [spec])
        c.execute(sa.text("UPDATE product SET step_id = :n WHERE name = :name"), {"n": number, "name": f"{ROOT}_cal.fits"})
        c.execute(sa.text("UPDATE step SET state = 'done' WHERE id = :n"), {"n": number})
    assert "C41" not in examined(archive)


def test_what_processing_made_since_is_stale_once_no_ingest_is_coming(archive: Ops, tmp_path: Path) -> None:
    path = write_product(tmp_path / f"{ROOT}_cal.fits", CAL_VER="3.0.1", FILENAME="new")
    with archive.db.begin() as c:
        blackboard.publish(c, archive, path.name, archive.store.put(path), path.stat().st_size, origin="hand")
        spec = StepSpec(kind="archive.ingest", dataset=ROOT, needs=(path.name,), makes=(f"{ROOT}_caom.xml",), identity="again")
        (number,) = blackboard.submit(c, archive, "SCIENCE", "again", [spec])
    assert "C41" not in examined(archive)
    with archive.db.begin() as c:
        c.execute(sa.text("UPDATE step SET state = 'failed' WHERE id = :n"), {"n": number})
    (seen,) = examined(archive)["C41"]
    assert (seen[0], seen[2]) == (ROOT, "the products that processing made last")


def test_two_steps_with_other_members_are_two_associations_and_one_that_grew_is_not(archive: Ops) -> None:
    name = "jw02726-o402_t001_nircam_f212n-wlm8-sub16-nrca3_wfscmb-04.fits"
    cals = tuple(f"jw02726402001_03104_0000{n}_nrca3_cal.fits" for n in (1, 2, 3))
    with archive.db.begin() as c:
        grown = StepSpec(kind="processing.wfs_image3", dataset="grown", needs=cals, makes=(name,), identity="grown")
        blackboard.submit(c, archive, "SCIENCE", "02726402001", [grown])
    assert "C07" not in examined(archive)
    with archive.db.begin() as c:
        other = tuple(cal.replace("402001", "402002") for cal in cals[:2])
        spec = StepSpec(kind="processing.wfs_image3", dataset="other", needs=other, makes=(name,), identity="other")
        blackboard.submit(c, archive, "SCIENCE", "02726402002", [spec])
    (seen,) = examined(archive)["C07"]
    assert seen[1] == f"mast:JWST/product/{name}"


def test_a_member_whose_ingest_is_coming_is_no_finding(archive: Ops) -> None:
    uri = DEFECTS["C09"](archive)
    missing = "jw02726402001_03104_00099_nrca3"
    with archive.db.begin() as c:
        spec = StepSpec(kind="archive.ingest", dataset=missing, needs=("never",), makes=(f"{missing}_caom.xml",))
        blackboard.submit(c, archive, "SCIENCE", "later", [spec])
    assert "C09" not in examined(archive)
    assert uri


def test_pictures_of_nothing_may_be_alike(archive: Ops) -> None:
    values = {"version": 1, "sha256": "a" * 64, "size": 9, "current": True, "archived_at": archive.clock.now(), "suffix": "cal"}
    rows = [{"observation_id": f"o{n}", "name": f"jw02726402001_03104_0000{n}_nrca3_cal.jpg", **values} for n in (1, 2)]
    with archive.db.begin() as c:
        c.execute(sa.insert(archived_product), rows)
    assert "C17" not in examined(archive)


def test_a_plane_that_left_the_search_index_is_found_and_a_stray_entry_too(archive: Ops) -> None:
    with archive.db.begin() as c:
        number = c.execute(sa.select(plane.c.id).where(plane.c.observation_id == ROOT).order_by(plane.c.id)).scalar()
        c.execute(sa.text("DELETE FROM plane_sky WHERE id = :n"), {"n": number})
        c.execute(sa.text("INSERT INTO plane_span VALUES (999999, 0, 1)"))
    owners = {(seen[0], seen[1], seen[3]) for seen in examined(archive)["C45"]}
    assert owners == {
        (ROOT, f"caom:JWST/{ROOT}", "plane level1 is not in the search index plane_sky"),
        (None, "index:plane_span", "1 entry without a plane"),
    }


def test_rows_that_are_not_those_of_the_document_are_found_deeply(archive: Ops) -> None:
    with archive.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == ROOT).values(checksum="md5:" + "0" * 32))
    assert "C45" not in examined(archive)
    (seen,) = examined(archive, deep=True)["C45"]
    assert "the row's md5:000" in seen[3]


@pytest.mark.parametrize(("origin", "found"), [("DMSOPS-REHEARSAL", True), ("DMSOPS", False), ("STSCI", False)])
def test_a_rehearsals_product_in_the_operational_archive_is_found_by_its_header(
    archive: Ops, tmp_path: Path, origin: str, found: bool
) -> None:
    name = "jw02726499001_03104_00001_nrca3_uncal.fits"
    ingest(archive, [product_of(write_product(tmp_path / name, ORIGIN=origin, FILENAME=name))])
    assert ("C51" in examined(archive, deep=True)) is found
    assert "C51" not in examined(archive)
