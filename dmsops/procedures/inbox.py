"""The site's inbox: which delivery comes next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import NotFound
from dmsops.interfaces.fos.manifest import MANIFEST
from dmsops.receipt import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops


def waiting(ops: Ops) -> list[Path]:
    """Give the delivery folders in the inbox that have not been received, oldest name first."""
    received = {row["folder"] for row in queries.deliveries(ops)}
    folders = (path for path in sorted(ops.settings.folder("inbox").iterdir()) if (path / MANIFEST).is_file())
    return [path for path in folders if str(path) not in received]


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
