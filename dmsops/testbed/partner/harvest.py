"""Harvest: what changed since the last time, with a look-back; what cannot be taken is skipped, told, and tried again.

Of all that is heard of an observation, in whatever order, the newest word counts: listed with a checksum, or deleted. A document is taken
when the sum that the CAOM library computes on it is its own, its ETag's and the listed one; any other is not the one that we want (yet).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from dmsops.catalogue.naming import observation_uri
from dmsops.core.db import reading, transact
from dmsops.core.errors import Failed, NotFound
from dmsops.testbed.partner.documents import Taken, Unfit, read
from dmsops.testbed.partner.feed import Feed, Line, Place
from dmsops.testbed.partner.site import LOOK_BACK, PartnerSite, file, held, mark, skip

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
"""After how long what could not be taken is tried again: each time twice as long."""
REFUSED_AFTER = 2
"""Times that a document must be unfit before the archive is told."""
GONE = "gone"
"""Kind of a skipped one that the archive was told of, and that is well now: told next."""
FORGOTTEN: dict[str, Any] = {"listed_at": None, "listed_checksum": "", "deleted_at": None, "checksum": None, "document": None}
"""The row of an observation of which we hold nothing and have no word."""
_h, _s, _f, _m = held.c, skip.c, file.c, mark.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """What a harvest did: lines that it read, documents taken, observations deleted, documents that were skipped, calls that were lost."""

    listed: int = 0
    taken: int = 0
    deleted: int = 0
    skipped: int = 0
    lost: tuple[str, ...] = ()


def wait_after(times: int) -> timedelta:
    """Give the wait before what failed so many times before is tried again."""
    return min(FIRST_WAIT * (1 << min(times, 10)), LONGEST_WAIT)


def harvest(site: PartnerSite, feed: Feed) -> Harvest:
    """Take what changed since the last harvest, try again what was skipped, tell the archive what is refused.

    A call that is lost ends its part; the next harvest goes on from there. Killed at any moment, nothing is lost or taken twice.
    """
    done = _deletions(site, feed, Harvest())
    done = _observations(site, feed, done)
    done = _again(site, feed, done)
    return _told(site, feed, done)


def _deletions(site: PartnerSite, feed: Feed, done: Harvest) -> Harvest:
    place: Place | None = _begin(site, "deletions")
    while place is not None:
        try:
            lines, place = feed.lines("deletions", place)
        except (Failed, NotFound) as error:
            return _lost(done, error)
        gone = transact(site.db, partial(_write_deletions, lines=lines))
        done = replace(done, listed=done.listed + len(lines), deleted=done.deleted + gone)
    return done


def _lost(done: Harvest, error: Failed | NotFound) -> Harvest:
    return replace(done, lost=(*done.lost, error.message))


def _begin(site: PartnerSite, name: str) -> Place:
    with reading(site.db) as c:
        at = c.execute(sa.select(_m.at).where(_m.name == name)).scalar()
    return Place() if at is None else Place(start=at - LOOK_BACK)


def _move(c: sa.Connection, name: str, at: datetime) -> None:
    """Move a mark forward, never back: an old answer may come late."""
    there = c.execute(sa.select(_m.at).where(_m.name == name)).scalar()
    if there is None:
        c.execute(sa.insert(mark).values(name=name, at=at))
    elif there < at:
        c.execute(sa.update(mark).where(_m.name == name).values(at=at))


def _write_deletions(c: sa.Connection, lines: Sequence[Line]) -> int:
    gone = sum(delete(c, line.observation_id, line.at) for line in lines)
    if lines:
        _move(c, "deletions", max(line.at for line in lines))
    return gone


def delete(c: sa.Connection, identity: str, at: datetime) -> bool:
    """Take an observation out, unless a newer word of it is known; says whether we held it."""
    row = c.execute(sa.select(_h.listed_at, _h.checksum, _h.deleted_at).where(_h.observation_id == identity)).one_or_none()
    if row is None:
        c.execute(sa.insert(held).values(observation_id=identity, deleted_at=at))
        return False
    if (row.listed_at is not None and row.listed_at > at) or (row.deleted_at is not None and row.deleted_at > at):
        return False
    c.execute(sa.update(held).where(_h.observation_id == identity).values(**FORGOTTEN | {"deleted_at": at}))
    c.execute(sa.delete(file).where(_f.observation_id == identity))
    _well(c, identity)
    return row.checksum is not None


def _well(c: sa.Connection, identity: str) -> None:
    """Forget that an observation was skipped; where the archive was told so, it is told otherwise next."""
    c.execute(sa.delete(skip).where(_s.observation_id == identity, sa.not_(_s.told)))
    c.execute(sa.update(skip).where(_s.observation_id == identity).values(kind=GONE, times=0, message="it is well now"))


def _observations(site: PartnerSite, feed: Feed, done: Harvest) -> Harvest:
    place: Place | None = _begin(site, "observations")
    while place is not None:
        try:
            lines, place = feed.lines("observations", place)
        except (Failed, NotFound) as error:
            return _lost(done, error)
        wanted = transact(site.db, partial(_noted, site=site, lines=lines))
        done = _fetched(site, feed, wanted, replace(done, listed=done.listed + len(lines)))
        if lines:
            last = max(line.at for line in lines)
            transact(site.db, partial(_move, name="observations", at=last))
    return done


def _noted(c: sa.Connection, site: PartnerSite, lines: Sequence[Line]) -> list[str]:
    return [identity for line in lines if (identity := note(c, site, line))]


def note(c: sa.Connection, site: PartnerSite, line: Line) -> str:
    """Write a line of the list down if it is the newest word; gives the observation when its document is to be asked for now."""
    row = c.execute(sa.select(held).where(_h.observation_id == line.observation_id)).one_or_none()
    if row is None:
        c.execute(sa.insert(held).values(observation_id=line.observation_id, listed_at=line.at, listed_checksum=line.checksum))
        return line.observation_id
    if (row.deleted_at is not None and row.deleted_at > line.at) or (row.listed_at is not None and row.listed_at > line.at):
        return ""
    values = {"listed_at": line.at, "listed_checksum": line.checksum, "deleted_at": None}
    c.execute(sa.update(held).where(_h.observation_id == line.observation_id).values(**values))
    if row.checksum is not None and row.checksum == line.checksum:
        _well(c, line.observation_id)
        return ""
    changed = row.listed_checksum != line.checksum
    waits = sa.select(_s.try_after).where(_s.observation_id == line.observation_id, _s.try_after > site.now())
    return line.observation_id if changed or c.execute(waits).first() is None else ""


def _fetched(site: PartnerSite, feed: Feed, wanted: Sequence[str], done: Harvest) -> Harvest:
    for identity in wanted:
        found = _fetch(site, feed, identity)
        if isinstance(found, Taken):
            taken = transact(site.db, partial(_keep, site=site, found=found))
            done = replace(done, taken=done.taken + taken)
        else:
            transact(site.db, partial(skipped, site=site, identity=identity, why=found))
            done = replace(done, skipped=done.skipped + 1)
    return done


def _fetch(site: PartnerSite, feed: Feed, identity: str) -> Taken | Unfit:
    with reading(site.db) as c:
        listed = c.execute(sa.select(_h.listed_checksum).where(_h.observation_id == identity)).scalar() or ""
    try:
        document, etag = feed.document(identity)
    except NotFound:
        return Unfit(kind="not found", message="the archive has no such document: it was withdrawn, or is not ours to see")
    except Failed as error:
        return Unfit(kind="read failure", message=error.message)
    return read(site.collection, identity, document, etag, listed)


def _keep(c: sa.Connection, site: PartnerSite, found: Taken) -> bool:
    """Keep a document if it is still the one that is wanted; its files' rows become those that it names."""
    wanted = sa.and_(_h.observation_id == found.observation_id, _h.deleted_at.is_(None), _h.listed_checksum.in_((found.checksum, "")))
    values = {"checksum": found.checksum, "document": found.document, "taken_at": site.now().astimezone(UTC)}
    if not c.execute(sa.update(held).where(wanted).values(**values)).rowcount:
        return False
    names = {one["uri"] for one in found.files}
    c.execute(sa.delete(file).where(_f.observation_id == found.observation_id, _f.uri.not_in(names)))
    for one in found.files:
        values = {**one, "observation_id": found.observation_id, "times": 0, "try_after": None, "message": ""}
        if not c.execute(sa.update(file).where(_f.uri == one["uri"]).values(**values)).rowcount:
            c.execute(sa.insert(file).values(**values))
    _well(c, found.observation_id)
    return True


