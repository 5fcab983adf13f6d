"""The workflow overhead of ours and of its peers, side by side: steps that do nothing, two workers, SQLite or files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench.peers import dagman, measure
from tests.bench.peers.measure import DidNotRun, Engine, Killed, Speed
from tests.bench.row import Row

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
PYTHON = ROOT / ".venv-peers/bin/python"
OURS = Engine(name="ours", command=(sys.executable, "-m", "tests.bench.peers.ours"))


def _peer(name: str, script: str, **sizes: Any) -> Engine:
    return Engine(name=name, command=(str(PYTHON), str(HERE / script)), **sizes)


PEERS = {
    "dask": _peer("Dask distributed (not durable)", "dask_distributed.py", durable=False),
    "dbos": _peer("DBOS on SQLite, 8 threads", "dbos_sqlite.py"),
    "luigi": _peer("Luigi", "luigi_files.py"),
    "prefect": _peer("Prefect, its own server on SQLite, 300 steps", "prefect_ephemeral.py", chains=60),
    "dagman": dagman.ENGINE,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured of one engine."""

    engine: Engine
    speed: Speed | None = None
    kills: tuple[Killed, ...] = ()
    why: str = ""

    @property
    def cost(self) -> float | None:
        """Steps run again or lost, a kill."""
        return sum(k.again + k.lost for k in self.kills) / len(self.kills) if self.kills else None

    def line(self) -> str:
        """Write the engine's line of the table."""
        if self.speed is None and not self.kills:
            return f"{self.engine.name:<46}{self.why}"
        speed = self.speed.line() if self.speed else " " * len(_HEAD)
        return f"{self.engine.name:<46}{speed}  {'; '.join(k.line() for k in self.kills)}" + (f"  {self.why}" if self.why else "")


_HEAD = f"{'steps/s':>9}{'whole run':>11}{'load':>6}"
HEAD = f"{'2,000 steps in chains of 5':<46}{_HEAD}  after kill -9: done before / of those run again / lost / first step after (s)"
"""Above the table: steps/s from the first start to the last end, over the whole run, and the machine's load meanwhile."""


def measured(engine: Engine, place: Path, kills: int) -> Result:
    """Measure an engine; one that does not run gives words."""
    if engine is not OURS and engine is not dagman.ENGINE and not PYTHON.exists():
        return Result(engine=engine, why="not installed here: `make peers` installs it")
    reached: dict[str, Any] = {}
    try:
        if engine is dagman.ENGINE:
            dagman.look_for_a_pool()
        reached["speed"] = measure.speed(engine, place)
        for _ in range(kills):
            reached["kills"] = (*reached.get("kills", ()), measure.kill(engine, place))
    except (DidNotRun, OSError) as error:
        return Result(engine=engine, why=str(error), **reached)
    return Result(engine=engine, **reached)


def rows(place: Path, only: list[str] | None = None, kills: int = 2) -> Iterator[Row]:
    """Measure every peer and, just before it, ours; print the table's lines, and give the rows."""
    print(HEAD, flush=True)
    killed = measured(OURS, place / "ours", kills)
    print(killed.line(), flush=True)
    for name in only or PEERS:
        peer = measured(PEERS[name], place / name, kills)
        print(peer.line(), flush=True)
        if peer.speed is None:
            yield from _rows_of(killed, peer)
            continue
        ours = replace(measured(OURS, place / "ours", 0), kills=killed.kills)
        print(f"{'  ours beside it':<46}{ours.speed.line() if ours.speed else ours.why}", flush=True)
        yield from _rows_of(ours, peer)


def _rows_of(ours: Result, peer: Result) -> Iterator[Row]:
    durable, why = peer.engine.durable, "; ".join(w for w in (f"ours: {ours.why}" if ours.why else "", peer.why) if w)
    for what, mine, theirs in (
        ("first start to last end", ours.speed and ours.speed.between, peer.speed and peer.speed.between),
        ("whole run", ours.speed and ours.speed.wall, peer.speed and peer.speed.wall),
    ):
        ratio = mine / theirs if mine and theirs else None
        yield Row(
            row=f"no-op steps in chains of 5, {what}",
            ours=mine,
            against=theirs,
            against_what=peer.engine.name,
            ratio=ratio,
            unit="steps/s",
            goal="> 1" if durable else "none: it keeps nothing",
            met=ratio > 1 if durable and ratio else None,
            why=why,
        )
    mine, theirs = ours.cost, peer.cost
    yield Row(
        row="of the steps done before a kill -9, run again or lost, a kill", ours=mine, against=theirs, against_what=peer.engine.name,
        ratio=None, unit="steps", goal="at most as many", met=None if mine is None or theirs is None else mine <= theirs, why=why,
    )  # fmt: skip


def main(place: Path, out: Path) -> None:
    """Compare, print the table and the rows, and write the rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument("--only", choices=sorted(PEERS), action="append", help="only these peers")
    parser.add_argument("--kills", type=int, default=2, help="how often each is killed")
    given = parser.parse_args()
    found = list(rows(place, given.only, given.kills))
    for row in found:
        print(row.line(), flush=True)
    out.write_text(json.dumps([r.plain() for r in found], indent=2) + "\n")
    print(f"written to {out}")
