"""Forecasts: what is left, when it ends, what stands in the way, and the warning before the deadline and not after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dmsops.core.clock import SimulatedClock
from dmsops.core.db import reading
from dmsops.ops import Ops, connect, create_site
from dmsops.workflow import acts, blackboard, forecast, waiting
from dmsops.workflow.choose import Selection
from dmsops.workflow.forecast import Forecast, Standing
from dmsops.workflow.runtimes import ENOUGH, Runtimes, instrument_of
from dmsops.workflow.steps import StepSpec
from dmsops.workflow.tables import attempt
from tests.acts import fail, finish, plan, take

HAND_OVER = StepSpec(kind="toy.tell", dataset="told", needs=("b.txt",), makes=("told.txt",))
CHAIN = [
    StepSpec(kind="toy.write", dataset="a", makes=("a.txt",)),
    StepSpec(kind="toy.write", dataset="b", needs=("a.txt",), makes=("b.txt",)),
    HAND_OVER,
    StepSpec(kind="toy.write", dataset="after", needs=("told.txt",), makes=("after.txt",)),
]


@pytest.fixture
def ops(tmp_path: Path, clock: SimulatedClock) -> Ops:
    """A site of toys whose clock stands still."""
    create_site(tmp_path / "site", step_modules=["dmsops.testing.toys"], workers=2)
    return replace(connect(tmp_path / "site"), clock=clock)


def submit(ops: Ops, specs: list[StepSpec], minutes: float = 10) -> None:
    with ops.db.begin() as c:
        blackboard.submit(c, ops, "SCIENCE", "v", specs, cls="wfsc", due=ops.clock.now() + timedelta(minutes=minutes))


def seen(ops: Ops) -> Forecast:
    found = forecast.of_dataset(ops, "v")
    assert found is not None
    return found


def seconds(ops: Ops, when) -> float:
    return (when - ops.clock.now()).total_seconds()


def test_it_ends_with_the_hand_over_and_not_with_what_comes_after(ops: Ops) -> None:
    submit(ops, CHAIN)
    found = seen(ops)
    assert (found.left, seconds(ops, found.p50), seconds(ops, found.p90)) == (3, 12, 24)
    assert (found.standing, found.path) == (Standing.ON_TIME, (1, 2, 3))
    assert found.rescue_by == found.due - timedelta(seconds=24)
    assert [f.dataset for f in forecast.running(ops)] == ["v"]


def test_what_is_done_no_longer_counts_and_after_the_hand_over_there_is_no_clock(ops: Ops) -> None:
    submit(ops, CHAIN)
    finish(ops, take(ops)[0])
    assert seen(ops).left == 2
    finish(ops, take(ops)[0])
    finish(ops, take(ops)[0])
    assert forecast.of_dataset(ops, "v") is None


def test_it_is_at_risk_before_the_limit_and_late_after_it(ops: Ops, clock: SimulatedClock) -> None:
    submit(ops, CHAIN, minutes=1)
    assert seen(ops).standing is Standing.ON_TIME
    clock.advance(timedelta(seconds=40))
    assert seen(ops).standing is Standing.AT_RISK
    clock.advance(timedelta(seconds=30))
    assert seen(ops).standing is Standing.LATE


def test_a_failed_step_is_a_risk_at_once_and_the_words_say_until_when_a_rescue_helps(ops: Ops, clock: SimulatedClock) -> None:
    submit(ops, CHAIN, minutes=1)
    fail(ops, take(ops)[0])
    found = seen(ops)
    assert (found.standing, found.blocked) == (Standing.AT_RISK, (1,))
    assert f"rescue before {found.due - timedelta(seconds=24):%H:%M:%S}Z" in found.words
    clock.advance(timedelta(seconds=50))
    assert "a rescue comes too late" in seen(ops).words


def test_a_running_step_counts_with_what_it_has_left(ops: Ops, clock: SimulatedClock) -> None:
    submit(ops, [HAND_OVER, StepSpec(kind="toy.write", dataset="b", makes=("b.txt",))])
    finish(ops, take(ops)[0])
    take(ops)
    clock.advance(timedelta(seconds=4))
    assert seconds(ops, seen(ops).p50) == 6
    clock.advance(timedelta(hours=1))
    assert seconds(ops, seen(ops).p50) == 1


def test_work_that_is_not_planned_yet_is_foreseen(ops: Ops) -> None:
    submit(ops, [StepSpec(kind="toy.spawn", dataset="s", params={"tells": True})])
    found = seen(ops)
    assert found.left == 3
    assert [min(i, 0) < 0 for i in found.path] == [False, True, True]
    assert seconds(ops, found.p50) == 5 + 1 + 10


def test_other_work_that_goes_first_delays_it(ops: Ops) -> None:
    submit(ops, CHAIN)
    alone = seen(ops)
    with ops.db.begin() as c:
        others = [StepSpec(kind="toy.write", dataset=f"o{n}") for n in range(20)]
        blackboard.submit(c, ops, "SCIENCE", "urgent", others, cls="wfsc", due=ops.clock.now())
    assert seconds(ops, seen(ops).p50) == seconds(ops, alone.p50) + 20 / ops.settings.workers


def test_the_newest_runs_of_the_same_instrument_say_how_long_a_step_takes(ops: Ops) -> None:
    names = [f"jw01067001001_03104_{n:05d}_nrca3" for n in range(1, 2 * ENOUGH)] + ["jw01067001001_03104_00001_mirimage"]
    plan(ops, [StepSpec(kind="toy.write", dataset=name) for name in names])
    items = take(ops, len(names))
    for n, item in enumerate(items):
        finish(ops, item)
        with ops.db.begin() as c:
            ended = ops.clock.now() + timedelta(seconds=1000 if item.dataset.endswith("mirimage") else 10 + n)
            c.execute(sa.update(attempt).where(attempt.c.step_id == item.step_id).values(ended_at=ended))
    with reading(ops.db) as c:
        usual = Runtimes(c)
        assert (usual.of("toy.write", names[0]).p50, usual.of("toy.write", names[0]).p90) == (14, 18)
        assert usual.of("toy.write", "jw01067001001_03104_00009_mirimage").p90 == 1000
        assert (usual.of("toy.tell").p50, usual.of("toy.tell").n) == (10, 0)


@pytest.mark.parametrize(("dataset", "name"), [("jw01067001001_03104_00001_nrca3", "nrc"), ("V01067001001", ""), ("../x", "")])
def test_the_instrument_is_read_from_the_dataset(dataset: str, name: str) -> None:
    assert instrument_of(dataset) == name


def test_a_preview_says_what_the_act_does_to_the_clock(ops: Ops, clock: SimulatedClock) -> None:
    submit(ops, CHAIN, minutes=1)
    assert [e.at_risk for e in acts.preview(ops, "hold", Selection(steps=(2,))).clocks] == [True]
    fail(ops, take(ops)[0])
    (effect,) = acts.preview(ops, "rescue", Selection(steps=(1,))).clocks
    assert (effect.at_risk, "on time" in effect.words) == (False, True)
    clock.advance(timedelta(seconds=45))
    assert [e.at_risk for e in acts.preview(ops, "rescue", Selection(steps=(1,))).clocks] == [True]


def test_why_it_waits_names_what_is_missing_and_when_it_comes(ops: Ops) -> None:
    submit(ops, [*CHAIN, StepSpec(kind="toy.write", dataset="raw", needs=("raw.fits",), makes=("r.txt",))])
    told = waiting.why(ops, 3)
    assert told.state == "waiting"
    (missing,) = told.missing
    assert (missing.product, missing.maker, seconds(ops, missing.p50), seconds(ops, missing.p90)) == ("b.txt", 2, 2, 4)
    assert "made by step 2 (toy.write, waiting): expected" in missing.words(ops.clock.now())
    outside = waiting.why(ops, 5)
    assert [m.maker for m in outside.missing] == [None]
    assert "raw.fits has to arrive from outside" in outside.missing[0].words(ops.clock.now())


def test_why_it_waits_says_when_it_cannot_go_on_by_itself(ops: Ops) -> None:
    submit(ops, CHAIN)
    fail(ops, take(ops)[0])
    told = waiting.why(ops, 3)
    assert (told.state, told.missing[0].stopped_by, told.missing[0].p50) == ("futile", (1,), None)
    assert "until step 1 is rescued or released" in told.missing[0].words(ops.clock.now())


def test_a_ready_step_says_what_keeps_it(ops: Ops) -> None:
    submit(ops, CHAIN)
    assert "no engine runs" in waiting.why(ops, 1).sentence
    params = {"scope": "kind", "target": "toy.write"}
    ticket = acts.preview(ops, "pause", Selection(), **params).hash
    acts.act(ops, "pause", Selection(), ticket=ticket, reason="new darks", **params)
    assert waiting.why(ops, 1).sentence.endswith(f"paused by {ops.operator.name}: new darks")
    acts.act(ops, "hold", Selection(steps=(1,)), ticket=acts.preview(ops, "hold", Selection(steps=(1,))).hash, reason="wait")
    assert "held until a person releases it: wait" in waiting.why(ops, 1).sentence
