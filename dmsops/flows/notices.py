"""From the archive's events, and from releases that come with time, to notices.

Each event of the archive's outbox becomes its notices in the transaction that marks it as sent, so it is told once whatever is killed.
Public is told when the last of an observation's files is everybody's; what was told last is compared with what is so now, whenever
something happens to the observation or its date passes: a date that is moved is told right, to whichever side it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import mending
from dmsops.archive.feed import visible_at
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, observation, plane
from dmsops.core.clock import iso
from dmsops.core.db import reading, transact
from dmsops.distribution import notices
from dmsops.distribution.access import rights
from dmsops.distribution.notices import Event, Happening
from dmsops.distribution.tables import distribution_mark, notice

if TYPE_CHECKING:
    from dmsops.ops import Ops

RELEASED = "released"
"""The mark: up to when releases were looked at."""
BATCH = 500
"""Events of one transaction."""
BATCHES = 20
_o, _p, _e, _n, _m = observation.c, plane.c, archive_outbox.c, notice.c, distribution_mark.c
_LAST = sa.func.max(_p.data_release, type_=_p.data_release.type)


def gather(ops: Ops) -> int:
    """Write down what happened since the last time, each thing once; gives how many notices are new.

    After `BATCHES` transactions the rest is left to the next call: what is written down is to be told meanwhile.
    """
    total = 0
    for _ in range(BATCHES):
        if not _something(ops):
            break
        made, more = transact(ops.db, lambda c: _gather(c, ops))
        total += made
        if not more:
            break
    return total


def _something(ops: Ops) -> bool:
    with reading(ops.db) as c:
        mark = _mark(c)
        if mark is None or c.execute(sa.select(_e.id).where(_e.sent_at.is_(None)).limit(1)).first() is not None:
            return True
        return c.execute(_released(mark, ops.clock.now()).limit(1)).first() is not None


def _mark(c: sa.Connection) -> datetime | None:
    found: datetime | None = c.execute(sa.select(_m.at).where(_m.name == RELEASED)).scalar()
    return found


def _gather(c: sa.Connection, ops: Ops) -> tuple[int, bool]:
    """Write down the next events and releases; gives how many notices are new, and whether there may be more."""
    now = ops.clock.now()
    mark = _mark(c) or now
    rows = c.execute(sa.select(archive_outbox).where(_e.sent_at.is_(None)).order_by(_e.id).limit(BATCH)).all()
    made = [number for row in rows for number in notices.put(c, _of_event(c, row), now)]
    c.execute(sa.update(archive_outbox).where(_e.id.in_([row.id for row in rows])).values(sent_at=now))
    passed = list(c.execute(_released(mark, now).limit(BATCH)).scalars())
    for identity in dict.fromkeys([*(row.observation_id for row in rows), *passed]):
        made += notices.put(c, _of_release(c, identity, now), now)
    if len(passed) < BATCH:
        _set_mark(c, max(mark, now))
    return len(made), len(rows) == BATCH or (bool(made) and len(passed) == BATCH)


def _set_mark(c: sa.Connection, at: datetime) -> None:
    if not c.execute(sa.update(distribution_mark).where(_m.name == RELEASED).values(at=at)).rowcount:
        c.execute(sa.insert(distribution_mark).values(name=RELEASED, at=at))


def _of_event(c: sa.Connection, row: Any) -> Iterator[Happening]:
    """Give what an event of the archive tells, with those that were passed by and are told in its place."""
    for version in row.facts.get("in_place_of") or ():
        passed = c.execute(sa.select(archive_outbox).where(_e.observation_id == row.observation_id, _e.version == version)).one_or_none()
        if passed is not None:
            yield from _of_one(c, passed)
    yield from _of_one(c, row)


def _of_one(c: sa.Connection, row: Any) -> Iterator[Happening]:
    facts = {"products": row.facts.get("products") or [], "gone": row.facts.get("gone") or []}
    for event in _events(c, row, changed=any(facts.values())):
        yield _happening(c, event, row.observation_id, row.version, row.created_at, facts)


def _events(c: sa.Connection, row: Any, *, changed: bool) -> Iterator[Event]:
    if row.event == "observation.ingested":
        yield Event.NEW
        if _is_first(c, row.observation_id):
            yield Event.FIRST
    elif row.event == "observation.superseded":
        if _last_of(c, row.observation_id, Event.WITHDRAWN, Event.RESTORED) is Event.WITHDRAWN:
            yield Event.RESTORED
        if changed:
            yield Event.REPROCESSED
    elif row.event == "observation.withdrawn":
        yield Event.WITHDRAWN
    elif row.event == "observation.restored":
        yield Event.RESTORED


def _is_first(c: sa.Connection, identity: str) -> bool:
    """Tell whether an observation's program had no data before: none that was told, none that came without an event (loaded in bulk)."""
    program = c.execute(sa.select(_o.proposal_id).where(_o.id == identity)).scalar()
    if not program:
        return False
    told = sa.select(_n.id).where(_n.program == program, _n.event.in_((Event.NEW, Event.FIRST)), _n.observation_id != identity)
    silent = ~sa.exists().where(_e.observation_id == _o.id)
    loaded = sa.select(_o.id).where(_o.proposal_id == program, _o.id != identity, silent)
    return all(c.execute(query.limit(1)).first() is None for query in (told, loaded))


def _last_of(c: sa.Connection, identity: str, *events: Event) -> Event | None:
    """Give which of some events was told last of an observation."""
    query = sa.select(_n.event).where(_n.observation_id == identity, _n.event.in_(events)).order_by(_n.id.desc()).limit(1)
    found = c.execute(query).scalar()
    return None if found is None else Event(found)


