"""Partners' inventories: what another archive holds of our observations, and ours for it, in one form.

The form is that of torkeep (opencadc/caom2, ``GET /observations/{collection}``): lines of four fields divided by tabs,
``collection observationID maxLastModified accMetaChecksum``; times ISO, UTC, without a zone. A first line
``# taken 2022-12-04T06:00:00.000`` (ours) says when the inventory was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dmsops.core.counting import counted
from dmsops.core.errors import BadInput

LARGEST = 256 << 20
"""Bytes of an inventory that is read: about two million observations."""
LONGEST_LINE = 1000
FIELDS = ("collection", "observationID", "maxLastModified", "accMetaChecksum")
_REMEDY = "Ask the partner for the inventory again (procedure P16)."
_TAKEN = "# taken "
_PATTERNS = (r"[A-Za-z0-9_-]{1,32}", r"[^\s/\\%|]{1,120}", r".{1,40}", r"(?:md5:[0-9a-f]{32})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One observation of an inventory; ``checksum`` is its accMetaChecksum, empty where it is not known."""

    collection: str
    observation_id: str
    changed_at: datetime
    checksum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What a partner holds, by observation id, and when that was written down; None where the file does not say."""

    name: str
    taken_at: datetime | None
    held: dict[str, Held]


def read_inventory(path: Path, collection: str) -> Inventory:
    """Read a partner's inventory of one collection; lines of other collections are left out.

    Raises
    ------
    BadInput
        The file cannot be read, is too large, or a line is not of the form; names the file, the line and the field.
    """
    taken: datetime | None = None
    held: dict[str, Held] = {}
    for number, line in _lines(path):
        if line.startswith("#"):
            taken = _time(path.name, number, "taken", line.removeprefix(_TAKEN)) if line.startswith(_TAKEN) else taken
            continue
        row = _row(path.name, number, line)
        if row.collection != collection:
            continue
        if row.observation_id in held:
            raise _bad(path.name, number, "observationID", f"{row.observation_id} is there twice")
        held[row.observation_id] = row
    return Inventory(name=path.stem, taken_at=taken, held=held)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give the lines that hold something, with their numbers, never more of the file than one line at a time."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size > LARGEST:
                raise BadInput(f"{path.name}: an inventory may have {LARGEST:,} bytes", remedy=_REMEDY, file=path.name)
            number = 0
            while raw := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(raw) > LONGEST_LINE:
                    raise _bad(path.name, number, "line", f"is longer than {LONGEST_LINE} bytes")
                line = raw.decode("utf-8").rstrip("\r\n")
                if line:
                    yield number, line
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name}: cannot be read: {error}", remedy=_REMEDY, file=path.name) from None


def _row(name: str, number: int, line: str) -> Held:
    values = line.split("\t")
    if len(values) != len(FIELDS):
        raise _bad(name, number, "line", f"has {counted(len(values), 'field')} divided by tabs, not {len(FIELDS)}")
    for field, value, pattern in zip(FIELDS, values, _PATTERNS, strict=True):
        if re.fullmatch(pattern, value) is None:
            raise _bad(name, number, field, f"cannot be '{value[:60]}'")
    collection, observation_id, changed, checksum = values
    return Held(
        collection=collection, observation_id=observation_id, checksum=checksum, changed_at=_time(name, number, FIELDS[2], changed)
    )  # fmt: skip


def _time(name: str, number: int, field: str, text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise _bad(name, number, field, f"is no ISO time: '{text[:60]}'") from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _bad(name: str, number: int, field: str, why: str) -> BadInput:
    return BadInput(f"{name}: line {number}: field '{field}' {why}", remedy=_REMEDY, file=name, line=number, field=field)


def write_inventory(held: Iterable[Held], taken_at: datetime) -> bytes:
    """Write an inventory, in the order given: the same form as partners' ones."""
    lines = [f"{_TAKEN}{stamp(taken_at)}"]
    lines += ["\t".join((h.collection, h.observation_id, stamp(h.changed_at), h.checksum)) for h in held]
    return ("\n".join(lines) + "\n").encode()


def stamp(when: datetime) -> str:
    """Write a time as the IVOA does; thousandths are cut off, so that a list asked for from there holds it again."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
