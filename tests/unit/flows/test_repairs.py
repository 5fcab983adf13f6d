"""Repairs are shown in words, done by the hash of what was shown, and leave nothing of what they repaired; the rest says why not."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_acts, finding_queries
from dmsops.archive.tables import archive_outbox, archived_product, observation
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.flows import doctor, repairs
from dmsops.ops import Ops
from dmsops.testing.defects import DEEP, DEFECTS
from tests.archive_template import archive_copy


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = archive_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def audited(ops: Ops, *, deep: bool = False) -> list[dict[str, Any]]:
    """Audit, and give the findings that stand; then time passes."""
    doctor.audit(ops, Scope(deep=deep))
    ops.clock.sleep(1)
    return finding_queries.findings(ops)


def repaired(ops: Ops, rows: list[dict[str, Any]]) -> repairs.Report:
    ids = [row["id"] for row in rows]
    return repairs.repair(ops, ids, ticket=repairs.preview(ops, ids).hash, reason="the doctor can")


def current(ops: Ops) -> list[Any]:
    with ops.db.connect() as c:
        return list(c.execute(sa.select(archived_product).where(archived_product.c.current).order_by(archived_product.c.name)))


@pytest.mark.parametrize("number", ["C45", "C49", "C50", "C52"])
def test_what_the_doctor_can_repair_is_fixed_and_a_whole_audit_agrees(ops: Ops, number: str) -> None:
    DEFECTS[number](ops)
    rows = audited(ops, deep=number in DEEP)
    assert number in {row["check"] for row in rows}
    report = repaired(ops, rows)
    assert (report.failed, report.still_there, report.fixed) == ((), (), len(rows))
    assert finding_queries.findings(ops) == []
    assert doctor.examine(ops, Scope(deep=True)).findings == ()


def test_a_stale_product_is_taken_out_by_a_lead_only_and_its_bytes_stay(ops: Ops) -> None:
    uri = DEFECTS["C41"](ops)
    rows = [row for row in audited(ops) if row["uri"] == uri]
    ids = [row["id"] for row in rows]
    plan = repairs.preview(ops, ids)
    assert "taken out of the current set" in plan.rows[0].change
    with pytest.raises(NotAllowed):
        repairs.repair(replace(ops, operator=Person("olga", Role.OPERATOR)), ids, ticket=plan.hash, reason="x")
    name = uri.rpartition("/")[2]
    (before,) = [row for row in current(ops) if row.name == name]
    report = repairs.repair(ops, ids, ticket=plan.hash, reason="it was not made again")
    assert (report.failed, report.still_there) == ((), ())
    assert name not in [row.name for row in current(ops)]
    assert ops.store.has(before.sha256)


def test_a_description_is_shown_in_words_and_becomes_a_new_version_with_an_event(ops: Ops) -> None:
    uri = DEFECTS["C52"](ops)
    (row,) = audited(ops, deep=True)
    plan = repairs.preview(ops, [row["id"]])
    assert "Another title becomes" in plan.rows[0].change
    repaired(ops, [row])
    with ops.db.connect() as c:
        there = c.execute(sa.select(observation).where(observation.c.id == uri.rpartition("/")[2])).one()
        events = c.execute(sa.select(archive_outbox.c.version).where(archive_outbox.c.observation_id == there.id)).scalars().all()
        acts = c.execute(sa.select(journal.c.reason).where(journal.c.event == "archive.repaired")).scalars().all()
    assert (there.version, max(events), acts) == (2, 2, ["the doctor can"])


def test_what_a_person_must_decide_is_not_touched_and_says_why(ops: Ops) -> None:
    DEFECTS["C43"](ops)
    rows = audited(ops)
    plan = repairs.preview(ops, [row["id"] for row in rows])
    assert plan.rows == ()
    assert all(one.why.startswith("a person acts:") for one in plan.untouched)
    assert len(plan.untouched) == len(rows)


def test_a_waived_and_a_fixed_finding_are_not_touched(ops: Ops) -> None:
    DEFECTS["C45"](ops)
    rows = audited(ops)
    waived, other = rows[0], rows[1:]
    seen = finding_acts.preview(ops, "waive", [waived["id"]])
    finding_acts.decide(ops, "waive", [waived["id"]], ticket=seen.hash, reason="known")
    assert [one.why for one in repairs.preview(ops, [waived["id"]]).untouched] == ["a person accepts it as it is; reopen it first"]
    repaired(ops, other)
    assert {one.why for one in repairs.preview(ops, [other[0]["id"]]).untouched} == {"a later audit did not find it any more"}


def test_describing_again_writes_rows_that_were_lost_though_the_description_is_the_same(ops: Ops) -> None:
    DEFECTS["C45"](ops)
    rows = [row for row in audited(ops) if row["check"] == "C12"]
    assert "its rows are written again" in repairs.preview(ops, [row["id"] for row in rows]).rows[0].change
    assert (repaired(ops, rows).still_there, doctor.examine(ops, Scope()).findings) == ((), ())


def test_a_plan_that_does_not_hold_any_more_is_refused(ops: Ops) -> None:
    DEFECTS["C45"](ops)
    ids = [row["id"] for row in audited(ops)]
    plan = repairs.preview(ops, ids)
    repairs.repair(ops, ids, ticket=plan.hash, reason="first")
    with pytest.raises(StalePlan):
        repairs.repair(ops, ids, ticket=plan.hash, reason="second")
    with pytest.raises(BadInput, match="needs a reason"):
        repairs.repair(ops, ids, ticket=plan.hash, reason=" ")
    with pytest.raises(NotFound, match="no finding 77"):
        repairs.preview(ops, [77])
    nothing = repairs.preview(ops, [])
    assert (nothing.rows, nothing.untouched) == ((), ())
    with pytest.raises(Refused, match="none of these"):
        repairs.repair(ops, [], ticket=nothing.hash, reason="x")
    with pytest.raises(BadInput, match="at most 5000"):
        repairs.preview(ops, range(6000))
    with pytest.raises(NotAllowed):
        repairs.repair(replace(ops, operator=Person("vera", Role.VIEWER)), ids, ticket=plan.hash, reason="x")


def spoilt(ops: Ops, sha256: str, copy: Path | None = None) -> None:
    path = ops.store.path(sha256)
    if copy is not None:
        shutil.copy(path, copy)
    path.chmod(0o644)
    path.write_bytes(b"spoilt" + path.read_bytes()[6:])


def test_without_another_copy_damaged_bytes_stay_a_finding_with_what_to_do(ops: Ops) -> None:
    spoilt(ops, current(ops)[0].sha256)
    rows = [row for row in audited(ops, deep=True) if row["check"] == "C14"]
    plan = repairs.preview(ops, [row["id"] for row in rows])
    assert plan.rows == ()
    assert "no other copy on the site" in plan.untouched[0].why
    assert "P08" in plan.untouched[0].why


def test_damaged_bytes_come_back_from_a_copy_in_the_sites_folders(ops: Ops) -> None:
    row = current(ops)[0]
    spoilt(ops, row.sha256, ops.settings.folder("inbox") / row.name)
    rows = [found for found in audited(ops, deep=True) if found["check"] == "C14"]
    assert f"inbox/{row.name}" in repairs.preview(ops, [found["id"] for found in rows]).rows[0].change
    report = repaired(ops, rows)
    assert (report.failed, report.still_there) == ((), ())
    ops.store.verify(row.sha256)


def test_a_lost_document_is_made_again_from_the_products(ops: Ops) -> None:
    with ops.db.connect() as c:
        sha256 = c.execute(sa.select(observation.c.xml_sha256).order_by(observation.c.id)).scalar()
    ops.store.path(str(sha256)).unlink()
    report = repaired(ops, audited(ops))
    assert (report.failed, report.still_there) == ((), ())
    ops.store.verify(str(sha256))


class Counting:
    """A store that counts how often each object is opened."""

    def __init__(self, store: Any) -> None:
        self.store, self.opened = store, Counter[str]()

    def path(self, sha256: str) -> Path:
        self.opened[sha256] += 1
        found: Path = self.store.path(sha256)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def ailing(ops: Ops) -> list[int]:
    """Give an archive something of every repair, of one observation several; gives the findings."""
    for lost in [row for row in current(ops) if row.suffix == "cal"][-2:]:
        spoilt(ops, lost.sha256, ops.settings.folder("inbox") / lost.name)
    for number in ("C45", "C41", "C50", "C52"):
        DEFECTS[number](ops)
    return [row["id"] for row in audited(ops, deep=True)]


def test_a_preview_of_many_findings_says_what_those_of_each_observation_say(ops: Ops) -> None:
    ids = ailing(ops)
    whole = repairs.preview(ops, ids)
    assert {one.repair for one in whole.rows} == set(repairs.ORDER)
    assert len({one.observation for one in whole.rows}) > 1
    told = finding_queries.findings(ops, ids=ids)
    alone = [
        repairs.preview(ops, [row["id"] for row in told if (row["observation_id"], row["fix"]) == (one.observation, one.repair)]).rows
        for one in whole.rows
    ]
    assert alone == [(one,) for one in whole.rows]
    assert whole.hash == repairs.preview(ops, ids[::-1]).hash


def test_a_preview_opens_what_describes_an_observation_once_and_looks_through_the_folders_once(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ailing(ops)
    walked, walk = Counter[str](), os.walk
    monkeypatch.setattr(os, "walk", lambda top: walked.update([str(top)]) or walk(top))
    store = Counting(ops.store)
    plan = repairs.preview(replace(ops, store=store), ids)
    repaired = {(one.observation, one.repair) for one in plan.rows}
    (twice,) = [name for name, repair in repaired if repair == "retire" and (name, "describe") in repaired]
    with ops.db.connect() as c:
        document = str(c.execute(sa.select(observation.c.xml_sha256).where(observation.c.id == twice)).scalar())
    read = [document, *(row.sha256 for row in current(ops) if row.observation_id == twice)]
    assert len(read) > 3
    assert {store.opened[sha256] for sha256 in read} == {1}
    assert sum(repair == "bytes" for _, repair in repaired) > 1
    assert set(walked.values()) == {1}
