"""The store on a local file system.

Layout: ``objects/ab/cdef...`` (sha256 in hex, mode 0444) and ``incoming/`` for copies under way. A file gets
its final name only after its bytes are synced, by a hard link, which refuses to overwrite; so whatever is
found under ``objects`` is whole, however the writer ended.

Many files at once are synced by many threads: the file system writes its journal once for all that wait for it.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from dmsops.core.errors import BadInput, NotFound, StoreDamaged
from dmsops.core.files import copy_into, in_words, locked, make_folder, make_folders, own_folder, sha256_of, sync_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = 0o444
_THREADS = 8


class LocalStore:
    """Content-addressed bytes below one folder; safe with several writers at once.

    Parameters
    ----------
    root : Path
        Folder of the store; made when the first file comes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"
        self._incoming = root / "incoming"

    def put(self, path: Path, *, sha256: str | None = None) -> str:
        """Copy a file in and give its sha256; what `put` has returned survives a power cut.

        Raises
        ------
        StoreDamaged
            The file's sum is not the expected one; nothing is stored.
        FilesRefused
            The file system refused (full, read-only, broken); nothing is stored.
        """
        found = self.put_many([(path, sha256)])[0]
        if sha256 is not None and found != sha256:
            raise StoreDamaged(
                f"'{path.name}' has sha256 {found[:12]}..., expected {sha256[:12]}...", file=str(path), expected=sha256, found=found
            )
        return found

    def put_many(self, files: Sequence[tuple[Path, str | None]]) -> list[str]:
        """Copy files in, each with its expected sum or None; give the sums found. One with another sum is not stored.

        Raises
        ------
        FilesRefused
            The file system refused one of them; some of the others may be stored.
        """
        if not files:
            return []
        with _refusing(files[0][0]), own_folder(make_folder(self._incoming)) as own, ThreadPoolExecutor(min(_THREADS, len(files))) as pool:
            copies = [f"{own}/{i}" for i in range(len(files))]
            found = _shared_out(pool, _copied, [(path, copy) for (path, _), copy in zip(files, copies, strict=True)])
            fitting = zip(copies, found, (expected for _, expected in files), strict=True)
            folders = self._name([(copy, sha256) for copy, sha256, expected in fitting if expected in (None, sha256)])
            _shared_out(pool, sync_folder, [(self._objects / folder,) for folder in folders])
        return found

    def _name(self, copies: Sequence[tuple[str, str]]) -> set[str]:
        """Give copies their final names; gives the folders to be synced, also for names that another writer was first at."""
        folders = {sha256[:2] for _, sha256 in copies}
        make_folders(self._objects, folders)
        with locked(self.root, shared=True):
            for copy, sha256 in copies:
                place = f"{self._objects}/{sha256[:2]}/{sha256[2:]}"  # text: paths as objects cost as much as the link
                try:
                    os.link(copy, place)
                except FileExistsError:
                    os.utime(place)  # put again now: `remove` leaves it
        return folders

    def _place(self, sha256: str) -> Path:
        if _SHA256.fullmatch(sha256) is None:
            raise BadInput(f"'{sha256}' is not a sha256 in hex", field="sha256")
        return Path(f"{self._objects}/{sha256[:2]}/{sha256[2:]}")

    def path(self, sha256: str) -> Path:
        """Give the read-only file with these bytes; raises `NotFound`."""
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound(f"the store has no object {sha256[:12]}...", sha256=sha256)
        return place

    def has(self, sha256: str) -> bool:
        """Say whether these bytes are here."""
        return self._place(sha256).is_file()

    def verify(self, sha256: str) -> None:
        """Read the bytes again; raises `StoreDamaged` when they changed, `NotFound` when they are gone."""
        found = sha256_of(self.path(sha256))
        if found != sha256:
            raise StoreDamaged(f"object {sha256[:12]}... now has sha256 {found[:12]}...", expected=sha256, found=found)

    def objects(self) -> Iterator[str]:
        """Give every object's sha256, in order."""
        for place in sorted(self._objects.glob("??/*")):
            yield place.parent.name + place.name

    def age(self, sha256: str) -> float:
        """Give the seconds since these bytes were last put, by the file system's clock; raises `NotFound`."""
        marker = self.root / "now"
        marker.touch()
        return marker.stat().st_mtime - self.path(sha256).stat().st_mtime

    def remove(self, sha256: str, *, unused_seconds: float = 0.0) -> bool:
        """Remove an object that was last put longer ago than that; only the sweep of orphans calls this.

        A writer that puts the same bytes does it either before, and then they are not old any more, or after, and then anew.
        """
        with locked(self.root):
            if unused_seconds and self.age(sha256) < unused_seconds:
                return False
            place = self.path(sha256)
            place.unlink()
        sync_folder(place.parent)
        return True

    def unfinished(self) -> int:
        """Give the number of unfinished copies whose writer is dead."""
        return sum(len(list(own.iterdir())) for own in self._dead())

    def sweep(self) -> int:
        """Remove unfinished copies whose writer died, and give their number; a living writer's are left alone."""
        swept = 0
        for own in self._dead():
            swept += len(list(own.iterdir()))
            shutil.rmtree(own, ignore_errors=True)
        return swept

    def _dead(self) -> Iterator[Path]:
        """Give the folders of dead writers, each locked while it is looked at."""
        for own in self._incoming.glob("*/"):
            with locked(own, wait=False) as dead:
                if dead:
                    yield own


def _shared_out[T](pool: ThreadPoolExecutor, call: Callable[..., T], given: Sequence[tuple[Any, ...]]) -> list[T]:
    """Make many short calls in as many pieces as there are threads: to hand over each for itself costs more than the call."""
    pieces = itertools.batched(given, -(-len(given) // _THREADS) or 1)
    return [result for results in pool.map(lambda piece: [call(*one) for one in piece], pieces) for result in results]


def _copied(source: Path, copy: str) -> str:
    with _refusing(source):
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _READ_ONLY)
        try:
            os.fchmod(descriptor, _READ_ONLY)
            return copy_into(source, descriptor)
        finally:
            os.close(descriptor)


def _refusing(path: Path) -> AbstractContextManager[None]:
    return in_words(f"the store could not take '{path.name}'", file=str(path))
