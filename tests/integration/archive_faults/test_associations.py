"""F29 to F31: associations that are wrong are named in words with P13, nothing is made of them, and P13's verbs mend them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dmsops.archive import duplicates, errors
from dmsops.core.config import Settings, enter_runtime
from dmsops.core.errors import BadInput, GateFailed
from dmsops.core.records import Visit
from dmsops.ops import Ops
from dmsops.processing.associate import Associations, Readings, make_associations
from dmsops.processing.header import Pedigree, software
from dmsops.testbed.faults import check, flown
from tests.integration.archive_faults.given import COMBINED, ROOTS, combined, taken

STAMP = "20221204t040204"


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path) -> None:
    enter_runtime(Settings(site=tmp_path))


def associated(visit: Visit, folder: Path) -> Associations:
    """Let everything of a visit be received, and make its associations."""
    every = frozenset((str(e.name), r.detector) for e in visit.exposures for r in e.readouts)
    pedigree = Pedigree(software=software(), osf_file="", made=datetime(2022, 12, 4, tzinfo=UTC), prd="UNKNOWN", rehearsal=True)
    folder.mkdir(exist_ok=True)
    return make_associations([Readings(visit=visit, received=every, pedigree=pedigree)], STAMP, folder)


def made_of(found: Associations, kind: str) -> list[str]:
    return [spec.makes[0] for spec in found.spawn if spec.kind == kind]


def test_f29_a_second_visits_product_of_the_same_name_waits_for_a_person(archive: Ops, visit: Visit, tmp_path: Path) -> None:
    again, (words,) = flown(visit, ["F29"], stage="plan")
    assert words == "F29: V02726402002 repeats V02726402001: its pairs have the same product names"
    found = associated(again, tmp_path / "asn")
    (pair,) = [spec for spec in found.spawn if spec.kind == "processing.wfs_image3"]
    assert pair.makes == (COMBINED,)
    assert made_of(associated(visit, tmp_path / "first"), pair.kind) == [COMBINED]
    others = [name for name in pair.needs if name.endswith(".fits")]
    with pytest.raises(GateFailed, match="made from other members") as refused:
        taken(archive, [combined(tmp_path / "second", 7.0)], members=others)
    assert "P13" in refused.value.remedy
    (waiting,) = duplicates.listed(archive)
    assert (waiting["kind"], waiting["observation_id"]) == ("duplicate_product", refused.value.facts["observation"])


@pytest.mark.parametrize("keep", ["old", "new"])
def test_f29_is_repaired_by_keeping_the_old_or_the_new_one(archive: Ops, tmp_path: Path, keep: str) -> None:
    others = [f"{root.replace('402001', '402002')}_cal.fits" for root in ROOTS]
    with pytest.raises(GateFailed):
        taken(archive, [combined(tmp_path / "second", 7.0)], members=others)
    (waiting,) = duplicates.listed(archive)
    seen = duplicates.preview(archive, waiting["observation_id"], keep)
    duplicates.decide(archive, waiting["observation_id"], keep=keep, ticket=seen.hash, reason="the second visit was the better one")
    assert duplicates.listed(archive) == []
    assert errors.counts(archive) == {}
    if keep == "new":
        assert taken(archive, [combined(tmp_path / "second", 7.0)], members=others).version == 2
        return
    with pytest.raises(GateFailed, match="made from other members"):
        taken(archive, [combined(tmp_path / "second", 7.0)], members=others)


def test_f30_of_three_members_no_pair_is_made_and_the_right_plan_gives_one(visit: Visit, tmp_path: Path) -> None:
    wrong, (words,) = flown(visit, ["F30"], stage="plan")
    assert words.startswith("F30: jw02726402001_03104_00003 is a third exposure")
    found = associated(wrong, tmp_path / "wrong")
    (problem,) = found.problems
    assert "needs exactly two science members, this association has 3 (procedure P13)" in problem
    assert made_of(found, "processing.wfs_image3") == []
    assert len(made_of(found, "processing.image2")) == 3
    right = associated(visit, tmp_path / "right")
    assert right.problems == ()
    assert made_of(right, "processing.wfs_image3") == [COMBINED]


def test_f30s_an_exposure_that_is_alone_in_its_pair_is_named(visit: Visit, tmp_path: Path) -> None:
    wrong, (words,) = flown(visit, ["F30S"], stage="plan")
    assert words == "F30S: jw02726402001_03104_00002 of a wavefront pair is not planned"
    found = associated(wrong, tmp_path / "wrong")
    assert found.problems == (
        "jw02726402001_03104_00001_nrca3: no association pairs it, the other exposure of its wavefront pair is not there (procedure P13)",
    )
    assert made_of(found, "processing.wfs_image3") == []
    assert made_of(associated(visit, tmp_path / "right"), "processing.wfs_image3") == [COMBINED]


def test_f31_jitter_without_its_note_is_named_and_does_not_reach_level_2(visit: Visit, tmp_path: Path) -> None:
    wrong, (words,) = flown(visit, ["F31"], stage="plan")
    (jitter,) = [str(e.name) for e in visit.exposures if e.is_jitter]
    assert words == f"F31: {jitter} is planned without its note of jitter"
    found = associated(wrong, tmp_path / "wrong")
    (problem,) = found.problems
    assert problem.endswith(f"{jitter}_nrca3 measures jitter and stops at level 1b, stage 2 is not for it (procedure P13)")
    assert not [name for name in made_of(found, "processing.image2") if jitter in name]
    assert made_of(found, "processing.wfs_image3") == [COMBINED]
    right = associated(visit, tmp_path / "right")
    assert (right.problems, right.orphans) == ((), (f"{jitter}_nrca3",))


@pytest.mark.parametrize("fault", ["F32", "F33", "F35", "F36D"])
def test_what_happens_after_a_flight_is_refused_for_one(fault: str) -> None:
    with pytest.raises(BadInput, match="not to a flight"):
        check([fault])
