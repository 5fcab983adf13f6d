"""A delivery's files in batches: while one batch is read and written down, the next one, of large files, goes into the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.db import transact
from dmsops.core.files import NamedPath
from dmsops.receipt import register
from dmsops.receipt.examine import Finding, Wanted, look, read
from dmsops.receipt.quarantine import keep_apart

if TYPE_CHECKING:
    from dmsops.ops import Ops

_FILES = 512
_BYTES = 512 * 2**20
"""A batch is one transaction: what a killed receiver may have to look at again."""
_SMALL = 2**20
"""Bytes of a file below which more goes into handling it than into its bytes."""

Stored = list[tuple[Finding, str]]
"""What the first look gave, and the sum of the bytes that the store took ("" for a file with a fault)."""


def take_files(ops: Ops, delivery_id: str, folder: Path, wanted: Sequence[Wanted]) -> None:
    """Take files: good bytes into the store and their content into the index, the others apart.

    Raises
    ------
    OSError
        The file system refused; what was written down before stays.
    """
    for stored in _ahead(ops, folder, wanted):
        findings = [_content(ops, finding, found) for finding, found in stored]
        for finding in findings:
            if finding.fault is not None:
                keep_apart(ops, delivery_id, folder, finding)
        transact(ops.db, partial(_settle, ops, delivery_id, findings))


def _settle(ops: Ops, delivery_id: str, findings: Sequence[Finding], c: sa.Connection) -> None:
    register.settle(c, ops, delivery_id, findings)


def _ahead(ops: Ops, folder: Path, wanted: Sequence[Wanted]) -> Iterator[Stored]:
    """Give batches whose bytes are in the store; the next one is being stored meanwhile when its files are large.

    With small files most of the work is Python's own, of which one thread runs at a time: storing and reading at once is slower
    there than one after the other.
    """
    with ThreadPoolExecutor(1) as store:
        under_way: Future[Stored] | None = None
        for batch in _batches(wanted):
            if under_way is not None and _are_small(batch):
                yield under_way.result()
                under_way = None
            coming = store.submit(_store, ops, folder, batch)
            if under_way is not None:
                yield under_way.result()
            under_way = coming
        if under_way is not None:
            yield under_way.result()


def _are_small(batch: Sequence[Wanted]) -> bool:
    return sum(file.size or 0 for file in batch) < _SMALL * len(batch)


def _batches(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    batch: list[Wanted] = []
    size = 0
    for file in wanted:
        if batch and (len(batch) == _FILES or size + (file.size or 0) > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size or 0
    if batch:
        yield batch


def _store(ops: Ops, folder: Path, batch: Sequence[Wanted]) -> Stored:
    seen = [look(folder, wanted) for wanted in batch]
    sound = [finding for finding in seen if finding.fault is None]
    sums = iter(ops.store.put_many([(folder / f.wanted.name, f.wanted.sha256) for f in sound]))
    return [(finding, next(sums) if finding.fault is None else "") for finding in seen]


def _content(ops: Ops, finding: Finding, found: str) -> Finding:
    """Read a file from the store, under its delivered name."""
    if finding.fault is not None:
        return finding
    whole = found == finding.wanted.sha256
    return read(finding, found, NamedPath.of(ops.store.path(found) if whole else Path(), finding.wanted.name))
