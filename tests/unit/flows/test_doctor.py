"""The doctor finds each defect by its check and nothing else, writes it down, and is never silent about what it could not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_queries
from dmsops.archive.tables import observation
from dmsops.catalogue.registry import RULES, Case, Scope
from dmsops.core.errors import BadInput, NotAllowed
from dmsops.core.people import Person, Role
from dmsops.flows import doctor, doctor_rules
from dmsops.ops import Ops
from dmsops.testing.defects import DEEP, DEFECTS, FOLLOWS
from dmsops.testing.mutations import MUTATIONS
from tests.archive_template import archive_copy

doctor.load()
STORAGE = {"C06": {"C12"}, "C19": {"C14"}, "C45": {"C12"}}
"""Defects that catalogue against store sees too."""


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = archive_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def first(ops: Ops) -> Any:
    with ops.db.connect() as c:
        return c.execute(sa.select(observation).order_by(observation.c.id)).first()


def document(ops: Ops, content: bytes) -> Any:
    """Give the first observation other bytes as its document."""
    row = first(ops)
    path = ops.settings.folder("work") / "document.xml"
    path.write_bytes(content)
    point(ops, row.id, ops.store.put(path))
    return row


def point(ops: Ops, identity: str, sha256: str | None) -> None:
    with ops.db.begin() as c:
        c.execute(sa.update(observation).where(observation.c.id == identity).values(xml_sha256=sha256))


def spoil(ops: Ops, sha256: str) -> None:
    path = ops.store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"spoilt" + path.read_bytes()[6:])


def checks_of(seen: doctor.Examination) -> set[str]:
    return {one.check for one in seen.findings}


def test_a_sound_site_has_no_finding_and_every_check_ran(ops: Ops) -> None:
    seen = doctor.examine(ops, Scope(deep=True))
    assert seen.findings == ()
    assert seen.looked_at > 0
    assert set(seen.checks) == set(RULES) == {f"C{n:02d}" for n in range(1, 54)}


def test_every_check_has_a_defect_that_shows_it() -> None:
    """Of one observation, of catalogue against store (shown in test_reconcile), and of the site: together all of them."""
    against_the_store = {"C11", "C12", "C13", "C14", "C15"}
    assert {m.check for m in MUTATIONS} | against_the_store | set(DEFECTS) == set(RULES)


@pytest.mark.parametrize("number", sorted(DEFECTS))
def test_each_defect_is_found_by_its_check(ops: Ops, number: str) -> None:
    uri = DEFECTS[number](ops)
    seen = doctor.examine(ops, Scope(deep=number in DEEP))
    assert uri in {one.uri for one in seen.findings if one.check == number}
    assert checks_of(seen) <= {number} | FOLLOWS.get(number, set()) | STORAGE.get(number, set())


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"<caom2/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_a_document_that_cannot_be_read_is_found_and_hides_nothing_else(ops: Ops, content: bytes) -> None:
    row = document(ops, content)
    seen = doctor.examine(ops, Scope())
    assert [(one.check, one.observation_id) for one in seen.findings] == [("C01", row.id)]
    assert seen.blind == (("*", row.id),)


def test_a_document_of_another_observation_is_found(ops: Ops) -> None:
    with ops.db.connect() as c:
        ids = c.execute(sa.select(observation.c.id, observation.c.xml_sha256).order_by(observation.c.id)).all()
    point(ops, ids[0].id, ids[1].xml_sha256)
    (found,) = doctor.examine(ops, Scope(), ["C01"]).findings
    assert ids[1].id in found.observed


def test_a_missing_and_a_damaged_document_are_found(ops: Ops) -> None:
    row = first(ops)
    spoil(ops, row.xml_sha256)
    assert checks_of(doctor.examine(ops, Scope())) == {"C14"}
    ops.store.path(row.xml_sha256).unlink()
    assert checks_of(doctor.examine(ops, Scope())) == {"C11"}
    point(ops, row.id, None)
    assert checks_of(doctor.examine(ops, Scope())) == {"C11"}


def test_a_check_that_breaks_is_said_and_the_others_still_run(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(case: Case) -> Any:
        raise KeyError("x")
        yield

    def breaks_too(ops: Ops, scope: Scope) -> Any:
        raise ZeroDivisionError
        yield

    monkeypatch.setitem(RULES, "C22", replace(RULES["C22"], case=breaks))
    monkeypatch.setitem(RULES, "C42", replace(RULES["C42"], site=breaks_too))
    uri = DEFECTS["C51"](ops)
    seen = doctor.examine(ops, Scope())
    assert uri in {one.uri for one in seen.findings}
    assert {"check:C42", f"check:C22/{first(ops).id}"} <= {one.uri for one in seen.findings}
    assert all("could not run" in one.observed and not one.fix for one in seen.findings if one.uri.startswith("check:"))
    assert "C42" not in seen.checks
    assert ("C22", first(ops).id) in seen.blind


def test_an_audit_opens_what_is_found_and_closes_what_is_gone(ops: Ops) -> None:
    row = first(ops)
    document(ops, b"<caom2/>")
    done = doctor.audit(ops, Scope())
    assert (done.opened, done.closed, done.found) == (1, 0, {"C01": 1})
    ops.clock.sleep(1)
    assert (doctor.audit(ops, Scope()).opened, finding_queries.number(ops)) == (0, 1)
    point(ops, row.id, row.xml_sha256)
    ops.clock.sleep(1)
    assert doctor.audit(ops, Scope()).closed == 1
    assert finding_queries.number(ops) == 0


def test_what_a_deep_audit_found_is_not_closed_by_one_that_reads_no_bytes(ops: Ops) -> None:
    with ops.db.connect() as c:
        sha256 = c.exec_driver_sql("SELECT sha256 FROM archived_product WHERE current AND name LIKE '%_uncal.fits'").scalar()
    spoil(ops, str(sha256))
    doctor.audit(ops, Scope(deep=True), ["C14"])
    ops.clock.sleep(1)
    assert doctor.audit(ops, Scope(), ["C14"]).closed == 0
    assert finding_queries.number(ops, checks=["C14"]) == 1


def test_only_the_asked_checks_run_and_only_in_the_scope(ops: Ops) -> None:
    uri = DEFECTS["C45"](ops)
    assert checks_of(doctor.examine(ops, Scope(), ["C12"])) == {"C12"}
    assert doctor.examine(ops, Scope(prefix="jw99999"), ["C12", "C45"]).findings == ()
    assert {one.uri for one in doctor.examine(ops, Scope(prefix=uri.rpartition("/")[2]), ["C45"]).findings} == {uri}
    with pytest.raises(BadInput, match="'C99' is no check"):
        doctor.examine(ops, Scope(), ["C99"])


def test_many_documents_are_read_by_processes_with_the_same_result(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    document(ops, b"<caom2/>")
    alone = doctor.examine(ops, Scope())
    monkeypatch.setattr(doctor_rules, "_ALONE", 0)
    monkeypatch.setattr(doctor_rules, "_CHUNK", 2)
    told: list[int] = []
    shared = doctor.examine(
        replace(ops, settings=ops.settings.model_copy(update={"workers": 2})), Scope(), progress=lambda *it: told.append(it[0])
    )
    assert shared.findings == alone.findings
    assert told == sorted(told)
    assert shared.looked_at in told


def test_a_viewer_may_examine_and_not_audit(ops: Ops) -> None:
    viewer = replace(ops, operator=Person("vera", Role.VIEWER))
    assert doctor.examine(viewer, Scope()).findings == ()
    with pytest.raises(NotAllowed):
        doctor.audit(viewer, Scope())
