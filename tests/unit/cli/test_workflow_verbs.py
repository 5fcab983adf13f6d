"""Every workflow verb on the command line: looks first, acts by hash and reason, asks a second person where it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dmsops.cli import main
from dmsops.core.people import Role, put_person, put_token
from dmsops.ops import Ops, connect, create_site
from dmsops.workflow import acts, pauses, queries
from dmsops.workflow.choose import Selection
from tests.acts import CHAIN, fail, plan, states, take
from tests.commands import Part

_PART = Part("workflow")
call, told = _PART.call, _PART.data
KNOWN = "toy | E | f"


@pytest.fixture
def ops(tmp_path: Path) -> Ops:
    create_site(tmp_path / "site", step_modules=["tests.toysteps"], preload="tests.toysteps")
    return connect(tmp_path / "site")


@pytest.fixture
def eve(ops: Ops) -> str:
    """Give the token of a second person."""
    with ops.db.begin() as c:
        put_person(c, "eve", Role.OPERATOR)
        return put_token(c, "eve")


def failed(ops: Ops) -> None:
    plan(ops, CHAIN)
    fail(ops, take(ops)[0])


def waiting(ops: Ops) -> None:
    plan(ops, CHAIN)


def running(ops: Ops) -> None:
    plan(ops, CHAIN)
    take(ops)


def held(ops: Ops) -> None:
    plan(ops, CHAIN)
    call(ops, "hold", "--step", "1", "--yes", "--reason", "weather")


def paused(ops: Ops) -> None:
    plan(ops, CHAIN)
    call(ops, "pause", "workflow", "v", "--yes", "--reason", "disk")


SINGLE: list[tuple[Callable[[Ops], None], list[str], str]] = [
    (waiting, ["hold", "--step", "1", "--until", "2122-12-04T05:30:00Z"], "held"),
    (held, ["release", "--dataset", "a"], "ready"),
    (waiting, ["prioritise", "--kind", "toy.write", "--priority", "9"], "ready"),
    (failed, ["accept", "--state", "failed"], "skipped"),
    (failed, ["handled", "--fingerprint", KNOWN], "failed"),
    (failed, ["assign", "--all-failed", "--to", "eve"], "failed"),
    (failed, ["note", "--fingerprint", KNOWN], "failed"),
    (waiting, ["pause", "kind", "toy.write"], "ready"),
    (paused, ["resume", "workflow", "v"], "ready"),
    (failed, ["rescue", "--all-failed", "--more-memory", "--change", "seconds=0.5"], "ready"),
]
DOUBLE: list[tuple[Callable[[Ops], None], list[str], str]] = [
    (running, ["stop", "--visit", "v"], "held"),
    (waiting, ["drop", "--step", "1", "--following"], "cancelled"),
]
every = pytest.mark.parametrize(("before", "words", "then"), [*SINGLE, *DOUBLE], ids=lambda v: v[0] if isinstance(v, list) else "")
single = pytest.mark.parametrize(("before", "words", "then"), SINGLE, ids=lambda v: v[0] if isinstance(v, list) else "")
double = pytest.mark.parametrize(("before", "words", "then"), DOUBLE, ids=lambda v: v[0] if isinstance(v, list) else "")


def test_these_are_all_the_verbs_there_are() -> None:
    assert {words[0] for _, words, _ in [*SINGLE, *DOUBLE]} == set(acts.verbs())
    assert {words[0] for _, words, _ in DOUBLE} == {v.name for v in acts.verbs().values() if v.second}


@every
def test_a_preview_changes_nothing_and_says_how_to_do_it(ops: Ops, eve: str, before: Any, words: list[str], then: str) -> None:
    before(ops)
    line, stood = queries.last_change(ops), states(ops)
    seen = told(ops, *words)
    assert set(seen) == {"plan", "applied", "state", "command"}
    assert (seen["applied"], seen["state"], seen["command"]) == (False, "preview", None)
    assert seen["plan"]["verb"] == words[0]
    said = call(ops, *words)
    assert said.exit_code == 0, said.output
    assert f"--apply {seen['plan']['hash']} --reason TEXT" in said.stdout
    assert (queries.last_change(ops), states(ops)) == (line, stood)
    assert acts.recent(ops, verbs=[words[0]]) == []


@single
def test_it_is_done_by_hash_and_reason_and_not_a_second_time(ops: Ops, eve: str, before: Any, words: list[str], then: str) -> None:
    before(ops)
    ticket = told(ops, *words)["plan"]["hash"]
    assert call(ops, *words, "--apply", ticket).exit_code == 2
    done = told(ops, *words, "--apply", ticket, "--reason", "as agreed")
    assert (done["applied"], done["state"], done["plan"]["hash"]) == (True, "applied", ticket)
    assert states(ops)["a"] == then
    (row,) = acts.recent(ops, verbs=[words[0]])
    assert (row["id"], row["reason"], row["plan"]) == (done["command"], "as agreed", ticket)
    again = call(ops, *words, "--apply", ticket, "--reason", "as agreed")
    assert again.exit_code == 2
    assert "plan.stale" in again.stderr
    assert len(acts.recent(ops, verbs=[words[0]])) == 1


@every
def test_a_hash_of_another_plan_is_refused(ops: Ops, eve: str, before: Any, words: list[str], then: str) -> None:
    before(ops)
    stood = states(ops)
    refused = call(ops, *words, "--apply", "0" * 16, "--reason", "hurry", "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["code"] == "plan.stale"
    assert states(ops) == stood


@double
def test_stop_and_drop_are_asked_for_and_done_when_another_agrees(ops: Ops, eve: str, before: Any, words: list[str], then: str) -> None:
    before(ops)
    stood = states(ops)
    first = told(ops, *words, "--yes", "--reason", "out of disk")
    assert (first["applied"], first["state"]) == (False, "asked")
    number = str(first["command"])
    assert states(ops) == stood
    assert [r["id"] for r in told(ops, "asked")] == [first["command"]]
    own = call(ops, "agree", number, "--reason", "I agree with myself")
    assert own.exit_code == 2
    assert "needs a second person" in own.stderr
    read = call(ops, "agree", number, token=eve)
    assert "out of disk" in read.stdout
    assert states(ops) == stood
    done = told(ops, "agree", number, "--reason", "seen", token=eve)
    assert (done["applied"], done["state"], done["command"]) == (True, "applied", first["command"])
    assert states(ops)["a"] == then
    (row,) = told(ops, "acts", "--verb", words[0])
    assert row["second"] == "eve"
    assert call(ops, "agree", number, "--reason", "again", token=eve).exit_code == 2


def test_what_was_asked_for_can_be_withdrawn_and_goes_stale(ops: Ops, eve: str) -> None:
    waiting(ops)
    drop = ["drop", "--step", "1", "--yes", "--reason", "no use"]
    number = str(told(ops, *drop)["command"])
    assert call(ops, *drop).exit_code == 2
    assert call(ops, "withdraw", number, "--reason", "a mistake", token=eve).exit_code == 0
    assert "Nothing waits" in call(ops, "asked").stdout
    number = str(told(ops, *drop)["command"])
    call(ops, "hold", "--step", "1", "--yes", "--reason", "wait")
    assert "has changed since it was asked for" in call(ops, "agree", number, token=eve).stdout
    assert call(ops, "agree", number, "--reason", "seen", token=eve).exit_code == 2
    assert states(ops)["a"] == "held"


def test_a_long_list_is_cut_for_eyes_and_whole_for_machines(ops: Ops) -> None:
    from dmsops.workflow.steps import StepSpec

    plan(ops, [StepSpec(kind="toy.write", dataset=f"d{n}", makes=(f"d{n}.txt",)) for n in range(55)])
    said = call(ops, "hold", "--kind", "toy.write").stdout
    assert "55 steps would be held" in said
    assert "... and 15 more" in said
    assert len(told(ops, "hold", "--kind", "toy.write")["plan"]["again"]) == 55
    untouched = call(ops, "release", "--kind", "toy.write").stdout
    assert "Nothing would be released" in untouched
    assert "and 15 more" in untouched
    assert "--apply" not in untouched


BAD = [
    (["hold"], "no step was chosen"),
    (["hold", "--step", "99"], "there is no step 99"),
    (["hold", "--step", "1", "--until", "tomorrow"], "is not a time"),
    (["hold", "--kind", "toy.nothing"], "no kind of step is called 'toy.nothing'"),
    (["prioritise", "--step", "1", "--priority", "1000"], "priority goes from -49 to 49"),
    (["assign", "--step", "1", "--to", "nobody"], "'nobody' is not known"),
    (["pause", "workflow", "nowhere"], "no workflow works on 'nowhere'"),
    (["pause", "kind"], "no kind of step is called ''"),
    (["rescue", "--step", "1", "--change", "seconds"], "write NAME=VALUE"),
    (["rescue", "--derived-from", "no.fits"], "nothing on this site was made from 'no.fits'"),
    (["rescue", "--all-failed", "--yes", "--reason", "x"], "would change nothing"),
    (["hold", "--step", "1", "--yes"], "needs a reason"),
    (["agree", "7", "--reason", "x"], "there is no act 7"),
    (["agree", "7"], "there is no act 7"),
    (["withdraw", "7", "--reason", "x"], "there is no act 7"),
    (["acts", "--verb", "destroy"], "'destroy' is not a verb"),
    (["hold", "--step", "one"], "not a valid integer"),
    (["hold", "--state", "sleeping"], "'sleeping' is not one of"),
    (["prioritise", "--step", "1"], "Missing option '--priority'"),
]


@pytest.mark.parametrize(("words", "why"), BAD, ids=lambda v: "_".join(v) if isinstance(v, list) else "")
def test_bad_input_is_said_in_words_with_exit_2(ops: Ops, words: list[str], why: str) -> None:
    waiting(ops)
    result = call(ops, *words)
    assert result.exit_code == 2, result.output
    assert why in result.stderr
    assert "Traceback" not in result.output


def test_who_may_only_look_sees_the_preview_and_is_refused(ops: Ops) -> None:
    waiting(ops)
    with ops.db.begin() as c:
        put_person(c, "vic", Role.VIEWER)
        vic = put_token(c, "vic")
    assert "vic, viewer" in call(ops, "hold", "--step", "1", token=vic).stdout
    refused = call(ops, "hold", "--step", "1", "--yes", "--reason", "x", token=vic)
    assert refused.exit_code == 2
    assert "needs the role operator" in refused.stderr
    wrong = call(ops, "hold", "--step", "1", token="dmsops_wrong")
    assert wrong.exit_code == 2
    assert "belongs to nobody on this site" in wrong.stderr
    assert "Traceback" not in wrong.output


def test_a_token_is_shown_once_and_kept_as_a_sum(ops: Ops) -> None:
    with ops.db.begin() as c:
        put_person(c, "eve", Role.OPERATOR)
    site = ["--site", str(ops.settings.site)]
    made = json.loads(CliRunner().invoke(main, ["people", "token", "eve", "--json", *site]).stdout)["token"]
    assert made not in CliRunner().invoke(main, ["people", "list", "--json", *site]).stdout
    assert made not in CliRunner().invoke(main, ["journal", "show", "--json", *site]).stdout
    other = CliRunner(env={"DMSOPS_TOKEN": made}).invoke(main, ["people", "token", ops.operator.name, *site])
    assert other.exit_code == 2
    assert "needs the role lead" in other.stderr
    assert CliRunner().invoke(main, ["people", "token", "eve", "--withdraw", *site]).exit_code == 0
    assert CliRunner(env={"DMSOPS_TOKEN": made}).invoke(main, ["people", "list", *site]).exit_code == 2
    assert CliRunner().invoke(main, ["people", "token", "nobody", *site]).exit_code == 2


def test_failures_and_pauses_are_told_in_words(ops: Ops) -> None:
    failed(ops)
    call(ops, "note", "--fingerprint", KNOWN, "--yes", "--reason", "the mirror is slow [known]")
    call(ops, "pause", "engine", "--yes", "--reason", "maintenance")
    said = call(ops, "failures").stdout
    assert "1 failed" in said
    assert "the toy broke" in said
    assert "Known: the mirror is slow [known]" in said
    call(ops, "handled", "--all-failed", "--yes", "--reason", "seen")
    assert "0 failed, 1 more handled" in call(ops, "failures").stdout
    assert "maintenance" in call(ops, "pauses").stdout
    assert pauses.standing(ops)[0]["scope"] == "engine"


def test_the_looks_explain_what_waits_changed_ends_and_comes_from_a_file(ops: Ops) -> None:
    failed(ops)
    assert "It cannot go on by itself" in call(ops, "waiting", "2").output
    assert "until step 1 is rescued or released" in call(ops, "step", "2").output
    assert told(ops, "waiting", "2")["missing"][0]["stopped_by"] == [1]
    assert "No work with a deadline is open." in call(ops, "forecast").output
    (seen,) = told(ops, "forecast", "v")
    assert (seen["blocked"], seen["left"]) == ([1], 3)
    assert [row["step_id"] for row in told(ops, "derived", "a.txt")["steps"]] == [2, 3]
    assert "Nothing on this site was made from, or is known of, x.fits" in call(ops, "derived", "x.fits").output
    again(ops)
    fail(ops, take(ops)[0])
    assert "Nothing but the time differs." in call(ops, "diff", "1").output
    assert told(ops, "diff", "1")["same"] == ["parameter", "input", "software", "resource", "outcome", "product"]
    assert call(ops, "diff", "2").exit_code != 0


def again(ops: Ops) -> None:
    ticket = acts.preview(ops, "rescue", Selection(steps=(1,))).hash
    acts.act(ops, "rescue", Selection(steps=(1,)), ticket=ticket, reason="again")
