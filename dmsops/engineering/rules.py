"""What is refused whole: files that are not of the observatory, whose times cannot be, or whose samples could not be told from others.

The rules are those of a public reader of the observatory's engineering files (domain of the file under four hours, an end before
now, no simulator's data); the limits are settings of the site.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.core.clock import iso
from dmsops.core.counting import counted
from dmsops.core.db import reading
from dmsops.engineering.columns import HOUR_US
from dmsops.engineering.states import EngineeringState
from dmsops.engineering.tables import engineering_file
from dmsops.interfaces.fos.engineering import COARSE

if TYPE_CHECKING:
    from dmsops.interfaces.fos.engineering import EngineeringFile
    from dmsops.ops import Ops

_f = engineering_file.c
REHEARSED = ("OTB", "UNKNOWN")
"""Origins that a rehearsal's site takes besides: the test bed's, and old packet files, which do not say."""


def origins(ops: Ops) -> tuple[str, ...]:
    """Give the origins that the site takes."""
    more = REHEARSED if ops.settings.mode == "rehearsal" else ()
    return (*ops.settings.engineering_origins, *more)


def possible(ops: Ops) -> tuple[int, int]:
    """Give the first and the last time that a sample may have, microseconds since 1970."""
    earliest = ops.settings.engineering_earliest
    start = earliest.replace(tzinfo=UTC) if earliest.tzinfo is None else earliest
    return round(start.timestamp() * 1e6), round(ops.clock.now().timestamp() * 1e6)


def refusals(ops: Ops, file: EngineeringFile) -> list[str]:
    """Say why a file is not taken; empty when it is."""
    said = []
    if file.origin not in origins(ops):
        said.append(f"its origin is {file.origin}, and this site takes {', '.join(origins(ops))}")
    if file.first_us is None or file.last_us is None or not file.samples:
        return [*said, "it holds no sample that the telemetry database knows"]
    earliest, now = possible(ops)
    hours = (file.last_us - file.first_us) / HOUR_US
    if file.last_us > now:
        said.append(f"it ends in the future ({at(file.last_us)})")
    if file.first_us < earliest:
        said.append(f"it begins before there was telemetry ({at(file.first_us)})")
    if hours > ops.settings.engineering_span_hours:
        said.append(f"it covers {hours:,.1f} h, more than {ops.settings.engineering_span_hours:g} h")
    return said + _other_clock(ops, file)


def _other_clock(ops: Ops, file: EngineeringFile) -> list[str]:
    """Say when files that are held of its time write times to another fraction: a sample that both have would not be known again."""
    coarse = file.form == COARSE
    there = (_f.state == EngineeringState.INGESTED, _f.first_us <= file.last_us, _f.last_us >= file.first_us)
    other = _f.form != COARSE if coarse else _f.form == COARSE
    with reading(ops.db) as c:
        names = list(c.execute(sa.select(_f.name).where(*there, other).order_by(_f.id)).scalars())
    if not names:
        return []
    mine, theirs = ("whole milliseconds", "microseconds") if coarse else ("microseconds", "whole milliseconds")
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"its times are {mine}, and those of {names[0]}{more}, held of the same time, are {theirs}: what both have would count twice"]


def at(time_us: int) -> str:
    """Write a sample's time: ``2022-12-04T03:42:02.580Z``; a time that no calendar has as its number."""
    when = moment(time_us)
    return counted(time_us, "microsecond") if when is None else iso(when)


def moment(time_us: int) -> datetime | None:
    """Give a sample's time, to the microsecond; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    except (OverflowError, ValueError, OSError):
        return None
