"""``python -m tests.bench.fuzz --times 10000``: damaged files of every kind are refused in words, or read as far as they are whole.

Each file is read in a process of its own with limits of memory and time. Counted: refused in words; refused by the sum in
the delivery's manifest; read with the same content; read with less, and said so (packets whose check sum does not agree);
and what must never happen: content accepted that was not sent, a crash, a hang, memory blown up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.bench.fuzzed import BAD, CRASH, HANG, Case, serve
from tests.unit.receipt.packets import deliver, nothing

PATIENCE = 30.0
"""Seconds that one file may take; the largest takes less than one."""


def fuzz(place: Path, times: int, seed: int = 1, first: int = 0) -> Iterator[Case]:
    """Damage and read files of a small delivery, one after another."""
    folder, work = deliver(place / "whole", nothing), place / "damaged"
    work.mkdir()
    number = first
    while number < first + times:
        for case in _with_one_process(folder, work, seed, range(number, first + times)):
            yield case
            number = case.number + 1


def _with_one_process(folder: Path, work: Path, seed: int, numbers: range) -> Iterator[Case]:
    """Read on until the numbers are through, or the process crashes or hangs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(folder, work, seed, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        for number in numbers:
            ours.send(number)
            if not ours.poll(PATIENCE):
                yield Case(number=number, kind="?", mutation="?", outcome=HANG, says=f"no answer in {PATIENCE:.0f} s")
                return
            try:
                case = ours.recv()
            except EOFError:
                process.join()
                yield Case(number=number, kind="?", mutation="?", outcome=CRASH, says=f"the process ended with {process.exitcode}")
                return
            yield case
        ours.send(None)
    finally:
        ours.close()
        process.join(1)
        process.kill()
        process.join()


def main() -> int:
    """Run, print the table and the bad cases; 1 when there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz", description=__doc__)
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case: to see one case again")
    parser.add_argument("--out", type=Path, default=Path("fuzz.json"))
    given = parser.parse_args()
    counted: Counter[tuple[str, str]] = Counter()
    bad: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="dmsops-fuzz-") as place:
        for case in fuzz(Path(place), given.times, given.seed, given.first):
            counted[case.outcome, case.kind] += 1
            if case.outcome in BAD:
                bad.append(case)
                print(f"{case.outcome}: case {case.number}, {case.kind}, {case.mutation}: {case.says}", flush=True)
    totals = Counter(dict.fromkeys(BAD, 0))
    for (outcome, _), count in counted.items():
        totals[outcome] += count
    for outcome, count in totals.items():
        kinds = ", ".join(f"{kind} {n}" for (o, kind), n in sorted(counted.items()) if o == outcome)
        print(f"{outcome}: {count}" + (f" ({kinds})" if kinds else ""))
    given.out.write_text(json.dumps({"times": given.times, "seed": given.seed, "outcomes": totals}, indent=2) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
