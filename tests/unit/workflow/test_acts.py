"""Acts: the preview is what happens, a second person for stop and drop, every act has a reason and a line."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmsops.core import journal
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotAllowed, NotFound, Refused, StalePlan
from dmsops.core.people import Person, Role, put_person
from dmsops.ops import Ops
from dmsops.workflow import acts, blackboard, pauses, queries, rescue
from dmsops.workflow.choose import Selection
from dmsops.workflow.states import StepState
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import need, step, step_counter
from tests.acts import CHAIN, fail, finish, plan, states, take

EVE = Person("eve", Role.OPERATOR)


def do(ops: Ops, verb: str, *steps: int, reason: str = "because", **params) -> acts.Receipt:
    selection = Selection(steps=steps) if steps else Selection()
    ticket = acts.preview(ops, verb, selection, **params).hash
    return acts.act(ops, verb, selection, ticket=ticket, reason=reason, **params)


def column(ops: Ops, number: int, name: str):
    with reading(ops.db) as c:
        return c.execute(sa.select(step.c[name]).where(step.c.id == number)).scalar()


@pytest.fixture
def chain(ops: Ops) -> Ops:
    """Three steps in a chain, none begun."""
    plan(ops, CHAIN)
    return ops


def test_every_verb_says_what_it_does_and_looking_writes_nothing(chain: Ops) -> None:
    before = queries.last_change(chain)
    for verb in acts.verbs().values():
        assert verb.title.endswith(".")
        assert verb.event.startswith("workflow.")
    acts.preview(chain, "hold", Selection(steps=(1,)))
    acts.preview(chain, "drop", Selection(steps=(1,)), following=True)
    assert queries.last_change(chain) == before


def test_a_held_step_takes_no_worker_and_goes_on_when_released(chain: Ops) -> None:
    held = do(chain, "hold", 1)
    assert held.plan.stuck == 2
    assert take(chain) == []
    assert do(chain, "release", 1).plan.free == 2
    assert [item.dataset for item in take(chain)] == ["a"]


def test_a_failed_step_that_was_held_is_failed_again_when_released(chain: Ops) -> None:
    fail(chain, take(chain)[0])
    do(chain, "hold", 1)
    do(chain, "release", 1)
    assert states(chain)["a"] == "failed"
    assert queries.failures(chain)


def test_a_hold_lets_go_by_itself_when_its_time_has_come(chain: Ops) -> None:
    do(chain, "hold", 1, until=(chain.clock.now() - timedelta(seconds=1)).isoformat())
    do(chain, "hold", 2, until=(chain.clock.now() + timedelta(hours=1)).isoformat())
    with chain.db.begin() as c:
        assert blackboard.release_due(c, chain) == 1
    assert states(chain) == {"a": "ready", "b": "held", "c": "waiting"}


@pytest.mark.parametrize("until", ["soon", "2022-12-04T05:30:00"])
def test_a_time_that_is_none_or_has_no_zone_is_refused(chain: Ops, until: str) -> None:
    with pytest.raises(BadInput, match=until):
        acts.preview(chain, "hold", Selection(steps=(1,)), until=until)


def test_what_is_more_urgent_runs_first_but_classes_keep_their_order(ops: Ops) -> None:
    plan(ops, [StepSpec(kind="toy.write", dataset=n, makes=(n,)) for n in "xyz"])
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "wave", [StepSpec(kind="toy.write", dataset="w", makes=("w",))], cls="wfsc")
    do(ops, "prioritise", 3, priority=49)
    do(ops, "prioritise", 1, priority=-5)
    assert [i.dataset for i in take(ops, 4)] == ["w", "z", "y", "x"]
    with pytest.raises(BadInput, match="from -49 to 49"):
        do(ops, "prioritise", 1, priority=50)


def test_dropping_needs_two_people(chain: Ops) -> None:
    asked = do(chain, "drop", 1, following=True)
    assert asked.state == "asked"
    assert states(chain) == {"a": "ready", "b": "waiting", "c": "waiting"}
    with pytest.raises(Refused, match="needs a second person"):
        acts.agree(chain, asked.command, reason="me too")
    with pytest.raises(Refused, match="waits for a second person"):
        do(chain, "drop", 1, following=True)
    done = acts.agree(chain.as_person(EVE), asked.command, reason="seen")
    assert done.state == "applied"
    assert set(states(chain).values()) == {"cancelled"}
    with pytest.raises(Refused, match="it is applied"):
        acts.agree(chain.as_person(EVE), asked.command, reason="again")


def test_what_was_asked_for_is_not_done_when_the_site_has_moved(chain: Ops) -> None:
    asked = do(chain, "drop", 2)
    do(chain, "hold", 2)
    with pytest.raises(StalePlan):
        acts.agree(chain.as_person(EVE), asked.command, reason="seen")
    assert states(chain)["b"] == "held"
    assert acts.asked(chain) == []


def test_what_was_asked_for_can_be_taken_back_and_asked_again(chain: Ops) -> None:
    asked = do(chain, "drop", 2)
    acts.withdraw(chain, asked.command, reason="a mistake")
    assert acts.asked(chain) == []
    assert do(chain, "drop", 2).state == "asked"


def test_a_stopped_step_is_held_and_its_late_end_changes_nothing(chain: Ops) -> None:
    (item,) = take(chain)
    asked = do(chain, "stop", 1)
    acts.agree(chain.as_person(EVE), asked.command, reason="seen")
    assert states(chain)["a"] == "held"
    assert queries.attempts(chain, 1)[0]["outcome"] == "stopped"
    assert not finish(chain, item)
    assert states(chain) == {"a": "held", "b": "waiting", "c": "waiting"}
    do(chain, "release", 1)
    assert states(chain)["a"] == "ready"


def test_a_dropped_step_can_be_rescued(chain: Ops) -> None:
    asked = do(chain, "drop", 1)
    acts.agree(chain.as_person(EVE), asked.command, reason="seen")
    rescue.rescue(chain, steps=[1], reason="needed after all", ticket=rescue.plan(chain, [1]).hash)
    assert states(chain)["a"] == "ready"


def test_what_is_accepted_as_done_lets_the_next_go_on_without_its_product(chain: Ops) -> None:
    fail(chain, take(chain)[0])
    accepted = do(chain, "accept", 1)
    assert accepted.plan.notes == ("a.txt does not exist: what needs it runs without it",)
    assert states(chain) == {"a": "skipped", "b": "ready", "c": "waiting"}
    assert take(chain)[0].inputs == {}


def test_accepting_gives_the_earlier_version_of_the_product_back(chain: Ops) -> None:
    finish(chain, take(chain)[0])
    rescue.rescue(chain, steps=[1], remake=True, reason="look again", ticket=rescue.plan(chain, [1], remake=True).hash)
    fail(chain, take(chain)[0])
    assert do(chain, "accept", 1).plan.notes == ()
    assert [(p["name"], p["version"]) for p in queries.products(chain)] == [("a.txt", 1)]
    assert list(take(chain)[0].inputs) == ["a.txt"]


def test_the_same_bytes_again_are_no_new_version(chain: Ops) -> None:
    (item,) = take(chain)
    finish(chain, item)
    rescue.rescue(chain, steps=[1], remake=True, reason="look again", ticket=rescue.plan(chain, [1], remake=True).hash)
    finish(chain, take(chain)[0])
    assert [(p["name"], p["version"]) for p in queries.products(chain, current=False)] == [("a.txt", 1)]


def test_failures_are_handled_assigned_and_noted(chain: Ops) -> None:
    with chain.db.begin() as c:
        put_person(c, "eve", Role.OPERATOR)
    fail(chain, take(chain)[0])
    do(chain, "handled", 1)
    do(chain, "assign", 1, person="eve")
    do(chain, "note", 1, reason="seen on Tuesday too")
    assert (column(chain, 1, "handled_by"), column(chain, 1, "assigned_to")) == (chain.operator.name, "eve")
    with pytest.raises(BadInput, match="'nobody' is not known"):
        do(chain, "assign", 1, person="nobody")
    about = Selection(fingerprint="toy | E | f")
    acts.act(chain, "note", about, ticket=acts.preview(chain, "note", about).hash, reason="known: see the wiki")


def test_a_verb_leaves_alone_what_it_does_not_apply_to_and_says_why(chain: Ops) -> None:
    planned = acts.preview(chain, "hold", Selection(states=tuple(StepState)))
    assert [t.step_id for t in planned.again] == [1, 2, 3]
    released = acts.preview(chain, "release", Selection(steps=(1, 2)))
    assert released.again == ()
    assert released.untouched[0] == (1, "it is ready: 'release' is for steps that are held")
    with pytest.raises(Refused, match="would change nothing"):
        acts.act(chain, "release", Selection(steps=(1,)), ticket=acts.preview(chain, "release", Selection(steps=(1,))).hash, reason="x")


def test_acts_need_a_role_a_reason_a_choice_a_verb_and_known_parameters(chain: Ops) -> None:
    ticket = acts.preview(chain, "hold", Selection(steps=(1,))).hash
    with pytest.raises(NotAllowed):
        acts.act(chain.as_person(Person("v", Role.VIEWER)), "hold", Selection(steps=(1,)), ticket=ticket, reason="x")
    with pytest.raises(BadInput, match="reason"):
        acts.act(chain, "hold", Selection(steps=(1,)), ticket=ticket, reason=" ")
    with pytest.raises(BadInput, match="no step was chosen"):
        acts.preview(chain, "hold", Selection())
    with pytest.raises(NotFound, match="no step 99"):
        acts.preview(chain, "hold", Selection(steps=(99,)))
    with pytest.raises(BadInput, match="is not a verb"):
        acts.preview(chain, "explode", Selection(steps=(1,)))
    with pytest.raises(BadInput, match="takes no until"):
        acts.preview(chain, "release", Selection(steps=(1,)), until="x")
    with pytest.raises(BadInput, match="nothing to choose steps by"):
        Selection.of({"where": "1=1"})


def test_a_double_click_is_one_act(chain: Ops) -> None:
    ticket = acts.preview(chain, "hold", Selection(steps=(1,))).hash
    acts.act(chain, "hold", Selection(steps=(1,)), ticket=ticket, reason="quiet")
    with pytest.raises(StalePlan, match=r"applied already, by .* \(quiet\)"):
        acts.act(chain, "hold", Selection(steps=(1,)), ticket=ticket, reason="quiet")
    assert len(acts.recent(chain)) == 1


def test_a_pause_says_what_it_keeps_back_and_ends(chain: Ops) -> None:
    paused = do(chain, "pause", scope="kind", target="toy.write")
    assert paused.plan.notes == ("0 steps that have begun are finished, 3 do not start",)
    assert [(p["scope"], p["target"]) for p in pauses.standing(chain)] == [("kind", "toy.write")]
    with pytest.raises(Refused, match="would change nothing"):
        do(chain, "pause", scope="kind", target="toy.write")
    do(chain, "resume", scope="kind", target="toy.write")
    do(chain, "pause", scope="workflow", target="v")
    do(chain, "pause", scope="engine", until=(chain.clock.now() - timedelta(seconds=1)).isoformat())
    with chain.db.begin() as c:
        pauses.lift_due(c, chain)
    assert [p["dataset"] for p in pauses.standing(chain)] == ["v"]
    for bad in ({"scope": "planet"}, {"scope": "kind", "target": "toy.none"}, {"scope": "workflow", "target": "nowhere"}):
        with pytest.raises(BadInput):
            acts.preview(chain, "pause", Selection(), **bad)


def test_a_rescue_can_change_parameters_and_give_more_memory(chain: Ops) -> None:
    fail(chain, take(chain)[0])
    asked = {"steps": [1], "changes": {"seconds": 0}, "more_memory": True}
    planned = rescue.plan(chain, **asked)
    assert planned.notes == ("parameter seconds becomes 0", "toy.write a: memory limit 75 MB")
    rescue.rescue(chain, reason="too small", ticket=planned.hash, **asked)
    assert (column(chain, 1, "changes"), column(chain, 1, "memory_mb")) == ({"seconds": 0}, 75)


def test_what_came_before_can_be_made_again_too(chain: Ops) -> None:
    finish(chain, take(chain)[0])
    finish(chain, take(chain)[0])
    fail(chain, take(chain)[0])
    assert {t.dataset for t in rescue.plan(chain, [3], upstream=True).again} == {"a", "b", "c"}


def test_everything_made_from_a_bad_file_is_found(chain: Ops) -> None:
    while items := take(chain):
        finish(chain, items[0])
    planned = rescue.plan(chain, derived_from=("a.txt",))
    assert [(t.dataset, t.why) for t in planned.again] == [("b", "it used a.txt"), ("c", "it used a.txt")]
    with pytest.raises(NotFound, match=r"nothing on this site was made from 'b7\.fits'"):
        rescue.plan(chain, derived_from=("b7.fits",))


VERBS = st.sampled_from(["hold", "release", "take", "finish", "fail", "rescue", "accept", "drop", "stop"])


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(VERBS, st.integers(1, 3)), max_size=12))
def test_counters_chain_and_waits_hold_after_any_acts(ops: Ops, moves: list[tuple[str, int]]) -> None:
    """Whatever is done: counters equal the steps, the journal's chain is whole, and a ready step has all it needs."""
    with ops.db.begin() as c:
        for table in ("step_counter", "command", "step_attempt", "step_need", "step_make", "product", "step"):
            c.execute(sa.text(f"DELETE FROM {table}"))
    ids = plan(ops, CHAIN)
    taken: dict[int, object] = {}
    for verb, which in moves:
        _move(ops, verb, ids[which - 1], taken)
    with reading(ops.db) as c:
        counted = {
            s: n for s, n in c.execute(sa.select(step_counter.c.state, sa.func.sum(step_counter.c.n)).group_by(step_counter.c.state)) if n
        }
        there = dict(c.execute(sa.select(step.c.state, sa.func.count()).group_by(step.c.state)).all())
        lacking = sa.select(need.c.step_id).join(step, step.c.id == need.c.step_id).where(step.c.state == "ready", sa.not_(need.c.got))
        assert counted == there
        assert c.execute(lacking).all() == []
        assert journal.verify(c) is None