def skipped(c: sa.Connection, site: PartnerSite, identity: str, why: Unfit, *, at_once: bool = False) -> None:
    """Write down that a document could not be taken, and when it is tried again."""
    row = c.execute(sa.select(skip).where(_s.observation_id == identity)).one_or_none()
    times = row.times if row else 0
    wait = timedelta() if at_once else wait_after(times)
    words = "".join(letter if letter.isprintable() else " " for letter in why.message[:250])
    values: dict[str, Any] = {"kind": why.kind, "message": words, "times": times + 1, "try_after": site.now() + wait}
    if row is None:
        c.execute(sa.insert(skip).values(observation_id=identity, **values))
    else:
        c.execute(sa.update(skip).where(_s.observation_id == identity).values(**values))


def _again(site: PartnerSite, feed: Feed, done: Harvest) -> Harvest:
    with reading(site.db) as c:
        due = sa.select(_s.observation_id).where(_s.kind != GONE, _s.try_after <= site.now()).order_by(_s.try_after, _s.observation_id)
        wanted = list(c.execute(due).scalars())
    for identity in wanted:
        _list_again(site, feed, identity)
    return _fetched(site, feed, wanted, done)


def _list_again(site: PartnerSite, feed: Feed, identity: str) -> None:
    """Ask for the place in the list where a skipped one stands: what the list says there may have been put right."""
    with reading(site.db) as c:
        at = c.execute(sa.select(_h.listed_at).where(_h.observation_id == identity)).scalar()
    if at is None:
        return
    with suppress(Failed, NotFound):
        lines, _ = feed.lines("observations", Place(start=at))
        transact(site.db, partial(_noted, site=site, lines=[line for line in lines if line.observation_id == identity]))


