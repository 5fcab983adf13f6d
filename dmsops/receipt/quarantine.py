"""Keep apart what cannot be used: the bytes, and beside them a reason that a person can read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.clock import iso
from dmsops.core.errors import BadName
from dmsops.core.files import copy_file, in_words, make_folder, sha256_of, write_json
from dmsops.core.names import safe_file_name
from dmsops.receipt.examine import Finding

if TYPE_CHECKING:
    from dmsops.ops import Ops


def keep_apart(ops: Ops, delivery_id: str, folder: Path, finding: Finding) -> Path:
    """Copy a faulty file (if there is one) into the quarantine and write its reason beside it.

    Given again for the same bytes it changes nothing; other bytes under the same name are kept beside the first.

    Returns
    -------
    Path
        The reason file: ``quarantine/<delivery>/<name>.reason.json``.

    Raises
    ------
    FilesRefused
        The file system refused.
    """
    apart = ops.settings.folder("quarantine") / safe_file_name(delivery_id)
    source = folder / finding.wanted.name
    with in_words(f"'{finding.wanted.name}' cannot be put into quarantine", file=str(source)):
        make_folder(apart)
        target = apart / _plain(finding.wanted.name)
        if source.is_file() and not source.is_symlink():
            target = _copy(source, target)
        note = target.with_name(f"{target.name}.reason.json")
        if not note.exists():
            write_json(note, _reason(ops, delivery_id, finding))
    return note


def _plain(name: str) -> str:
    """Give a name that is safe on our disk; a strange one is replaced by its sum (the reason file has the original)."""
    try:
        return safe_file_name(name)
    except BadName:
        return f"unsafe-name-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:12]}"


def _copy(source: Path, target: Path) -> Path:
    sha256 = sha256_of(source)
    if target.exists() and sha256_of(target) != sha256:
        target = target.with_name(f"{sha256[:12]}-{target.name}")
    if not target.exists():
        copy_file(source, target)
    return target


def _reason(ops: Ops, delivery_id: str, finding: Finding) -> dict[str, object]:
    return {
        "delivery": delivery_id,
        "file": finding.wanted.name.encode(errors="replace").decode(),
        "kind": finding.wanted.kind,
        "fault": finding.fault,
        "reason": finding.reason,
        "announced": {"size": finding.wanted.size, "sha256": finding.wanted.sha256},
        "found": {"size": finding.size, "sha256": finding.sha256},
        "at": iso(ops.clock.now()),
    }
