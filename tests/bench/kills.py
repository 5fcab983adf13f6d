"""Stress: kill -9 many times, audited from outside. ``python -m tests.bench.kills --times 1000 [--database postgresql]``."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from dmsops.ops import connect, create_site
from tests import postgres
from tests.killing import Killing

TOYS = {"step_modules": ["dmsops.testing.toys"], "preload": "dmsops.testing.toys", "workers": 2, "kept_slots": 0}


def measure(folder: Path, address: str, times: int, seed: int) -> dict[str, object]:
    """Kill so many times on one database and give the figures; an audit that fails raises."""
    create_site(folder / "site", **TOYS, database=address)
    killing = Killing(connect(folder / "site"), folder / "ledger", random.Random(seed))
    begun = time.monotonic()
    try:
        killing.run(times)
    finally:
        killing.close()
    return {
        "kills": dict(killing.kills),
        "steps": len(killing.acknowledged),
        "lost": 0,
        "published twice": 0,
        "run again": killing.run_again,
        "allowed": killing.allowed,
        "seconds": round(time.monotonic() - begun),
    }


def main() -> None:
    """Print the figures of each database."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--times", type=int, default=100, help="kills on each database")
    words.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            programs = postgres.binaries() if kind == "postgresql" else None
            if kind == "postgresql" and programs is None:
                print("postgresql: the server is not installed")
                continue
            address = stack.enter_context(postgres.server(programs)).new_database() if programs else ""
            print(kind, measure(folder, address, given.times, given.seed), flush=True)


if __name__ == "__main__":
    main()
