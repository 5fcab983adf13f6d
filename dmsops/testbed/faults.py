"""Faults of a delivery: what goes wrong on the way from the observatory, done on purpose.

Each fault acts on a delivery folder after the flight, always in the same way for the same seed. Who finds it and which
procedure repairs it stands beside it; the list is F01 to F06 of the operations concept's list of faults.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmsops.core.errors import BadInput
from dmsops.core.files import write_bytes, write_json
from dmsops.interfaces.fos.manifest import MANIFEST

Act = Callable[[Path, Path, np.random.Generator], str]
_FAULTS: dict[str, Fault] = {}
FLIPPED_BYTES = 64
EXTRA_FILE = "S0000_2022001000000_999.out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: what happens, who finds it, which procedure repairs it; ``act`` takes the folder, the file it hits and a generator."""

    id: str
    title: str
    found_by: str
    repaired_by: str
    act: Act


def fault(id: str, title: str, *, found_by: str, repaired_by: str) -> Callable[[Act], Act]:  # noqa: A002 - the word of the list
    """Register a fault."""

    def register(act: Act) -> Act:
        _FAULTS[id] = Fault(id=id, title=title, found_by=found_by, repaired_by=repaired_by, act=act)
        return act

    return register


def list_faults() -> list[dict[str, str]]:
    """List the faults as plain rows: id, title, found_by, repaired_by."""
    return [{"id": f.id, "title": f.title, "found_by": f.found_by, "repaired_by": f.repaired_by} for f in _FAULTS.values()]


def check(faults: Sequence[str]) -> None:
    """Refuse a fault that is not known (`BadInput`), before anything is flown."""
    for wanted in faults:
        if wanted.split(":")[0] not in _FAULTS:
            raise BadInput(f"there is no fault {wanted}: {', '.join(_FAULTS)} are known", fault=wanted)


def inject(delivery: Path, faults: Sequence[str], seed: int = 1) -> tuple[str, ...]:
    """Do faults to a delivery folder.

    Parameters
    ----------
    delivery : Path
        A delivery with its manifest.
    faults : sequence of str
        Ids, each perhaps with the pattern of the file to hit (``F02:*_osf.xml``); a science file otherwise.
    seed : int
        Decides which file of several, and which bytes.

    Returns
    -------
    tuple of str
        What was done, in words.

    Raises
    ------
    BadInput
        A fault is not known, or no file fits.
    """
    check(faults)
    rng = np.random.default_rng([seed, len(faults)])
    return tuple(_inject(delivery, wanted, rng) for wanted in faults)


def _inject(delivery: Path, wanted: str, rng: np.random.Generator) -> str:
    known, _, pattern = wanted.partition(":")
    names = sorted(p.name for p in delivery.iterdir() if p.name != MANIFEST)
    fitting = fnmatch.filter(names, pattern or "S0000_*.out")
    if not fitting:
        raise BadInput(f"fault {wanted} finds no file to act on in the delivery", fault=wanted)
    file = delivery / fitting[int(rng.integers(len(fitting)))]
    return f"{known}: {_FAULTS[known].act(delivery, file, rng)}"


@fault("F01", "a file is cut short", found_by="receipt", repaired_by="P04")
def truncate(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Keep the first 40 to 90 % of a file."""
    content = file.read_bytes()
    kept = int(len(content) * rng.uniform(0.4, 0.9))
    write_bytes(file, content[:kept])
    return f"{file.name} ends after {kept} of {len(content)} bytes"


@fault("F02", "bytes of a file are changed", found_by="receipt", repaired_by="P04")
def flip(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Turn one bit over in each of some bytes; the size stays."""
    content = bytearray(file.read_bytes())
    places = rng.choice(len(content), min(FLIPPED_BYTES, len(content)), replace=False)
    for place in places.tolist():
        content[place] ^= 1 << int(rng.integers(8))
    write_bytes(file, bytes(content))
    return f"{len(places)} bytes of {file.name} are changed"


@fault("F03", "a file is empty", found_by="receipt", repaired_by="P04")
def empty(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take all content out of a file."""
    write_bytes(file, b"")
    return f"{file.name} is empty"


@fault("F04", "a file that the manifest names is not there", found_by="receipt", repaired_by="P04")
def lose(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take a file out of the delivery."""
    file.unlink()
    return f"{file.name} is missing"


@fault("F05", "a file that the manifest does not name is there", found_by="receipt", repaired_by="P04")
def add(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Put a copy of a file into the delivery under a name of its own kind."""
    write_bytes(delivery / EXTRA_FILE, file.read_bytes())
    return f"{EXTRA_FILE} is not in the manifest"


@fault("F06", "the manifest gives a wrong sum", found_by="receipt", repaired_by="P04")
def misstate(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Change a file's sum in the manifest; the file stays as it is."""
    document = json.loads((delivery / MANIFEST).read_text(encoding="utf-8"))
    for entry in document["files"]:
        if entry["name"] == file.name:
            entry["sha256"] = rng.bytes(32).hex()
    write_json(delivery / MANIFEST, document)
    return f"the manifest's sum of {file.name} is wrong"
