"""Every file-system call of a receipt fails or kills once: given again, nothing is lost or twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.failpoints import ERRNOS
from tests.receipts import Undisturbed, quick_place, strike_and_audit


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[Undisturbed]:
    with quick_place() as place:
        yield Undisturbed.made(place)


@pytest.mark.parametrize("turn", range(4))
def test_a_receipt_struck_at_any_of_its_calls_is_finished_when_it_is_given_again(undisturbed: Undisturbed, turn: int) -> None:
    """At odd calls it is killed, at even ones the call fails; ``tests.bench.receipt_kills`` does all of it at each call."""
    ended = Counter[bool]()
    for at in range(1 + turn, undisturbed.calls + 1, 4):
        ended[strike_and_audit(undisturbed.delivery.parent, undisturbed, at, None if at % 2 else ERRNOS[at // 2 % 4])] += 1
    assert ended[False] > ended[True]
