"""Leases and the post of the acting engine, on both databases, with a clock that moves when told."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.core import journal
from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.core.errors import NotActing
from dmsops.ops import Ops, connect
from dmsops.testing.engine import plan, rows, states, toy
from dmsops.workflow import acting, blackboard, fleet, lease, pick, pulse, queries
from dmsops.workflow.tables import attempt, engine, step, step_counter
from tests.acts import finish, take

LEASE = timedelta(seconds=60)


@pytest.fixture
def ops(make_ops: Any, clock: SimulatedClock) -> Iterator[Ops]:
    opened = connect(make_ops().settings.site, clock=clock)
    yield opened
    opened.db.dispose()


def reclaim(ops: Ops, owner: str = "") -> list[int]:
    with ops.db.begin() as c:
        return fleet.reclaim(c, ops, owner)


def take_post(ops: Ops, owner: str) -> acting.Post | None:
    with ops.db.begin() as c:
        return acting.take(c, ops, owner)


def sign_on(ops: Ops, host: str = "") -> str:
    """Sign an engine on; one of another host cannot be seen to be dead."""
    name = fleet.sign_on(ops, 2)
    if host:
        with ops.db.begin() as c:
            c.execute(sa.update(engine).where(engine.c.id == name).values(host=host))
    return name


def test_a_late_zombie_changes_nothing(ops: Ops, clock: SimulatedClock) -> None:
    plan(ops, toy("write", "a"))
    (late,) = take(ops, owner="zombie")
    clock.advance(2 * LEASE)
    assert reclaim(ops) == [late.step_id]
    (mine,) = take(ops, owner="me")
    assert not finish(ops, late, owner="zombie", sha="0" * 64)
    assert states(ops) == {"a": "running"}
    assert queries.products(ops) == []
    assert finish(ops, mine)
    assert not finish(ops, late, owner="zombie", sha="0" * 64)
    assert [r["version"] for r in queries.products(ops, current=False)] == [1]
    assert [r["outcome"] for r in rows(ops, attempt)] == ["lost", "done"]


def test_one_missing_sign_of_life_makes_suspect_and_three_make_lost(ops: Ops, clock: SimulatedClock) -> None:
    plan(ops, toy("write", "a"))
    take(ops)
    seen = []
    for _ in range(5):
        seen.append((pulse.running(ops)[0]["liveness"], reclaim(ops)))
        clock.advance(timedelta(seconds=16))
    assert seen[:4] == [("alive", []), ("alive", []), ("suspect", []), ("suspect", [])]
    assert seen[4] == ("lost", [1])


def test_a_step_without_any_sign_of_life_counts_from_its_start(ops: Ops, clock: SimulatedClock) -> None:
    plan(ops, toy("write", "a"))
    take(ops)
    with ops.db.begin() as c:
        c.execute(sa.update(step).values(lease_until=None))
    assert reclaim(ops) == []
    clock.advance(LEASE + timedelta(seconds=1))
    assert pulse.running(ops)[0]["liveness"] == "lost"
    assert reclaim(ops) == [1]


def test_signs_of_life_keep_a_step(ops: Ops, clock: SimulatedClock) -> None:
    plan(ops, toy("write", "a"))
    (item,) = take(ops)
    for _ in range(5):
        clock.advance(timedelta(seconds=40))
        with ops.db.begin() as c:
            lease.heartbeat(c, ops, "me", [item.step_id])
        assert reclaim(ops) == []
    assert finish(ops, item)


def test_a_second_engine_takes_over_when_the_lease_runs_out_and_the_first_is_refused(ops: Ops, clock: SimulatedClock) -> None:
    first, second = sign_on(ops, "elsewhere"), sign_on(ops)
    old = take_post(ops, first)
    assert old is not None
    assert take_post(ops, second) is None
    assert [(r["id"], r["role"]) for r in pulse.engines(ops)] == [(first, "acting"), (second, "standing by")]
    clock.advance(LEASE + timedelta(seconds=1))
    new = take_post(ops, second)
    assert new == acting.Post(second, old.epoch + 1)
    plan(ops, toy("write", "a"))
    with pytest.raises(NotActing, match="taken over"), acting.writing(ops, old) as c:
        lease.claim(c, ops, first, 1, lambda _: Path("log"))
    assert states(ops) == {"a": "ready"}
    with acting.writing(ops, new) as c:
        assert len(lease.claim(c, ops, second, 1, lambda _: Path("log"))) == 1


def test_what_a_former_holder_finishes_is_not_published(ops: Ops, clock: SimulatedClock) -> None:
    plan(ops, toy("write", "a"))
    first, second = sign_on(ops, "elsewhere"), sign_on(ops)
    old = take_post(ops, first)
    assert old is not None
    with acting.writing(ops, old) as c:
        (item,) = lease.claim(c, ops, first, 1, lambda _: Path("log"))
    with ops.db.begin() as c:
        c.execute(sa.update(engine).where(engine.c.id == first).values(ended_at=clock.now()))
    assert take_post(ops, second) is not None
    with pytest.raises(NotActing), acting.writing(ops, old) as c:
        lease.finish(c, ops, first, item, lease.Ending(products=(("a", "0" * 64, 1),)))
    assert queries.products(ops) == []


def test_a_renewed_post_stays_and_one_that_is_left_is_free_at_once(ops: Ops, clock: SimulatedClock) -> None:
    first, second = sign_on(ops, "elsewhere"), sign_on(ops)
    post = take_post(ops, first)
    assert post is not None
    for _ in range(4):
        clock.advance(LEASE / 2)
        with acting.writing(ops, post) as c:
            acting.renew(c, ops)
        assert take_post(ops, second) is None
    with acting.writing(ops, post) as c:
        acting.leave(c, ops)
    assert take_post(ops, second) is not None


def test_a_holder_whose_process_is_gone_is_replaced_at_once(ops: Ops) -> None:
    first = sign_on(ops)
    assert take_post(ops, first) is not None
    with ops.db.begin() as c:
        c.execute(sa.update(engine).where(engine.c.id == first).values(pid=2**22 + 1))
    assert take_post(ops, sign_on(ops)) is not None


@pytest.mark.parametrize(("workers", "slots", "kept"), [(4, 1, 1), (4, 9, 3), (1, 1, 0), (2, 0, 0)])
def test_a_worker_is_always_left_to_the_rest(make_ops: Any, workers: int, slots: int, kept: int) -> None:
    assert pick.kept(make_ops(workers=workers, kept_slots=slots)) == kept


def test_kept_slots_are_left_to_wavefront_work(ops: Ops) -> None:
    plan(ops, *(toy("write", f"s{n}") for n in range(3)))
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "WFS", "w", [toy("write", "w1"), toy("write", "w2")], cls="wfsc")
        items = lease.claim(c, ops, "me", 4, lambda _: Path("log"), others=1)
    assert [(i.dataset, i.cls) for i in items] == [("w1", "wfsc"), ("w2", "wfsc"), ("s0", "science")]
    with ops.db.begin() as c:
        assert lease.claim(c, ops, "me", 4, lambda _: Path("log"), others=0) == []


def test_many_writers_at_once_take_each_step_once_and_count_right(ops: Ops) -> None:
    plan(ops, *(toy("write", str(n)) for n in range(24)))

    def work(owner: str) -> list[int]:
        done = []
        while items := take(ops, 2, owner):
            for item in items:
                assert finish(ops, item, owner, sha=f"{item.step_id:064d}")
                done.append(item.step_id)
        return done

    with ThreadPoolExecutor(4) as pool:
        done = [i for part in pool.map(work, "abcd") for i in part]
    assert sorted(done) == list(range(1, 25))
    assert {r["state"]: r["n"] for r in rows(ops, step_counter) if r["n"]} == {"done": 24}
    with reading(ops.db) as c:
        assert journal.verify(c) is None
