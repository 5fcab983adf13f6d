r"""What the engineering database answers, whoever carries it over HTTP: a path and a query in, status, type and body out.

Two forms, as the calibration software's own clients ask them:

*direct* (``jwst.lib.engdb_direct``)
    ``MetaData/TlmMnemonics/[<name>]``; ``Data/<name>?sTime=<iso>&eTime=<iso>``, JSON, times in milliseconds. ``api/`` is 404:
    that is how the clients tell this form from the other.
*public* (``jwst.lib.engdb_mast``)
    ``api/`` is 200; ``api/v0.1/Download/file?uri=mast:jwstedb/<name>-<start>-<stop>.csv``, CSV, times in whole seconds.

Each gives one bracketing sample on each side of what was asked. That client cuts its end to the second (its start too) after
rounding to the millisecond; it is answered for all that it can have meant, and selects itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from dmsops.core.clock import parse_iso
from dmsops.core.errors import BadInput, DmsError, NotAllowed, NotFound, NotSignedIn, Refused
from dmsops.interfaces.edb_samples import Block, Source, walk
from dmsops.interfaces.edb_text import csv_text, json_text

LIMIT = 10_000_000
"""Samples of one answer."""
HELD = 1_000_000
"""Samples that are kept in memory rather than read twice."""
SMALL = 50_000
"""Samples of an answer that is given in one piece."""
JSON, CSV, TEXT = "application/json", "text/csv", "text/plain"
URI = re.compile(r"mast:jwstedb/([A-Z0-9_]{1,64})-(\d{8}T\d{6})-(\d{8}T\d{6})\.csv", re.ASCII | re.IGNORECASE)
NAME = re.compile(r"[A-Z0-9_]{1,64}", re.ASCII | re.IGNORECASE)
STATUS = ((NotSignedIn, 401), (NotAllowed, 403), (NotFound, 404), (BadInput, 400), (Refused, 409))
REMEDY_TIME = "Write times in UTC, as 2022-12-04 03:52:02.000, the earlier one first; procedure P14 shows how to ask."
REMEDY_NAME = "MetaData/TlmMnemonics/ (the direct form) lists the mnemonics there are; procedure P14 looks at one."
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_LAST_US = 10**16 - 1_000_000  # thirteen digits of milliseconds, in 2286, less the second that the public form adds
_FIELDS = 16


class Answer(NamedTuple):
    """What to send: a body that is small, or pieces of one that need not be."""

    status: int
    content_type: str
    body: bytes | Iterator[bytes]


def direct(source: Source, path: str, query: str, *, limit: int = LIMIT) -> Answer:
    """Answer in the direct form.

    Parameters
    ----------
    path : str
        Below the form's base address, decoded.
    query : str
        As it came, without the question mark.
    limit : int
        Samples of one answer; more are refused with 413.
    """
    return guarded(lambda: _direct(source, [part for part in path.split("/") if part], query, limit))


def public(source: Source, path: str, query: str, *, limit: int = LIMIT) -> Answer:
    """Answer in the public form; the parameters are those of `direct`."""
    return guarded(lambda: _public(source, path.strip("/"), query, limit))


def guarded(answer: Callable[[], Answer]) -> Answer:
    """Turn an error that an operator may see into its status and sentence."""
    try:
        return answer()
    except DmsError as error:
        return refusal(error)


def refusal(error: DmsError) -> Answer:
    """Give an error as a status and JSON with its sentence and remedy: the direct form's client reads JSON before the status."""
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 503)
    return told(int(error.facts.get("status", status)), code=error.code, message=error.message, remedy=error.remedy)


def told(status: int, **words: str) -> Answer:
    """Give a status with an error in words."""
    return Answer(status, JSON, json.dumps({"error": words}).encode())


def _direct(source: Source, parts: list[str], query: str, limit: int) -> Answer:
    match parts:
        case ["MetaData", "TlmMnemonics"]:
            return _described(list(source.mnemonics()))
        case ["MetaData", "TlmMnemonics", name]:
            return _described([_known(source, name)])
        case ["Data", name]:
            return _data(source, name, query, limit)
        case _:
            raise NotFound("the direct form has MetaData/TlmMnemonics/ and Data/<mnemonic>, nothing else", remedy=REMEDY_NAME)


def _described(found: list[Mapping[str, Any]]) -> Answer:
    rows = [{**row, "AllPoints": int(row["AllPoints"])} for row in found]
    return Answer(200, JSON, json.dumps({"Count": len(rows), "TlmMnemonics": rows}).encode())


