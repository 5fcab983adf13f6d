"""The event log of the onboard scripts, line by line: what each message that matters to a visit looks like.

Grammar: messages of flown visits as they are public (mnemonic ICTM_EVENT_MSG), and the failures that public readers of
such logs look for. Ours: the start and end of exposures of instruments other than NIRCam, written as NIRCam's are, and a
guide star attempt that failed before the last one. Everything else in a log is passed over, so is ``Exposure Aborted by
Command``: the guiders' own exposures end so at every dither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dmsops.core.errors import BadVisit

_LINE = re.compile(r"(?P<at>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)\s+(?P<text>\S.*)")
_FOUND = re.compile(r"VISIT (?P<visit>V\d{11}) (?P<which>START|END) FOUND at (?P<at>\S+)")
_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_EXPOSURE_ID = r"(?P<sequence>[1-5])(?P<activity>[0-9A-Z]{2})(?P<number>(?!000)\d{3})"

_SCIENCE = r"(?P<type>(?:NRC|MIR|NRS|NIS|FGS)_\w+)"

PATTERNS = {
    "parallels": r".*contains the following Parallel IDs.*",
    "planned": r"\*\*\* PLAN PROCESSING (?P<what>STARTED|STOPPED)(?:, (?P<reason>.+?))? \*\*\*",
    "started": r"VISIT (?P<visit>V\d{11}) STARTED",
    "skipped": r"VISIT (?P<visit>V\d{11})\b[ ,-]*(?P<reason>.*?)[ ,-]*\bSKIPPED.*",
    "ended": r"VISIT (?P<visit>V\d{11}) ENDED(?:, (?P<reason>.+))?",
    "group": r"Group (?P<visit>V\d{11}):(?P<group>\d\d) (?P<what>started|ended)",
    "activated": r"Script activated: (?P<id>\S+):(?P<script>\w+)",
    "terminated": r"Script terminated: (?P<id>\S+):(?P<script>\w+):(?P<how>\w+)",
    "exposed": rf"{_EXPOSURE_ID} {_SCIENCE} (?P<readpatt>[A-Z0-9]+) ints=(?P<ints>\d+) grps=(?P<groups>\d+) "
    r"(?P<subarray>[A-Z0-9_]+) flt=(?P<filters>\S+)",
    "pupils": rf"{_EXPOSURE_ID} pupil=(?P<pupils>\S+).*",
    "completed": rf"{_EXPOSURE_ID} {_SCIENCE} completed exptime=(?P<exptime>{_NUMBER}) pctime=(?P<pctime>{_NUMBER}) "
    r"cfg=(?P<cfg>\w+)",
    "dithered": rf"Dither SAM \(x, y\) = (?P<x>{_NUMBER}), (?P<y>{_NUMBER})",
    "guided": rf"From guiding: guider (?P<guider>[12]),? X ideal (?P<x>{_NUMBER}) Y ideal (?P<y>{_NUMBER})",
    "locked": r".*achieved closed-loop fine guidance control.*",
    "ruled": r"\*{4,}",
    "located": r"DETECTOR\s+= (?P<detector>[A-Z][A-Z0-9]{2,11}?)(?:_LOS)?",
    "centred": rf"detector coord \(colCentroid, rowCentroid\)\s+= \((?P<column>{_NUMBER}), (?P<row>{_NUMBER})\)",
    "converged": r"\(convergenceFlag, convergenceThres\)\s+= \((?P<flag>[A-Z]+), .*\)",
    "acquired": rf"TA SAM(?: for \w+)? \(x, y\) = (?P<x>{_NUMBER}), (?P<y>{_NUMBER})",
    "unlocated": r".*(?:target locate failed|TA [Rr]oll too (?:big|large)).*",
    "lost": r".*(?:reacquisition failed|[Ll]oss of (?:ACS )?[Ff]ine [Gg]uid).*",
    "attempted": r".*acquisition failed on attempt (?P<attempt>[1-9]\d?)\b.*",
    "unguided": r".*(?:acquisition failed on all attempts|acquisition process unsuccessful).*",
    "initiated": r"WFC initiating group \d+ .*",
    "moved": r"WFC group (?P<group>\d+)\b.* has completed.*",
    "unfound": r"WFC file \S+ not found.*",
    "failed": r".*(?:subsystem unavailable|[Vv]isit constraint violation).*",
}
_YEARS = range(2000, 2100)
_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
_OF_EXPOSURE = re.compile(rf"{_EXPOSURE_ID} .*(?:ints=|grps=|flt=|pupil=|exptime=|pctime=|\bcompleted\b)")
_OF_VISIT = re.compile(r"VISIT V|\*\*\* PLAN PROCESSING|Group V\d{11}\b")


@dataclass(frozen=True, slots=True)
class Message:
    """One message that matters: where it stands in the log, when (UTC), its kind and its words."""

    number: int
    at: datetime
    text: str
    kind: str
    words: dict[str, str]


def messages(path: Path) -> Iterator[Message]:
    """Read the messages of a log that matter to its visit; kinds are those of `PATTERNS` and ``found``.

    Raises
    ------
    BadVisit
        The file cannot be read, or a line has no time, or it speaks of an exposure in words that are not known; the
        message names file, line and text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadVisit(f"{path.name}: cannot be read as text: {error}", file=path.name) from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            message = _message(path.name, number, line.strip())
            if message.kind:
                yield message


def number_of(file: str, message: Message, word: str, *, below: float = 1e8) -> float:
    """Read one of a message's words as a number; raises `BadVisit` when it is too large to mean anything."""
    value = float(message.words[word])
    if not abs(value) < below:
        raise bad_line(file, message, f"the number {message.words[word]} cannot be")
    return value


def bad_line(file: str, message: Message, why: str) -> BadVisit:
    """Make the error for one line of a log."""
    return _bad(file, message.number, message.text, why)


def _bad(file: str, number: int, text: str, why: str) -> BadVisit:
    return BadVisit(f"{file}: line {number}: {why}: '{text[:200]}'", file=file, line=number, text=text[:200])


def _message(file: str, number: int, line: str) -> Message:
    found = _FOUND.fullmatch(line)
    if found:
        return Message(number, _time(file, number, line, found["at"]), line, "found", found.groupdict())
    dated = _LINE.fullmatch(line)
    if dated is None:
        raise _bad(file, number, line, "a message begins with its time, as 2022-12-04 03:42:02.58")
    text = dated["text"].strip()
    at = _time(file, number, line, dated["at"])
    for kind, pattern in _COMPILED.items():
        match = pattern.fullmatch(text)
        if match:
            return Message(number, at, text, kind, {k: v for k, v in match.groupdict().items() if v is not None})
    if _OF_EXPOSURE.match(text):
        raise _bad(file, number, text, "this message about an exposure cannot be read")
    if _OF_VISIT.match(text):
        raise _bad(file, number, text, "this message about a visit or the plan cannot be read")
    return Message(number, at, text, "", {})


def _time(file: str, number: int, line: str, text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise _bad(file, number, line, "the time is none") from None
    if when.year not in _YEARS:
        raise _bad(file, number, line, f"the observatory does not fly in the year {when.year}")
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
