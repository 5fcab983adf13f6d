"""Whether FITS files are whole: read block by block from the disk, headers and sums, in a few hundred kB of memory.

The rules are those of the FITS standard 4.0 (sections 3, 4.4.1 and 4.4.2.7); a file of the calibration pipeline also has its
metadata as an ASDF document in an extension (without it the pipeline cannot read its own product).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import sqlalchemy as sa

from dmsops.archive.checks import Sight, within
from dmsops.archive.tables import archived_product
from dmsops.catalogue.naming import product_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.core.errors import BadInput, DmsError

if TYPE_CHECKING:
    from dmsops.ops import Ops

BLOCK = 2880
_CARD = 80
MOST_BLOCKS = 2000
"""Blocks of one header: 72,000 cards; the pipeline's largest has some hundreds."""
_CHUNK = 256 * BLOCK
_PAGE = 500
_ap = archived_product.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One header and its data: keywords, and where they lie in the file (bytes)."""

    number: int
    keywords: dict[str, str]
    start: int
    data: int
    end: int

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"extension {self.number} ({self.keywords.get('EXTNAME', 'unnamed')})" if self.number else "the primary header"


def units(file: BinaryIO) -> Iterator[Unit]:
    """Walk through a FITS file; data are not read.

    Raises
    ------
    BadInput
        It does not follow the standard.
    """
    size = os.fstat(file.fileno()).st_size
    number, place = 0, 0
    while place < size:
        unit = _unit(file, number, place)
        if unit.end > size:
            raise BadInput(f"{unit.name}: {counted(unit.end, 'byte is', 'bytes are', form=',')} announced, the file has {size:,}")
        yield unit
        number, place = number + 1, unit.end
    if not number:
        raise BadInput("the file is empty")


def _unit(file: BinaryIO, number: int, place: int) -> Unit:
    file.seek(place)
    cards = list(_cards(file, number))
    first = "XTENSION" if number else "SIMPLE"
    if cards[0][0] != first:
        raise BadInput(f"part {number} begins with '{cards[0][0]}', not with {first}")
    keywords: dict[str, str] = {}
    for key, value in cards:
        keywords.setdefault(key, value)
    data = file.tell()
    return Unit(number=number, keywords=keywords, start=place, data=data, end=data + _size(keywords, number))


def _cards(file: BinaryIO, number: int) -> Iterator[tuple[str, str]]:
    for _ in range(MOST_BLOCKS):
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            raise BadInput(f"the file ends in the header of part {number}")
        for at in range(0, BLOCK, _CARD):
            card = block[at : at + _CARD]
            if card.rstrip() == b"END":
                return
            yield _read(card, number)
    raise BadInput(f"the header of part {number} has no end within {MOST_BLOCKS} blocks")


def _read(card: bytes, number: int) -> tuple[str, str]:
    try:
        text = card.decode("ascii")
    except UnicodeDecodeError:
        raise BadInput(f"the header of part {number} has characters that are not ASCII") from None
    key = text[:8].strip()
    if text[8:10] != "= ":
        return key, ""
    quoted = re.match(r"\s*'((?:[^']|'')*)'", text[10:])
    return key, quoted[1].rstrip() if quoted else text[10:].partition("/")[0].strip()


def _size(keywords: dict[str, str], number: int) -> int:
    """Give the padded bytes of the data that a header announces."""
    whole = {key: _number(keywords, key, number) for key in ("BITPIX", "NAXIS")}
    if whole["BITPIX"] not in (8, 16, 32, 64, -32, -64) or not 0 <= whole["NAXIS"] <= 999:
        raise BadInput(f"part {number}: field 'BITPIX' or 'NAXIS' has no value of the standard")
    axes = [_number(keywords, f"NAXIS{n}", number) for n in range(1, whole["NAXIS"] + 1)]
    if min(axes, default=0) < 0:
        raise BadInput(f"part {number}: field 'NAXISn' is below 0")
    elements = 1 if axes else 0
    for axis in axes:
        elements *= axis
    more = _number(keywords, "PCOUNT", number, 0), _number(keywords, "GCOUNT", number, 1)
    if min(more) < 0:
        raise BadInput(f"part {number}: field 'PCOUNT' or 'GCOUNT' is below 0")
    used = abs(whole["BITPIX"]) // 8 * more[1] * (more[0] + elements)
    return -(-used // BLOCK) * BLOCK


def _number(keywords: dict[str, str], key: str, number: int, default: int | None = None) -> int:
    text = keywords.get(key, "" if default is None else str(default))
    if re.fullmatch(r"[+-]?[0-9]{1,15}", text) is None:
        raise BadInput(f"part {number}: field '{key}' is no whole number: '{text[:20]}'")
    return int(text)


def ones_sum(file: BinaryIO, start: int, end: int) -> int:
    """Give the 32-bit ones'-complement sum of a piece of a file (FITS standard, appendix J)."""
    import numpy as np

    file.seek(start)
    total = 0
    for at in range(start, end, _CHUNK):
        words = np.frombuffer(file.read(min(_CHUNK, end - at)), dtype=">u4")
        total += int(words.sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def fault_of(path: Path) -> str | None:
    """Say what is wrong with a FITS file; None when it is whole.

    Sums are held where a header has them (``DATASUM``, ``CHECKSUM``).
    """
    with path.open("rb") as file:
        try:
            found = list(units(file))
            for unit in found:
                _hold_sums(file, unit)
        except BadInput as fault:
            return fault.message
    if _lacks_asdf(found):
        return "no ASDF extension, and the header names the calibration software (CAL_VER)"
    return None


def no_asdf(path: Path) -> bool:
    """Say whether a product of the pipeline lacks its ASDF extension; headers are read only, and what is not FITS lacks nothing."""
    with path.open("rb") as file:
        try:
            return _lacks_asdf(list(units(file)))
        except BadInput:
            return False


def _lacks_asdf(found: list[Unit]) -> bool:
    return "CAL_VER" in found[0].keywords and not any(u.keywords.get("EXTNAME") == "ASDF" for u in found)


def _hold_sums(file: BinaryIO, unit: Unit) -> None:
    keywords = unit.keywords
    if keywords.get("DATASUM"):
        seen = ones_sum(file, unit.data, unit.end)
        if not keywords["DATASUM"].isdigit() or int(keywords["DATASUM"][:20]) != seen:
            raise BadInput(f"{unit.name}: the data's sum is {seen}, DATASUM says {keywords['DATASUM'][:20]}")
    if keywords.get("CHECKSUM") and ones_sum(file, unit.start, unit.end) not in (0, 0xFFFFFFFF):
        raise BadInput(f"{unit.name}: its bytes do not have the sum that CHECKSUM says")


def first_keywords(path: Path) -> dict[str, str]:
    """Give the primary header's keywords; empty of a file that is not FITS."""
    with path.open("rb") as file:
        try:
            return next(units(file)).keywords
        except BadInput:
            return {}


def fits_products(ops: Ops, scope: Scope) -> Iterator[Any]:
    """Give the current FITS products of the scope in order of name, page after page."""
    query = sa.select(_ap.name, _ap.observation_id, _ap.sha256).where(
        _ap.current, _ap.name.like("%.fits"), within(scope, _ap.observation_id)
    )
    after = ""
    while True:
        with reading(ops.db) as c:
            rows = c.execute(query.where(_ap.name > after).order_by(_ap.name).limit(_PAGE)).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1].name


@site_check("C19", "error", "Make the product again from its inputs (P08), then ingest it again (P15).", source="store", deep=True)
def is_whole(ops: Ops, scope: Scope) -> Sight:
    """Find a FITS product that is not whole, or without the pipeline's ASDF extension."""
    for row in fits_products(ops, scope):
        try:
            fault = fault_of(ops.store.path(row.sha256))
        except DmsError:  # bytes that are not there are C11's
            continue
        if fault is not None:
            yield row.observation_id, product_uri(row.name), "a whole FITS file", fault
