"""Faults: what goes wrong between the observatory and the archive's partners, done on purpose.

Each fault acts always in the same way for the same seed. Who finds it and which procedure repairs it stands beside it;
the numbers are those of the operations concept's list of faults.
"""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dmsops.core.errors import BadInput, Refused
from dmsops.core.records import Visit
from dmsops.interfaces.fos.manifest import MANIFEST
from dmsops.testbed.faults.registry import FAULTS, Fault, Stage

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = ["check", "flown", "inject", "list_faults", "strike"]

_MODULES = (
    "delivery", "sender", "packets", "visits", "engineering", "ephemeris", "associations", "archive", "wss", "subscribers", "partners",
)  # fmt: skip
_AFTER_FLIGHT = ("products", "archive")


@cache
def _known() -> dict[str, Fault]:
    """Load the modules that register faults, and give them in the order of their numbers."""
    for module in _MODULES:
        importlib.import_module(f"{__name__}.{module}")
    return dict(sorted(FAULTS.items()))


def list_faults() -> list[dict[str, str]]:
    """List the faults as plain rows: id, title, stage, found_by, repaired_by."""
    return [
        {"id": f.id, "title": f.title, "stage": f.stage, "found_by": f.found_by, "repaired_by": f.repaired_by} for f in _known().values()
    ]


def check(faults: Sequence[str]) -> None:
    """Refuse a fault that is not known or cannot happen to a flight (`BadInput`), before anything is flown."""
    _need_known(faults)
    late = next((wanted for wanted in faults if _known()[wanted.split(":")[0]].stage in _AFTER_FLIGHT), None)
    if late is not None:
        raise BadInput(f"fault {late} happens to products or to an archive, not to a flight", fault=late)


def _need_known(faults: Sequence[str]) -> None:
    for wanted in faults:
        if wanted.split(":")[0] not in _known():
            raise BadInput(f"there is no fault {wanted}: {', '.join(_known())} are known", fault=wanted)


def flown(visit: Visit, faults: Sequence[str], seed: int = 1, *, stage: Stage = "visit") -> tuple[Visit, tuple[str, ...]]:
    """Let the visit go as its faults have it; gives the visit as it went, or (``plan``) as it is planned, and what was done, in words."""
    said = []
    for known, _, rng in _wanted(faults, stage, seed):
        visit, words = known.act(visit, rng)
        said.append(f"{known.id}: {words}")
    return visit, tuple(said)


def strike(ops: Ops, faults: Sequence[str], seed: int = 1) -> tuple[str, ...]:
    """Do the faults of stage ``archive`` to a rehearsal site; gives what was done, in words.

    Raises
    ------
    BadInput
        A fault is not known, or the archive holds nothing that it can act on.
    Refused
        The site is live.
    """
    if ops.settings.mode != "rehearsal":
        raise Refused("faults are done to rehearsal sites only", remedy="Make a rehearsal site: dmsops site init --mode rehearsal (P18).")
    _need_known(faults)
    return tuple(f"{known.id}: {known.act(ops, rng)}" for known, _, rng in _wanted(faults, "archive", seed))


def inject(delivery: Path, faults: Sequence[str], seed: int = 1, *, stage: Stage = "delivery") -> tuple[str, ...]:
    """Do the faults of one stage to a delivery folder.

    Parameters
    ----------
    delivery : Path
        A delivery, with its manifest unless the stage is ``sending``; with the stage ``products`` a folder of them.
    faults : sequence of str
        Ids, each perhaps with the pattern of the file to hit (``F02:*_osf.xml``); those of other stages are passed over.
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
    _need_known(faults)
    return tuple(f"{f.id}: {f.act(delivery, _victim(delivery, f, pattern, rng), rng)}" for f, pattern, rng in _wanted(faults, stage, seed))


def _wanted(faults: Sequence[str], stage: Stage, seed: int) -> Iterator[tuple[Fault, str, np.random.Generator]]:
    rng = np.random.default_rng([seed, len(faults)])
    for wanted in faults:
        name, _, pattern = wanted.partition(":")
        if _known()[name].stage == stage:
            yield _known()[name], pattern, rng


def _victim(delivery: Path, known: Fault, pattern: str, rng: np.random.Generator) -> Path:
    names = sorted(p.name for p in delivery.iterdir() if p.name != MANIFEST)
    fitting = fnmatch.filter(names, pattern or known.hits)
    if not fitting:
        wanted = f"{known.id}:{pattern}" if pattern else known.id
        raise BadInput(f"fault {wanted} finds no file to act on in the delivery", fault=wanted)
    return delivery / fitting[int(rng.integers(len(fitting)))]
