"""What procedure P04 looks at: requests and how they stand, the story of a file, a delivery to take, what was told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmsops.core import outbox
from dmsops.procedures.inbox import chosen
from dmsops.receipt import preview, queries
from dmsops.receipt.history import where

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
_SHOWN = 40


def requests(ops: Ops) -> list[Row]:
    """Give the open requests, each with how it stands: waiting, overdue, or left to a person."""
    return [{**row, "stands": _stands(row)} for row in queries.rerequests(ops)]


def _stands(row: Row) -> str:
    if row["raised_at"] is not None:
        return "a person decides"
    return "overdue" if row["overdue"] else "waiting"


def story(ops: Ops, about: str = "") -> list[Row]:
    """Give the story of what is named, else of the first file that is asked for; the newest 40 lines, oldest first.

    Raises
    ------
    NotFound
        Nothing was received under that name.
    """
    open_ = queries.rerequests(ops)
    name = about or (open_[0]["name"] if open_ else "")
    return [asdict(event) for event in where(ops, name)][-_SHOWN:] if name else []


def folder(delivery: str) -> Path:
    """Give the folder of a delivery that was named."""
    return Path(delivery).expanduser()


def is_there(delivery: str) -> bool:
    """Say whether the folder of a delivery that was named is there."""
    return folder(delivery).is_dir()


def seen(ops: Ops, delivery: str) -> list[Row]:
    """Give what would become of each file of a delivery; nothing without one.

    Raises
    ------
    NotFound
        The folder is not there.
    BadDelivery
        Its manifest cannot be used.
    """
    return [asdict(file) for file in preview(ops, chosen(ops, delivery)).files] if delivery else []


def told(ops: Ops) -> list[Row]:
    """Give the newest messages to neighbours."""
    return outbox.messages(ops.db)[:_SHOWN]
