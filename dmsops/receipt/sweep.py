"""Sweep: what dead processes left behind is shown, then removed by the preview's hash.

Age alone is not safe: an old object may be put again at this moment by a receiver whose row is not there yet. So three
things keep what is under way: bytes that a receipt under way announces count as named; the store refuses to remove what
was put lately, by its own clock and under its own lock; and the last look at the rows is taken with the write lock held.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.files import locked
from dmsops.core.people import Role, require
from dmsops.core.tickets import need_reason, need_ticket, ticket_of
from dmsops.receipt.states import GOOD, FileState
from dmsops.receipt.tables import delivered_file

if TYPE_CHECKING:
    from dmsops.ops import Ops

NAMES_OBJECTS = {
    "delivered_file": ("sha256",),
    "product": ("sha256",),
    "archived_product": ("sha256",),
    "observation": ("xml_sha256",),
    "tombstone": ("xml_sha256",),
    "engineering_partition": ("sha256",),
}
"""Columns whose sums are objects of the store, by table. Tables of other parts are known here by name only."""
NAMES_NONE = {
    "delivered_file": ("announced_sha256",),
    "science_part": ("sha256",),
    "planned_exposure": ("sha256",),
    "reported_visit": ("sha256",),
    "reported_exposure": ("sha256",),
    "reconciliation": ("status_sha256",),
    "ephemeris_file": ("sha256",),
    "engineering_file": ("sha256",),
    "account_token": ("sha256",),
    "fixity": ("sha256",),
    "procedure_run": ("notebook_sha256",),
}
"""Columns whose sums keep no object: what is announced only, indexes and receipts of files, readings of objects, executed notebooks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep would do, or did.

    Attributes
    ----------
    orphans : tuple of str
        Objects (sha256) that no row names, older than the site's grace: removed.
    young : int
        Objects that no row names yet, younger: left for their writers.
    unfinished : int
        Copies in the store whose writer is dead: removed.
    folders, partial : tuple of str
        Working folders of dead receipts, and files half written by dead processes, from the site's folder on: removed.
    without_bytes : tuple of str
        Sums that rows name and the store does not have: reported, never removed (procedure P16).
    hash : str
        The ticket for doing it.
    """

    orphans: tuple[str, ...] = ()
    young: int = 0
    unfinished: int = 0
    folders: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    without_bytes: tuple[str, ...] = ()
    hash: str = ""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.orphans or self.unfinished or self.folders or self.partial)

    def signed(self) -> Sweep:
        """Give it with the hash of what it would remove."""
        facts = {k: v for k, v in asdict(self).items() if k not in {"hash", "young", "without_bytes"}}
        return replace(self, hash=ticket_of(facts))


def plan(ops: Ops) -> Sweep:
    """Say what a sweep would remove; nothing changes."""
    objects = set(ops.store.objects())
    with reading(ops.db) as c:
        named, coming = _named(c), _coming(c)
    ages = {sha256: ops.store.age(sha256) for sha256 in sorted(objects - named - coming) if ops.store.has(sha256)}
    orphans = tuple(sha256 for sha256, age in ages.items() if age >= ops.settings.sweep_grace_hours * 3600)
    site = ops.settings.site
    return Sweep(
        orphans=orphans,
        young=len(ages) - len(orphans),
        unfinished=ops.store.unfinished(),
        folders=tuple(str(p.relative_to(site)) for p in _dead_folders(ops)),
        partial=tuple(str(p.relative_to(site)) for p in _half_written(ops)),
        without_bytes=tuple(sorted(named - objects)),
    ).signed()


def sweep(ops: Ops, *, ticket: str, reason: str) -> Sweep:
    """Remove what a preview showed; safe beside living receivers, and after a kill it is planned again.

    Parameters
    ----------
    ticket : str
        Hash of the preview.
    reason : str
        Why; goes into the journal.

    Raises
    ------
    NotAllowed
        The operator's role is below operator.
    BadInput
        No reason is given.
    StalePlan
        Other things would be removed now.
    """
    require(ops.operator, Role.OPERATOR, "receipt sweep")
    need_reason("receipt sweep", reason)
    planned = plan(ops)
    need_ticket(ticket, planned.hash, "the site has changed since the preview: another sweep would be made now")
    for path in planned.folders:
        shutil.rmtree(ops.settings.site / path, ignore_errors=True)
    for path in planned.partial:
        (ops.settings.site / path).unlink(missing_ok=True)
    unfinished = ops.store.sweep()
    with ops.db.begin() as c:
        gone = tuple(_removed(c, ops, planned.orphans))
        journal.write(
            c, ops.clock, "store.swept", "store", actor=ops.operator.name, reason=reason, orphans=list(gone), unfinished=unfinished,
            folders=list(planned.folders), partial=list(planned.partial), without_bytes=len(planned.without_bytes),
        )  # fmt: skip
    return replace(planned, orphans=gone, unfinished=unfinished)


def _removed(c: sa.Connection, ops: Ops, orphans: Collection[str]) -> Iterator[str]:
    """Remove objects that still nobody names; no row can be written meanwhile."""
    named = _named(c) | _coming(c) if orphans else set()
    for sha256 in orphans:
        if sha256 not in named and ops.store.has(sha256) and ops.store.remove(sha256, unused_seconds=ops.settings.sweep_grace_hours * 3600):
            yield sha256


def _named(c: sa.Connection) -> set[str]:
    """Give the sums that rows name; what a quarantined file's row says is the sum of bytes that are kept apart."""
    f = delivered_file.c
    queries = [sa.select(f.sha256).where(f.state.in_(GOOD))]
    for table, names in NAMES_OBJECTS.items():
        columns = [sa.table(table, sa.column(name)).c[name] for name in names if table != delivered_file.name]
        queries += [sa.select(column).where(column.is_not(None)).distinct() for column in columns]
    return {sha256 for query in queries for sha256 in c.execute(query).scalars()}


def _coming(c: sa.Connection) -> set[str]:
    """Give the sums that a receipt under way has announced: its bytes may be in the store before its row says so."""
    f = delivered_file.c
    open_ = (FileState.ANNOUNCED, FileState.STAGING)
    return set(c.execute(sa.select(f.announced_sha256).where(f.state.in_(open_), f.announced_sha256.is_not(None))).scalars())


def _dead_folders(ops: Ops) -> Iterator[Path]:
    """Give the working folders of receipts whose process is dead."""
    return _dead(ops.settings.folder("work").glob("receipt-*/"))


def _half_written(ops: Ops) -> Iterator[Path]:
    """Give the files half written by dead processes, in the folders that receipt writes to."""
    for name in ("quarantine", "outbox"):
        yield from _dead(ops.settings.folder(name).rglob(".*.part"))


def _dead(paths: Iterable[Path]) -> Iterator[Path]:
    for path in sorted(paths):
        with locked(path, wait=False) as dead:
            if dead:
                yield path
