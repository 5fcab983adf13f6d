"""VOTable (1.4) written as rows come: TABLEDATA or BINARY2.

Values are turned into text column by column for a lot of rows at a time, which is what makes it quick.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dmsops.distribution.described import TEXT, WHOLE, Described

Rows = Sequence[Sequence[Any]]
TYPE = "application/x-votable+xml"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_SPECIAL = re.compile(r'[&<>"]')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 has no way to write."""


class Fielded(Described, Protocol):
    """A column of an answer (`dmsops.distribution.adql.tables.Field`)."""

    @property
    def arraysize(self) -> str:
        """VOTable's; empty for one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is written: columns, rows in lots, and how many rows at most (one more tells that there are more).

    Attributes
    ----------
    infos : sequence of (str, str)
        Names and values of INFO elements.
    before, after : str
        Elements of our own making in the results' RESOURCE, and after it.
    """

    fields: Sequence[Fielded]
    lots: Iterable[Rows]
    limit: int
    infos: Sequence[tuple[str, str]] = ()
    before: str = ""
    after: str = ""


@dataclass(slots=True)
class Count:
    """How many rows were written, and whether there were more."""

    rows: int = 0
    overflow: bool = False

    def cut(self, answer: Answer) -> Iterator[Rows]:
        """Give an answer's rows up to its limit."""
        for lot in answer.lots:
            left = answer.limit - self.rows
            self.overflow |= len(lot) > left
            taken = lot[:left] if len(lot) > left else lot
            self.rows += len(taken)
            if taken:
                yield taken
            if self.overflow:
                return


def writable(text: str) -> str:
    """Give text with what XML has no way to write replaced by a question mark."""
    return _FORBIDDEN.sub("?", text)


def escaped(text: str) -> str:
    """Write a text so that XML reads it; what XML cannot hold becomes a question mark."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], writable(text))


def _head(answer: Answer) -> str:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
        '<RESOURCE type="results">',
        '<INFO name="QUERY_STATUS" value="OK"/>',
        *(f'<INFO name="{escaped(name)}" value="{escaped(value)}"/>' for name, value in answer.infos),
        *([answer.before] if answer.before else []),
        "<TABLE>",
        *map(_field, answer.fields),
        "<DATA>",
    ]
    return "\n".join(lines)


def _field(described: Fielded) -> str:
    given = {name: getattr(described, name) for name in ("name", "datatype", "arraysize", "unit", "ucd", "utype", "xtype")}
    attributes = " ".join(f'{name}="{escaped(value)}"' for name, value in given.items() if value)
    if not described.description:
        return f"<FIELD {attributes}/>"
    return f"<FIELD {attributes}><DESCRIPTION>{escaped(described.description)}</DESCRIPTION></FIELD>"


def _tail(answer: Answer, count: Count) -> str:
    told = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>\n' if count.overflow or answer.limit == 0 else ""
    return f"</DATA>\n</TABLE>\n{told}</RESOURCE>\n{answer.after}</VOTABLE>\n"


def error_document(message: str) -> bytes:
    """Write an error as DALI has it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">{escaped(message)}</INFO></RESOURCE>\n</VOTABLE>\n'
    ).encode()


def tabledata(answer: Answer) -> Iterator[bytes]:
    """Write a VOTable with its rows as elements."""
    yield f"{_head(answer)}\n<TABLEDATA>\n".encode()
    makers, count = [_cells(f) for f in answer.fields], Count()
    for lot in count.cut(answer):
        columns = [make(values) for make, values in zip(makers, zip(*lot, strict=True), strict=True)]
        rows = ["</TD><TD>".join(cells) for cells in zip(*columns, strict=True)]
        yield ("<TR><TD>" + "</TD></TR>\n<TR><TD>".join(rows) + "</TD></TR>\n").encode()
    yield f"</TABLEDATA>\n{_tail(answer, count)}".encode()


