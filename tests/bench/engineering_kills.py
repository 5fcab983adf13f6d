"""Stress of the engineering database, audited from outside: ``python -m tests.bench.engineering_kills --times 300 [--failpoints]``.

Workers that ingest, compact and settle conflicts are killed with signal 9 at random moments, one or two at once, on site after
site; each site is held at its end against one that was left alone. With ``--failpoints`` also: at every file-system call of the
whole work the process is killed, and the call fails with each of ENOSPC, EIO, EROFS, EMFILE. An audit that fails raises.
"""

from __future__ import annotations

import argparse
import random

from tests.engineering_killing import WORK, kill_and_audit
from tests.failpoints import ERRNOS
from tests.receipts import quick_place
from tests.struck import Alone, strike_and_audit

ROUND = 40


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--times", type=int, default=100, help="kills at random moments")
    words.add_argument("--failpoints", type=int, default=0, metavar="EVERY", help="also strike at every n-th call in every way")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    chance = random.Random(given.seed)
    with quick_place() as place:
        alone = Alone.made(place, WORK)
        killed = sites = 0
        while killed < given.times:
            killed += kill_and_audit(alone, min(ROUND, given.times - killed), chance)
            sites += 1
            print({"kills": killed, "sites": sites, "lost": 0, "twice": 0, "misjudged": 0, "left": 0}, flush=True)
        for number in (None, *ERRNOS) if given.failpoints else ():
            struck = range(1, alone.calls + 1, given.failpoints)
            for at in struck:
                strike_and_audit(alone, at, number)
            print({"calls": alone.calls, "struck": len(struck), "errno": number or "killed", "lost": 0, "twice": 0}, flush=True)


if __name__ == "__main__":
    main()
