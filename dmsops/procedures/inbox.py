"""The site's inbox: which delivery comes next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import NotFound
from dmsops.receipt.inbox import waiting

if TYPE_CHECKING:
    from dmsops.ops import Ops

__all__ = ["chosen", "waiting"]


def chosen(ops: Ops, folder: str = "") -> Path:
    """Give the delivery folder that was named, else the first one waiting.

    Raises
    ------
    NotFound
        The folder is not there, or nothing is waiting.
    """
    if folder:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise NotFound(f"there is no delivery folder {folder}", remedy="Check the path; a delivery that never came goes through P04.")
        return path
    there = waiting(ops)
    if not there:
        raise NotFound("no delivery is waiting in the inbox", remedy="An expected delivery that is late goes through procedure P04.")
    return there[0]
