"""Partners: their inventories against our catalogue, and our inventory for them.

What changed within icewind's look-back before an inventory was taken, or after it, may not have reached the partner yet: it is
no difference. What was there before that change should have: so an observation that was missed stays a difference after it was
told again, until the partner's next inventory comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.describing import collection_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, observation, tombstone
from dmsops.core.clock import iso
from dmsops.core.db import reading
from dmsops.core.names import safe_file_name
from dmsops.interfaces.partners import Held, Inventory, read_inventory, write_inventory

if TYPE_CHECKING:
    from dmsops.ops import Ops

LOOK_BACK = timedelta(seconds=300)
"""How far a harvester looks back before what it has seen last (icewind's)."""
MISSED, NOT_DELETED, DIFFERS = "missed observation", "missed delete", "accMetaChecksum discrepancy"
"""icewind's words."""
TOLD_AGAIN = "told again at"
"""Said of a difference that was announced after the partner's inventory was taken: its next one will tell."""
_GONE = "observation.withdrawn"
_o, _t, _e = observation.c, tombstone.c, archive_outbox.c


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
        withdrawn = {row.observation_id: row for row in c.execute(_withdrawals())}
        told = _told(c, until)
    for name in sorted(ours.keys() | theirs.held.keys()):
        mine = ours.get(name)
        late = mine is not None and mine.changed_at > until
        found = _late(name, mine, theirs, told.get(name, ())) if late else _difference(name, mine, theirs, until, withdrawn.get(name))
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
    at, told = sa.func.max(_t.at, type_=_t.at.type).label("at"), sa.func.max(_o.changed_at, type_=_o.changed_at.type).label("told")
    query = sa.select(_t.observation_id, at, told).join(observation, _o.id == _t.observation_id)
    return query.where(_t.restored_at.is_(None)).group_by(_t.observation_id)


def _told(c: sa.Connection, until: datetime) -> dict[str, list[Any]]:
    """Give what was told of the observations that were there by then and have changed since: the last event before, and all later."""
    by_then = sa.select(_e.observation_id).where(_e.created_at <= until)
    changed = sa.select(_o.id).where(_o.state == ARCHIVED, _o.changed_at > until, _o.id.in_(by_then))
    query = sa.select(_e.observation_id, _e.event, _e.facts, _e.created_at).where(_e.observation_id.in_(changed)).order_by(_e.id)
    told: dict[str, list[Any]] = {}
    for row in c.execute(query):
        mine = told.setdefault(row.observation_id, [])
        if row.created_at <= until:
            mine.clear()
        mine.append(row)
    return told


def _late(name: str, mine: Any, theirs: Inventory, told: Sequence[Any]) -> Difference | None:
    """Hold what a partner has of an observation that has changed since against what it was, and all that it became."""
    if not told or _GONE in {row.event for row in told}:
        return None
    held, sums = theirs.held.get(name), [row.facts.get("checksum") or "" for row in told]
    words = f"{sums[0] or 'no checksum'}, {TOLD_AGAIN} {iso(mine.changed_at)}"
    if held is None:
        return _of(theirs, name, MISSED, words, "not held")
    if held.checksum in {*sums, mine.checksum or ""}:
        return None
    return _of(theirs, name, DIFFERS, words, held.checksum or "no checksum")


def _difference(name: str, mine: Any, theirs: Inventory, until: datetime, gone: Any) -> Difference | None:
    held = theirs.held.get(name)
    if mine is None:
        if gone is not None and gone.at > until:
            return None
        again = f", {TOLD_AGAIN} {iso(gone.told)}" if gone is not None and gone.told > until else ""
        return _of(theirs, name, NOT_DELETED, f"not in the archive{again}", f"held since {held.changed_at:%Y-%m-%d %H:%M}")  # type: ignore[union-attr]
    if held is None:
        return _of(theirs, name, MISSED, mine.checksum or "no checksum", "not held")
    if held.checksum != (mine.checksum or ""):
        return _of(theirs, name, DIFFERS, mine.checksum or "no checksum", held.checksum or "no checksum")
    return None


def _of(theirs: Inventory, name: str, kind: str, ours: str, said: str) -> Difference:
    return Difference(partner=theirs.name, observation_id=name, kind=kind, ours=ours, theirs=said)
