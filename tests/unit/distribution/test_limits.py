"""The limit of requests: what one asker gets, and that others do not pay for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.errors import TooMany
from dmsops.distribution import limits
from dmsops.distribution.limits import Limits


class Tick:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    tick = Tick()
    of = Limits(2.0, 3, tick)
    for _ in range(3):
        of.take("one")
    with pytest.raises(TooMany) as refused:
        of.take("one")
    assert refused.value.facts["after"] == 1
    of.take("another")
    tick.now = 0.5
    of.take("one")
    with pytest.raises(TooMany):
        of.take("one")


def test_no_limit_is_none() -> None:
    of = Limits(0.0, 1, Tick())
    for _ in range(1000):
        of.take("one")


def test_what_costs_more_than_a_burst_is_answered_when_the_bucket_is_full() -> None:
    tick = Tick()
    of = Limits(1.0, 5, tick)
    of.take("one", 20.0)
    with pytest.raises(TooMany) as refused:
        of.take("one", 20.0)
    tick.now = refused.value.facts["after"]
    of.take("one", 20.0)


def test_only_so_many_askers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ASKERS", 10)
    of = Limits(1.0, 1, Tick())
    for n in range(50):
        of.take(f"asker {n}")
    with pytest.raises(TooMany):
        of.take("asker 49")
    of.take("asker 0")


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 3)), max_size=60))
def test_no_asker_gets_more_than_burst_and_rate(steps: list[tuple[float, float]]) -> None:
    tick = Tick()
    of, taken = Limits(2.0, 4, tick), 0.0
    for wait, cost in steps:
        tick.now += wait
        try:
            of.take("one", cost)
        except TooMany:
            continue
        taken += cost
    assert taken <= 4 + 2.0 * tick.now + 1e-6
