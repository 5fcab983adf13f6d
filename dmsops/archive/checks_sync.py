"""Checks of what others are told: partners' copies, the order of changes, events and messages that were not sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive.checks import Sight, uri_of, within
from dmsops.archive.describing import collection_of
from dmsops.archive.partners import LOOK_BACK, differences, partner_files
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import archive_outbox, observation
from dmsops.catalogue.naming import observation_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core.clock import iso
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput
from dmsops.core.outbox import message

if TYPE_CHECKING:
    from dmsops.ops import Ops

JITTER = timedelta(seconds=1)
"""How far a machine's clock may step without harm."""
SENT_WITHIN = timedelta(hours=1)
"""An event of the archive is sent within this time (ours), on a site that sends them."""
POSTED_WITHIN = timedelta(minutes=10)
"""A message to a neighbour is laid out by the act that makes it; the watcher lays out what an act could not (ours)."""
_o, _e, _m = observation.c, archive_outbox.c, message.c


@site_check("C48", "warning", "Announce it again, and ask the partner to harvest it (P16).", source="partner", fix="announce")
def partner_holds_the_same(ops: Ops, scope: Scope) -> Sight:
    """Find an observation that a partner holds otherwise: missed, missed delete, accMetaChecksum discrepancy."""
    for path in partner_files(ops):
        try:
            for found in differences(ops, path):
                if scope.holds(found.observation_id):
                    uri = f"{observation_uri(collection_of(ops), found.observation_id)}#{found.partner}"
                    yield found.observation_id, uri, f"ours: {found.ours}", f"{found.kind}: {found.partner} has {found.theirs}"
        except BadInput as error:
            yield None, f"partner:{path.stem}", "an inventory that can be read", error.message


@site_check("C49", "error", "Announce it again, so that it has a time of its own (P16).", source="catalogue", fix="announce")
def changes_in_order(ops: Ops, scope: Scope) -> Sight:
    """Find a change whose time is in the future or before a change that came earlier: harvesters would pass it by."""
    now = ops.clock.now()
    with reading(ops.db) as c:
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for row in c.execute(_ahead(scope, now)):
            found[row.id, uri_of(row)] = f"a change before {iso(now)}", f"lastModified {iso(row.changed_at)}"
        for row in c.execute(_behind(scope)):
            if row.before - row.at > JITTER:
                words = f"version {row.version} told as of {iso(row.at)}, after one of {iso(row.before)}"
                found.setdefault((row.id, uri_of(row)), ("times that grow with every change", words))
        for row in c.execute(_unlike(scope)):
            if row.created_at - row.changed_at > LOOK_BACK:
                words = f"lastModified {iso(row.changed_at)}, its version {row.version} was told at {iso(row.created_at)}"
                found.setdefault((row.id, uri_of(row)), ("lastModified of its last version", words))
    for (owner, uri), (expected, seen) in sorted(found.items()):
        yield owner, uri, expected, seen


def _ahead(scope: Scope, now: datetime) -> Any:
    return sa.select(_o.id, _o.collection, _o.changed_at).where(_o.changed_at > now + JITTER, within(scope, _o.id))


def _behind(scope: Scope) -> Any:
    """Give the events that are earlier than the one before them."""
    before = sa.func.lag(_e.created_at, type_=_e.created_at.type).over(order_by=_e.id).label("before")
    lines = sa.select(_e.observation_id, _e.version, _e.created_at.label("at"), before).subquery()
    return (
        sa.select(_o.id, _o.collection, lines.c.version, lines.c.at, lines.c.before)
        .join(observation, _o.id == lines.c.observation_id)
        .where(lines.c.before > lines.c.at, within(scope, _o.id))
    )


def _unlike(scope: Scope) -> Any:
    """Give the observations whose row has an earlier time than their last event."""
    return (
        sa.select(_o.id, _o.collection, _o.changed_at, _o.version, _e.created_at)
        .join(archive_outbox, sa.and_(_e.observation_id == _o.id, _e.version == _o.version))
        .where(_o.changed_at < _e.created_at, _o.state == ARCHIVED, within(scope, _o.id))
    )


@site_check("C50", "warning", "Look at the distribution (P17); announce again what was passed by.", source="outbox", fix="announce")
def is_told(ops: Ops, scope: Scope) -> Sight:
    """Find an event or a message that was not sent for too long.

    An event of the archive should have been sent when a later one was, or when an hour has passed on a site that has ever sent one: a
    site without a distributor has none to send. A message to a neighbour should lie in the outbox ten minutes after its act.
    """
    now = ops.clock.now()
    with reading(ops.db) as c:
        last = c.execute(sa.select(sa.func.max(_e.id)).where(_e.sent_at.is_not(None))).scalar()
        if last is not None:
            yield from _passed_by(c, scope, last)
            yield from _standing(c, last, now)
        late = (_m.posted_at.is_(None), _m.made_at < now - POSTED_WITHIN)
        rows = c.execute(sa.select(_m.neighbour, _m.name, _m.made_at).where(*late).order_by(_m.id)).all() if not scope.prefix else []
    for row in rows:
        yield None, f"message:{row.neighbour}/{row.name}", f"in the outbox by {iso(row.made_at + POSTED_WITHIN)}", "not laid out yet"


def _passed_by(c: sa.Connection, scope: Scope, last: int) -> Iterator[tuple[str | None, str, str, str]]:
    query = (
        sa.select(_e.observation_id, _e.version, _e.event, _e.created_at, _o.collection)
        .outerjoin(observation, _o.id == _e.observation_id)
        .where(_e.sent_at.is_(None), _e.id < last, within(scope, _e.observation_id))
    )
    for row in c.execute(query.order_by(_e.id)).all():
        words = f"{row.event} of {iso(row.created_at)} is not, and later ones are"
        uri = f"{observation_uri(row.collection or '?', row.observation_id)}#{row.version}"
        yield row.observation_id, uri, "every event sent, in order", words


def _standing(c: sa.Connection, last: int, now: datetime) -> Iterator[tuple[str | None, str, str, str]]:
    late = (_e.sent_at.is_(None), _e.id > last, _e.created_at < now - SENT_WITHIN)
    row = c.execute(sa.select(sa.func.count().label("n"), sa.func.min(_e.created_at).label("first")).where(*late)).one()
    if row.n:
        words = f"{counted(row.n, 'is', 'are')} not, the first of {iso(row.first)}"
        yield None, "outbox:archive", f"every event sent within {SENT_WITHIN}", words
