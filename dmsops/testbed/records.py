"""What the test bed made in a folder before: found by the record beside its truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmsops.core.errors import Refused


def made_before(out: Path, file: str, identity: Any, *, holds: str, remedy: str) -> dict[str, Any]:
    """Give the record of what is in a folder already, if it is the same thing.

    Parameters
    ----------
    file : str
        Name of the record in ``<out>/truth``.
    identity : any
        All that it follows from, as plain data.
    holds, remedy : str
        What to say when the folder holds something else.

    Raises
    ------
    Refused
        Something else is in the folder.
    """
    try:
        record = json.loads((out / "truth" / file).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        record = {}
    if record.get("identity") != identity:
        raise Refused(f"{out} holds {holds}", remedy=remedy, folder=str(out))
    return dict(record)
