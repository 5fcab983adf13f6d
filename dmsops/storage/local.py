"""The store on a local file system.

Layout: ``objects/ab/cdef...`` (sha256 in hex, mode 0444) and ``incoming/`` for copies under way. A file gets
its final name only after its bytes are synced, by a hard link, which refuses to overwrite; so whatever is
found under ``objects`` is whole, however the writer ended.

Many files at once are synced by many threads: the file system writes its journal once for all that wait for it.

Bytes that are there already are read again before `put` returns; damaged ones are kept aside, and the file's take their place.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from dmsops.core.errors import NotFound
from dmsops.core.files import in_words, locked, make_folder, make_folders, own_folder, sha256_of, sync_folder
from dmsops.storage import copies as private
from dmsops.storage.base import missing, need_same, need_sha256
from dmsops.storage.copies import THREADS, copied, need_sum, refusing, shared_out


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
        need_sum(path, expected=sha256, found=found)
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
        with refusing(files[0][0]), own_folder(make_folder(self._incoming)) as own, ThreadPoolExecutor(min(THREADS, len(files))) as pool:
            copies = [f"{own}/{i}" for i in range(len(files))]
            found = shared_out(pool, copied, [(path, copy) for (path, _), copy in zip(files, copies, strict=True)])
            fitting = zip(copies, found, (expected for _, expected in files), strict=True)
            named = [(copy, sha256) for copy, sha256, expected in fitting if expected in (None, sha256)]
            folders = {sha256[:2] for _, sha256 in named}
            shared_out(pool, self._put_right, self._name(named, folders))
            shared_out(pool, sync_folder, [(self._objects / folder,) for folder in folders])
        return found

    def _name(self, copies: Sequence[tuple[str, str]], folders: set[str]) -> list[tuple[str, str]]:
        """Give copies their final names, in these folders; gives those whose names were there already."""
        make_folders(self._objects, folders)
        there = []
        with locked(self.root, shared=True):
            for copy, sha256 in copies:
                place = f"{self._objects}/{sha256[:2]}/{sha256[2:]}"  # text: paths as objects cost as much as the link
                try:
                    os.link(copy, place)
                except FileExistsError:
                    os.utime(place)  # put again now: `remove` leaves it
                    there.append((copy, sha256))
        return there

    def _put_right(self, copy: str, sha256: str) -> bool:
        """Put a good copy in the place of damaged or missing bytes, which are kept aside; says whether that was needed."""
        place = self._place(sha256)
        if _sound(place, sha256):
            return False
        with locked(self.root):
            if _sound(place, sha256):
                return False
            if place.exists():
                self._keep_damaged(place, sha256)
            Path(copy).replace(place)
            sync_folder(place.parent)
        return True

    def _place(self, sha256: str) -> Path:
        need_sha256(sha256)
        return Path(f"{self._objects}/{sha256[:2]}/{sha256[2:]}")

    def path(self, sha256: str) -> Path:
        """Give the read-only file with these bytes; raises `NotFound`."""
        place = self._place(sha256)
        if not place.is_file():
            raise missing(sha256)
        return place

    def has(self, sha256: str) -> bool:
        """Say whether these bytes are here."""
        return self._place(sha256).is_file()

    def verify(self, sha256: str) -> None:
        """Read the bytes again; raises `StoreDamaged` when they changed, `NotFound` when they are gone."""
        need_same(sha256, sha256_of(self.path(sha256)))

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

    def size(self, sha256: str) -> int:
        """Give the number of bytes; raises `NotFound`."""
        return self.path(sha256).stat().st_size

    def sizes(self, sums: Collection[str]) -> dict[str, int]:
        """Give the numbers of bytes of many objects; one that is not there is left out."""
        found = {}
        for sha256 in sums:
            with suppress(NotFound):
                found[sha256] = self.size(sha256)
        return found

    def restore(self, path: Path, sha256: str) -> bool:
        """Put good bytes in the place of damaged or missing ones; False when the object was sound.

        Damaged bytes are kept under ``damaged/``; the good ones take their name in one move. Puts and removals wait meanwhile.

        Raises
        ------
        StoreDamaged
            The file given has another sum; nothing changes.
        FilesRefused
            The file system refused; the object is as it was, or restored.
        """
        need_sha256(sha256)
        with refusing(path), own_folder(make_folder(self._incoming)) as own:
            copy = f"{own}/0"
            need_sum(path, expected=sha256, found=copied(path, copy))
            make_folders(self._objects, {sha256[:2]})
            return self._put_right(copy, sha256)

    def set_aside(self, sha256: str) -> bool:
        """Move damaged bytes to ``damaged/``, so that good ones can be put; False when the object is sound, or not here.

        Raises
        ------
        FilesRefused
            The file system refused; the bytes are where they were, or aside, or under both names until the next call.
        """
        place = self._place(sha256)
        with in_words(f"object {sha256[:12]}... could not be set aside", sha256=sha256), locked(self.root):
            if not place.exists() or _sound(place, sha256):
                return False
            self._keep_damaged(place, sha256)
            place.unlink()
            sync_folder(place.parent)
        return True

    def _keep_damaged(self, place: Path, sha256: str) -> None:
        """Give damaged bytes a second name, so that they stay when the first one leads to good ones; one that they have already does."""
        folder = make_folder(self.root / "damaged")
        for number in itertools.count():
            kept = folder / f"{sha256}.{number}"
            try:
                os.link(place, kept)
            except FileExistsError:
                if not kept.samefile(place):
                    continue
            break
        sync_folder(folder)

    def unfinished(self) -> int:
        """Give the number of unfinished copies whose writer is dead."""
        return private.unfinished(self._incoming)

    def sweep(self) -> int:
        """Remove unfinished copies whose writer died, and give their number; a living writer's are left alone."""
        return private.sweep(self._incoming)


def _sound(place: Path, sha256: str) -> bool:
    """Say whether a file has these bytes; one that the disk cannot read any more has not."""
    try:
        return sha256_of(place) == sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return False
