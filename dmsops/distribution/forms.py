"""The forms that an answer may have: VOTable and what else is asked for by RESPONSEFORMAT: CSV, TSV, JSON, FITS, Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dmsops.core.errors import BadInput
from dmsops.distribution.described import TEXT, WHOLE
from dmsops.distribution.votable import TYPE, Answer, Count, Fielded, binary2, tabledata


def _separated(separator: str) -> Callable[[Answer], Iterator[bytes]]:
    def written(answer: Answer) -> Iterator[bytes]:
        count = Count()
        yield _lines([[f.name for f in answer.fields]], separator)
        for lot in count.cut(answer):
            yield _lines(lot, separator)

    return written


def _lines(rows: Iterable[Sequence[Any]], separator: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def as_json(answer: Answer) -> Iterator[bytes]:
    """Write ``{"metadata": [{name, datatype, ...}], "data": [[...]], "overflow": false}``."""
    names = ("name", "datatype", "arraysize", "unit", "ucd", "utype", "xtype", "description")
    told = [{name: getattr(f, name) or None for name in names} for f in answer.fields]
    yield f'{{"metadata": {json.dumps(told)},\n"data": ['.encode()
    count, comma = Count(), ""
    for lot in count.cut(answer):
        rows = ",\n".join(json.dumps([_finite(value) for value in row]) for row in lot)
        yield f"{comma}\n{rows}".encode()
        comma = ","
    yield f'],\n"overflow": {str(count.overflow).lower()}}}\n'.encode()


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parquet(answer: Answer) -> Iterator[bytes]:
    """Write Parquet, a row group for each lot; the file is made in memory, packed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"short": pa.int64(), "int": pa.int64(), "long": pa.int64(), "float": pa.float64(), "double": pa.float64()}
    names = _distinct([f.name for f in answer.fields])
    types = [pa.string() if f.arraysize else kinds.get(f.datatype, pa.string()) for f in answer.fields]
    told = [{key: value for key in ("unit", "ucd", "utype", "description") if (value := getattr(f, key))} for f in answer.fields]
    schema = pa.schema([pa.field(name, kind, metadata=meta or None) for name, kind, meta in zip(names, types, told, strict=True)])
    out, count = io.BytesIO(), Count()
    with pq.ParquetWriter(out, schema) as writer:
        for lot in count.cut(answer):
            columns = [pa.array(_typed(values, kind), kind) for values, kind in zip(zip(*lot, strict=True), types, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    yield out.getvalue()


def _typed(values: Sequence[Any], kind: Any) -> list[Any]:
    cast: Callable[[Any], Any] = {"int64": int, "double": float}.get(str(kind), str)
    return [None if value is None else cast(value) for value in values]


MOST_FITS = 200_000
"""Rows of a FITS table: it is made whole in memory."""


def fits(answer: Answer) -> Iterator[bytes]:
    """Write a FITS table."""
    import numpy as np
    from astropy.io import fits as io_fits

    count = Count()
    rows = [row for lot in count.cut(answer) for row in lot]
    if len(rows) > MOST_FITS:
        raise BadInput(f"a FITS table has no more than {MOST_FITS:,} rows here; ask for less, or for Parquet", field="RESPONSEFORMAT")
    made = []
    for place, (described, name) in enumerate(zip(answer.fields, _distinct([f.name for f in answer.fields]), strict=True)):
        values = [row[place] for row in rows]
        made.append(_fits_column(described, name, values, np, io_fits))
    table = io_fits.BinTableHDU.from_columns(made, nrows=len(rows))
    table.header["OVERFLOW"] = (count.overflow, "more rows matched")
    out = io.BytesIO()
    io_fits.HDUList([io_fits.PrimaryHDU(), table]).writeto(out)
    yield out.getvalue()


_NO_WHOLE = -(2**63)


def _fits_column(described: Fielded, name: str, values: list[Any], np: Any, io_fits: Any) -> Any:
    if described.datatype in TEXT or described.arraysize:
        texts = np.array(["" if v is None else str(v).encode("ascii", "replace").decode() for v in values] or [""], dtype=np.str_)
        width = max(texts.dtype.itemsize // 4, 1)
        return io_fits.Column(name=name, format=f"{width}A", array=texts[: len(values)])
    if described.datatype in WHOLE:
        whole = np.array([_NO_WHOLE if v is None else int(v) for v in values], dtype=np.int64)
        return io_fits.Column(name=name, format="K", null=_NO_WHOLE, array=whole, unit=described.unit or None)
    reals = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    return io_fits.Column(name=name, format="D", array=reals, unit=described.unit or None)


def _distinct(names: Sequence[str]) -> list[str]:
    """Give names of which none is twice."""
    found: list[str] = []
    for name in names:
        made, number = name, 1
        while made in found:
            number += 1
            made = f"{name}_{number}"
        found.append(made)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form of answers: its type, and how it is written."""

    type: str
    write: Callable[[Answer], Iterator[bytes]]
    extension: str


_TABLEDATA = Form(type=TYPE, write=tabledata, extension="vot")
_CSV = Form(type="text/csv;header=present", write=_separated(","), extension="csv")
_TSV = Form(type="text/tab-separated-values", write=_separated("\t"), extension="tsv")
_FITS = Form(type="application/fits", write=fits, extension="fits")
FORMS: dict[str, Form] = {
    "": _TABLEDATA, "votable": _TABLEDATA, "votable/td": _TABLEDATA, "votable_plain": _TABLEDATA, "text/xml": _TABLEDATA,
    "application/xml": _TABLEDATA, TYPE: _TABLEDATA, f"{TYPE};serialization=tabledata": _TABLEDATA,
    "votable/b2": Form(type=f"{TYPE};serialization=binary2", write=binary2, extension="vot"),
    f"{TYPE};serialization=binary2": Form(type=f"{TYPE};serialization=binary2", write=binary2, extension="vot"),
    "csv": _CSV, "text/csv": _CSV, "text/csv;header=present": _CSV, "tsv": _TSV, "text/tab-separated-values": _TSV,
    "json": Form(type="application/json", write=as_json, extension="json"),
    "application/json": Form(type="application/json", write=as_json, extension="json"),
    "fits": _FITS, "application/fits": _FITS, "image/fits": _FITS,
    "parquet": Form(type="application/vnd.apache.parquet", write=parquet, extension="parquet"),
    "application/vnd.apache.parquet": Form(type="application/vnd.apache.parquet", write=parquet, extension="parquet"),
}  # fmt: skip


def form_of(given: str) -> Form:
    """Find a form by what RESPONSEFORMAT says.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    found = FORMS.get(given.strip().lower().replace(" ", ""))
    if found is None:
        known = "votable, votable/b2, csv, tsv, json, fits, parquet"
        raise BadInput(f"there is no format '{given[:60]}'; there are {known}", field="RESPONSEFORMAT")
    return found
