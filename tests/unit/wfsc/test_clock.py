"""The wavefront clock: starts once, stops once, and says in words how it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dmsops.core.clock import SimulatedClock
from dmsops.core.errors import NotFound
from dmsops.ops import Ops
from dmsops.wfsc import clock_of, clocks, start_clock
from dmsops.wfsc.clock import SENTENCES, ClockState, read, stop_clock
from dmsops.workflow.forecast import Forecast

START = datetime(2022, 12, 4, 4, 45, tzinfo=UTC)
DUE = START + timedelta(minutes=90)
VISIT = "02726402001"


def minutes(n: float) -> datetime:
    return START + timedelta(minutes=n)


@pytest.mark.parametrize(
    ("now", "stopped", "predicted", "state", "words"),
    [
        (10, None, None, ClockState.ON_TIME, "on time: 80 min left"),
        (61, None, None, ClockState.AT_RISK, "at risk: 29 min left"),
        (10, None, 95, ClockState.AT_RISK, "at risk: 80 min left"),
        (80, None, 85, ClockState.ON_TIME, "on time: 10 min left"),
        (90, None, None, ClockState.AT_RISK, "at risk: 0 min left"),
        (95, None, 85, ClockState.LATE, "late: 5 min over"),
        (200, 90, None, ClockState.MET, "met: took 90 min"),
        (200, 91, None, ClockState.MISSED, "missed: took 91 min"),
    ],
)
def test_a_clock_says_how_it_stands(now: float, stopped: float | None, predicted: float | None, state: ClockState, words: str) -> None:
    end = None if stopped is None else minutes(stopped)
    reading = read(VISIT, START, DUE, end, now=minutes(now), forecast=expected(now, predicted))
    assert (reading.state, reading.words) == (state, words)


def expected(now: float, p90: float | None, blocked: tuple[int, ...] = ()) -> Forecast | None:
    if p90 is None:
        return None
    half = minutes(p90 - 1)
    return Forecast(workflow_id=1, dataset=VISIT, at=minutes(now), due=DUE, p50=half, p90=minutes(p90), left=1, blocked=blocked)


def test_a_step_in_the_way_is_a_risk_and_named_with_the_last_useful_rescue() -> None:
    reading = read(VISIT, START, DUE, None, now=minutes(10), forecast=expected(10, 20, (7,)))
    assert reading.state is ClockState.AT_RISK
    assert reading.words == "at risk: 80 min left; step 7 stands in the way, a rescue helps until 06:05:00Z"


def test_every_state_has_its_sentence() -> None:
    assert set(SENTENCES) == set(ClockState)


def test_a_clock_starts_once_and_stops_once(ops: Ops) -> None:
    received = ops.clock.now()
    for later in (0, 30):
        with ops.db.begin() as c:
            due = start_clock(c, ops, VISIT, received + timedelta(minutes=later))
        assert due == received + timedelta(minutes=90)
    assert isinstance(ops.clock, SimulatedClock)
    ops.clock.advance(timedelta(minutes=20))
    assert clock_of(ops, VISIT).remaining == timedelta(minutes=70)
    for later in (40, 100):
        with ops.db.begin() as c:
            stop_clock(c, ops, VISIT, received + timedelta(minutes=later))
    assert clock_of(ops, VISIT).words == "met: took 40 min"
    assert [r.visit for r in clocks(ops)] == [VISIT]


def test_a_visit_without_clock_is_said_to_have_none(ops: Ops) -> None:
    with pytest.raises(NotFound, match="02726403001"):
        clock_of(ops, "02726403001")
