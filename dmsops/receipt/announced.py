"""What a delivery says it holds, and what lies in it besides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import BadDelivery, NotFound
from dmsops.core.files import sha256_of
from dmsops.interfaces.fos.manifest import MANIFEST, Manifest, read_manifest
from dmsops.receipt.examine import EXTRA, Wanted, not_ours
from dmsops.receipt.states import FileState
from dmsops.receipt.tables import delivered_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

_LARGEST = 2**62
"""No size or sequence number reaches it; beyond, a database cannot hold the number."""
_LONGEST = 180
"""Characters of an id: it becomes part of file names."""


def read_announced(ops: Ops, folder: Path) -> Manifest:
    """Read a delivery's manifest and hold it against what was accepted under the same delivery id.

    Raises
    ------
    NotFound
        There is no such folder.
    BadDelivery
        The manifest cannot be used; the message names file and field.
    FilesRefused
        The file system does not let us read it.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no delivery at {folder}", folder=str(folder))
    try:
        manifest = read_manifest(folder / MANIFEST)
    except BadDelivery as error:
        not_ours(error, folder / MANIFEST)
        raise
    for field, number in (("sequence", manifest.sequence), *((f"files[{i}].size", f.size) for i, f in enumerate(manifest.files))):
        if number > _LARGEST:
            raise BadDelivery(f"{MANIFEST}: field '{field}' is {number}, which cannot be", file=MANIFEST, field=field)
    for field, text in (("delivery_id", manifest.delivery_id), ("sender", manifest.sender)):
        if len(text) > _LONGEST:
            raise BadDelivery(f"{MANIFEST}: field '{field}' is longer than {_LONGEST} characters", file=MANIFEST, field=field)
    _hold_against_accepted(ops, manifest)
    return manifest


def _hold_against_accepted(ops: Ops, manifest: Manifest) -> None:
    f = delivered_file.c
    accepted = sa.select(f.name, f.announced_sha256).where(f.delivery_id == manifest.delivery_id, f.sha256 == f.announced_sha256)
    with reading(ops.db) as c:
        sums = {row.name: row.announced_sha256 for row in c.execute(accepted)}
    for i, file in enumerate(manifest.files):
        if sums.get(file.name, file.sha256) != file.sha256:
            raise BadDelivery(
                f"{MANIFEST}: field 'files[{i}].sha256' of '{file.name}' is not what delivery '{manifest.delivery_id}' had before",
                file=MANIFEST,
                field=f"files[{i}].sha256",
            )


def wanted_files(folder: Path, manifest: Manifest) -> list[Wanted]:
    """Give the files that the manifest names, then those that lie there unnamed (their names made printable)."""
    named = [Wanted(name=f.name, kind=f.kind, size=f.size, sha256=f.sha256) for f in manifest.files]
    known = {MANIFEST, *(w.name for w in named)}
    there = sorted(p.name for p in folder.iterdir() if p.name not in known)
    return named + [Wanted(name=name, kind=EXTRA, size=None, sha256=None) for name in there if _printable(name)]


def _printable(name: str) -> bool:
    """Say whether a database can hold the name; a file with an impossible name stays where it lies."""
    return name.isprintable()


def is_worth_a_look(folder: Path, row: sa.Row[Any]) -> bool:
    """Say whether a file is still to be examined, or to be examined again because it has changed since."""
    if row.state in (FileState.ANNOUNCED, FileState.STAGING):
        return True
    if row.state != FileState.QUARANTINED or row.announced_sha256 is None:
        return False
    path = folder / row.name
    if not path.is_file() or path.is_symlink() or path.stat().st_size != row.announced_size:
        return False
    return row.fault != "content" and sha256_of(path) == str(row.announced_sha256)
