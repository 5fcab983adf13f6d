"""How one engine is measured: run to the end, and killed in the middle and started again; the ledger alone says what ran."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine to compare with: how its script is called, and how many steps it is given."""

    name: str
    command: tuple[str, ...]
    chains: int = 400
    length: int = 5
    durable: bool = True

    @property
    def steps(self) -> int:
        return self.chains * self.length


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Steps per second between the first start and the last end, and over the whole run; the machine's load meanwhile."""

    between: float
    wall: float
    load: float

    def line(self) -> str:
        """Write the figures for eyes."""
        return f"{self.between:9.1f}{self.wall:11.1f}{self.load:6.1f}"


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What a kill cost: steps done before it, of those run again, steps that never ended, and seconds to the first step after it."""

    done: int
    again: int
    lost: int
    first: float

    def line(self) -> str:
        """Write the figures for eyes."""
        return f"{self.done} / {self.again} / {self.lost} / {self.first:.1f}"


class DidNotRun(RuntimeError):
    """An engine did not start or did not end; the text says how."""


def speed(engine: Engine, place: Path) -> Speed:
    """Run all steps on an empty folder."""
    folder, ledger = _empty(place)
    begun = time.monotonic()
    _wait(_start(engine, folder, ledger), folder)
    wall = time.monotonic() - begun
    lines = _read(ledger)
    ended = {name for what, name, _ in lines if what == "end"}
    if len(ended) != engine.steps:
        raise DidNotRun(f"it came back with {len(ended)} of {engine.steps} steps done; {_last_words(folder)}")
    first = min(at for what, _, at in lines if what == "start")
    last = max(at for what, _, at in lines if what == "end")
    return Speed(between=engine.steps / (last - first), wall=engine.steps / wall, load=os.getloadavg()[0])


def kill(engine: Engine, place: Path) -> Killed:
    """Kill everything a little before the middle; start again and see what is run a second time.

    Not in the middle: there our warm processes are replaced, and nothing would be in hand.
    """
    folder, ledger = _empty(place)
    process = _start(engine, folder, ledger)
    until = time.monotonic() + PATIENCE_SECONDS
    while _ends(ledger) < engine.steps * 9 // 20:
        if process.poll() is not None or time.monotonic() > until:
            _kill_all(process)
            raise DidNotRun(f"it did not come to the middle; {_last_words(folder)}")
        time.sleep(0.01)
    _kill_all(process)
    before = _read(ledger)
    done = {name for what, name, _ in before if what == "end"}
    begun = time.time()
    _wait(_start(engine, folder, ledger), folder)
    after = _read(ledger)[len(before) :]
    again = {name for what, name, _ in after if what == "start"} & done
    ended = done | {name for what, name, _ in after if what == "end"}
    first = min((at for what, _, at in after if what == "start"), default=begun) - begun
    return Killed(done=len(done), again=len(again), lost=engine.steps - len(ended), first=first)


def _empty(place: Path) -> tuple[Path, Path]:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    folder = place / "folder"
    folder.mkdir()
    return folder, place / "ledger"


def _start(engine: Engine, folder: Path, ledger: Path) -> subprocess.Popen[bytes]:
    words = [*engine.command, str(folder), str(ledger), str(engine.chains), str(engine.length)]
    with (folder / "output").open("ab") as out:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    try:
        code = process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_all(process)
        raise DidNotRun(f"it was not done after {PATIENCE_SECONDS:.0f} s; {_last_words(folder)}") from None
    if code:
        raise DidNotRun(f"it ended with exit {code}; {_last_words(folder)}")


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 the process and all that it has started, wherever that has been moved to."""
    with contextlib.suppress(psutil.NoSuchProcess):
        whole = psutil.Process(process.pid)
        family = [whole, *whole.children(recursive=True)]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family[1:], timeout=30)
    process.wait()


def _ends(ledger: Path) -> int:
    return ledger.read_bytes().count(b"end ") if ledger.exists() else 0


def _read(ledger: Path) -> list[tuple[str, str, float]]:
    text = ledger.read_text() if ledger.exists() else ""
    return [(what, name, float(at)) for what, name, at in (line.split() for line in text.splitlines())]


def _last_words(folder: Path) -> str:
    lines = [line.strip() for line in (folder / "output").read_text(errors="replace").splitlines() if line.strip()]
    return f"its last line: {lines[-1][:160]}" if lines else "it said nothing"
