"""Sweep: what dead processes left goes; what a row names, or a living one needs, stays."""

from __future__ import annotations

import importlib
import os
import pkgutil
from pathlib import Path

import pytest
import sqlalchemy as sa

import dmsops
from dmsops.core.db import metadata
from dmsops.core.errors import BadInput, NotAllowed, StalePlan
from dmsops.core.files import own_folder
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.receipt import accept, queries, sweep
from dmsops.receipt.states import FileState
from dmsops.receipt.sweep import NAMES_NONE, NAMES_OBJECTS
from dmsops.receipt.tables import delivered_file

DAYS = 3 * 86_400


def stored(ops: Ops, tmp_path: Path, content: bytes = b"nobody names me", *, old: bool = True) -> str:
    """Put an object that no row names; an old one was put three days ago."""
    (tmp_path / "stray").write_bytes(content)
    sha256 = ops.store.put(tmp_path / "stray")
    if old:
        status = ops.store.path(sha256).stat()
        os.utime(ops.store.path(sha256), (status.st_atime, status.st_mtime - DAYS))
    return sha256


def test_every_column_with_a_sum_is_known_to_the_sweep() -> None:
    for module in pkgutil.walk_packages(dmsops.__path__, "dmsops."):
        if module.name.endswith(".tables") and ".migrations" not in module.name:
            importlib.import_module(module.name)
    columns = {(t.name, c.name) for t in metadata.sorted_tables for c in t.columns if "sha256" in c.name}
    known = [(table, name) for where in (NAMES_OBJECTS, NAMES_NONE) for table, names in where.items() for name in names]
    assert set(known) == columns
    assert len(known) == len(set(known))


def test_an_old_object_that_no_row_names_is_removed_and_the_others_stay(ops: Ops, folder: Path, tmp_path: Path) -> None:
    accept(ops, folder)
    kept = set(ops.store.objects())
    orphan, young = stored(ops, tmp_path), stored(ops, tmp_path, b"just put", old=False)
    shown = sweep.plan(ops)
    assert (shown.orphans, shown.young, shown.without_bytes) == ((orphan,), 1, ())
    assert ops.store.has(orphan)
    done = sweep.sweep(ops, ticket=shown.hash, reason="after the power cut")
    assert done.orphans == (orphan,)
    assert set(ops.store.objects()) == {*kept, young}
    assert sweep.plan(ops).nothing


def test_an_object_that_is_put_again_between_preview_and_act_stays(ops: Ops, tmp_path: Path) -> None:
    orphan = stored(ops, tmp_path)
    shown = sweep.plan(ops)
    ops.store.put(tmp_path / "stray")
    with pytest.raises(StalePlan):
        sweep.sweep(ops, ticket=shown.hash, reason="x")
    assert not ops.store.remove(orphan, unused_seconds=ops.settings.sweep_grace_hours * 3600)


def test_bytes_that_a_receipt_under_way_has_announced_are_no_orphans(ops: Ops, folder: Path, tmp_path: Path) -> None:
    accept(ops, folder)
    with ops.db.begin() as c:
        c.execute(sa.update(delivered_file).values(state=FileState.STAGING, sha256=None))
    for sha256 in ops.store.objects():
        os.utime(ops.store.path(sha256), (0, 0))
    assert sweep.plan(ops).orphans == ()


def test_folders_and_half_files_of_the_dead_go_and_those_of_the_living_stay(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    dead = ops.settings.folder("work") / "receipt-0123"
    dead.mkdir()
    (dead / "link").symlink_to(folder)
    half = ops.settings.folder("outbox") / "fos" / ".0123.part"
    half.write_text("{")
    left = ops.settings.folder("store") / "incoming" / "0123"
    left.mkdir()
    (left / "0").write_text("half")
    with own_folder(ops.settings.folder("work"), "receipt-") as alive:
        shown = sweep.plan(ops)
        assert (shown.folders, shown.partial, shown.unfinished) == (("work/receipt-0123",), ("outbox/fos/.0123.part",), 1)
        sweep.sweep(ops, ticket=shown.hash, reason="x")
        assert alive.exists()
    assert not dead.exists()
    assert not half.exists()
    assert not left.exists()
    assert len(list(folder.iterdir())) == 7


def test_a_row_without_bytes_is_reported_and_left(ops: Ops, folder: Path) -> None:
    accept(ops, folder)
    lost = next(iter(ops.store.objects()))
    ops.store.remove(lost)
    shown = sweep.plan(ops)
    assert shown.without_bytes == (lost,)
    assert shown.nothing
    assert lost in {f["sha256"] for f in queries.files(ops)}


def test_who_may_and_what_is_refused(ops: Ops) -> None:
    ticket = sweep.plan(ops).hash
    with pytest.raises(NotAllowed):
        sweep.sweep(ops.as_person(Person("guest", Role.VIEWER)), ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="reason"):
        sweep.sweep(ops, ticket=ticket, reason="")
    with pytest.raises(StalePlan):
        sweep.sweep(ops, ticket="0" * 16, reason="x")
