"""Files that survive: copies that are hashed on the way, writes that are whole or not there, folders that are synced."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dmsops.core.errors import FilesRefused

CHUNK = 4 * 1024 * 1024
_COPIED = 256 * 1024
"""Bytes that are read, summed and written at once: so few that they stay in the processor's cache between the three."""


@contextmanager
def in_words(what: str, **facts: Any) -> Iterator[None]:
    """Turn what the file system says in the block into a sentence: ``what``, and why.

    Raises
    ------
    FilesRefused
        The file system refused.
    """
    try:
        yield
    except OSError as error:
        raise FilesRefused(f"{what}: {error.strerror or error}", errno=error.errno, **facts) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents, each name synced; gives the folder."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)
    return folder


def make_folders(parent: Path, names: Iterable[str]) -> None:
    """Make folders in one parent, their names synced together; those that are there are left."""
    make_folder(parent)
    new = [name for name in names if not (parent / name).is_dir()]
    for name in new:
        (parent / name).mkdir(exist_ok=True)
    if new:
        sync_folder(parent)


def sha256_of(path: Path) -> str:
    """Read a file once and give its sha256 (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(source: Path, target: BinaryIO) -> str:
    """Copy a file into an open one, sync it, and give the sha256 (hex) of what was written; see `copy_into`."""
    target.flush()
    return copy_into(source, target.fileno())


def copy_into(source: Path | str, target: int) -> str:
    """Copy a file into an open descriptor, sync it, and give the sha256 (hex) of what was written.

    The file is read once; the source is opened without following a symbolic link.
    """
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        digest = _poured(descriptor, target)
    finally:
        os.close(descriptor)
    os.fsync(target)
    return digest


def _poured(source: int, target: int) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_COPIED, os.fstat(source).st_size + 1)))
    while count := os.readv(source, [buffer]):
        rest = buffer[:count]
        digest.update(rest)
        while rest:  # a descriptor may take less than all
            rest = rest[os.write(target, rest) :]
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the kernel's lock on a file or folder; it ends with its holder, however that ends.

    Gives False, and holds nothing, when the path is not there or (without ``wait``) another one holds it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait=wait)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def own_folder(parent: Path, prefix: str = "") -> Iterator[Path]:
    """Make a folder for this writer alone and remove it at the end; while the writer lives it is locked.

    One that can be locked by somebody else is a dead writer's.
    """
    while True:
        own = parent / f"{prefix}{secrets.token_hex(16)}"
        own.mkdir()
        with locked(own) as there:
            if not there or not own.exists():
                continue  # a sweep was quicker than the lock
            try:
                yield own
            finally:
                shutil.rmtree(own, ignore_errors=True)
        return


def _partial(target: Path) -> tuple[Path, BinaryIO]:
    """Open a file beside the target for writing, locked while its writer lives."""
    while True:
        temporary = target.with_name(f".{secrets.token_hex(8)}.part")
        file = temporary.open("xb", buffering=CHUNK)
        _lock(file.fileno(), fcntl.LOCK_EX, wait=True)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()  # a sweep was quicker than the lock


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name, synced, only when the block ends well."""
    temporary, opened = _partial(target)
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


class NamedPath(type(Path())):  # type: ignore[misc]
    """A path that goes by another name: what reads the file there says the name that people know it by."""

    known_as: str

    @classmethod
    def of(cls, path: Path, name: str) -> NamedPath:
        """Give the path of a file whose name for people is another one."""
        named = cls(path)
        named.known_as = name
        return named

    @property
    def name(self) -> str:
        """The name that people know it by; the path itself leads to the file."""
        return self.known_as


def copy_file(source: Path, target: Path) -> str:
    """Copy a file so that the target is whole or not there; give the sha256 (hex)."""
    with whole_file(target) as file:
        return copy_hashed(source, file)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file so that it is whole or not there; one already there is replaced."""
    with whole_file(target) as file:
        file.write(content)


def write_json(target: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document, whole or not there, for people to read as well."""
    write_bytes(target, (json.dumps(document, indent=2, sort_keys=True) + "\n").encode())
