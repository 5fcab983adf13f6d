"""What P03 looks at: the engineering files of a delivery, each with what is odd about it.

Limits: files of the observatory cover less than four hours, end before now, and a second without samples is a gap
(the rules of a public reader of its engineering files). Here they are settings, and what breaks them is said, not refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.errors import BadDelivery
from dmsops.core.names import RecorderFileName
from dmsops.interfaces.fos.packets import scan_engineering
from dmsops.receipt import queries
from dmsops.receipt.states import FileState

if TYPE_CHECKING:
    from dmsops.interfaces.fos.packets import EngineeringPart
    from dmsops.ops import Ops

STREAMS = {"E": "recorded", "C": "real time", "R": "replayed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineeringFile:
    """One engineering file: what it holds, and what is odd about it in words; ``odd`` is empty when nothing is."""

    name: str
    stream: str
    packets: int = 0
    damaged: int = 0
    repeated: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    gaps: int = 0
    longest_gap_seconds: float = 0.0
    odd: str


def look(ops: Ops, folder: Path) -> list[EngineeringFile]:
    """Look into the engineering files that lie in a delivery's folder; one that cannot be read is said to be so."""
    names = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.is_symlink() and _is_engineering(p.name))
    return [_look(ops, name, folder / name) for name in names]


def held(ops: Ops, delivery_id: str) -> list[EngineeringFile]:
    """Look into the good engineering files of a delivery that was received, those among them that had come before."""
    good = (FileState.RELEASED, FileState.REPLAYED)
    rows = [r for r in queries.files(ops, delivery_id) if r["kind"] == "engineering" and r["state"] in good]
    return [_look(ops, row["name"], ops.store.path(row["sha256"])) for row in rows]


def _is_engineering(name: str) -> bool:
    return RecorderFileName.matches(name) and RecorderFileName.parse(name).stream in STREAMS


def _look(ops: Ops, name: str, path: Path) -> EngineeringFile:
    stream = STREAMS[RecorderFileName.parse(name).stream]
    try:
        part = scan_engineering(path, ops.settings.engineering_gap_seconds)
    except BadDelivery as error:
        return EngineeringFile(name=name, stream=stream, odd=error.message)
    return EngineeringFile(
        name=name,
        stream=stream,
        packets=part.packets,
        damaged=part.bad_crc,
        repeated=part.repeated,
        first_at=part.first_at,
        last_at=part.last_at,
        gaps=len(part.gaps),
        longest_gap_seconds=max(((end - start).total_seconds() for start, end in part.gaps), default=0.0),
        odd="; ".join(_odd(ops, part)),
    )


def _odd(ops: Ops, part: EngineeringPart) -> list[str]:
    if part.first_at is None or part.last_at is None:
        return ["no packet's check sum agrees"]
    hours = (part.last_at - part.first_at) / timedelta(hours=1)
    rules = (
        (part.last_at > ops.clock.now(), "it ends in the future"),
        (hours > ops.settings.engineering_span_hours, f"it covers {hours:.1f} h, more than {ops.settings.engineering_span_hours:g} h"),
        (part.bad_crc > 0, f"{part.bad_crc} packets are damaged and left out"),
        (part.repeated > 0, f"{part.repeated} packets have the time of another"),
        (bool(part.gaps), f"{len(part.gaps)} times without samples"),
    )
    return [words for broken, words in rules if broken]
