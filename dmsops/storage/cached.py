"""Local copies of objects that live elsewhere: write-once, bounded, safe with several processes.

What is promised. A copy appears whole or not at all. A copy that was given to somebody is kept for `kept_seconds` since
it was last given, even when the folder is then larger than its bound; so a step that is linked to its inputs finds them
until its end. A file that is open stays readable for whoever has it open, as always on a file system. What was only put
and never given goes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dmsops.core.files import locked, make_folder, make_folders, sha256_of


class Cached:
    """A folder of copies.

    Parameters
    ----------
    folder : Path
        Made when the first copy comes.
    limit : int
        Bytes that the copies may have together; passed by a twentieth, and by what was given lately.
    kept_seconds : float
        How long a copy is kept, whatever the bound, after it was last given.
    """

    def __init__(self, folder: Path, *, limit: int, kept_seconds: float) -> None:
        self.folder, self._limit, self._kept = folder, limit, kept_seconds
        self._since: int | None = None

    def _place(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]

    def given(self, sha256: str) -> Path | None:
        """Give a copy that is here, and keep it from now on; None without one."""
        place = self._place(sha256)
        with locked(self.folder, shared=True):
            try:
                os.utime(place)
            except FileNotFoundError:
                return None
        return place

    def keep(self, copy: str, sha256: str, *, given: bool) -> Path:
        """Take in a whole, synced copy by a link; one that is here is left."""
        place = self._place(sha256)
        make_folder(self.folder)
        make_folders(self.folder, {sha256[:2]})
        size = Path(copy).stat().st_size
        with locked(self.folder, shared=True):
            if not given:
                os.utime(copy, (0, 0))  # never given: the first to go
            try:
                os.link(copy, place)
            except FileExistsError:
                size = 0
            if given:
                os.utime(place)
        self._grown(size)
        return place

    def drop(self, sha256: str, *, if_changed: bool = False) -> None:
        """Throw a copy out (``if_changed``: only one with other bytes than its name says)."""
        place = self._place(sha256)
        with locked(self.folder):
            if place.is_file() and not (if_changed and sha256_of(place) == sha256):
                place.unlink()

    def _grown(self, size: int) -> None:
        """Look at the whole folder at first, and then whenever this process has added a twentieth of the bound."""
        self._since = None if self._since is None else self._since + size
        if self._since is None or self._since > self._limit // 20:
            self._since = 0
            self._tidy()

    def _tidy(self) -> None:
        marker = self.folder / "now"
        marker.touch()
        latest = marker.stat().st_mtime - self._kept
        copies = sorted(self._copies())
        total = sum(size for _, size, _ in copies)
        for used, size, path in copies:
            if total <= self._limit or used > latest:
                return
            with locked(self.folder):
                total -= size if _unlinked(path, used) else 0

    def _copies(self) -> Iterator[tuple[float, int, Path]]:
        for folder in self.folder.glob("??/"):
            for entry in os.scandir(folder):
                try:
                    found = entry.stat()
                except FileNotFoundError:
                    continue  # another process was quicker
                yield found.st_mtime, found.st_size, Path(entry.path)


def _unlinked(path: Path, used: float) -> bool:
    """Remove a copy unless somebody was given it meanwhile; the folder's lock is held."""
    try:
        if path.stat().st_mtime != used:
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    return True
