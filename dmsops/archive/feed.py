"""The catalogue as harvesters read it: observations in the order in which they changed, deletions, one description.

What harvesters call lastModified is when an observation changed, or, for who could not see it then, when its description was released:
so nobody who harvests by time passes it by. Times only grow in the order of commits, because one transaction writes at a time and takes
the time while it holds the lock; equal times are told apart by the id. A document is one piece: it is not shown before the last of its
planes may be. (That they are released together is a rule of the doctor's, C23; by time alone, one that breaks it could be passed by.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import merge
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.states import ARCHIVED, WITHDRAWN
from dmsops.archive.tables import archived_product, observation, plane, tombstone
from dmsops.catalogue.naming import is_product, observation_uri, product_name
from dmsops.core.db import reading

if TYPE_CHECKING:
    from dmsops.ops import Ops

PAGE = 10_000
"""Most observations that are asked of the database at once."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
type Column = sa.ColumnElement[Any]
type Policy = Callable[[Column, Column], sa.ColumnElement[bool]]
"""Gives the clause that lets rows pass by the columns of their release and their program."""
_o, _p = observation.c, plane.c
_mine = _p.observation_id == _o.id
_never = sa.or_(_o.meta_release.is_(None), sa.exists().where(_mine, _p.meta_release.is_(None)))
_latest = sa.select(sa.func.max(_p.meta_release, type_=_p.meta_release.type)).where(_mine).scalar_subquery()
visible_at = sa.type_coerce(
    sa.case((_never, sa.null()), (_latest > _o.meta_release, _latest), else_=_o.meta_release), _o.meta_release.type
)  # fmt: skip
"""When a whole document becomes everybody's: what of it does so last; None is never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An observation in a harvester's list; ``checksum`` is its accMetaChecksum, empty where the catalogue has none."""

    observation_id: str
    changed_at: datetime
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What of the list is asked for as of ``now``: times from ``start`` to ``end``, both within, those at ``start`` after the id ``after``.

    A time that is in the future is in no list before it has come: a harvester would remember it and pass by what comes sooner.
    """

    now: datetime
    start: datetime = BEGINNING
    end: datetime | None = None
    after: str = ""

    @property
    def until(self) -> datetime:
        """The last time that is in the list."""
        return self.now if self.end is None else min(self.end, self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An archived observation's row: when it changed, its accMetaChecksum, its document's sum, and what decides who may see it when.

    ``released`` is the observation's own metadata release, ``visible`` the last one of the whole document.
    """

    observation_id: str
    changed_at: datetime
    checksum: str
    xml_sha256: str | None
    released: datetime | None
    visible: datetime | None
    program: str | None

    def shown_at(self, now: datetime) -> datetime:
        """Give what the list says: when it changed, or was released if that was later."""
        return max(self.changed_at, self.released) if self.released is not None and self.released <= now else self.changed_at


def listed(
    c: sa.Connection, collection: str, span: Span, limit: int, policy: Policy | None = None, *, withdrawn: bool = False
) -> list[Listed]:  # fmt: skip
    """Give the first observations of a span, in the order of their times and ids.

    Parameters
    ----------
    policy : callable, optional
        Lets pass what may be seen; without one everything may, as of when it changed.
    withdrawn : bool
        Give those that were taken out of the archive (and not restored, nor archived again) instead.
    """
    graves = sa.select(tombstone.c.observation_id).where(tombstone.c.restored_at.is_(None))
    state = sa.and_(_o.state == WITHDRAWN, _o.id.in_(graves)) if withdrawn else _o.state == ARCHIVED
    wanted = (state, _o.collection == collection)
    if policy is None:
        return _rows(c, _o.changed_at, span, limit, *wanted)
    seen = policy(visible_at, _o.proposal_id)
    released_late = sa.and_(_o.meta_release.is_not(None), _o.meta_release > _o.changed_at, _o.meta_release <= span.now)
    soon = _rows(c, _o.changed_at, span, limit, *wanted, sa.not_(released_late), seen)
    late = _rows(c, _o.meta_release, span, limit, *wanted, released_late, seen)
    return list(islice(merge(soon, late, key=_place), limit))


def _place(row: Listed) -> tuple[datetime, str]:
    return row.changed_at, row.observation_id


def _rows(c: sa.Connection, at: Column, span: Span, limit: int, *clauses: sa.ColumnElement[bool]) -> list[Listed]:
    begins = sa.and_(at >= span.start, sa.or_(at > span.start, _o.id > span.after)) if span.after else at >= span.start
    columns = (_o.id.label("observation_id"), at.label("at"), sa.func.coalesce(_o.checksum, "").label("checksum"))
    query = sa.select(*columns).where(*clauses, begins, at <= span.until).order_by(at, _o.id).limit(limit)
    return [Listed(observation_id=row.observation_id, changed_at=row.at, checksum=row.checksum) for row in c.execute(query)]


def all_listed(
    ops: Ops, collection: str, span: Span, policy: Policy | None = None, *, withdrawn: bool = False, page: int = PAGE
) -> Iterator[Listed]:
    """Give all of a span, some at a time, each lot in a transaction of its own; what changes meanwhile comes in a later list."""
    while True:
        with reading(ops.db) as c:
            rows = listed(c, collection, span, page, policy, withdrawn=withdrawn)
        yield from rows
        if len(rows) < page:
            return
        span = replace(span, start=rows[-1].changed_at, after=rows[-1].observation_id)


def described(c: sa.Connection, collection: str, observation_id: str) -> Described | None:
    """Find an archived observation; None when there is none, or it was withdrawn."""
    columns = (_o.id, _o.changed_at, _o.checksum, _o.xml_sha256, _o.meta_release, visible_at.label("visible"), _o.proposal_id)
    row = c.execute(sa.select(*columns).where(_o.id == observation_id, _o.collection == collection, _o.state == ARCHIVED)).one_or_none()
    if row is None:
        return None
    return Described(
        observation_id=row.id, changed_at=row.changed_at, checksum=row.checksum or "", xml_sha256=row.xml_sha256,
        released=row.meta_release, visible=row.visible, program=row.proposal_id,
    )  # fmt: skip


def changes_after(ops: Ops, collection: str, when: datetime | None) -> tuple[int, datetime | None]:
    """Count the observations that changed (or were withdrawn) after a time, and give the first such time; without a time, all of them."""
    query = sa.select(sa.func.count().label("n"), sa.func.min(_o.changed_at, type_=_o.changed_at.type).label("first"))
    later = _o.changed_at > when if when is not None else sa.true()
    with reading(ops.db) as c:
        row = c.execute(query.where(_o.collection == collection, later)).one()
    return int(row.n), row.first


def known(c: sa.Connection, collection: str, uris: Sequence[str]) -> frozenset[str]:
    """Give those URIs (of observations, or of products) that are or once were the archive's."""
    names = {product_name(uri): uri for uri in uris if is_product(uri)}
    begins = observation_uri(collection, "")
    ids = {uri.removeprefix(begins): uri for uri in uris if uri.startswith(begins)}
    found = {ids[name] for name in _there(c, _o.id, list(ids))}
    return frozenset(found | {names[name] for name in _there(c, archived_product.c.name, list(names))})


def _there(c: sa.Connection, column: Column, values: list[str]) -> Iterator[str]:
    for some in batched(values, 400):
        yield from c.execute(sa.select(column).distinct().where(column.in_(some))).scalars()
