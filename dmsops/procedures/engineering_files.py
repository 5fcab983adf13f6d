"""Looking into engineering files before they are ingested: what they hold, what would be refused, what is odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.core.counting import counted
from dmsops.core.errors import BadDelivery
from dmsops.core.names import RecorderFileName
from dmsops.engineering import rules
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering
from dmsops.receipt import queries as received
from dmsops.receipt.states import FileState

if TYPE_CHECKING:
    from dmsops.interfaces.fos.engineering import EngineeringFile as Content
    from dmsops.interfaces.fos.engineering import EngineeringPart
    from dmsops.ops import Ops

STREAMS = {"E": "recorded", "C": "real time", "R": "replayed"}
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineeringFile:
    """One engineering file: what it holds.

    Attributes
    ----------
    samples : int
        That the telemetry database knows; ``texts`` and ``unknown`` (by what it is, in words) are beside them.
    damaged, repeated : int
        Packets with a wrong check sum (left out), and those with the time of another one.
    gaps : int
        Times without any packet, longer than the site's setting.
    refused : str
        Why its ingest would refuse it; empty when it would not.
    odd : str
        What else is odd about it; empty when nothing is.
    """

    name: str
    stream: str
    form: str = ""
    origin: str = ""
    packets: int = 0
    samples: int = 0
    texts: int = 0
    unknown: str = ""
    damaged: int = 0
    repeated: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    gaps: int = 0
    longest_gap_seconds: float = 0.0
    refused: str = ""
    odd: str = ""


def look(ops: Ops, there: Path | None) -> list[EngineeringFile]:
    """Look into the engineering files that lie in a delivery's folder; one that cannot be read is said to be so."""
    if there is None:
        return []
    names = sorted(p.name for p in there.iterdir() if p.is_file() and not p.is_symlink() and _is_engineering(p.name))
    return [_look(ops, name, there / name) for name in names]


def held(ops: Ops, delivery_id: str) -> list[EngineeringFile]:
    """Look into the good engineering files of a delivery that was received, those among them that had come before."""
    good = (FileState.RELEASED, FileState.REPLAYED)
    rows = [r for r in received.files(ops, delivery_id) if r["kind"] == "engineering" and r["state"] in good]
    return [_look(ops, row["name"], ops.store.path(row["sha256"])) for row in rows]


def _is_engineering(name: str) -> bool:
    return RecorderFileName.matches(name) and RecorderFileName.parse(name).stream in STREAMS


def _look(ops: Ops, name: str, path: Path) -> EngineeringFile:
    stream = STREAMS[RecorderFileName.parse(name).stream]
    try:
        part, content = scan_engineering(path, ops.settings.engineering_gap_seconds), open_engineering(path)
    except BadDelivery as error:
        return EngineeringFile(name=name, stream=stream, odd=error.message)
    return EngineeringFile(
        name=name,
        stream=stream,
        form=content.form,
        origin=content.origin,
        packets=part.packets,
        samples=content.samples,
        texts=content.texts,
        unknown=in_words(content.unknown),
        damaged=part.bad_crc,
        repeated=part.repeated,
        first_at=part.first_at,
        last_at=part.last_at,
        gaps=len(part.gaps),
        longest_gap_seconds=max(((end - start).total_seconds() for start, end in part.gaps), default=0.0),
        refused="; ".join(rules.refusals(ops, content)),
        odd="; ".join(_odd(part, content)),
    )


def _odd(part: EngineeringPart, content: Content) -> list[str]:
    said = (
        (part.bad_crc, f"{counted(part.bad_crc, 'packet is', 'packets are')} damaged and left out"),
        (part.repeated, f"{counted(part.repeated, 'packet has', 'packets have')} the time of another"),
        (len(part.gaps), f"{counted(len(part.gaps), 'time')} without samples"),
        (len(content.unknown), "it holds what the telemetry database does not know"),
    )
    return [words for n, words in said if n]


def in_words(counts: Mapping[str, int]) -> str:
    """Write what a file holds beside samples that are known: ``APID 0x123: 4, id 4711: 2``."""
    shown = [f"{what}: {n}" for what, n in list(counts.items())[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else "")
