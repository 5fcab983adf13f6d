"""Numbers of deliveries: missing, late, given twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.clock import SimulatedClock
from dmsops.ops import Ops
from dmsops.receipt import register
from dmsops.receipt.sequences import sequence_gaps
from dmsops.receipt.states import DeliveryState
from dmsops.receipt.tables import delivery


def came(ops: Ops, *numbers: int, sender: str = "FOS") -> None:
    """Let deliveries with these numbers come, a minute apart."""
    assert isinstance(ops.clock, SimulatedClock)
    for n, number in enumerate(numbers):
        ops.clock.advance(timedelta(minutes=1))
        with ops.db.begin() as c:
            register.open_delivery(c, ops, f"{sender}-{number}-{n}", DeliveryState.COMPLETE, "x", sender=sender, sequence=number)


def found(ops: Ops) -> list[tuple[str, int, int]]:
    return [(row["what"], row["first"], row["last"]) for row in sequence_gaps(ops)]


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ((), []),
        ((7,), []),
        ((7, 8, 9), []),
        ((7, 9), [("missing", 8, 8)]),
        ((7, 12), [("missing", 8, 11)]),
        ((7, 9, 8), [("late", 8, 8)]),
        ((9, 7), [("late", 7, 7), ("missing", 8, 8)]),
        ((7, 8, 8), [("twice", 8, 8)]),
    ],
)
def test_what_is_odd_is_found(ops: Ops, numbers: tuple[int, ...], wanted: list[tuple[str, int, int]]) -> None:
    came(ops, *numbers)
    assert sorted(found(ops)) == sorted(wanted)


def test_each_sender_counts_for_itself_and_the_words_name_the_procedure(ops: Ops) -> None:
    came(ops, 1, 2)
    came(ops, 2, 4, sender="FDF")
    (row,) = sequence_gaps(ops)
    assert (row["sender"], row["deliveries"], row["since"]) == ("FDF", ["FDF-2-0", "FDF-4-1"], ops.clock.now())
    assert row["words"] == "delivery 3 of FDF has not come, between FDF-2-0 and FDF-4-1: ask for it (procedure P04)"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Ops:
    from dmsops.testing.deliveries import START
    from dmsops.testing.sites import small_site

    return small_site(tmp_path_factory.mktemp("s") / "site", START)


@given(numbers=st.permutations(range(9)), kept=st.integers(1, 9))
def test_missing_is_what_lies_between_and_did_not_come(shared: Ops, numbers: list[int], kept: int) -> None:
    with shared.db.begin() as c:
        c.execute(delivery.delete())
    came(shared, *numbers[:kept])
    rows = sequence_gaps(shared)
    missing = {n for r in rows if r["what"] == "missing" for n in range(r["first"], r["last"] + 1)}
    here = set(numbers[:kept])
    assert missing == set(range(min(here), max(here) + 1)) - here
    late = {r["first"] for r in rows if r["what"] == "late"}
    assert late == {n for i, n in enumerate(numbers[:kept]) if any(m > n for m in numbers[:i])}
