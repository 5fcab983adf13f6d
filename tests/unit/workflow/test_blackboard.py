"""The blackboard: planning twice is planning once, waits are on products, every move has its line."""

from __future__ import annotations

import random
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core import journal
from dmsops.ops import Ops
from dmsops.workflow import blackboard, lease, queries
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import step
from tests.acts import CHAIN, WHY, finish, plan, states, take


def test_planning_the_same_work_twice_plans_it_once(ops: Ops) -> None:
    assert len(plan(ops, CHAIN)) == 3
    assert plan(ops, CHAIN) == []
    assert len(queries.workflows(ops)) == 1


def test_the_same_association_under_another_file_name_is_the_same_step(ops: Ops) -> None:
    one = StepSpec(kind="toy.write", dataset="pair", needs=("asn_1.json", "m1"), makes=("p",), identity="m1")
    two = StepSpec(kind="toy.write", dataset="pair", needs=("asn_2.json", "m1"), makes=("p",), identity="m1")
    assert len(plan(ops, [one])) == 1
    assert plan(ops, [two]) == []


def test_a_step_waits_for_products_and_says_for_which(ops: Ops) -> None:
    ids = plan(ops, CHAIN)
    assert states(ops) == {"a": "ready", "b": "waiting", "c": "waiting"}
    missing = queries.waiting_for(ops, ids[2])
    assert [(m["product"], m["dataset"], m["state"]) for m in missing] == [("a.txt", "a", "ready"), ("b.txt", "b", "waiting")]


def test_publishing_wakes_only_those_whose_last_need_it_was(ops: Ops) -> None:
    plan(ops, CHAIN)
    (item,) = take(ops)
    assert finish(ops, item)
    assert states(ops) == {"a": "done", "b": "ready", "c": "waiting"}


def test_the_same_bytes_again_keep_the_version_and_new_bytes_raise_it(ops: Ops) -> None:
    with ops.db.begin() as c:
        versions = [blackboard.publish(c, ops, "x", sha * 64, 1, origin="test") for sha in "aab"]
        assert versions == [1, 1, 2]
    assert [(r["version"], r["current"]) for r in queries.products(ops, current=False)] == [(1, False), (2, True)]


def test_a_zombie_cannot_end_a_step_that_another_engine_has(ops: Ops) -> None:
    plan(ops, CHAIN[:1])
    (zombie,) = take(ops, owner="zombie")
    with ops.db.begin() as c:
        row = c.execute(sa.select(step)).one()
        blackboard.move(c, ops, "lose", row, actor="test", owner=None, lease_until=None)
    (item,) = take(ops, owner="new")
    assert not finish(ops, zombie, owner="zombie")
    assert queries.products(ops) == []
    assert finish(ops, item, owner="new")
    assert states(ops) == {"a": "done"}


def test_a_failure_keeps_words_class_and_fingerprint(ops: Ops) -> None:
    plan(ops, CHAIN)
    (item,) = take(ops)
    with ops.db.begin() as c:
        assert lease.fail(c, ops, "me", item, WHY, "toy.write | E | f")
    (group,) = queries.failures(ops)
    assert (group["n"], group["fault"], group["remedy"], group["fault_class"]) == (1, "the toy broke", "mend it (P08)", "data")
    assert queries.story(ops, item.step_id)[-1]["reason"] == "the toy broke"


def test_wavefront_work_is_taken_before_science_and_science_before_reprocessing(ops: Ops) -> None:
    with ops.db.begin() as c:
        for cls in ("reprocessing", "science", "wfsc"):
            blackboard.submit(c, ops, "SCIENCE", cls, [StepSpec(kind="toy.write", dataset=cls, makes=(cls,))], cls=cls)
    assert [item.dataset for item in take(ops, 3)] == ["wfsc", "science", "reprocessing"]


def test_every_move_has_its_line_in_an_unbroken_chain(ops: Ops) -> None:
    plan(ops, CHAIN)
    while items := take(ops):
        finish(ops, items[0])
    assert [r["event"] for r in queries.story(ops, 3)] == ["step.claim", "step.finish"]
    with ops.db.begin() as c:
        assert journal.verify(c) is None
        c.execute(sa.update(journal.journal).where(journal.journal.c.seq == 3).values(target="step 99"))
        assert journal.verify(c) == 3


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_of_work_runs_every_step_of_any_dag_once_and_never_early(ops: Ops, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 9))
    run = uuid4().hex
    specs = []
    for i in range(size):
        needs = data.draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set()
        specs.append(
            StepSpec(kind="toy.write", dataset=f"{run}-{i}", needs=tuple(f"{run}-{n}.txt" for n in needs), makes=(f"{run}-{i}.txt",))
        )
    # Everything is drawn before the blackboard is touched: an example that is given up while drawing leaves no steps behind.
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    plan(ops, specs, run)
    done: list[str] = []
    while items := take(ops, chance.randint(1, 3)):
        for item in chance.sample(items, len(items)):
            assert all(n.removesuffix(".txt") in done for n in item.inputs)
            finish(ops, item)
            done.append(item.dataset)
    assert sorted(done) == sorted(s.dataset for s in specs)


@pytest.mark.parametrize("count", [0, 1])
def test_an_unknown_need_keeps_the_step_waiting_until_the_product_comes(ops: Ops, count: int) -> None:
    plan(ops, [StepSpec(kind="toy.write", dataset="late", needs=("from-outside",), makes=("z",))])
    if count:
        with ops.db.begin() as c:
            blackboard.publish(c, ops, "from-outside", "f" * 64, 1, origin="receipt")
    assert states(ops) == {"late": "ready" if count else "waiting"}
