"""The workflow overhead of ours and of its peers, side by side: steps that do nothing, two workers, SQLite or files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.peers import dagman, measure
from tests.bench.peers.measure import DidNotRun, Engine, Killed, Speed

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
class PeerRow:
    """One line of the comparison; ``against`` and ``met`` are None where the peer could not be measured, and ``why`` says why."""

    row: str
    ours: float | None
    against: float | None
    ratio: float | None
    goal: str
    met: bool | None
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """Give the row as data."""
        return asdict(self)

    def line(self) -> str:
        """Write the row for eyes."""
        if self.ours is None or self.against is None:
            return f"{self.row}: not measured: {self.why}"
        ratio = "" if self.ratio is None else f"ratio {self.ratio:.2f}, "
        verdict = {True: "met", False: "NOT MET", None: "no goal"}[self.met]
        return f"{self.row}: {self.ours:.4g} against {self.against:.4g}: {ratio}goal {self.goal}: {verdict}" + (
            f"; {self.why}" if self.why else ""
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured of one engine."""

    engine: Engine
    speed: Speed | None = None
    kills: tuple[Killed, ...] = ()
    why: str = ""

    @property
    def again(self) -> int | None:
        return max((k.again for k in self.kills), default=None)

    def line(self) -> str:
        """Write the engine's line of the table."""
        parts = [f"{self.engine.name:<46}"]
        if self.speed is not None:
            s = self.speed
            parts.append(f"{s.between:8.1f} steps/s first to last {s.wall:8.1f} wall  load {s.load:4.1f}")
        parts += [f"  kill -9: {k.done} done -> {k.again} run again, {k.lost} lost" for k in self.kills]
        return "".join(parts) + (f"  {self.why}" if self.why else "")


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


def rows(place: Path, only: list[str] | None = None, kills: int = 2) -> Iterator[PeerRow]:
    """Measure ours, then every peer, and give the rows."""
    ours = measured(OURS, place / "ours", kills)
    print(ours.line(), flush=True)
    for name in only or PEERS:
        peer = measured(PEERS[name], place / name, kills)
        print(peer.line(), flush=True)
        yield from _rows_of(ours, peer)


def _rows_of(ours: Result, peer: Result) -> Iterator[PeerRow]:
    title, durable = peer.engine.name, peer.engine.durable
    goal = "> 1" if durable else "none: it keeps nothing"
    why = "; ".join(w for w in (f"ours: {ours.why}" if ours.why else "", peer.why) if w)
    if ours.speed is None or peer.speed is None:
        mine = ours.speed.between if ours.speed else None
        yield PeerRow(row=f"workflow overhead, steps/s: {title}", ours=mine, against=None, ratio=None, goal=goal, met=None, why=why)
        return
    for what, mine, theirs in (
        ("first start to last end", ours.speed.between, peer.speed.between),
        ("whole run", ours.speed.wall, peer.speed.wall),
    ):
        yield PeerRow(
            row=f"workflow overhead, steps/s, {what}: {title}",
            ours=mine, against=theirs, ratio=mine / theirs, goal=goal, met=mine > theirs if durable else None,
            why=f"load {ours.speed.load:.1f} and {peer.speed.load:.1f}",
        )  # fmt: skip
    if ours.again is not None:
        yield PeerRow(
            row=f"done steps run again after kill -9 in the middle: {title}",
            ours=ours.again, against=peer.again, ratio=None, goal="at most as many",
            met=None if peer.again is None else ours.again <= peer.again, why=why,
        )  # fmt: skip


def main(place: Path, out: Path) -> None:
    """Compare, print the table and write the rows."""
    import json

    parser = argparse.ArgumentParser(prog="make peers", description=__doc__)
    parser.add_argument("--only", choices=sorted(PEERS), action="append", help="only these peers")
    parser.add_argument("--kills", type=int, default=2, help="how often each is killed")
    given = parser.parse_args()
    found = []
    for row in rows(place, given.only, given.kills):
        found.append(row)
        print("  " + row.line(), flush=True)
    out.write_text(json.dumps([r.plain() for r in found], indent=2) + "\n")
    print(f"written to {out}")
