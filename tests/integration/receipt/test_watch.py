"""The watch of the inbox: every delivery once, one that fails never stops the others, two watchers do what one does."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import NotAllowed
from dmsops.core.files import locked
from dmsops.core.people import Person, Role, put_person, system_user
from dmsops.flows.receiving import Done, receive_waiting, watch
from dmsops.interfaces.fos.manifest import MANIFEST
from dmsops.ops import Ops, connect
from dmsops.receipt import accept, queries
from dmsops.receipt.inbox import waiting
from dmsops.receipt.states import DeliveryState
from dmsops.testing.deliveries import START, delivered_names, small_visit, write_delivery
from dmsops.testing.sites import small_site
from tests.waiting import until

VISITS = ("02726402001", "02726403001")


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START + timedelta(hours=2))
    yield opened
    opened.db.dispose()


def deliver(ops: Ops, number: int) -> Path:
    """Put a visit's delivery into the inbox, each a quarter of an hour after the one before."""
    name, later, visit = f"D{number:04d}", timedelta(minutes=15 * number), small_visit(f"02726{number + 402}001")
    moved = tuple(replace(e, start=e.start + later, end=e.end + later) for e in visit.exposures)
    visit = replace(visit, exposures=moved, start=visit.start + later, end=visit.end + later)
    return write_delivery(ops.settings.folder("inbox") / name, visit, delivery_id=name, sequence=number + 1, seed=number)


def acts(done: Iterator[Done]) -> list[tuple[str, str]]:
    return [(d.what, d.name) for d in done]


def events(ops: Ops) -> Counter[str]:
    with reading(ops.db) as c:
        return Counter(c.execute(sa.select(journal.journal.c.event)).scalars())


def test_a_round_receives_what_waits_plans_it_and_a_second_one_does_nothing(ops: Ops) -> None:
    for n in range(2):
        deliver(ops, n)
    assert acts(receive_waiting(ops)) == [
        ("received", "D0000"), ("received", "D0001"), ("planned", "engineering"), ("planned", VISITS[0]), ("planned", VISITS[1]),
    ]  # fmt: skip
    assert acts(receive_waiting(ops)) == []
    assert events(ops)["delivery.replayed"] == 0


def test_a_delivery_that_fails_never_stops_the_others_and_is_tried_again(ops: Ops) -> None:
    for n in range(3):
        deliver(ops, n)
    broken, unreadable = (ops.settings.folder("inbox") / name for name in ("D0000", "D0001"))
    (unreadable / MANIFEST).write_text("{")
    blocker = ops.settings.folder("quarantine") / "D0000"
    (broken / delivered_names(broken)[0]).write_bytes(b"")
    blocker.write_text("no folder")
    assert acts(receive_waiting(ops))[:3] == [("failed", "D0000"), ("quarantined", "D0001"), ("received", "D0002")]
    blocker.unlink()
    assert acts(receive_waiting(ops))[:1] == [("received", "D0000")]
    assert acts(receive_waiting(ops)) == []


def test_what_waits_and_what_does_not(ops: Ops) -> None:
    inbox = ops.settings.folder("inbox")
    first = deliver(ops, 0)
    (inbox / "no manifest yet").mkdir()
    (inbox / "link").symlink_to(first)
    (inbox / "a file").write_text("")
    assert waiting(ops) == [first]
    kept = inbox.parent / "kept"
    (first / delivered_names(first)[3]).rename(kept)
    accept(ops, first)
    assert waiting(ops) == []
    kept.rename(first / delivered_names_of(ops)[3])
    assert waiting(ops) == [first]
    assert [d.what for d in receive_waiting(ops)][:1] == ["received"]
    assert queries.receipt_of(ops, "D0000").state is DeliveryState.COMPLETE
    again = shutil.copytree(first, inbox / "again")
    assert acts(receive_waiting(ops)) == [("received", "again")]
    assert waiting(ops) == []
    assert queries.receipt_of(ops, "D0000").replays == 1
    (again / MANIFEST).write_text("{}")
    assert waiting(ops) == []


