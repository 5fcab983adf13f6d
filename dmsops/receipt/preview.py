"""Say what accepting a delivery would do; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import StoreDamaged
from dmsops.core.files import sha256_of
from dmsops.receipt.announced import read_announced, wanted_files
from dmsops.receipt.examine import examine
from dmsops.receipt.states import VERSIONED
from dmsops.receipt.tables import delivered_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

Verdict = Literal["new", "replay", "retransmission", "quarantine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """What would become of one file; ``reason`` when it would go into quarantine."""

    name: str
    kind: str
    size: int | None
    verdict: Verdict
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPreview:
    """What would become of a delivery; ``size`` is the sum of its files in bytes."""

    delivery_id: str
    sender: str
    size: int
    files: tuple[FilePreview, ...]


def preview(ops: Ops, folder: Path) -> DeliveryPreview:
    """Examine a delivery without taking it.

    Raises
    ------
    NotFound
        There is no such folder.
    BadDelivery
        The manifest cannot be used; `accept` would put the whole delivery into quarantine.
    """
    manifest = read_announced(ops, folder)
    known = _known_sums(ops)
    files = []
    for wanted in wanted_files(folder, manifest):
        finding = examine(folder, wanted, _sum_only)
        verdict = "quarantine" if finding.fault else _verdict(known.get(wanted.name, set()), str(wanted.sha256))
        files.append(FilePreview(name=wanted.name, kind=wanted.kind, size=finding.size, verdict=verdict, reason=finding.reason))
    size = sum(f.size or 0 for f in files)
    return DeliveryPreview(delivery_id=manifest.delivery_id, sender=manifest.sender, size=size, files=tuple(files))


def _sum_only(path: Path, expected: str) -> Path:
    found = sha256_of(path)
    if found != expected:
        raise StoreDamaged(f"'{path.name}' has another sum", file=str(path), expected=expected, found=found)
    return path


def _known_sums(ops: Ops) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    query = sa.select(delivered_file.c.name, delivered_file.c.sha256).where(delivered_file.c.state.in_(VERSIONED))
    with reading(ops.db) as c:
        for row in c.execute(query):
            known.setdefault(row.name, set()).add(row.sha256)
    return known


def _verdict(sums: set[str], sha256: str) -> Verdict:
    if not sums:
        return "new"
    return "replay" if sha256 in sums else "retransmission"
