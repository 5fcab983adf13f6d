"""How the engineering database writes samples: JSON as the direct service does, CSV as the public one."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from dmsops.interfaces.edb_samples import Block, Times, Values

MICROSECONDS_PER_DAY = 86_400_000_000
MJD_OF_1970 = 40587
PIECE = 20_000
"""Samples that become text at once: about 1.5 MB."""
WHOLE = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT"})
PLAIN = re.compile(r"[\w.+-]+")
CSV_HEAD = b"theTime,MJD,euvalue,sqldataType\r\n"


def db_time(milliseconds: int) -> str:
    """Write a time as the direct service does: ``/Date(1670125922000+0000)/``; thirteen digits, which its client counts."""
    return f"/Date({milliseconds:013d}+0000)/"


def milliseconds(times_us: Times) -> Times:
    """Round microseconds to milliseconds, halves up."""
    return (times_us + 500) // 1000


def json_text(known: Mapping[str, Any], start_ms: int, stop_ms: int, blocks: Iterable[Block]) -> Iterator[bytes]:
    """Write the direct form's answer; the count stands last, when it is known.

    A value that is no number (an infinity of the telemetry, say) is ``null``: JSON has no word for it.
    """
    head = {"TlmMnemonic": known["TlmMnemonic"], "ReqSTime": db_time(start_ms), "ReqETime": db_time(stop_ms)}
    yield f'{json.dumps(head)[:-1]}, "AllPoints": {int(known["AllPoints"])}, "Data": ['.encode()
    count, whole = 0, _is_whole(known)
    for times, values in _pieces(blocks):
        words = _json_values(values, whole=whole)
        points = ",".join([f'{{"ObsTime":"/Date({t:013d}+0000)/","EUValue":{v}}}' for t, v in zip(times, words, strict=True)])
        yield (f",{points}" if count else points).encode()
        count += len(times)
    yield f'], "Count": {count}}}'.encode()


def csv_text(known: Mapping[str, Any], blocks: Iterable[Block]) -> Iterator[bytes]:
    """Write the public form's answer: lines that end with CR LF; MJD to the last digit of a float64, 0.6 microseconds."""
    yield CSV_HEAD
    whole, sql = _is_whole(known), _sql_word(known)
    for times, values in _slices(blocks):
        dates = np.datetime_as_string(times.astype("datetime64[us]")).tolist()
        days, rest = np.divmod(times, MICROSECONDS_PER_DAY)
        mjds = (days + MJD_OF_1970 + rest / MICROSECONDS_PER_DAY).tolist()
        words = _csv_values(values, whole=whole)
        yield "".join([f"{d[:10]} {d[11:]},{m!r},{v},{sql}\r\n" for d, m, v in zip(dates, mjds, words, strict=True)]).encode()


def _slices(blocks: Iterable[Block]) -> Iterator[Block]:
    for times, values in blocks:
        for at in range(0, len(times), PIECE):
            yield times[at : at + PIECE], values[at : at + PIECE]


def _pieces(blocks: Iterable[Block]) -> Iterator[tuple[list[int], Values]]:
    for times, values in _slices(blocks):
        yield milliseconds(times).tolist(), values


def _sql_type(known: Mapping[str, Any]) -> str:
    return str(known["SQLType"]).partition("(")[0].strip().upper()


def _is_whole(known: Mapping[str, Any]) -> bool:
    return _sql_type(known) in WHOLE


def _sql_word(known: Mapping[str, Any]) -> str:
    """Name the type of a value; every whole number above a byte is ``int``: the client knows no other word for one."""
    name = _sql_type(known).lower()
    return "int" if name in {"smallint", "bigint"} else name


def _number(value: float, *, whole: bool) -> str:
    return str(int(value)) if whole and float(value).is_integer() else repr(value)


def _plain(values: Values) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _json_values(values: Values, *, whole: bool) -> list[str]:
    plain = _plain(values)
    if plain and isinstance(plain[0], str):
        return [json.dumps(word) for word in plain]
    return [_number(value, whole=whole) if math.isfinite(value) else "null" for value in plain]


def _csv_values(values: Values, *, whole: bool) -> list[str]:
    plain = _plain(values)
    if plain and isinstance(plain[0], str):
        return [_cell(word) for word in plain]
    return [_number(value, whole=whole) for value in plain]


def _cell(word: str) -> str:
    if PLAIN.fullmatch(word):
        return word
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([" ".join(word.splitlines())])
    return line.getvalue()
