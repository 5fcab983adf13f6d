"""Where is my data: what came under a name, when, which version, what became of it, who was told, who used it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal, outbox
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import NotFound
from dmsops.core.names import ExposureName, ExposureProduct, VisitId
from dmsops.receipt.states import DELIVERY_SENTENCES, SENTENCES, DeliveryState, FileState
from dmsops.receipt.tables import delivered_file, delivery, rerequest, science_part
from dmsops.workflow.lineage import users
from dmsops.workflow.tables import make, need, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

_f = delivered_file.c
_MANY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened: when (UTC), what kind of thing, to what, the story in words, and for a journal line who wrote it."""

    at: datetime
    what: str
    name: str
    words: str
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """Rows of files (with their deliveries' ids) that a text speaks of."""

    files: tuple[sa.Row[Any], ...]
    deliveries: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({row.name for row in self.files}))


def where(ops: Ops, text: str) -> list[Event]:
    """Tell the story of what a text names, oldest first; nothing changes.

    Parameters
    ----------
    text : str
        A file's name, a delivery's id, a visit (with or without V), an exposure's or a product's name.

    Raises
    ------
    NotFound
        Nothing that was received or made has to do with it.
    """
    with reading(ops.db) as c:
        about = _about(c, text.strip())
        if not about.files and not about.deliveries:
            raise NotFound(
                f"nothing was received under '{text}'",
                remedy="Check the name; what was expected and never came goes through procedure P04.",
                name=text,
            )
        found = [*_deliveries(c, about), *_files(about), *_requests(c, about), *_messages(c, about), *_steps(c, about), *_lines(c, about)]
    return sorted(found, key=lambda event: event.at)


def _about(c: sa.Connection, text: str) -> _About:
    if c.execute(sa.select(delivery.c.id).where(delivery.c.id == text)).scalar() is not None:
        return _About(files=tuple(_rows(c, _f.delivery_id == text)), deliveries=(text,))
    found = _rows(c, *_by_name(text)) or _rows(c, _f.name.in_(_sources(c, text)[:_MANY]))
    names = sorted({row.name for row in found})  # a file that was bad at first has rows that no content leads to
    files = tuple(row for some in itertools.batched(names, _MANY) for row in _rows(c, _f.name.in_(some)))
    return _About(files=files, deliveries=tuple(sorted({row.delivery_id for row in files})))


def _rows(c: sa.Connection, *where: Any) -> list[sa.Row[Any]]:
    return list(c.execute(sa.select(delivered_file).where(*where).order_by(_f.id)))


def _by_name(text: str) -> list[Any]:
    p = science_part.c
    if VisitId.matches(text):
        visit = str(VisitId.parse(text))
        return [_f.sha256.in_(sa.select(p.sha256).where(p.visit == visit)) | (_f.visit == visit)]
    if ExposureName.matches(text):
        return [_f.sha256.in_(sa.select(p.sha256).where(p.exposure == text))]
    if ExposureProduct.matches(text):
        product = ExposureProduct.parse(text)
        mine = (p.exposure == str(product.exposure), p.detector == product.detector.upper())
        return [_f.sha256.in_(sa.select(p.sha256).where(*mine))]
    return [_f.name == text]


def _sources(c: sa.Connection, product: str) -> list[str]:
    """Give all that a product was made from, through every step before it."""
    known: set[str] = set()
    level = {product}
    while level:
        needed: set[str] = set()
        for some in itertools.batched(sorted(level), _MANY):
            query = sa.select(need.c.product).join(make, make.c.step_id == need.c.step_id).where(make.c.product.in_(some))
            needed.update(c.execute(query).scalars())
        level = needed - known
        known |= needed
    return sorted(known)


def _deliveries(c: sa.Connection, about: _About) -> Iterator[Event]:
    for row in _in(c, sa.select(delivery), delivery.c.id, about.deliveries):
        number = "" if row.sequence is None else f", number {row.sequence}"
        replays = f" It came again {counted(row.replays, 'time')}." if row.replays else ""
        sentence = row.reason or DELIVERY_SENTENCES[DeliveryState(row.state)]
        yield Event(
            at=row.received_at, what="delivery", name=row.id, words=f"came from {row.sender}{number}. Now {row.state}: {sentence}{replays}"
        )
        if row.acknowledged_at is not None:
            yield Event(at=row.acknowledged_at, what="acknowledged", name=row.id, words="its good files were acknowledged and released")


def _files(about: _About) -> Iterator[Event]:
    for row in about.files:
        version = "" if row.version is None else f", version {row.version}"
        twin = f" The same bytes came as {row.duplicate_of}." if row.duplicate_of else ""
        words = f"{row.state}{version}, in delivery {row.delivery_id}: {row.reason or SENTENCES[FileState(row.state)]}{twin}"
        yield Event(at=row.changed_at, what="file", name=row.name, words=words)


def _requests(c: sa.Connection, about: _About) -> Iterator[Event]:
    r = rerequest.c
    for row in _in(c, sa.select(rerequest), r.name, about.names):
        words = f"asked for again, {counted(row.times, 'time')} so far, wanted by {journal.local_time(row.due)}: {row.reason}"
        if row.closed_at is None:
            words += "; it has not come"
        yield Event(at=row.requested_at, what="asked for", name=row.name, words=words)
        if row.closed_at is not None:
            yield Event(at=row.closed_at, what="no more asked for", name=row.name, words=f"closed by {row.closed_by}")


def _messages(c: sa.Connection, about: _About) -> Iterator[Event]:
    m = outbox.message.c
    for row in _in(c, sa.select(outbox.message), m.subject, about.deliveries):
        named = row.document.get("files", ())
        if not set(named) & set(about.names) and row.kind == "re-request":
            continue
        taken = "not laid out yet" if row.posted_at is None else "not taken yet" if row.collected_at is None else "taken"
        yield Event(at=row.made_at, what="told", name=row.name, words=f"{row.kind} to {row.neighbour.upper()} about {row.subject}; {taken}")


def _steps(c: sa.Connection, about: _About) -> Iterator[Event]:
    used = users(c, about.names)
    for row in _in(c, sa.select(step), step.c.id, tuple(used)):
        at = row.ended_at or row.started_at or row.created_at
        yield Event(at=at, what="step", name=f"step {row.id}", words=f"{row.kind} {row.dataset} uses {used[row.id]}: {row.state}")


def _lines(c: sa.Connection, about: _About) -> Iterator[Event]:
    j = journal.journal.c
    for row in _in(c, sa.select(journal.journal), j.target, (*about.deliveries, *about.names)):
        why = f": {row.reason}" if row.reason else ""
        yield Event(at=row.at, what="journal", name=row.target, words=f"{row.event}{why}", who=row.actor)


def _in(c: sa.Connection, query: sa.Select[Any], column: Any, values: Collection[Any]) -> Iterable[sa.Row[Any]]:
    for some in itertools.batched(values, _MANY):
        yield from c.execute(query.where(column.in_(some)))
