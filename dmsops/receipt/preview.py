"""Say what accepting a delivery would do; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.files import in_words, sha256_of
from dmsops.receipt.announced import read_announced, wanted_files
from dmsops.receipt.examine import Finding, Wanted, look, read
from dmsops.receipt.states import VERSIONED
from dmsops.receipt.tables import delivered_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

Verdict = Literal["new", "replay", "retransmission", "quarantine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """What would become of one file; ``reason`` when it would go into quarantine.

    ``duplicate_of`` names another file that brought the same bytes before.
    """

    name: str
    kind: str
    size: int | None
    verdict: Verdict
    reason: str | None
    duplicate_of: str | None = None


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
    known, first = _known_sums(ops)
    files = []
    for wanted in wanted_files(folder, manifest):
        finding = _examined(folder, wanted)
        verdict = "quarantine" if finding.fault else _verdict(known.get(wanted.name, set()), str(wanted.sha256))
        other = first.get(str(wanted.sha256), wanted.name) if finding.fault is None else wanted.name
        files.append(
            FilePreview(
                name=wanted.name, kind=wanted.kind, size=finding.size, verdict=verdict, reason=finding.reason,
                duplicate_of=None if other == wanted.name else other,
            )
        )  # fmt: skip
    size = sum(f.size or 0 for f in files)
    return DeliveryPreview(delivery_id=manifest.delivery_id, sender=manifest.sender, size=size, files=tuple(files))


def _examined(folder: Path, wanted: Wanted) -> Finding:
    with in_words(f"the delivery at {folder} cannot be read", folder=str(folder)):
        finding = look(folder, wanted)
        return read(finding, sha256_of(folder / wanted.name), folder / wanted.name) if finding.fault is None else finding


def _known_sums(ops: Ops) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Give the sums by name, and the first name by sum, of all that was received."""
    known: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    f = delivered_file.c
    with reading(ops.db) as c:
        for row in c.execute(sa.select(f.name, f.sha256).where(f.state.in_(VERSIONED)).order_by(f.id)):
            known.setdefault(row.name, set()).add(row.sha256)
            first.setdefault(row.sha256, row.name)
    return known, first


def _verdict(sums: set[str], sha256: str) -> Verdict:
    if not sums:
        return "new"
    return "replay" if sha256 in sums else "retransmission"
