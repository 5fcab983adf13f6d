"""Stress of receipt, audited from outside: ``python -m tests.bench.receipt_kills --times 1000 [--failpoints]``.

Receivers are killed with signal 9 at random moments, one or two at once, on site after site; each site is audited at its end
against one that was left alone. With ``--failpoints`` also: at every file-system call of one receipt the process is killed, and
the call fails with each of ENOSPC, EIO, EROFS, EMFILE. An audit that fails raises.
"""

from __future__ import annotations

import argparse
import random

from tests.failpoints import ERRNOS
from tests.receipt_killing import Alone, kill_and_audit
from tests.receipts import Undisturbed, quick_place, strike_and_audit

ROUND = 40


def kills(times: int, seed: int) -> None:
    """Kill so many times."""
    chance = random.Random(seed)
    with quick_place() as place:
        alone = Alone.made(place)
        killed = sites = 0
        while killed < times:
            killed += kill_and_audit(place, alone, min(ROUND, times - killed), chance)
            sites += 1
            print({"kills": killed, "sites": sites, "lost": 0, "twice": 0, "corrupt": 0, "without bytes": 0, "left": 0}, flush=True)


def failpoints() -> None:
    """Strike at every call in every way."""
    with quick_place() as place:
        undisturbed = Undisturbed.made(place)
        for number in (None, *ERRNOS):
            for at in range(1, undisturbed.calls + 1):
                strike_and_audit(place, undisturbed, at, number)
            print({"calls": undisturbed.calls, "errno": number or "killed", "lost": 0, "twice": 0, "left": 0}, flush=True)


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--times", type=int, default=100, help="kills at random moments")
    words.add_argument("--failpoints", action="store_true", help="also every call in every way")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    kills(given.times, given.seed)
    if given.failpoints:
        failpoints()


if __name__ == "__main__":
    main()