def _happening(c: sa.Connection, event: Event, identity: str, version: int, at: datetime, facts: dict[str, Any]) -> Happening:
    row = c.execute(sa.select(_o.proposal_id, _o.target, _o.instrument, _o.collection, _o.checksum).where(_o.id == identity)).one()
    told = {"collection": row.collection, **facts}
    if event is not Event.WITHDRAWN:
        release = _release(c, identity)
        told |= {"checksum": row.checksum, "release": iso(release) if release else None, "rights": rights(release, at).value}
    return Happening(
        event=event, observation_id=identity, version=version, at=at, program=row.proposal_id or "", target=row.target or "",
        instrument=row.instrument or "", facts=told,
    )  # fmt: skip


def _release(c: sa.Connection, identity: str) -> datetime | None:
    """Give when the last of an observation's files is everybody's; None when one has no date, or it has no files."""
    whole = sa.func.count() == sa.func.count(_p.data_release)
    return c.execute(sa.select(_LAST).where(_p.observation_id == identity).having(whole)).scalar()


def _released(mark: datetime, now: datetime) -> sa.Select[tuple[str]]:
    """Find observations that have become public as a whole since a time, and of which that is not what was told last."""
    some = sa.select(_p.observation_id).where(_p.data_release > mark, _p.data_release <= now)
    whole = sa.and_(now >= _LAST, sa.func.count() == sa.func.count(_p.data_release))
    told, held = (_number_of(event) for event in (Event.PUBLIC, Event.HELD))
    standing = (_o.state == ARCHIVED, _p.observation_id.in_(some), told <= held)
    query = sa.select(_p.observation_id).join(observation, _o.id == _p.observation_id).where(*standing)
    return query.group_by(_p.observation_id).having(whole).order_by(_LAST, _p.observation_id)


def _number_of(event: Event) -> sa.ColumnElement[int]:
    """Give the number of the last notice of an event as a part of a query of planes; 0 where there is none."""
    found = sa.select(sa.func.coalesce(sa.func.max(_n.id), 0)).where(_n.observation_id == _p.observation_id, _n.event == event)
    return found.correlate(plane).scalar_subquery()


def _of_release(c: sa.Connection, identity: str, now: datetime) -> Iterator[Happening]:
    """Compare what was told last of an observation's release with what is so now."""
    row = c.execute(sa.select(_o.version, _o.state, _o.changed_at).where(_o.id == identity)).one()
    if row.state != ARCHIVED:
        return
    release = _release(c, identity)
    public = release is not None and release <= now
    told = _last_of(c, identity, Event.PUBLIC, Event.HELD) is Event.PUBLIC
    if public and not told and release is not None:
        since = max(release, row.changed_at)  # the change that moved its date into the past, where that is later
        yield _happening(c, Event.PUBLIC, identity, row.version, since, {})
    elif told and not public:
        yield _happening(c, Event.HELD, identity, row.version, row.changed_at, {})


def meta_releases(c: sa.Connection, identities: Sequence[str]) -> dict[str, datetime | None]:
    """Give when the whole descriptions of observations are everybody's: an event names products of all planes."""
    rows = c.execute(sa.select(_o.id, visible_at.label("visible")).where(_o.id.in_(list(identities))))
    return {row.id: row.visible for row in rows}


def reconsider(ops: Ops) -> int:
    """Announce again the observations whose release is not what was told of it, although no event says why; gives how many.

    Rows that were made again, or changed past the archive's verbs, come without an event. What is announced has a new version, so that
    its subscribers are told right by the next round, and partners harvest it. What was never told (loaded in bulk) is left alone.
    """
    found = wrongly_told(ops)
    for identity in found:
        mending.tell_again(ops, identity, reason="its release is not what was told of it")
    return len(found)


def wrongly_told(ops: Ops) -> list[str]:
    """Find what was told to be public and is not, and what is public and was told to be nothing of the kind; `BATCH` of each at most.

    All of the archive is judged, whenever and however it was changed, but not all of it is read: planes that are not public are, found
    by their date, and of notices an index. What is public and was told so, which is most of an archive, is passed by. Of what has an
    event that waits the next round tells.
    """
    now = ops.clock.now()
    later = sa.or_(_p.data_release > now, _p.data_release.is_(None))
    waiting = sa.exists(_e.id).where(_e.observation_id == _o.id, _e.sent_at.is_(None))
    either = _told_early(later), _told_nothing(later)
    with reading(ops.db) as c:
        queries = (sa.select(_o.id).where(_o.state == ARCHIVED, wrong, ~waiting).order_by(_o.id).limit(BATCH) for wrong in either)
        return [identity for query in queries for identity in c.execute(query).scalars()]


def _told_early(later: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Test whether an observation was told to be public, and not held since, while one of its planes is not public."""
    since = notice.alias()
    held = sa.exists(since.c.id).where(since.c.event == Event.HELD, since.c.observation_id == _n.observation_id, since.c.id > _n.id)
    told = sa.exists(_n.id).where(_n.event == Event.PUBLIC, _n.observation_id == _p.observation_id, ~held)
    return _o.id.in_(sa.select(_p.observation_id).where(later, told))


def _told_nothing(later: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Test whether an observation is known by a notice, was never told to be public or was held since, and all its planes are public."""
    public = notice.alias()
    settled = sa.or_(_n.event != Event.HELD, public.c.id > _n.id)
    told = sa.exists(public.c.id).where(public.c.event == Event.PUBLIC, public.c.observation_id == _n.observation_id, settled)
    known = sa.select(_n.observation_id).where(_n.event != Event.PUBLIC, ~told)
    planes = sa.exists(_p.id).where(_p.observation_id == _o.id)
    return sa.and_(_o.id.in_(known), planes, ~planes.where(later))