def _known(source: Source, name: str) -> Mapping[str, Any]:
    found = source.describe(name.upper()) if NAME.fullmatch(name) else None
    if found is None:
        raise NotFound(f"'{name[:64]}' is no mnemonic of the telemetry database", remedy=REMEDY_NAME, mnemonic=name[:64])
    return found


def _data(source: Source, name: str, query: str, limit: int) -> Answer:
    known = _known(source, name)
    start_ms, stop_ms = (_asked(query, field) for field in ("sTime", "eTime"))
    _check_order(start_ms, stop_ms)
    # Milliseconds stand for all microseconds that are rounded to them: a sample is inside for the client if it is for us.
    blocks = _gather(source, known, start_ms * 1000 - 500, stop_ms * 1000 + 499, limit)
    return _answer(JSON, json_text(known, start_ms, stop_ms, blocks), blocks)


def _asked(query: str, field: str) -> int:
    """Read a time of the query: milliseconds since 1970."""
    text = _field(query, field)
    try:
        moment = (parse_iso(text.strip()) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise BadInput(f"{field} '{text[:64]}' is not a time", remedy=REMEDY_TIME, field=field) from None
    return (_inside(moment, field) + 500) // 1000


def _field(query: str, field: str) -> str:
    try:
        return parse_qs(query, max_num_fields=_FIELDS)[field][0]
    except (KeyError, ValueError):
        raise BadInput(f"{field} is missing from the query", remedy=REMEDY_TIME, field=field) from None


def _inside(moment: int, field: str) -> int:
    if not 0 <= moment < _LAST_US:
        raise BadInput(f"{field} is not between 1970 and 2286, the years that the clients can read", remedy=REMEDY_TIME, field=field)
    return moment


def _check_order(start: int, stop: int) -> None:
    if start > stop:
        raise BadInput("the time asked for ends before it starts", remedy=REMEDY_TIME, field="eTime")


def _public(source: Source, path: str, query: str, limit: int) -> Answer:
    if path == "api":
        return Answer(200, TEXT, b"The engineering database is here.\n")
    if path != "api/v0.1/Download/file":
        raise NotFound("the public form has api/v0.1/Download/file, nothing else", remedy=REMEDY_NAME)
    uri = _field(query, "uri")
    asked = URI.fullmatch(uri)
    if asked is None:
        problem = f"uri '{uri[:120]}' is not mast:jwstedb/<mnemonic>-<yyyymmddThhmmss>-<yyyymmddThhmmss>.csv"
        raise BadInput(problem, remedy=REMEDY_TIME, field="uri")
    known = _known(source, asked[1])
    start, stop = _second(asked[2]), _second(asked[3])
    _check_order(start, stop)
    blocks = _gather(source, known, start - 500, stop + 999_999, limit)
    return _answer(CSV, csv_text(known, blocks), blocks)


def _second(text: str) -> int:
    try:
        when = datetime.strptime(text.upper(), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"uri: {text} is not a time", remedy=REMEDY_TIME, field="uri") from None
    return _inside((when - _EPOCH) // _MICROSECOND, "uri")


def _gather(source: Source, known: Mapping[str, Any], start_us: int, stop_us: int, limit: int) -> Iterable[Block]:
    """Find the samples: kept when they are few, else counted first and read again as they are sent.

    Raises
    ------
    Refused
        There are more than ``limit``.
    """
    name = str(known["TlmMnemonic"])
    kept: list[Block] = []
    found, blocks = 0, walk(source, name, start_us, stop_us)
    for block in blocks:
        found = _counted(found, block, name, limit)
        kept.append(block)
        if found > HELD:
            break
    else:
        return kept
    kept.clear()
    for block in blocks:
        found = _counted(found, block, name, limit)
    return _bounded(walk(source, name, start_us, stop_us), name, limit)


def _bounded(blocks: Iterable[Block], name: str, limit: int) -> Iterator[Block]:
    found = 0
    for block in blocks:
        found = _counted(found, block, name, limit)
        yield block


def _counted(found: int, block: Block, name: str, limit: int) -> int:
    found += len(block[0])
    if found > limit:
        problem = f"more than {limit} samples of {name} lie in the time asked for, and one answer has no more"
        raise Refused(problem, remedy="Ask for a shorter time, several times; procedure P14 shows how.", status=413, mnemonic=name)
    return found


def _answer(content_type: str, text: Iterator[bytes], blocks: Iterable[Block]) -> Answer:
    small = isinstance(blocks, list) and sum(len(times) for times, _ in blocks) <= SMALL
    return Answer(200, content_type, b"".join(text) if small else text)
