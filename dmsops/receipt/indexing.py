"""What a file's content says becomes rows, tied to its bytes: one function per thing that a content may hold.

Every function works in the caller's write transaction; the same bytes are put into the index once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.receipt.content import Content
from dmsops.receipt.tables import science_part

if TYPE_CHECKING:
    from dmsops.interfaces.fos.packets import Part


def index(c: sa.Connection, sha256: str, content: Content) -> None:
    """Put what a file holds into the index; the same bytes given again change nothing."""
    _science_parts(c, sha256, content.parts)


def _science_parts(c: sa.Connection, sha256: str, parts: Iterable[Part]) -> None:
    if c.execute(sa.select(science_part.c.sha256).where(science_part.c.sha256 == sha256).limit(1)).scalar() is not None:
        return
    rows = [
        {
            "sha256": sha256, "exposure": str(p.exposure), "detector": p.detector, "visit": str(p.exposure.visit),
            "packets": p.packets, "expected": p.expected, "rows": p.rows, "complete_frames": p.complete_frames,
            "duplicates": p.duplicates, "bad_crc": p.bad_crc, "complete": p.complete, "first_at": p.first_at, "last_at": p.last_at,
        }
        for p in parts
    ]  # fmt: skip
    if rows:
        c.execute(sa.insert(science_part), rows)
