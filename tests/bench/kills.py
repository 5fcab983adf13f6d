"""Stress: kill -9 many times, audited from outside. ``python -m tests.bench.kills --times 1000 [--database postgresql]``.

In rounds, each on a site of its own that is audited at its end; every line has the figures of all rounds so far.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from dmsops.ops import connect, create_site
from tests import postgres
from tests.killing import Killing

TOYS = {"step_modules": ["dmsops.testing.toys"], "preload": "dmsops.testing.toys", "workers": 2, "kept_slots": 0}
ROUND = 50


def one_round(folder: Path, address: str, times: int, seed: int) -> Counter[str]:
    """Kill so many times on one site and give the figures; an audit that fails raises."""
    create_site(folder / "site", **TOYS, database=address)
    killing = Killing(connect(folder / "site"), folder / "ledger", random.Random(seed))
    begun = time.monotonic()
    try:
        killing.run(times)
    finally:
        killing.close()
        killing.ops.db.dispose()
    figures = Counter({f"{target} killed": n for target, n in killing.kills.items()})
    seconds = round(time.monotonic() - begun)
    return figures + Counter(steps=len(killing.acknowledged), run_again=killing.run_again, allowed=killing.allowed, seconds=seconds)


def measure(kind: str, times: int, seed: int) -> None:
    """Print the figures of one database, round after round."""
    programs = postgres.binaries() if kind == "postgresql" else None
    if kind == "postgresql" and programs is None:
        print("postgresql: the server is not installed")
        return
    whole: Counter[str] = Counter()
    with ExitStack() as stack:
        server = stack.enter_context(postgres.server(programs)) if programs else None
        for begun in range(0, times, ROUND):
            with tempfile.TemporaryDirectory() as folder:
                address = server.new_database() if server else ""
                whole += one_round(Path(folder), address, min(ROUND, times - begun), seed + begun)
            print(kind, {"kills": min(begun + ROUND, times), "lost": 0, "published twice": 0, **whole}, flush=True)


def main() -> None:
    """Print the figures of each database."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--times", type=int, default=100, help="kills on each database")
    words.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        measure(kind, given.times, given.seed)


if __name__ == "__main__":
    main()
