"""Look at one delivered file: is it there, whole, named right, readable; its bytes go into the store between two looks."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from pathlib import Path

from dmsops.core.counting import counted
from dmsops.core.errors import BadDelivery, BadInput, FilesRefused
from dmsops.core.names import safe_file_name
from dmsops.receipt.content import READERS, Content, check_name

EXTRA = "extra"
"""Kind of a file that lies in the delivery and is not named by the manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file as the manifest names it (or as it lies there, for an extra one: then without size and sum)."""

    name: str
    kind: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found: either content, or a fault with its reason in one sentence; neither after the first look."""

    wanted: Wanted
    size: int | None = None
    sha256: str | None = None
    content: Content | None = None
    fault: str | None = None
    reason: str | None = None


def look(folder: Path, wanted: Wanted) -> Finding:
    """Look at a delivered file from outside: name, place and size.

    Raises
    ------
    OSError
        The file system does not let us look; nothing is wrong with the delivery.
    """
    size: int | None = None
    try:
        size = _place(folder, wanted)
        if wanted.size is None or wanted.sha256 is None:
            raise BadDelivery("lies in the delivery and is not named by its manifest", fault=EXTRA)
        _check_size(size, wanted.size)
    except BadInput as error:
        return Finding(wanted=wanted, size=size, fault=str(error.facts.get("fault", "content")), reason=error.message)
    return Finding(wanted=wanted, size=size)


def read(seen: Finding, found: str, kept: Path) -> Finding:
    """Look at a file from inside: its sum and its content.

    Parameters
    ----------
    seen : Finding
        What the first look gave, without a fault.
    found : str
        sha256 of its bytes.
    kept : Path
        The same bytes under the delivered name; not opened when the sum is wrong.

    Raises
    ------
    FilesRefused
        The file system does not let us read; nothing is wrong with the file.
    """
    wanted = seen.wanted
    if found != wanted.sha256:
        reason = f"has sha256 {found[:12]}..., the manifest says {str(wanted.sha256)[:12]}..."
        return replace(seen, sha256=found, fault="sum", reason=reason)
    try:
        content = READERS[wanted.kind](kept)
    except BadInput as error:
        not_ours(error, kept)
        return replace(seen, fault=str(error.facts.get("fault", "content")), reason=error.message)
    return replace(seen, sha256=found, content=content)


def not_ours(error: BadInput, path: Path) -> None:
    """Let pass what is wrong with a file; when it was the file system that did not let us read it, raise `FilesRefused`.

    Libraries (HDF5, FITS, gzip) say what is wrong with a file by an `OSError` as well; the system's own has a number, which HDF5 may
    tell in its words alone.
    """
    cause = error.__context__
    if not isinstance(cause, OSError) or isinstance(cause, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return
    if cause.errno is not None or "errno = " in str(cause):
        raise FilesRefused(f"'{path.name}' cannot be read: {cause.strerror or cause}", file=str(path)) from error


def _place(folder: Path, wanted: Wanted) -> int:
    """Find the file without following links and give its size; an extra file may have any name."""
    if wanted.kind != EXTRA:
        try:
            safe_file_name(wanted.name)
            check_name(wanted.name, wanted.kind)
        except BadInput as error:
            raise BadDelivery(error.message, fault="name") from None
    try:
        status = (folder / wanted.name).lstat()
    except FileNotFoundError:
        raise BadDelivery("is named by the manifest and is not in the delivery", fault="missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadDelivery("is a link, folder or device, not a plain file", fault="irregular")
    return status.st_size


def _check_size(found: int, wanted: int) -> None:
    if found == 0:
        raise BadDelivery("is empty", fault="empty")
    if found != wanted:
        raise BadDelivery(f"has {counted(found, 'byte')}, the manifest says {wanted}", fault="size")
