"""Bytes are read again, the longest unread first, at a bounded rate; what is bad is found, and a stopped audit keeps what it read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_queries, fixity
from dmsops.archive.tables import archived_product, observation
from dmsops.archive.tables import fixity as table
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import NotAllowed, StoreDamaged
from dmsops.core.people import Person, Role
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.storage import LocalStore
from tests.archive_template import archive_copy


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = archive_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def product(ops: Ops) -> Any:
    with ops.db.connect() as c:
        return c.execute(sa.select(archived_product).where(archived_product.c.current).order_by(archived_product.c.name)).first()


def rows(ops: Ops) -> dict[str, Any]:
    with ops.db.connect() as c:
        return {row.sha256: row for row in c.execute(sa.select(table))}


def spoil(ops: Ops, sha256: str) -> None:
    path = ops.store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(b"spoilt" + path.read_bytes()[6:])


def held(ops: Ops) -> int:
    with ops.db.connect() as c:
        sums = sa.union(sa.select(archived_product.c.sha256), sa.select(observation.c.xml_sha256))
        return int(c.execute(sa.select(sa.func.count()).select_from(sums.subquery())).scalar_one())


def test_all_that_is_held_is_read_and_nothing_is_due_afterwards(ops: Ops) -> None:
    before = fixity.due(ops)
    assert before.objects == before.never == held(ops)
    told: list[tuple[int, int, str]] = []
    report = fixity.audit(ops, rate_mb_s=1000, progress=lambda *it: told.append(it))
    assert (report.objects, report.counts, report.stopped) == (held(ops), {"correct": held(ops)}, False)
    assert told[-1][:2] == (held(ops), held(ops))
    assert fixity.due(ops).objects == 0
    ops.clock.sleep(86400 * 91)
    later = fixity.due(ops)
    assert (later.objects, later.never) == (held(ops), 0)
    assert later.oldest is not None


def test_the_longest_unread_come_first(ops: Ops) -> None:
    fixity.audit(ops, objects=2, rate_mb_s=1000)
    early = set(rows(ops))
    ops.clock.sleep(60)
    fixity.audit(ops, rate_mb_s=1000, objects=held(ops) - 2)
    assert len(rows(ops)) == held(ops)
    ops.clock.sleep(60)
    fixity.audit(ops, objects=2, rate_mb_s=1000)
    newest = max(row.checked_at for row in rows(ops).values())
    assert {sha256 for sha256, row in rows(ops).items() if row.checked_at > newest - timedelta(seconds=30)} == early


def test_no_more_is_read_than_was_asked_for_and_not_faster(ops: Ops) -> None:
    began = ops.clock.now()
    report = fixity.audit(ops, megabytes=0.02, rate_mb_s=0.01)
    assert 0 < report.objects < held(ops)
    assert (ops.clock.now() - began).total_seconds() >= report.bytes / 10_000 - 0.5


def test_missing_and_damaged_objects_become_findings_and_stay_on_the_count(ops: Ops) -> None:
    spoil(ops, product(ops).sha256)
    with ops.db.connect() as c:
        document = c.execute(sa.select(observation).order_by(observation.c.id)).first()
    assert document is not None
    ops.store.path(document.xml_sha256).unlink()
    report = fixity.audit(ops, rate_mb_s=1000)
    assert report.counts == {"correct": held(ops) - 2, "diffChecksum": 1, "missingFromStorage": 1}
    found = {row["check"]: row["uri"] for row in finding_queries.findings(ops)}
    assert found == {"C11": f"caom:{document.collection}/{document.id}", "C14": f"mast:JWST/product/{product(ops).name}"}
    assert fixity.due(ops).damaged == 2
    assert [row["kind"] for row in finding_queries.trend(ops)] == ["fixity"]


@dataclass
class Errs(LocalStore):
    """A store that reads wrongly once."""

    root: Path
    wrong: int = 1

    def __post_init__(self) -> None:
        super().__init__(self.root)

    def verify(self, sha256: str) -> None:
        """Fail the first time."""
        self.wrong -= 1
        if self.wrong >= 0:
            raise StoreDamaged("read wrongly", found="0")
        super().verify(sha256)


def test_a_disk_that_errs_once_is_no_damage(ops: Ops) -> None:
    report = fixity.audit(replace(ops, store=Errs(ops.settings.folder("store"))), rate_mb_s=1000)
    assert report.counts == {"correct": held(ops)}


def test_a_stopped_audit_keeps_what_it_read(ops: Ops) -> None:
    answers = iter([False, False, False, True])
    report = fixity.audit(ops, rate_mb_s=1e6, stop=lambda: next(answers, True))
    assert report.stopped
    assert 0 < report.objects == len(rows(ops)) < held(ops)


def test_a_viewer_may_not(ops: Ops) -> None:
    with pytest.raises(NotAllowed):
        fixity.audit(replace(ops, operator=Person("vera", Role.VIEWER)))


def test_lost_bytes_of_a_superseded_version_stay_a_finding_after_an_audit_of_the_doctor(ops: Ops, tmp_path: Path) -> None:
    row, old = product(ops), tmp_path / "old"
    old.write_bytes(b"old")
    sha256 = ops.store.put(old)
    p = archived_product
    with ops.db.begin() as c:
        c.execute(sa.update(p).where(p.c.id == row.id).values(version=2))
        before = {**row._mapping, "id": row.id + 1000, "version": 1, "current": False, "sha256": sha256, "size": 3}
        c.execute(sa.insert(p).values(**before))
    ops.store.remove(sha256)
    assert fixity.audit(ops, rate_mb_s=1000).counts["missingFromStorage"] == 1
    ops.clock.sleep(60)
    done = doctor.audit(ops, Scope(), ["C11"])
    assert (done.found, done.opened, done.closed) == ({"C11": 1}, 0, 0)
    assert finding_queries.findings(ops)[0]["uri"].endswith(f"{row.name} (version 1)")
