"""Look at one delivered file: is it there, whole, named right, readable; its bytes go into the store on the way."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dmsops.core.errors import BadDelivery, BadInput, StoreDamaged
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
    """What was found: either content, or a fault with its reason in one sentence."""

    wanted: Wanted
    size: int | None = None
    sha256: str | None = None
    content: Content | None = None
    fault: str | None = None
    reason: str | None = None


Keep = Callable[[Path, str], Path]
"""Takes a file and its expected sum; gives the path to read the content from. Raises `StoreDamaged` on another sum."""


def examine(folder: Path, wanted: Wanted, keep: Keep) -> Finding:
    """Look at a delivered file.

    Parameters
    ----------
    folder : Path
        The delivery.
    keep : callable
        What to do with the bytes: put them into the store (accept), or only sum them (preview).

    Raises
    ------
    Failed
        The file system does not let us read or write; nothing is wrong with the delivery.
    """
    size: int | None = None
    try:
        path, size = _place(folder, wanted)
        if wanted.size is None or wanted.sha256 is None:
            raise BadDelivery("lies in the delivery and is not named by its manifest", fault=EXTRA)
        _check_size(size, wanted.size)
        kept = keep(path, wanted.sha256)
        content = READERS[wanted.kind](kept)
    except StoreDamaged as error:
        found_sum = str(error.facts["found"])
        reason = f"has sha256 {found_sum[:12]}..., the manifest says {str(wanted.sha256)[:12]}..."
        return Finding(wanted=wanted, size=size, sha256=found_sum, fault="sum", reason=reason)
    except BadInput as error:
        return Finding(wanted=wanted, size=size, fault=str(error.facts.get("fault", "content")), reason=error.message)
    return Finding(wanted=wanted, size=size, sha256=wanted.sha256, content=content)


def _place(folder: Path, wanted: Wanted) -> tuple[Path, int]:
    """Find the file and its size without following links; an extra file may have any name."""
    if wanted.kind != EXTRA:
        try:
            safe_file_name(wanted.name)
            check_name(wanted.name, wanted.kind)
        except BadInput as error:
            raise BadDelivery(error.message, fault="name") from None
    path = folder / wanted.name
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise BadDelivery("is named by the manifest and is not in the delivery", fault="missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadDelivery("is a link, folder or device, not a plain file", fault="irregular")
    return path, status.st_size


def _check_size(found: int, wanted: int) -> None:
    if found == 0:
        raise BadDelivery("is empty", fault="empty")
    if found != wanted:
        raise BadDelivery(f"has {found} bytes, the manifest says {wanted}", fault="size")