def _cells(described: Fielded) -> Callable[[Sequence[Any]], Iterable[str]]:
    if described.datatype in TEXT:
        ascii_only = described.datatype == "char"
        return lambda values: _texts(values, ascii_only=ascii_only)
    if described.arraysize:
        return lambda values: ["" if value is None else str(value) for value in values]
    if described.datatype == "boolean":
        return lambda values: ["" if value is None else "true" if value else "false" for value in values]
    return _wholes if described.datatype in WHOLE else _reals


def _texts(values: Sequence[Any], *, ascii_only: bool) -> Sequence[str]:
    """Give texts as they are when none of them needs a second look: one look at all of them together says so."""
    if values[0] == values[-1] and values.count(values[0]) == len(values):
        return [_text(values[0], ascii_only=ascii_only)] * len(values)
    try:
        together = " ".join(values)
    except TypeError:
        values = ["" if value is None else str(value) for value in values]
        together = " ".join(values)
    plain = together.isprintable() and not ("<" in together or "&" in together or ">" in together)
    if plain and (together.isascii() or not ascii_only):
        return values
    return [_text(value, ascii_only=ascii_only) for value in values]


def _text(value: Any, *, ascii_only: bool) -> str:
    text = "" if value is None else str(value)
    return escaped(text.encode("ascii", "replace").decode("ascii") if ascii_only else text)


def _wholes(values: Sequence[Any]) -> Iterable[str]:
    if None in values or float in set(map(type, values)):
        return ["" if value is None else str(int(value)) for value in values]
    return map(str, values)


def _reals(values: Sequence[Any]) -> Iterable[str]:
    if None in values:
        return [""] * len(values) if values.count(None) == len(values) else ["" if value is None else _real(value) for value in values]
    return map(repr, values) if math.isfinite(sum(values)) else map(_real, values)


def _real(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


_PACKED = {"short": ("h", 0), "int": ("i", 0), "long": ("q", 0), "float": ("f", math.nan), "double": ("d", math.nan)}


def binary2(answer: Answer) -> Iterator[bytes]:
    """Write a VOTable with its rows as numbers (BINARY2)."""
    yield f'{_head(answer)}\n<BINARY2>\n<STREAM encoding="base64">\n'.encode()
    count, left = Count(), b""
    for lot in count.cut(answer):
        made = left + b"".join(_packed(answer.fields, row) for row in lot)
        whole = len(made) // 57 * 57
        left = made[whole:]
        yield base64.encodebytes(made[:whole])
    yield base64.encodebytes(left)
    yield f"</STREAM>\n</BINARY2>\n{_tail(answer, count)}".encode()


def _packed(fields: Sequence[Fielded], row: Sequence[Any]) -> bytes:
    flags, parts = bytearray((len(fields) + 7) // 8), []
    for place, (described, value) in enumerate(zip(fields, row, strict=True)):
        if value is None:
            flags[place // 8] |= 0x80 >> place % 8
        parts.append(_packed_value(described, value))
    return bytes(flags) + b"".join(parts)


def _packed_value(described: Fielded, value: Any) -> bytes:
    if described.datatype in TEXT:
        ascii_only = described.datatype == "char"
        text = "" if value is None else str(value)
        data = text.encode("ascii", "replace") if ascii_only else text.encode("utf-16-be", "replace")
        return struct.pack(">i", len(data) if ascii_only else len(data) // 2) + data
    if described.datatype == "boolean":
        return b"?" if value is None else b"T" if value else b"F"
    code, null = _PACKED[described.datatype]
    if described.arraysize:
        numbers = [float(word) for word in (value or "").split()]
        size = struct.pack(">i", len(numbers)) if described.arraysize == "*" else b""
        wanted = len(numbers) if described.arraysize == "*" else int(described.arraysize)
        return size + struct.pack(f">{wanted}{code}", *(numbers or [math.nan] * wanted))
    return struct.pack(f">{code}", null if value is None else int(value) if described.datatype in WHOLE else value)
