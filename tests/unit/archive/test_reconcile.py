"""Catalogue against store: each way in which a file can differ has its class, is counted once, and is found by its check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import checks_storage, reconcile
from dmsops.archive.tables import archived_product, artifact, plane
from dmsops.catalogue.naming import product_uri
from dmsops.catalogue.registry import RULES, Scope
from dmsops.ops import Ops
from tests.archive_template import archive_copy

_a, _ap = artifact.c, archived_product.c
CHECKS = {"missingFromStorage": "C11", "notInCAOM": "C12", "diffLength": "C13", "diffChecksum": "C14", "diffType": "C15"}


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = archive_copy(tmp_path / "site")
    yield opened
    opened.db.dispose()


def change(ops: Ops, statement: Any) -> None:
    with ops.db.begin() as c:
        c.execute(statement)


def product(ops: Ops, ending: str = "_uncal.fits") -> Any:
    with ops.db.connect() as c:
        query = sa.select(archived_product).where(_ap.current, _ap.name.endswith(ending)).order_by(_ap.name)
        return c.execute(query).first()


def rewritten(ops: Ops, sha256: str, make: Callable[[bytes], bytes]) -> None:
    path = ops.store.path(sha256)
    path.chmod(0o644)
    path.write_bytes(make(path.read_bytes()))


def artifact_of(row: Any, **values: Any) -> Any:
    return sa.update(artifact).where(_a.uri == product_uri(row.name)).values(**values)


def lost(ops: Ops, row: Any) -> None:
    ops.store.path(row.sha256).unlink()


def not_archived(ops: Ops, row: Any) -> None:
    change(ops, sa.update(archived_product).where(_ap.id == row.id).values(current=False))


def not_described(ops: Ops, row: Any) -> None:
    change(ops, sa.delete(artifact).where(_a.uri == product_uri(row.name)))


def longer_by_the_catalogue(ops: Ops, row: Any) -> None:
    change(ops, artifact_of(row, content_length=1))


def cut(ops: Ops, row: Any) -> None:
    rewritten(ops, row.sha256, lambda content: content[:-1])


def other_sum(ops: Ops, row: Any) -> None:
    change(ops, artifact_of(row, content_checksum="sha256:" + "0" * 64))


def other_bytes(ops: Ops, row: Any) -> None:
    rewritten(ops, row.sha256, lambda content: content[:-1] + b"!")


def other_type(ops: Ops, row: Any) -> None:
    change(ops, artifact_of(row, content_type="text/plain"))


def no_fits(ops: Ops, row: Any) -> None:
    """Replace the bytes under a name by others, with everything that is written of them."""
    path = ops.settings.folder("work") / "text"
    path.write_bytes(b"a text")
    sha256 = ops.store.put(path)
    change(ops, sa.update(archived_product).where(_ap.id == row.id).values(sha256=sha256, size=6))
    change(ops, artifact_of(row, content_length=6, content_checksum=f"sha256:{sha256}"))


FAULTS = (
    (lost, "missingFromStorage", False), (not_archived, "missingFromStorage", False), (not_described, "notInCAOM", False),
    (longer_by_the_catalogue, "diffLength", False), (cut, "diffLength", False), (other_sum, "diffChecksum", False),
    (other_bytes, "diffChecksum", True), (other_type, "diffType", False), (no_fits, "diffType", True),
)  # fmt: skip


def test_a_sound_archive_is_correct_and_what_is_not_public_is_counted_besides(ops: Ops) -> None:
    with ops.db.connect() as c:
        number = c.execute(sa.select(sa.func.count()).select_from(artifact)).scalar_one()
    found = reconcile.reconcile(ops, Scope(deep=True))
    assert found.differences == ()
    assert tuple(found.counts) == reconcile.CLASSES
    assert found.counts["correct"] == number
    change(ops, sa.update(plane).values(data_release=ops.clock.now() + timedelta(days=1)))
    assert reconcile.reconcile(ops, Scope()).counts["notPublic"] == number
    change(ops, sa.update(plane).values(data_release=ops.clock.now()))
    assert reconcile.reconcile(ops, Scope()).counts["notPublic"] == 0


@pytest.mark.parametrize(("fault", "kind", "deep"), FAULTS)
def test_each_fault_has_its_class_and_is_found_by_its_check_alone(ops: Ops, fault: Any, kind: str, deep: bool) -> None:
    row = product(ops)
    fault(ops, row)
    found = reconcile.reconcile(ops, Scope(deep=deep))
    assert [(one.kind, one.uri, one.observation_id) for one in found.differences] == [(kind, product_uri(row.name), row.observation_id)]
    assert found.counts[kind] == 1
    if deep:
        assert reconcile.reconcile(ops, Scope()).differences == ()
    with checks_storage.together():
        seen = {n: [uri for _, uri, _, _ in RULES[n].site(ops, Scope(deep=deep))] for n in CHECKS.values()}  # type: ignore[misc]
    assert seen == {n: [product_uri(row.name)] if n == CHECKS[kind] else [] for n in CHECKS.values()}


def test_the_scope_limits_what_is_compared_and_progress_is_told(ops: Ops) -> None:
    row = product(ops)
    lost(ops, row)
    told: list[tuple[int, int, str]] = []
    found = reconcile.reconcile(ops, Scope(prefix=row.observation_id), lambda *it: told.append(it))
    assert len(found.differences) == 1
    assert told == [(1, 1, row.observation_id)]
    assert reconcile.reconcile(ops, Scope(prefix="jw99")).counts == dict.fromkeys(reconcile.CLASSES, 0)


def test_checks_that_run_together_compare_once(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = reconcile.reconcile
    monkeypatch.setattr(reconcile, "reconcile", lambda ops, scope: compared.append(scope) or real(ops, scope))
    with checks_storage.together():
        for number in CHECKS.values():
            assert list(RULES[number].site(ops, Scope())) == []  # type: ignore[misc]
    assert len(compared) == 1


def test_pages_do_not_change_the_result(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    lost(ops, product(ops))
    whole = reconcile.reconcile(ops, Scope())
    monkeypatch.setattr(reconcile, "_PAGE", 1)
    assert reconcile.reconcile(ops, Scope()) == whole
