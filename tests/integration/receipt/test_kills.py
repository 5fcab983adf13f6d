"""Receivers killed at random moments: what was acknowledged stays, and in the end all is as if nobody had been killed."""

from __future__ import annotations

import random

from tests.receipt_killing import Alone, kill_and_audit
from tests.receipts import quick_place


def test_thirty_kills_lose_nothing_and_do_nothing_twice() -> None:
    chance, killed = random.Random(5), 0
    with quick_place() as place:
        alone = Alone.made(place)
        while killed < 30:
            killed += kill_and_audit(place, alone, 30 - killed, chance)
