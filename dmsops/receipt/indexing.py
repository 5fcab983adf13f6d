"""What a file's content says becomes rows, tied to its bytes: one function per thing that a content may hold.

Every function works in the caller's write transaction; the same bytes are put into the index once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.receipt import reports
from dmsops.receipt.content import Content
from dmsops.receipt.tables import ephemeris_file, science_part

if TYPE_CHECKING:
    from dmsops.interfaces.fos.packets import Part
    from dmsops.receipt.ephemeris_checks import Coverage


MANY = 500
"""Sums in one question to the database."""


def index(c: sa.Connection, contents: Mapping[str, Content]) -> None:
    """Put what files hold into the index, by their sums; the same bytes given again change nothing."""
    _science_parts(c, {sha256: content.parts for sha256, content in contents.items() if content.parts})
    for sha256, content in contents.items():
        if content.plan is not None:
            reports.index_plan(c, sha256, content.plan)
        if content.report is not None:
            reports.index_report(c, sha256, content.report)
        if content.ephemeris is not None:
            note_coverage(c, sha256, content.ephemeris)


def _science_parts(c: sa.Connection, parts: Mapping[str, Iterable[Part]]) -> None:
    known = sa.select(science_part.c.sha256).distinct()
    there = {
        sha256 for some in itertools.batched(parts, MANY) for sha256 in c.execute(known.where(science_part.c.sha256.in_(some))).scalars()
    }
    rows = [row for sha256, found in parts.items() if sha256 not in there for row in _rows(sha256, found)]
    if rows:
        c.execute(sa.insert(science_part), rows)


def _rows(sha256: str, parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [
        {
            "sha256": sha256, "exposure": str(p.exposure), "detector": p.detector, "visit": str(p.exposure.visit),
            "packets": p.packets, "expected": p.expected, "rows": p.rows, "complete_frames": p.complete_frames,
            "duplicates": p.duplicates, "bad_crc": p.bad_crc, "complete": p.complete, "first_at": p.first_at, "last_at": p.last_at,
            "nints": p.header and p.header.nints, "ngroups": p.header and p.header.ngroups,
            "frame_rows": p.frame and p.frame[0], "frame_columns": p.frame and p.frame[1], "coverage": p.coverage,
        }
        for p in parts
    ]  # fmt: skip


def note_coverage(c: sa.Connection, sha256: str, covers: Coverage) -> None:
    """Note what an ephemeris covers; it is not checked against others yet, and nothing uses it before."""
    if c.execute(sa.select(ephemeris_file.c.sha256).where(ephemeris_file.c.sha256 == sha256)).scalar() is None:
        values = asdict(covers)
        values["created_at"] = values.pop("created")
        c.execute(sa.insert(ephemeris_file).values(sha256=sha256, doubts=[], **values))
