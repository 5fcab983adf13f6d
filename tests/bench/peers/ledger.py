"""What every engine is asked to do: chains of steps that do nothing but write down outside the engine that they ran.

Called with ``FOLDER LEDGER CHAINS LENGTH``: the folder holds whatever the engine keeps; called again on the same
folder, it goes on where it was (or begins again, when it keeps nothing).
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """What a script was called with."""

    folder: Path
    ledger: str
    chains: int
    length: int


def given() -> Task:
    """Read the command line."""
    folder, ledger, chains, length = sys.argv[1:5]
    return Task(Path(folder), ledger, int(chains), int(length))


def nothing(ledger: str, name: str) -> str:
    """Do the work of a step: none."""
    note(ledger, "start", name)
    note(ledger, "end", name)
    return name


def note(ledger: str, what: str, name: str) -> None:
    """Add one line; a single write, so that the lines of several processes never mix."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, f"{what} {name} {time.time():.6f}\n".encode())
    os.close(file)
