"""Kill -9 of dispatchers while observations are archived, held against what a receiver has kept."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dmsops.archive import rows
from dmsops.archive.ingest import announce
from dmsops.core.config import SITE_FILE
from dmsops.core.db import reading, transact
from dmsops.core.people import Person, Role
from dmsops.distribution import outcomes, subscriptions
from dmsops.distribution.notices import Delivery
from dmsops.distribution.subscriptions import Wish
from dmsops.distribution.tables import notice, notice_delivery
from dmsops.flows import telling
from dmsops.ops import Ops, connect
from dmsops.testing.observations import clean
from tests.hooks import listening
from tests.struck import CONTEXT, preload
from tests.telling import LOOPBACK, person, telling_site
from tests.waiting import until

preload("dmsops.flows.telling", "dmsops.ops", "httpx2")
LEAD = Person("tester", Role.LEAD)
LEASE = 1.0


def live_site(folder: Path, database: str) -> Ops:
    """Give a site that a process of its own opens by its folder, on the machine's clock; its leases are short."""
    telling_site(folder, **({"database": database} if database else {})).db.dispose()
    settings: dict[str, Any] = {"webhook_private": list(LOOPBACK), "notify_lease_seconds": LEASE, "notify_seconds": 0.02}
    settings |= {"database": database} if database else {}
    with (folder / SITE_FILE).open("w", encoding="utf-8") as file:
        file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return connect(folder, operator=LEAD)


def dispatcher(ops: Ops) -> ForkServerProcess:
    """Start a dispatcher in a process of its own."""
    started = CONTEXT.Process(target=_run, args=(ops.settings.site,))
    started.start()
    return started


def _run(site: Path) -> None:
    outcomes.FIRST_SECONDS = 0.05  # a wait of seconds after each trouble would make the test one of waiting
    telling.run(connect(site, operator=LEAD), threading.Event())


def archive(ops: Ops, described: Any, version: int = 1) -> None:
    """Write an observation's rows and its event in one transaction, as its ingest does, without its bytes."""

    def work(c: sa.Connection) -> None:
        state = rows.State(version=version, state="archived", xml_sha256="0" * 64, changed_at=ops.clock.now())
        rows.replace(c, described, state)
        event = "observation.ingested" if version == 1 else "observation.superseded"
        announce(c, ops, event, described.observation_id, state, {"products": [f"{described.observation_id}_cal.fits"]}, reason=None)

    transact(ops.db, work)


@dataclass
class Ledger:
    """A receiver that writes down each id with a file system's word for it, before it answers; some answers are lost or wrong."""

    path: Path
    chance: random.Random
    trouble: float = 0.1
    address: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, _headers: Message, body: bytes) -> int:
        """Write an event down; gives the status of the answer, 0 to hang up."""
        event = json.loads(body)
        line = json.dumps([path, event["id"], event["event"], event["observation_id"]]) + "\n"
        with self._lock:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            drawn = self.chance.random()
        return 500 if drawn < self.trouble / 2 else 0 if drawn < self.trouble else 200

    def lines(self) -> list[list[str]]:
        """Give what came: place, id, event, observation."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()] if self.path.exists() else []


@contextmanager
def kept(path: Path, chance: random.Random) -> Iterator[Ledger]:
    """Run a receiver that keeps a ledger."""
    ledger = Ledger(path, chance)
    with listening(ledger.take) as ledger.address:
        yield ledger


@dataclass
class Killing:
    """Dispatchers that are killed again and again while observations come."""

    ops: Ops
    ledger: Ledger
    chance: random.Random
    observations: list[str] = field(default_factory=list)
    subscriptions: dict[str, int] = field(default_factory=dict)
    kills: int = 0

    def subscribe(self) -> None:
        """Make three subscriptions: to all new data, to one program's, to what is made again."""
        for name, event, program in (("/new", "New", ""), ("/program", "New", "01001"), ("/again", "Reprocessed", "")):
            wish = Wish(events=(event,), program=program, channel="webhook", address=self.ledger.address + name)
            made = subscriptions.subscribe(self.ops, person(), wish)
            self.subscriptions[name] = made.id

    def archive(self, number: int, seconds: float) -> threading.Thread:
        """Archive so many observations in a thread, spread over some seconds; every fourth is made again."""
        described = list(clean(number))
        self.observations = [one.observation_id for one in described]

        def work() -> None:
            for n, one in enumerate(described):
                archive(self.ops, one)
                if n % 4 == 0:
                    archive(self.ops, one, 2)
                time.sleep(seconds / number)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def kill(self, rounds: int) -> None:
        """Start one dispatcher or two, and kill them a moment later."""
        for _ in range(rounds):
            running = [dispatcher(self.ops) for _ in range(self.chance.randint(1, 2))]
            time.sleep(self.chance.uniform(0.0, 0.6))
            for one in running:
                one.kill()
                one.join()
                self.kills += one.exitcode == -9

    def finish(self) -> None:
        """Let one dispatcher come to the end of all that waits."""
        last = dispatcher(self.ops)
        try:
            until(lambda: not self._open(), 120)
        finally:
            last.kill()
            last.join()

    def _open(self) -> bool:
        with reading(self.ops.db) as c:
            if c.execute(sa.text("SELECT count(*) FROM archive_outbox WHERE sent_at IS NULL")).scalar():
                return True
            left = sa.select(sa.func.count()).where(notice_delivery.c.state == Delivery.WAITING)
            return bool(c.execute(left).scalar())

    def audit(self) -> None:
        """Hold what the receiver kept against what was archived: by id each thing once, nothing else, in order."""
        again = self.observations[::4]
        program = [name for name in self.observations if name.startswith("jw01001")]
        expected = {"/new": self.observations, "/program": program, "/again": again}
        for name, wanted in expected.items():
            came = [(event, observation) for place, event, _, observation in self.ledger.lines() if place == name]
            once = list(dict.fromkeys(came))
            assert len(once) == len({event for event, _ in once}), "an id names two things"
            assert sorted(observation for _, observation in once) == sorted(wanted), f"{name}: told twice under two ids, or not at all"
            numbers = [int(event.removeprefix("evt-")) for event, _ in once]
            assert numbers == sorted(numbers), f"{name}: out of order"
        with reading(self.ops.db) as c:
            states = set(c.execute(sa.select(notice_delivery.c.state)).scalars())
            doubles = sa.select(notice.c.event, notice.c.observation_id).group_by(notice.c.event, notice.c.observation_id, notice.c.version)
            assert c.execute(doubles.having(sa.func.count() > 1)).all() == []
        assert states == {"delivered"}
