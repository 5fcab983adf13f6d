"""Local calibration references: a whole CRDS cache, made from the simulated detectors, that needs no server.

Sets: *small* holds every file cut to SUB320 (rehearsals in seconds), *real* holds full frames, *small-b* and *real-b*
the same for module B; each holds the target acquisition subarray too. `build` is safe to repeat and to kill: the cache
appears whole, and one that is there with the same recipe is kept.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core import modes
from dmsops.core.config import Settings, enter_runtime
from dmsops.core.errors import BadInput
from dmsops.core.files import sync_folder, write_json
from dmsops.testbed import crds_context, nircam, reference_files
from dmsops.testbed.crds_context import write_context

if TYPE_CHECKING:
    from dmsops.core.records import Visit

Progress = Callable[[int, int, str], None]
SETS: dict[str, tuple[str, str]] = {"small": ("A", "SUB320"), "real": ("A", "FULL"), "small-b": ("B", "SUB320"), "real-b": ("B", "FULL")}
"""Name of a set: which of NIRCam's modules, and which subarray."""
ACQUISITION = {"A": ("NRCA3", "SUB64FP1A"), "B": ("NRCB4", "SUB64FP1B")}
RECIPE = "recipe.json"
EDITION = 2
"""Raise it when the files are made in another way, so that old caches are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a cache was made from."""

    sets: tuple[str, ...]
    fingerprint: str

    def covers(self, other: Recipe) -> bool:
        """Say whether this cache has all that the other asks for, made the same way."""
        return self.fingerprint == other.fingerprint and set(self.sets) >= set(other.sets)

    def pieces(self) -> list[tuple[str, str]]:
        """List the (detector, subarray) pairs that get pixel-by-pixel references."""
        chosen = [SETS[name] for name in self.sets]
        found = {(detector, subarray) for module, subarray in chosen for detector in nircam.MODULES[module]}
        return sorted(found | {ACQUISITION[module] for module, _ in chosen})


def recipe(sets: Iterable[str] = ("small",)) -> Recipe:
    """Say what to make.

    Raises
    ------
    BadInput
        A set is not known, or none is asked for.
    """
    chosen = tuple(sorted(set(sets)))
    if not chosen or not set(chosen) <= set(SETS):
        raise BadInput(f"the sets of references are {', '.join(SETS)}, not {', '.join(chosen) or 'none'}", field="sets")
    facts = {
        "edition": EDITION,
        "model": asdict(nircam.MODEL),
        "photom": reference_files.PHOTOM_MJY_SR,
        "types": crds_context.REFERENCE_TYPES,
        "filters": sorted(nircam.FILTERS),
        "pupils": sorted(nircam.PUPILS),
    }
    return Recipe(sets=chosen, fingerprint=hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest())


def sets_for(visits: Iterable[Visit]) -> tuple[str, ...]:
    """Name the sets that some visits need: *small* for what is read as SUB320, *real* for all else but target acquisition.

    There are references for NIRCam only.
    """
    kinds = {subarray: name for name, (module, subarray) in SETS.items() if module == "A"}
    readouts = {(e.subarray, r.detector[3]) for visit in visits for e in visit.exposures if modes.is_calibrated(e) for r in e.readouts}
    science = {(subarray, module) for subarray, module in readouts if "FP1" not in subarray} or {("SUB320", "A")}
    return tuple(sorted({kinds.get(subarray, "real") + ("-b" if module == "B" else "") for subarray, module in science}))


def build(settings: Settings, sets: Iterable[str] = ("small",), progress: Progress | None = None) -> Path:
    """Make the site's CRDS cache, or keep the one that is there if it has all that is asked for.

    Parameters
    ----------
    settings : Settings
        Where the cache belongs (``crds_cache``).
    sets : iterable of str
        Names of `SETS`; those that the present cache has are kept in the new one.
    progress : callable (done, total, what), optional
        Told after every detector and subarray.

    Returns
    -------
    Path
        The cache's folder.

    Raises
    ------
    BadInput
        A set is not known, or the folder holds something that is not such a cache.
    """
    wanted = recipe(sets)
    cache = settings.crds_cache
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        _clean_up(cache)
        present = read_recipe(cache)
        if present is not None and present.covers(wanted):
            return cache
        if present is None and cache.exists() and any(cache.iterdir()):
            raise BadInput(
                f"{cache} holds files that the test bed did not make",
                remedy="Choose another folder with the setting crds_path, or empty this one (procedure P20).",
                folder=str(cache),
            )
        enter_runtime(settings)
        folder = Path(tempfile.mkdtemp(prefix=f".{cache.name}-", suffix=".building", dir=cache.parent))
        try:
            kept = () if present is None else present.sets
            _make(folder, recipe({*wanted.sets, *kept} & SETS.keys()), progress or _silent)
            _swap(folder, cache)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return cache


def read_recipe(cache: Path) -> Recipe | None:
    """Tell what a cache was made from; None if there is none of ours."""
    try:
        plain = json.loads((cache / RECIPE).read_text(encoding="utf-8"))
        return Recipe(sets=tuple(plain["sets"]), fingerprint=str(plain["fingerprint"]))
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def _silent(done: int, total: int, what: str) -> None:
    """Report to nobody."""


def _make(folder: Path, wanted: Recipe, progress: Progress) -> None:
    folder.chmod(0o755)
    files = reference_files.reference_folder(folder)
    files.mkdir(parents=True)
    bench = reference_files.Bench(folder=files)
    pieces = wanted.pieces()
    detectors = sorted({detector for detector, _ in pieces})
    total = len(pieces) + 1
    for done, (detector, subarray) in enumerate(pieces, start=1):  # sorted: a detector's maps are drawn once
        reference_files.make_array_files(bench, detector, subarray)
        progress(done, total, f"references of {detector} {subarray}")
    for detector in detectors:
        reference_files.make_detector_files(bench, detector)
    reference_files.make_common_files(bench)
    write_context(folder, tuple(bench.made))
    write_json(folder / RECIPE, asdict(wanted))
    progress(total, total, "references of the whole instrument")


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Let one process at a time build a cache; the lock ends with the process, however it ends."""
    with (cache.parent / f".{cache.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _old(cache: Path) -> Path:
    return cache.with_name(f".{cache.name}.old")


def _swap(folder: Path, cache: Path) -> None:
    """Put a new cache in the place of the present one (`_clean_up` finishes what a kill interrupts)."""
    if cache.exists():
        cache.rename(_old(cache))
    folder.rename(cache)
    sync_folder(cache.parent)
    shutil.rmtree(_old(cache), ignore_errors=True)


def _clean_up(cache: Path) -> None:
    """Undo what a killed build left: put the old cache back if no new one came, drop unfinished folders."""
    if _old(cache).exists() and not cache.exists():
        _old(cache).rename(cache)
    shutil.rmtree(_old(cache), ignore_errors=True)
    for left in cache.parent.glob(f".{cache.name}-*.building"):
        shutil.rmtree(left, ignore_errors=True)
