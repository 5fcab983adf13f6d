"""Rescue: the preview is what happens, nothing else runs again, a stale ticket is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.errors import BadInput, NotAllowed, NotFound, StalePlan
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.workflow import queries, rescue
from dmsops.workflow.steps import StepSpec
from tests.acts import CHAIN, fail, finish, plan, states, take


@pytest.fixture
def broken(ops: Ops) -> Ops:
    """A chain whose middle step has failed."""
    plan(ops, CHAIN)
    finish(ops, take(ops)[0])
    fail(ops, take(ops)[0])
    return ops


def test_looking_changes_nothing_and_writes_nothing(broken: Ops) -> None:
    before = queries.last_change(broken), states(broken)
    rescue.plan(broken, [2])
    assert (queries.last_change(broken), states(broken)) == before


def test_only_the_failed_step_runs_again(broken: Ops) -> None:
    planned = rescue.plan(broken, [2])
    assert [(a.step_id, a.why) for a in planned.again] == [(2, "it failed")]
    assert planned.reused == 1
    rescue.rescue(broken, steps=[2], reason="mended", ticket=planned.hash)
    assert states(broken) == {"a": "done", "b": "ready", "c": "waiting"}


def test_a_rescue_needs_a_reason_a_role_and_a_choice(broken: Ops) -> None:
    ticket = rescue.plan(broken, [2]).hash
    with pytest.raises(BadInput, match="reason"):
        rescue.rescue(broken, steps=[2], reason="  ", ticket=ticket)
    with pytest.raises(NotAllowed, match="needs the role operator"):
        rescue.rescue(broken.as_person(Person("eve", Role.VIEWER)), steps=[2], reason="x", ticket=ticket)
    with pytest.raises(BadInput, match="no step was chosen"):
        rescue.plan(broken)
    with pytest.raises(NotFound, match="no step 77"):
        rescue.plan(broken, [77])
    assert states(broken)["b"] == "failed"


def test_a_stale_ticket_is_refused(broken: Ops) -> None:
    ticket = rescue.plan(broken, [2]).hash
    rescue.rescue(broken, steps=[2], reason="first", ticket=ticket)
    with pytest.raises(StalePlan):
        rescue.rescue(broken, steps=[2], reason="second", ticket=ticket)


def test_a_good_step_is_not_touched_unless_asked(broken: Ops) -> None:
    planned = rescue.plan(broken, [1])
    assert planned.again == ()
    assert planned.untouched == ((1, "it ended well; ask for it to be made again if that is meant"),)


def test_making_again_takes_all_that_follows_and_says_what_is_superseded(ops: Ops) -> None:
    plan(ops, [*CHAIN, StepSpec(kind="toy.write", dataset="other", makes=("other.txt",))])
    while items := take(ops):
        finish(ops, items[0])
    planned = rescue.plan(ops, [1], remake=True)
    assert [a.dataset for a in planned.again] == ["a", "b", "c"]
    assert planned.supersedes == ("a.txt", "b.txt", "c.txt")
    rescue.rescue(ops, steps=[1], remake=True, reason="bad file", ticket=planned.hash)
    assert states(ops) == {"a": "ready", "b": "waiting", "c": "waiting", "other": "done"}


def test_all_failed_of_a_dataset_in_one_go(ops: Ops) -> None:
    plan(ops, [StepSpec(kind="toy.write", dataset=f"{name}{i}", makes=(f"{name}{i}",)) for name in "xy" for i in range(3)])
    for item in take(ops, 6):
        fail(ops, item)
    assert [a.dataset for a in rescue.plan(ops, all_failed=True, dataset="y").again] == ["y0", "y1", "y2"]
    assert len(rescue.plan(ops, all_failed=True).again) == 6


def test_a_damaged_input_brings_its_maker_back_and_is_kept_as_evidence(ops: Ops, tmp_path: Path) -> None:
    plan(ops, CHAIN[:2])
    source = tmp_path / "a.txt"
    source.write_text("good bytes")
    sha256 = ops.store.put(source)
    finish(ops, take(ops)[0], sha=sha256)
    stored = ops.store.path(sha256)
    stored.chmod(0o644)
    stored.write_text("bad bytes!")
    fail(ops, take(ops)[0])
    planned = rescue.plan(ops, [2])
    assert [(a.dataset, a.why) for a in planned.again] == [("b", "it failed"), ("a", "what it made is damaged in the store")]
    assert planned.damaged == (sha256,)
    rescue.rescue(ops, steps=[2], reason="disk error", ticket=planned.hash)
    assert states(ops) == {"a": "ready", "b": "waiting"}
    assert not ops.store.has(sha256)
    assert (ops.settings.folder("quarantine") / "damaged" / sha256).read_text() == "bad bytes!"