def _move(ops: Ops, verb: str, number: int, taken: dict[int, object]) -> None:
    if verb == "take":
        taken |= {item.step_id: item for item in take(ops)}
    elif verb in {"finish", "fail"}:
        if number in taken:
            (finish if verb == "finish" else fail)(ops, taken.pop(number))
    else:
        try:
            done = do(ops, verb, number) if verb != "rescue" else do(ops, verb, number, remake=True)
        except Refused:
            return
        if done.state == "asked":
            acts.agree(ops.as_person(EVE), done.command, reason="seen")


def test_what_touches_no_step_can_be_done_again(chain: Ops) -> None:
    """A second pause, and a second note on one kind of failure, are new acts: their plans are not the first ones."""
    for _ in range(2):
        assert do(chain, "pause", scope="engine").state == "applied"
        do(chain, "resume", scope="engine")
    fail(chain, take(chain)[0])
    known = Selection(fingerprint="toy | E | f")
    ticket = acts.preview(chain, "note", known).hash
    assert acts.act(chain, "note", known, ticket=ticket, reason="known").state == "applied"
    with pytest.raises(StalePlan, match="applied already"):
        acts.act(chain, "note", known, ticket=ticket, reason="a double click")
    assert acts.act(chain, "note", known, ticket=acts.preview(chain, "note", known).hash, reason="mended").state == "applied"


def test_what_is_left_empty_is_as_good_as_not_given_through_every_door(chain: Ops) -> None:
    fail(chain, take(chain)[0])
    bare = rescue.plan(chain, all_failed=True)
    empty = {"fingerprint": "", "derived_from": [], "remake": False, "upstream": False, "more_memory": False, "changes": {}, "dataset": ""}
    assert rescue.plan(chain, [], all_failed=True, **empty).hash == bare.hash
