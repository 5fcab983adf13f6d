"""Receivers killed at random moments: what was acknowledged stays, and in the end all is as if nobody had been killed."""

from __future__ import annotations

import random
from pathlib import Path

from tests.receipt_killing import Alone, kill_and_audit


def test_thirty_kills_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    alone = Alone.made(tmp_path)
    chance, killed, turn = random.Random(5), 0, 0
    while killed < 30:
        (tmp_path / f"{turn}").mkdir()
        killed += kill_and_audit(tmp_path / f"{turn}", alone, 30 - killed, chance)
        turn += 1
