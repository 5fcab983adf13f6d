"""Verified files get their version numbers: new, replayed, or a new version that supersedes the one before."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.receipt import requests
from dmsops.receipt.indexing import MANY
from dmsops.receipt.register import move, rows_of
from dmsops.receipt.states import CURRENT, VERSIONED, FileState
from dmsops.receipt.tables import delivered_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = delivered_file.c
_Row = sa.Row[Any]


def promote(c: sa.Connection, ops: Ops, delivery_id: str) -> None:
    """Give versions to a delivery's verified files; supersede those before them; close the requests for them."""
    rows = [row for row in rows_of(c, delivery_id) if row.state == FileState.VERIFIED]
    before: dict[str, list[_Row]] = {}
    for row in _versioned(c, "name", [r.name for r in rows]):
        before.setdefault(row.name, []).append(row)
    _mark_duplicates(c, ops, rows)
    known = [row for row in rows if row.name in before]
    for row in known:
        _promote_again(c, ops, row, sorted(before[row.name], key=lambda b: int(b.version)))
    for some in itertools.batched([row.id for row in rows if row.name not in before], MANY):
        move(c, ops, "promote", [_f.id.in_(some)], version=1)
    requests.came(c, ops, delivery_id, {row.name for row in rows})


def _versioned(c: sa.Connection, column: str, values: Sequence[str]) -> Iterator[_Row]:
    for some in itertools.batched(values, MANY):
        yield from c.execute(sa.select(delivered_file).where(_f[column].in_(some), _f.state.in_(VERSIONED)))


def _promote_again(c: sa.Connection, ops: Ops, row: _Row, before: list[_Row]) -> None:
    here = [_f.id == row.id]
    if any(b.sha256 == row.sha256 for b in before):
        move(c, ops, "replay", here)
        journal.write(c, ops.clock, "file.replayed", row.name, actor=ops.operator.name, delivery=row.delivery_id)
        return
    version = before[-1].version + 1
    if move(c, ops, "supersede", [_f.name == row.name, _f.state.in_(CURRENT)]):
        journal.write(
            c, ops.clock, "file.superseded", row.name, actor=ops.operator.name, delivery=row.delivery_id, version=version
        )  # fmt: skip
    move(c, ops, "promote", here, version=version)


def _mark_duplicates(c: sa.Connection, ops: Ops, rows: Sequence[_Row]) -> None:
    """Note which files bring bytes that came under another name before, in an earlier delivery or in this one."""
    first: dict[str, str] = {}
    for earlier in sorted(_versioned(c, "sha256", [row.sha256 for row in rows]), key=lambda r: int(r.id)):
        first.setdefault(earlier.sha256, earlier.name)
    for row in rows:
        other = first.setdefault(row.sha256, row.name)
        if other == row.name:
            continue
        c.execute(sa.update(delivered_file).where(_f.id == row.id).values(duplicate_of=other))
        journal.write(
            c, ops.clock, "file.duplicated", row.name, actor=ops.operator.name,
            reason=f"brings the same bytes as '{other}'", delivery=row.delivery_id, duplicate_of=other,
        )  # fmt: skip
