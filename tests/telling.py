"""A small archive whose subscribers are told: accounts, observations with a release date, and a receiver that keeps what it gets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import withdraw
from dmsops.archive.ingest import again as described_again
from dmsops.archive.ingest import ingest, ingest_again, product_of
from dmsops.archive.tables import archive_outbox, observation, plane
from dmsops.core.db import reading
from dmsops.distribution import accounts, subscriptions
from dmsops.distribution.access import Kind, Requester, Scope
from dmsops.distribution.notices import Channel
from dmsops.distribution.subscriptions import Made, Wish
from dmsops.distribution.tables import notice, notice_delivery, subscription
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests.hooks import listening

PROGRAM, OTHER = "02726", "01063"
LOOPBACK = ("127.0.0.0/8",)


def telling_site(folder: Path, **settings: Any) -> Ops:
    """Give an empty site that may tell receivers on this machine, with an astronomer ``ann`` and her colleague ``ben``."""
    ops = small_site(folder, START + timedelta(hours=2), webhook_private=LOOPBACK, **settings)
    for name in ("ann", "ben"):
        accounts.put(ops, name, "astronomer", reason="for the test", email=f"{name}@example.org")
    return ops


def person(name: str = "ann") -> Requester:
    """Give an astronomer who may subscribe."""
    return Requester(name=name, kind=Kind.ASTRONOMER, scopes=frozenset({Scope.READ, Scope.SUBSCRIBE}))


def subscribed(ops: Ops, *events: str, who: str = "ann", channel: str = Channel.STREAM, **wish: Any) -> Made:
    """Subscribe an astronomer; to all events if none is named."""
    return subscriptions.subscribe(
        ops, person(who), Wish(events=events or ("New", "First", "Reprocessed", "Public", "Withdrawn"), channel=channel, **wish)
    )


def archived(ops: Ops, n: int = 1, *, folder: Path | None = None, program: str = PROGRAM, value: float = 1.0, **keywords: Any) -> str:
    """Ingest an exposure with one product; given again with another value it is reprocessed. Gives the observation."""
    root = f"jw{program}001001_03104_{n:05d}_nrca3"
    folder = folder or ops.settings.site.parent / "made"
    path = write_product(folder / f"{value}" / f"{root}_cal.fits", value=value, PROGRAM=program, **keywords)
    return ingest(ops, [product_of(path)]).observation_id


def withdrawn(ops: Ops, identity: str, *, back: bool = False) -> None:
    """Withdraw an observation, or restore it."""
    act = withdraw.restore if back else withdraw.withdraw
    act(ops, [identity], ticket=withdraw.preview(ops, [identity], back=back).hash, reason="for the test")


def redescribed(ops: Ops, identity: str) -> None:
    """Describe an archived observation again, as procedure P18 does after a program's exclusive access was corrected."""
    ingest_again(ops, described_again(ops, identity), reason="for the test")


def moved(ops: Ops, identity: str, column: str, when: datetime | None) -> None:
    """Move a date of an observation's rows past the archive's verbs, as a new version of it would."""
    table = plane if column == "data_release" else observation
    key = plane.c.observation_id if table is plane else observation.c.id
    with ops.db.begin() as c:
        c.execute(sa.update(table).where(key == identity).values({column: when}))
        version = c.execute(sa.select(observation.c.version).where(observation.c.id == identity)).scalar_one() + 1
        c.execute(sa.update(observation).where(observation.c.id == identity).values(version=version, changed_at=ops.clock.now()))
        told = {"event": "observation.superseded", "observation_id": identity, "version": version, "facts": {"products": []}}
        c.execute(sa.insert(archive_outbox).values(**told, created_at=ops.clock.now()))


def noticed(ops: Ops) -> list[tuple[str, str, int]]:
    """Give what was written down, in order: event, observation, version."""
    with reading(ops.db) as c:
        return [tuple(row) for row in c.execute(sa.select(notice.c.event, notice.c.observation_id, notice.c.version).order_by(notice.c.id))]


def words(ops: Ops) -> list[str]:
    """Give the events that were written down, in order."""
    return [event for event, _, _ in noticed(ops)]


def lane(ops: Ops, number: int) -> list[tuple[str, str]]:
    """Give a subscription's events with their states, in the order in which they go out."""
    query = sa.select(notice.c.event, notice_delivery.c.state).join(notice, notice.c.id == notice_delivery.c.notice_id)
    with reading(ops.db) as c:
        found = c.execute(query.where(notice_delivery.c.subscription_id == number).order_by(notice_delivery.c.id))
        return [tuple(row) for row in found]


def standing(ops: Ops, number: int) -> Any:
    """Give a subscription's row."""
    with reading(ops.db) as c:
        return c.execute(sa.select(subscription).where(subscription.c.id == number)).one()


@dataclass
class Receiver:
    """A receiver of webhooks: keeps each body it gets, and answers as it is told.

    ``answers`` is taken one by one: a status, ``drop`` (hang up after it was kept), or ``lose`` (hang up before); then 200.
    """

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int | str] = field(default_factory=list)
    address: str = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        """What came, in order, repeats too."""
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self) -> Counter[str]:
        """How often each id came."""
        return Counter(event["id"] for event in self.events)

    def take(self, _path: str, headers: Message, body: bytes) -> int:
        """Take a request; gives the status of the answer, 0 to hang up."""
        answer = self.answers.pop(0) if self.answers else 200
        if answer != "lose":
            self.got.append((dict(headers), body))
        return 0 if isinstance(answer, str) else answer


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port of this machine."""
    kept = Receiver()
    with listening(kept.take) as address:
        kept.address = f"{address}/hook"
        yield kept
