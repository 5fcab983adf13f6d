"""Rescue: the preview is what happens, nothing else runs again, a stale ticket is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from dmsops.core.errors import BadInput, NotAllowed, NotFound, StalePlan, StoreUnreachable
from dmsops.core.people import Person, Role
from dmsops.ops import Ops, connect, create_site
from dmsops.storage.removals import key
from dmsops.testing.store import StoreContract
from dmsops.workflow import queries, rescue
from dmsops.workflow.steps import StepSpec
from tests.acts import CHAIN, fail, finish, plan, states, take
from tests.s3 import s3_keys, s3_server, s3_settings  # noqa: F401 - fixtures

Stored = tuple[Ops, Callable[[Any, str, bytes], None]]


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


@pytest.fixture(params=["local", "s3"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stored]:
    """Give a site with the toy steps on each kind of store, and what damages an object there."""
    settings = {}
    if request.param == "s3":
        request.getfixturevalue("s3_keys")
        settings = s3_settings(request.getfixturevalue("s3_server"))
    create_site(tmp_path / "site", step_modules=["tests.toysteps"], preload="tests.toysteps")
    opened = connect(tmp_path / "site", **settings)
    yield opened, StoreContract().damage if request.param == "local" else damaged_on_s3
    opened.db.dispose()


def damaged_on_s3(store: Any, sha256: str, content: bytes) -> None:
    obstore.put(store._bucket._for(0), key(sha256), content)


def with_a_damaged_input(stored: Stored, tmp_path: Path) -> tuple[Ops, Path, str]:
    """Let the second step of a chain fail because what the first has made is damaged by now."""
    ops, damage = stored
    plan(ops, CHAIN[:2])
    source = tmp_path / "a.txt"
    source.write_text("good bytes")
    sha256 = ops.store.put(source)
    finish(ops, take(ops)[0], sha=sha256)
    damage(ops.store, sha256, b"bad bytes!")
    fail(ops, take(ops)[0])
    return ops, source, sha256


def test_a_damaged_input_brings_its_maker_back_and_is_kept_as_evidence(stored: Stored, tmp_path: Path) -> None:
    ops, source, sha256 = with_a_damaged_input(stored, tmp_path)
    planned = rescue.plan(ops, [2])
    assert [(a.dataset, a.why) for a in planned.again] == [("b", "it failed"), ("a", "what it made is damaged in the store")]
    assert planned.damaged == (sha256,)
    rescue.rescue(ops, steps=[2], reason="disk error", ticket=planned.hash)
    assert states(ops) == {"a": "ready", "b": "waiting"}
    assert not ops.store.has(sha256)
    ops.store.put(source)
    finish(ops, take(ops)[0], sha=sha256)
    ops.store.verify(sha256)
    assert ops.store.path(sha256).read_text() == "good bytes"
    assert states(ops) == {"a": "done", "b": "ready"}


def test_bytes_are_set_aside_before_their_maker_can_run_and_when_that_fails_nothing_is_rescued(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops, _, sha256 = with_a_damaged_input(stored, tmp_path)
    planned = rescue.plan(ops, [2])

    def out_of_reach(wanted: str) -> bool:
        assert states(ops)["a"] == "done"
        raise StoreUnreachable("the server is away")

    with monkeypatch.context() as away:
        away.setattr(ops.store, "set_aside", out_of_reach)
        with pytest.raises(StoreUnreachable):
            rescue.rescue(ops, steps=[2], reason="disk error", ticket=planned.hash)
    assert states(ops) == {"a": "done", "b": "failed"}
    ops.store.set_aside(sha256)  # as if killed after it
    rescue.rescue(ops, steps=[2], reason="disk error", ticket=planned.hash)
    assert states(ops) == {"a": "ready", "b": "waiting"}
