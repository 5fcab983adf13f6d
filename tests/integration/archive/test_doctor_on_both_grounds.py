"""The doctor on both grounds: a sound site has nothing, defects are found and repaired, bytes are read again and brought back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest

from dmsops.archive import finding_acts, finding_queries, fixity, queries, withdraw
from dmsops.archive.finding_states import STANDING
from dmsops.archive.reconcile import CLASSES, reconcile
from dmsops.catalogue.registry import RULES, Scope
from dmsops.flows import doctor, doctor_rules, repairs
from dmsops.ops import Ops
from dmsops.testing.defects import DEFECTS
from tests.grounds import SERVED, spoil

REPAIRABLE = ("C41", "C45", "C50", "C52")


def audited(ops: Ops, *, deep: bool = True) -> list[dict[str, Any]]:
    """Audit, and give what stands; then a second passes."""
    doctor.audit(ops, Scope(deep=deep))
    ops.clock.sleep(1)
    return finding_queries.findings(ops)


def repaired(ops: Ops, rows: list[dict[str, Any]]) -> repairs.Report:
    ids = [row["id"] for row in rows]
    return repairs.repair(ops, ids, ticket=repairs.preview(ops, ids).hash, reason="the doctor can")


def states(ops: Ops) -> set[str]:
    return {row["state"] for row in finding_queries.findings(ops, states=())}


def product(ops: Ops, ending: str = "_uncal.fits") -> dict[str, Any]:
    return next(row for row in queries.products(ops) if row["name"].endswith(ending))


def with_copy(ops: Ops, row: dict[str, Any]) -> None:
    """Leave a copy of a product in the inbox."""
    shutil.copy(ops.store.path(row["sha256"]), ops.settings.folder("inbox") / row["name"])


def test_a_sound_site_has_no_finding_every_check_ran_and_every_file_is_correct(archive: Ops) -> None:
    seen = doctor.examine(archive, Scope(deep=True))
    assert (seen.findings, set(seen.checks)) == ((), set(RULES))
    compared = reconcile(archive, Scope(deep=True))
    counted = {**dict.fromkeys(CLASSES, 0), "correct": len(queries.products(archive))}
    assert ({**compared.counts, "notPublic": 0}, compared.differences) == (counted, ())


@pytest.mark.parametrize("ground", [SERVED], indirect=True)
def test_documents_are_read_by_processes_of_their_own_with_the_same_result(archive: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    DEFECTS["C52"](archive)
    spoil(archive, queries.observations(archive)[0]["xml_sha256"])
    alone = doctor.examine(archive, Scope())
    monkeypatch.setattr(doctor_rules, "_ALONE", 0)
    monkeypatch.setattr(doctor_rules, "_CHUNK", 2)
    two = replace(archive, settings=archive.settings.model_copy(update={"workers": 2}))
    assert doctor.examine(two, Scope()).findings == alone.findings != ()


def test_several_defects_at_once_are_found_shown_repaired_and_not_found_again(archive: Ops) -> None:
    uris = {number: DEFECTS[number](archive) for number in REPAIRABLE}
    found = audited(archive)
    assert uris.items() <= {row["check"]: row["uri"] for row in found if row["uri"] in uris.values()}.items()
    ids = [row["id"] for row in found]
    plan = repairs.preview(archive, ids)
    assert plan.untouched == ()
    assert {one.repair for one in plan.rows} == {"retire", "describe", "rows", "announce"}
    report = repairs.repair(archive, ids, ticket=plan.hash, reason="the doctor can")
    assert (report.failed, report.still_there, report.fixed) == ((), (), len(ids))
    assert (finding_queries.number(archive, states=[s.value for s in STANDING]), states(archive)) == (0, {"fixed"})
    assert [one.check for one in doctor.examine(archive, Scope(deep=True)).findings] == ["C04"], "what was retired was once foreseen"


def test_a_change_of_tomorrow_is_told_again_with_a_time_of_its_own(archive: Ops) -> None:
    uri = DEFECTS["C49"](archive)
    report = repaired(archive, audited(archive))
    assert (report.failed, report.still_there, report.fixed) == ((), (), 1)
    told = queries.story(archive, uri.rpartition("/")[2])["events"]
    assert [event["version"] for event in told] == [1, 2]
    assert told[-1]["created_at"] == archive.clock.now()


def test_a_waived_defect_stays_waived_and_is_not_repaired(archive: Ops) -> None:
    DEFECTS["C45"](archive)
    ids = [row["id"] for row in audited(archive)]
    seen = finding_acts.preview(archive, "waive", ids)
    finding_acts.decide(archive, "waive", ids, ticket=seen.hash, reason="known")
    assert audited(archive) == []
    assert states(archive) == {"waived"}
    assert repairs.preview(archive, ids).rows == ()


@pytest.mark.parametrize("harm", ["damaged", "lost"])
def test_bytes_are_brought_back_from_a_copy_on_the_site(archive: Ops, harm: str) -> None:
    row = product(archive)
    with_copy(archive, row)
    spoil(archive, row["sha256"]) if harm == "damaged" else archive.store.remove(row["sha256"])
    found = audited(archive)
    assert {one["check"] for one in found} <= {"C11", "C14", "C19", "C52"}
    report = repaired(archive, [one for one in found if one["fix"] == "bytes"])
    assert (report.failed, report.still_there) == ((), ())
    archive.store.verify(row["sha256"])
    assert audited(archive) == []
    assert states(archive) == {"fixed"}


def test_without_a_copy_damaged_bytes_stay_found_until_they_come(archive: Ops) -> None:
    row = product(archive)
    good = archive.store.path(row["sha256"]).read_bytes()
    spoil(archive, row["sha256"])
    found = [one for one in audited(archive) if one["check"] == "C14"]
    plan = repairs.preview(archive, [one["id"] for one in found])
    assert plan.rows == ()
    assert "P08" in plan.untouched[0].why
    (archive.settings.folder("inbox") / row["name"]).write_bytes(good)
    assert repaired(archive, found).still_there == ()


def test_a_damaged_and_a_lost_document_are_made_again_from_the_products(archive: Ops) -> None:
    first, second = queries.observations(archive)[:2]
    spoil(archive, first["xml_sha256"])
    archive.store.remove(second["xml_sha256"])
    report = repaired(archive, [row for row in audited(archive) if row["fix"] == "bytes"])
    assert (report.failed, report.still_there) == ((), ())
    for row in (first, second):
        archive.store.verify(row["xml_sha256"])
    assert audited(archive) == []


def test_damage_of_a_withdrawn_observation_is_repaired_and_it_comes_back_sound(archive: Ops) -> None:
    row = product(archive)
    owner = [row["observation_id"]]
    with_copy(archive, row)
    withdraw.withdraw(archive, owner, ticket=withdraw.preview(archive, owner).hash, reason="a test")
    assert {one["uri"] for one in audited(archive) if one["check"] in ("C11", "C12", "C14")} == set()
    spoil(archive, row["sha256"])
    assert fixity.audit(archive, rate_mb_s=1000).counts["diffChecksum"] == 1
    archive.clock.sleep(1)
    report = repaired(archive, [one for one in finding_queries.findings(archive) if one["check"] == "C14"])
    assert (report.failed, report.still_there, report.fixed) == ((), (), 1)
    withdraw.restore(archive, owner, ticket=withdraw.preview(archive, owner, back=True).hash, reason="a mistake")
    assert audited(archive) == []


def test_reading_all_bytes_again_finds_what_is_damaged_and_what_is_gone(archive: Ops) -> None:
    before = fixity.due(archive)
    damaged, gone = product(archive), product(archive, "_rate.fits")
    spoil(archive, damaged["sha256"])
    archive.store.remove(gone["sha256"])
    report = fixity.audit(archive, rate_mb_s=1000)
    assert report.counts == {"correct": before.objects - 2, "diffChecksum": 1, "missingFromStorage": 1}
    found = {row["check"]: row["uri"].rpartition("/")[2] for row in finding_queries.findings(archive)}
    assert found == {"C14": damaged["name"], "C11": gone["name"]}
    assert (fixity.due(archive).objects, fixity.due(archive).damaged) == (0, 2)
    compared = reconcile(archive, Scope(deep=True)).counts
    assert (compared["diffChecksum"], compared["missingFromStorage"]) == (1, 1)