def delivered_names_of(ops: Ops) -> list[str]:
    return [f.name for f in queries.receipt_of(ops, "D0000").files]


def test_an_overdue_file_is_asked_for_again_by_the_round(ops: Ops) -> None:
    folder = deliver(ops, 0)
    missing = delivered_names(folder)[2]
    (folder / missing).unlink()
    list(receive_waiting(ops))
    assert isinstance(ops.clock, SimulatedClock)
    ops.clock.advance(timedelta(hours=2))
    assert acts(receive_waiting(ops)) == [("asked again", missing)]
    for _ in range(ops.settings.rerequest_times):
        ops.clock.advance(timedelta(hours=2))
        last = acts(receive_waiting(ops))
    assert last == []
    assert events(ops)["rerequest.unanswered"] == 1


def test_a_visit_without_plan_waits_and_is_planned_when_its_plan_comes(ops: Ops) -> None:
    folder = deliver(ops, 0)
    plan = next(n for n in delivered_names(folder) if n.endswith("_plan.json"))
    (folder / plan).rename(ops.settings.site / plan)
    assert ("waits", VISITS[0]) in acts(receive_waiting(ops))
    (ops.settings.site / plan).rename(folder / plan)
    assert acts(receive_waiting(ops)) == [("received", "D0000"), ("planned", VISITS[0])]


def test_a_delivery_that_another_watcher_has_in_hand_is_left_to_it(ops: Ops) -> None:
    first, second = deliver(ops, 0), deliver(ops, 1)
    with locked(first):
        assert [name for what, name in acts(receive_waiting(ops)) if what == "received"] == [second.name]
    rounds = receive_waiting(ops)
    deliver(ops, 2)
    assert next(rounds).name == first.name
    accept(ops, ops.settings.folder("inbox") / "D0002")
    assert "D0002" not in {done.name for done in rounds}


def test_a_viewer_may_not(ops: Ops) -> None:
    with pytest.raises(NotAllowed):
        list(receive_waiting(ops.as_person(Person("guest", Role.VIEWER))))


def test_the_watch_is_woken_by_a_delivery_and_ends_when_told(ops: Ops) -> None:
    stop, said = threading.Event(), []
    mine = connect(ops.settings.site, operator=Person("tester", Role.LEAD))
    watcher = threading.Thread(target=watch, args=(mine, stop, said.append), kwargs={"every_seconds": 60.0})
    watcher.start()
    try:
        until(lambda: threading.active_count() > 1)
        deliver(ops, 0)
        until(lambda: any(d.name == VISITS[0] for d in said))
    finally:
        stop.set()
        watcher.join(timeout=30)
    assert not watcher.is_alive()
    assert [(d.what, d.name) for d in said] == [("received", "D0000"), ("planned", "engineering"), ("planned", VISITS[0])]


def start(ops: Ops) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "dmsops", "receipt", "watch", "--every", "0.5", "--json", "--site", str(ops.settings.site)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_watchers_receive_every_delivery_once_though_one_is_killed_and_the_other_ends_cleanly(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, system_user(), Role.LEAD)
    for n in range(3):
        deliver(ops, n)
    pair = [start(ops), start(ops)]
    try:
        for n in range(3, 9):
            deliver(ops, n)
        until(lambda: events(ops)["delivery.accepted"] >= 3)
        pair[0].kill()
        until(lambda: events(ops)["delivery.accepted"] == 9)
        until(lambda: not waiting(ops))
        pair[1].send_signal(signal.SIGTERM)
        out, err = pair[1].communicate(timeout=60)
    finally:
        for process in pair:
            process.kill()
            process.communicate()
    assert pair[1].returncode == 0, err
    assert {act["what"] for act in json.loads(out)} <= {"received", "planned"}
    assert err.count(" received ") == len([a for a in json.loads(out) if a["what"] == "received"])
    counted = events(ops)
    assert (counted["delivery.announced"], counted["delivery.accepted"], counted["delivery.replayed"]) == (9, 9, 0)
    for sha256 in ops.store.objects():
        ops.store.verify(sha256)
    assert (ops.settings.folder("outbox") / "fos" / "D0008_ack.json").exists()
