"""The catalogue's rows of many observations at once: loaded from descriptions, or made again from the documents in the store.

Both write rows alone: versions, states, events and products are `dmsops.archive.ingest`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import rows
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation, plane
from dmsops.catalogue.naming import document_name
from dmsops.catalogue.xml import from_xml
from dmsops.core import journal
from dmsops.core.db import reading, transact
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.people import Role, require

if TYPE_CHECKING:
    from dmsops.ops import Ops

BATCH = 500
"""Observations of one transaction: a few seconds of the write lock at most."""
_o = observation.c
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Ids whose rows were made again, and what kept others from it, by id, in words."""

    done: tuple[str, ...]
    failed: dict[str, str]


def load(ops: Ops, described: Iterable[tuple[Any, str]], *, batch: int = BATCH) -> int:
    """Write the rows of many observations (caom2, and the sum of the document that is in the store); gives how many.

    One that is not there becomes version 1; one that is gets its rows anew and keeps its version. A batch is one transaction with
    one line in the journal: killed in the middle, whole batches are there, and the same load can be given again.

    Raises
    ------
    BadInput
        An observation is twice in a batch.
    NotAllowed
        The operator is no operator.
    """
    require(ops.operator, Role.OPERATOR, "archive.load")
    done = 0
    for some in batched(described, batch):
        transact(ops.db, lambda c, some=some: _load(c, ops, some))  # type: ignore[misc]
        done += len(some)
    return done


def _load(c: sa.Connection, ops: Ops, some: Sequence[tuple[Any, str]]) -> None:
    ids = [found.observation_id for found, _ in some]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise BadInput(f"observation {twice} is twice in what is to be loaded", observation=twice)
    known = _states(c, ids)
    fresh = []
    for found, sha256 in some:
        there = known.get(found.observation_id)
        if there is None:
            state = rows.State(version=1, state=ARCHIVED, xml_sha256=sha256, changed_at=ops.clock.now())
            fresh.append((rows.rows_of(found), state))
        else:
            changed = ops.clock.now() if there.xml_sha256 != sha256 else there.changed_at
            rows.replace(c, found, rows.State(version=there.version, state=ARCHIVED, xml_sha256=sha256, changed_at=changed))
    rows.insert(c, fresh)
    journal.write(
        c, ops.clock, "catalogue.loaded", f"{ids[0]} ... {ids[-1]}", actor=ops.operator.name, observations=len(ids), new=len(fresh)
    )


def unbuilt(ops: Ops) -> list[str]:
    """Give the archived observations that have a document and no planes in the catalogue (as an old schema leaves them)."""
    none = ~sa.exists().where(plane.c.observation_id == _o.id)
    query = sa.select(_o.id).where(_o.state == ARCHIVED, _o.xml_sha256.is_not(None), none).order_by(_o.id)
    with reading(ops.db) as c:
        return list(c.execute(query).scalars())


def rebuild(
    ops: Ops, observation_ids: Sequence[str], *, batch: int = BATCH, progress: Progress | None = None
) -> Rebuilt:  # fmt: skip
    """Make the rows of archived observations again from their documents; version and time of change stay as they are.

    Each batch is one transaction, so that it can be killed and begun again (`unbuilt` says what is left). A document that is missing,
    damaged or another observation's is reported and its rows are left alone, as are those of an observation that changed meanwhile.
    ``progress`` is told how many of how many are behind us, and the last one.

    Raises
    ------
    NotAllowed
        The operator is no operator.
    """
    require(ops.operator, Role.OPERATOR, "archive.rebuild")
    done: list[str] = []
    failed: dict[str, str] = {}
    for some in batched(observation_ids, batch):
        done += _rebuild(ops, some, failed)
        if progress is not None:
            progress(len(done) + len(failed), len(observation_ids), some[-1])
    return Rebuilt(done=tuple(done), failed=failed)


def _rebuild(ops: Ops, some: Sequence[str], failed: dict[str, str]) -> list[str]:
    with reading(ops.db) as c:
        known = _states(c, some)
    described = {}
    for identity in dict.fromkeys(some):
        found = _read(ops, identity, known.get(identity))
        if isinstance(found, str):
            failed[identity] = found
        else:
            described[identity] = found
    return _written(ops, described, known, failed)


def _written(ops: Ops, described: dict[str, Any], known: dict[str, Any], failed: dict[str, str]) -> list[str]:
    """Write rows, all at once; where some contradict others (a name that two observations have), one by one."""
    try:
        done, late = transact(ops.db, lambda c: _replace(c, ops, described, known), tries=1)
    except sa.exc.IntegrityError:
        if len(described) > 1:
            return [done for name, one in described.items() for done in _written(ops, {name: one}, known, failed)]
        failed.update(dict.fromkeys(described, "its rows contradict those of another observation"))
        return []
    failed.update(dict.fromkeys(late, "it changed while its document was read: its rows are those of the new one"))
    return done


def _read(ops: Ops, identity: str, row: Any) -> Any:
    """Give the description in an observation's document; in words what keeps it from being read."""
    if row is None or row.state != ARCHIVED or row.xml_sha256 is None:
        return "the archive has no document of it"
    try:
        found = from_xml(rows.stored(ops.store, row.xml_sha256), source=document_name(identity))
    except (DmsError, OSError) as error:
        return str(error)
    if found.observation_id != identity:
        return f"its document describes {found.observation_id}"
    return found


def _replace(c: sa.Connection, ops: Ops, described: dict[str, Any], known: dict[str, Any]) -> tuple[list[str], list[str]]:
    now = _states(c, list(described))
    late = [identity for identity in described if now.get(identity) != known[identity]]
    done = [identity for identity in described if identity not in set(late)]
    for identity in done:
        row = known[identity]
        state = rows.State(version=row.version, state=row.state, xml_sha256=row.xml_sha256, changed_at=row.changed_at)
        rows.replace(c, described[identity], state)
    if done:
        journal.write(c, ops.clock, "catalogue.rebuilt", f"{done[0]} ... {done[-1]}", actor=ops.operator.name, observations=len(done))
    return done, late


def _states(c: sa.Connection, ids: Sequence[str]) -> dict[str, Any]:
    query = sa.select(_o.id, _o.version, _o.state, _o.xml_sha256, _o.changed_at).where(_o.id.in_(ids))
    return {row.id: row for row in c.execute(query)}
