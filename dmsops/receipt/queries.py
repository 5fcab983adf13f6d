"""What receipt knows, as plain rows for eyes and for the flows; nothing here changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings, reading
from dmsops.core.errors import NotFound
from dmsops.receipt.states import DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery, rerequest, science_part

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = delivered_file.c


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReceipt:
    """What became of one file of a delivery."""

    name: str
    kind: str
    state: FileState
    version: int | None
    sha256: str | None
    size: int | None
    visit: str | None
    reason: str | None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a delivery; ``received_at`` is where the wavefront clock starts."""

    delivery_id: str
    sender: str
    state: DeliveryState
    received_at: datetime
    replays: int
    files: tuple[FileReceipt, ...]

    @property
    def released(self) -> tuple[FileReceipt, ...]:
        """The files that this delivery brought into use."""
        return tuple(f for f in self.files if f.state is FileState.RELEASED)

    @property
    def quarantined(self) -> tuple[FileReceipt, ...]:
        """The files that cannot be used."""
        return tuple(f for f in self.files if f.state is FileState.QUARANTINED)

    @property
    def visits(self) -> tuple[str, ...]:
        """The visits (11 digits) that the usable files speak of, science files of several visits left out."""
        return tuple(sorted({f.visit for f in self.files if f.visit and f.state is not FileState.QUARANTINED}))


def receipt_of(ops: Ops, delivery_id: str) -> Receipt:
    """Give the receipt of a delivery.

    Raises
    ------
    NotFound
        No delivery has that id.
    """
    with reading(ops.db) as c:
        head = c.execute(sa.select(delivery).where(delivery.c.id == delivery_id)).one_or_none()
        if head is None:
            raise NotFound(f"no delivery '{delivery_id}' was received", delivery=delivery_id)
        rows = c.execute(sa.select(delivered_file).where(_f.delivery_id == delivery_id).order_by(_f.name)).all()
    return Receipt(
        delivery_id=head.id,
        sender=head.sender,
        state=DeliveryState(head.state),
        received_at=head.received_at,
        replays=head.replays,
        files=tuple(
            FileReceipt(
                name=r.name, kind=r.kind, state=FileState(r.state), version=r.version,
                sha256=r.sha256, size=r.size, visit=r.visit, reason=r.reason, duplicate_of=r.duplicate_of,
            )
            for r in rows
        ),
    )  # fmt: skip


def deliveries(ops: Ops) -> list[dict[str, Any]]:
    """Give all deliveries, newest first, each with counts of its files by state."""
    heads = mappings(ops.db, sa.select(delivery).order_by(delivery.c.received_at.desc(), delivery.c.id))
    counted = mappings(ops.db, sa.select(_f.delivery_id, _f.state, sa.func.count().label("n")).group_by(_f.delivery_id, _f.state))
    counts: dict[str, dict[str, int]] = {}
    for row in counted:
        counts.setdefault(row["delivery_id"], {})[row["state"]] = row["n"]
    return [{**head, "files": counts.get(head["id"], {})} for head in heads]


def files(ops: Ops, delivery_id: str | None = None) -> list[dict[str, Any]]:
    """Give the files of one delivery, or of all, by name and version."""
    query = sa.select(delivered_file).order_by(_f.name, _f.version, _f.id)
    return mappings(ops.db, query if delivery_id is None else query.where(_f.delivery_id == delivery_id))


def quarantine(ops: Ops) -> list[dict[str, Any]]:
    """Give what is in quarantine: delivery, name, fault, reason and the folder where it is kept."""
    query = sa.select(_f.delivery_id, _f.name, _f.kind, _f.fault, _f.reason, _f.size, _f.changed_at).where(
        _f.state == FileState.QUARANTINED
    )
    folder = ops.settings.folder("quarantine")
    return [{**row, "folder": str(folder / row["delivery_id"])} for row in mappings(ops.db, query.order_by(_f.changed_at, _f.name))]


def rerequests(ops: Ops, *, closed: bool = False) -> list[dict[str, Any]]:
    """Give the open requests (with ``closed``, all), the soonest due first; ``overdue`` by the site's clock."""
    query = sa.select(rerequest).order_by(rerequest.c.due, rerequest.c.id)
    rows = mappings(ops.db, query if closed else query.where(rerequest.c.closed_at.is_(None)))
    now = ops.clock.now()
    return [{**row, "overdue": row["closed_at"] is None and row["due"] < now} for row in rows]


def parts_of(ops: Ops, visit: str) -> list[dict[str, Any]]:
    """Give the science parts of a visit (11 digits) in released files: exposure, detector, file, counts, complete."""
    query = (
        sa.select(science_part, _f.name, _f.version)
        .join(delivered_file, _f.sha256 == science_part.c.sha256)
        .where(science_part.c.visit == visit, _f.state == FileState.RELEASED)
        .order_by(science_part.c.exposure, science_part.c.detector, _f.name)
    )
    return mappings(ops.db, query)


def files_released(ops: Ops, kind: str, visit: str | None = None) -> list[dict[str, Any]]:
    """Give the released files of a kind: name, version, sha256, kind, size, delivery_id, covers_from, covers_to.

    With ``visit`` (11 digits): science files that hold a part of it, status files and plans that speak of it,
    engineering files and ephemerides that overlap its time as the newest status file (else plan) gives it;
    without either of those two, all engineering files and ephemerides. In order of time covered.
    """
    columns = (_f.name, _f.version, _f.sha256, _f.kind, _f.size, _f.delivery_id, _f.visit, _f.covers_from, _f.covers_to)
    query = sa.select(*columns).where(_f.kind == kind, _f.state == FileState.RELEASED)
    if visit is not None:
        query = query.where(*_about(ops, kind, visit))
    return mappings(ops.db, query.order_by(_f.covers_from, _f.name))


def _about(ops: Ops, kind: str, visit: str) -> list[Any]:
    if kind == "science":
        return [_f.sha256.in_(sa.select(science_part.c.sha256).where(science_part.c.visit == visit))]
    if kind in ("osf", "plan"):
        return [_f.visit == visit]
    spans = [r for k in ("osf", "plan") for r in reversed(files_released(ops, k, visit)) if r["covers_from"] is not None]
    if not spans:
        return []
    return [_f.covers_from <= spans[0]["covers_to"], _f.covers_to >= spans[0]["covers_from"]]


def arrival(ops: Ops, visit: str) -> datetime | None:
    """Give the time at which the first science file of a visit was announced: its wavefront clock starts there."""
    mine = _f.sha256.in_(sa.select(science_part.c.sha256).where(science_part.c.visit == visit))
    query = sa.select(sa.func.min(delivery.c.received_at)).join(delivered_file, _f.delivery_id == delivery.c.id).where(mine)
    with reading(ops.db) as c:
        first: datetime | None = c.execute(query).scalar()
    return first
