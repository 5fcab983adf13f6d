"""Files that survive: copies that are hashed on the way, writes that are whole or not there, folders that are synced."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

CHUNK = 4 * 1024 * 1024


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each name synced."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sha256_of(path: Path) -> str:
    """Read a file once and give its sha256 (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(source: Path, target: BinaryIO) -> str:
    """Copy a file into an open one, sync it, and give the sha256 (hex) of what was written.

    The file is read once; the source is opened without following a symbolic link.
    """
    digest = hashlib.sha256()
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - opened by descriptor so that no link is followed
        buffer = memoryview(bytearray(min(CHUNK, os.fstat(descriptor).st_size + 1)))  # to clear 4 MB costs more than a small file
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            target.write(buffer[:count])
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _temporary(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(8)}.part")


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name, synced, only when the block ends well."""
    temporary = _temporary(target)
    try:
        with temporary.open("xb", buffering=CHUNK) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


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
