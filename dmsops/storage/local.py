"""The store on a local file system.

Layout: ``objects/ab/cdef...`` (sha256 in hex, mode 0444) and ``incoming/`` for copies under way. A file gets
its final name only after its bytes are synced, by a hard link, which refuses to overwrite; so whatever is
found under ``objects`` is whole, however the writer ended.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dmsops.core.errors import BadInput, Failed, NotFound, StoreDamaged
from dmsops.core.files import copy_hashed, make_folder, sha256_of, sync_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = 0o444


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
        Failed
            The file system refused (full, read-only, broken); nothing is stored.
        """
        try:
            return self._put(path, sha256)
        except OSError as error:
            raise Failed(
                f"the store could not take '{path.name}': {error.strerror}",
                remedy="Free or repair the store's file system, then give the command again; procedure P04 covers it.",
                file=str(path),
                errno=error.errno,
            ) from error

    def _put(self, path: Path, expected: str | None) -> str:
        with self._temporary() as (temporary, file):
            found = copy_hashed(path, file)
            if expected is not None and found != expected:
                raise StoreDamaged(
                    f"'{path.name}' has sha256 {found[:12]}..., expected {expected[:12]}...", file=str(path), expected=expected, found=found
                )
            os.fchmod(file.fileno(), _READ_ONLY)
            os.fsync(file.fileno())
            target = self._place(found)
            make_folder(target.parent)
            with suppress(FileExistsError):
                os.link(temporary, target)
            sync_folder(target.parent)
        return found

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Open a file of our own in ``incoming``; the lock on it tells `sweep` that its writer lives."""
        make_folder(self._incoming)
        temporary = self._incoming / secrets.token_hex(16)
        with temporary.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield temporary, file
            finally:
                temporary.unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        if _SHA256.fullmatch(sha256) is None:
            raise BadInput(f"'{sha256}' is not a sha256 in hex", field="sha256")
        return self._objects / sha256[:2] / sha256[2:]

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

    def remove(self, sha256: str) -> None:
        """Remove an object; only the audit's sweep of orphans calls this."""
        place = self.path(sha256)
        place.unlink()
        sync_folder(place.parent)

    def sweep(self) -> int:
        """Remove copies whose writer died, and give their number; a living writer's copy is left alone."""
        swept = 0
        for temporary in self._incoming.glob("*"):
            with suppress(BlockingIOError, FileNotFoundError), temporary.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                temporary.unlink()
                swept += 1
        return swept
