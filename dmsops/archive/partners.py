"""Partners: their inventories against our catalogue, and our inventory for them.

What changed within icewind's look-back before an inventory was taken, or after it, may not have reached the partner yet: it is
no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.describing import collection_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, tombstone
from dmsops.core.db import reading
from dmsops.core.names import safe_file_name
from dmsops.interfaces.partners import Held, Inventory, read_inventory, write_inventory

if TYPE_CHECKING:
    from dmsops.ops import Ops

LOOK_BACK = timedelta(seconds=300)
"""How far a harvester looks back before what it has seen last (icewind's)."""
MISSED, NOT_DELETED, DIFFERS = "missed observation", "missed delete", "accMetaChecksum discrepancy"
"""icewind's words."""
_o, _t = observation.c, tombstone.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One observation that a partner holds otherwise than we do; ``kind`` is one of icewind's words."""

    partner: str
    observation_id: str
    kind: str
    ours: str
    theirs: str


def partner_files(ops: Ops) -> list[Path]:
    """Give the inventories that partners laid into ``inbox/partners``: ``<partner>.tsv`` each; a link is none."""
    folder = ops.settings.folder("inbox") / "partners"
    return sorted(p for p in folder.glob("*.tsv") if p.is_file() and not p.is_symlink() and safe_file_name(p.name))


def inventory(ops: Ops) -> bytes:
    """Write what we hold in the form of partners' inventories, what changed last at the end."""
    query = sa.select(_o.collection, _o.id, _o.changed_at, _o.checksum).where(_o.state == ARCHIVED, _o.collection == collection_of(ops))
    now = ops.clock.now()
    with reading(ops.db) as c:
        rows = c.execute(query.order_by(_o.changed_at, _o.id))
        held = (Held(collection=r.collection, observation_id=r.id, changed_at=r.changed_at, checksum=r.checksum or "") for r in rows)
        return write_inventory(held, now)


def differences(ops: Ops, path: Path) -> Iterator[Difference]:
    """Hold a partner's inventory against the catalogue.

    Raises
    ------
    BadInput
        The inventory cannot be read; names file, line and field.
    """
    theirs = read_inventory(path, collection_of(ops))
    until = _taken(ops, path, theirs) - LOOK_BACK
    with reading(ops.db) as c:
        ours = {row.id: row for row in c.execute(_rows(ops))}
        withdrawn = {row.observation_id: row.at for row in c.execute(_withdrawals())}
    for name in sorted(ours.keys() | theirs.held.keys()):
        found = _difference(name, ours.get(name), theirs, until, withdrawn)
        if found is not None:
            yield found


def _taken(ops: Ops, path: Path, theirs: Inventory) -> datetime:
    """Say when an inventory was taken: as it says, else when its file was written; never in the future."""
    written = theirs.taken_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return min(written, ops.clock.now())


def _rows(ops: Ops) -> Any:
    query = sa.select(_o.id, _o.changed_at, _o.checksum)
    return query.where(_o.state == ARCHIVED, _o.collection == collection_of(ops))


def _withdrawals() -> Any:
    return sa.select(_t.observation_id, sa.func.max(_t.at).label("at")).where(_t.restored_at.is_(None)).group_by(_t.observation_id)


def _difference(name: str, mine: Any, theirs: Inventory, until: datetime, withdrawn: dict[str, datetime]) -> Difference | None:
    held = theirs.held.get(name)
    if mine is None:
        late = name in withdrawn and withdrawn[name] > until
        return None if late else _of(theirs, name, NOT_DELETED, "not in the archive", f"held since {held.changed_at:%Y-%m-%d %H:%M}")  # type: ignore[union-attr]
    if mine.changed_at > until:
        return None
    if held is None:
        return _of(theirs, name, MISSED, mine.checksum or "no checksum", "not held")
    if held.checksum != (mine.checksum or ""):
        return _of(theirs, name, DIFFERS, mine.checksum or "no checksum", held.checksum or "no checksum")
    return None


def _of(theirs: Inventory, name: str, kind: str, ours: str, said: str) -> Difference:
    return Difference(partner=theirs.name, observation_id=name, kind=kind, ours=ours, theirs=said)
