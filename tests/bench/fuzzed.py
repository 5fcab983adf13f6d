"""One process that reads damaged files, within limits, and says what became of each."""

from __future__ import annotations

import resource
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from dmsops.core.errors import DmsError
from dmsops.core.files import sha256_of
from dmsops.interfaces.fos.manifest import MANIFEST, Manifest, read_manifest
from dmsops.interfaces.fos.packets import RawExposure, read_exposure, scan
from dmsops.receipt.content import READERS
from dmsops.receipt.examine import Wanted, look, read
from dmsops.testing.telemetry import read_engineering
from tests.bench.mutations import LYING, MUTATIONS, spliced

MEMORY = 3 * 2**30
"""Address space of the process, libraries included."""
REFUSED, SUM, SAME, LESS, WORDS = "refused in words", "refused by the manifest's sum", "same content", "less, and said so", "other words"
LIED = "a lie of the sender, read or refused"
CORRUPTED, CRASH, HANG, BLOWN = "CORRUPTED CONTENT ACCEPTED", "CRASH", "HANG", "BLOW-UP"
BAD = (CORRUPTED, CRASH, HANG, BLOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One damaged file: its kind, what was done to it, what became of it, in words."""

    number: int
    kind: str
    mutation: str
    outcome: str
    says: str


def serve(folder: Path, work: Path, seed: int, pipe: Connection) -> None:
    """Answer for each number that comes through the pipe."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reader = Reader(folder, work, seed)
    while (number := pipe.recv()) is not None:
        pipe.send(reader.read(number))


class Reader:
    """Reads damaged copies of a delivery's files, and knows what is in the whole ones."""

    def __init__(self, folder: Path, work: Path, seed: int) -> None:
        self._seed, self._work, self._folder = seed, work, folder
        self._manifest = read_manifest(folder / MANIFEST)
        self._paths = {f.name: folder / f.name for f in self._manifest.files} | {MANIFEST: folder / MANIFEST}
        self._kinds = {f.name: f.kind for f in self._manifest.files} | {MANIFEST: "manifest"}
        self._bytes = {name: path.read_bytes() for name, path in self._paths.items()}
        science = [path for name, path in self._paths.items() if self._kinds[name] == "science"]
        parts = {(p.exposure, p.detector): p for path in science for p in scan(path)}
        self._pixels = {key: read_exposure(science, *key) for key in parts}
        self._samples = {name: _rows(self._paths[name]) for name, kind in self._kinds.items() if kind == "engineering"}
        self._words = {n: READERS[k](self._paths[n]) for n, k in self._kinds.items() if k in ("osf", "plan", "ephemeris")}

    def read(self, number: int) -> Case:
        """Damage a file, read it, judge."""
        rng = np.random.default_rng([self._seed, number])
        kinds = sorted(set(self._kinds.values()))
        kind = kinds[number % len(kinds)]
        names = [name for name, k in self._kinds.items() if k == kind]
        name = names[int(rng.integers(len(names)))]
        mutation = [*MUTATIONS, "spliced"][int(rng.integers(len(MUTATIONS) + 1))]
        if mutation == "spliced":
            other = list(self._bytes.values())[int(rng.integers(len(self._bytes)))]
            content = spliced(self._bytes[name], other, rng)
        else:
            content = MUTATIONS[mutation](self._bytes[name], rng)
        path = self._work / name
        path.write_bytes(content)
        outcome, says = self._outcome(path, kind, mutation)
        return Case(number=number, kind=kind, mutation=mutation, outcome=outcome, says=says)

    def _outcome(self, path: Path, kind: str, mutation: str) -> tuple[str, str]:
        try:
            judged = self._judge(path, kind)
        except DmsError as error:
            return (REFUSED, error.message) if error.message and len(error.message) < 5000 else (CRASH, "an error without words")
        except MemoryError:
            return BLOWN, traceback.format_exc(limit=-2)
        except Exception:  # noqa: BLE001 - whatever it is, an operator would have seen a traceback
            return CRASH, traceback.format_exc(limit=-3)
        return (LIED, judged) if mutation == LYING and judged == CORRUPTED and kind in ("science", "engineering") else (judged, "")

    def _judge(self, path: Path, kind: str) -> str:
        if kind == "manifest":
            return self._manifests(path)
        if kind == "science":
            return self._science(path)
        if kind == "engineering":
            return self._engineering(path)
        found = READERS[kind](path)
        return SAME if found == self._words[path.name] else self._at_receipt(path)

    def _at_receipt(self, path: Path) -> str:
        """Look at the file as receipt would, with the manifest that came with the whole one."""
        entry = next(f for f in self._manifest.files if f.name == path.name)
        wanted = Wanted(name=entry.name, kind=entry.kind, size=entry.size, sha256=entry.sha256)
        seen = look(path.parent, wanted)
        found = seen if seen.fault else read(seen, sha256_of(path), path)
        return SUM if found.fault else CORRUPTED

    def _manifests(self, path: Path) -> str:
        found: Manifest = read_manifest(path)
        if found == self._manifest:
            return SAME
        if set(found.files) == set(self._manifest.files):
            return WORDS
        for entry in found.files:
            wanted = Wanted(name=entry.name, kind=entry.kind, size=entry.size, sha256=entry.sha256)
            if look(self._folder, wanted).fault or sha256_of(self._folder / entry.name) != entry.sha256:
                return SUM
        return SUM if {f.name for f in found.files} != {f.name for f in self._manifest.files} else CORRUPTED

    def _science(self, path: Path) -> str:
        whole = True
        parts = scan(path)
        for part in parts:
            if part.header is None:
                whole = False
                continue
            raw, sent = read_exposure([path], part.exposure, part.detector), self._pixels.get((part.exposure, part.detector))
            if sent is None or raw.header != sent.header or not _is_part_of(raw, sent):
                return CORRUPTED
            whole = whole and raw.complete == sent.complete
        return SAME if whole and len(parts) == len(scan(self._paths[path.name])) else LESS

    def _engineering(self, path: Path) -> str:
        found, sent = _rows(path), self._samples[path.name]
        if not found <= sent:
            return CORRUPTED
        return SAME if found == sent else LESS


def _is_part_of(raw: RawExposure, sent: RawExposure) -> bool:
    """Say whether all that is filled is as it was sent."""
    if raw.pixels.shape != sent.pixels.shape or (raw.zeroframe is None) != (sent.zeroframe is None):
        return False
    return bool((raw.filled <= sent.filled).all() and (raw.pixels == np.where(raw.filled[..., None], sent.pixels, 0)).all())


def _rows(path: Path) -> set[Any]:
    samples = read_engineering([path])
    times = next(iter(samples.values()))[0]
    return set(zip(times.tolist(), *(values.tolist() for _, values in samples.values()), strict=True))