def _told(site: PartnerSite, feed: Feed, done: Harvest) -> Harvest:
    """Tell the archive of what is unfit for good, and of what is well again; who has no token cannot."""
    if not site.token:
        return done
    unfit = (_s.kind.in_(Unfit.FOR_GOOD), _s.times >= REFUSED_AFTER, sa.not_(_s.told))
    with reading(site.db) as c:
        refused = {row.observation_id: row for row in c.execute(sa.select(skip).where(*unfit).limit(500))}
        well = list(c.execute(sa.select(_s.observation_id).where(_s.kind == GONE).limit(500)).scalars())
    if not refused and not well:
        return done
    uris = {identity: observation_uri(site.collection, identity) for identity in (*refused, *well)}
    try:
        feed.tell({uris[key]: f"{row.kind}: {row.message}"[:250] for key, row in refused.items()}, [uris[key] for key in well])
    except (Failed, NotFound) as error:
        return _lost(done, error)
    transact(site.db, partial(_note_told, refused=list(refused), well=well))
    return done


def _note_told(c: sa.Connection, refused: list[str], well: list[str]) -> None:
    c.execute(sa.update(skip).where(_s.observation_id.in_(refused)).values(told=True))
    c.execute(sa.delete(skip).where(_s.observation_id.in_(well), _s.kind == GONE))
