"""What wavefront support knows, as plain rows for eyes; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.wfsc.clock import ClockReading
from dmsops.wfsc.tables import wfsc_delivery
from dmsops.wfsc.watch import clocks

if TYPE_CHECKING:
    from dmsops.ops import Ops

NEED_A_PERSON = ("refused", "not answered", "not sent")
"""Standings of hand-overs that a person must see to."""
REPLACED = "replaced"


def deliveries(ops: Ops, visit: str | None = None) -> list[dict[str, Any]]:
    """Give the hand-overs to WSS, of one visit or all, oldest first."""
    query = sa.select(wfsc_delivery).order_by(wfsc_delivery.c.prepared_at, wfsc_delivery.c.id)
    with reading(ops.db) as c:
        return [dict(row) for row in c.execute(query if visit is None else query.where(wfsc_delivery.c.visit == visit)).mappings()]


def handovers(ops: Ops) -> list[dict[str, Any]]:
    """Give the hand-overs as `deliveries` does, each with its ``standing``: how it is now, in a word of ours.

    One of which every product was taken with a later hand-over of its visit is ``replaced``: nobody needs to see to it any more.
    """
    now, limit = ops.clock.now(), timedelta(minutes=ops.settings.wss_answer_minutes)
    taken: dict[str, set[str]] = {}
    found = []
    for row in reversed(deliveries(ops)):
        said = standing(row, now, limit)
        later = taken.setdefault(row["visit"], set())
        found.append({**row, "standing": REPLACED if said in NEED_A_PERSON and later.issuperset(row["files"]) else said})
        if said == "acknowledged":
            later.update(row["files"])
    return found[::-1]


def standing(row: Mapping[str, Any], now: datetime, limit: timedelta) -> str:
    """Say how a hand-over is: what has no answer after the time that a hand-over waits for one needs a person."""
    if row["state"] in ("refused", "acknowledged"):
        return str(row["state"])
    sent = row["sent_at"]
    if sent is None:
        return "not sent" if now - row["prepared_at"] > limit else "being sent"
    return "not answered" if now - sent > limit else "waits for the answer"


def clock_rows(ops: Ops) -> list[dict[str, Any]]:
    """Give the clocks as rows.

    Returns
    -------
    list of dict
        ``visit``, ``started_at``, ``due``, ``stopped_at``, ``used_minutes``, ``limit_minutes``, ``state``, ``words``;
        ``p50``, ``p90``, ``rescue_by`` and ``blocked`` of the forecast (None and empty without one).
    """
    return [_row(reading_) for reading_ in clocks(ops)]


def clock_row(ops: Ops, visit: str) -> dict[str, Any] | None:
    """Give one visit's clock as a row, or None when it has none."""
    return next((row for row in clock_rows(ops) if row["visit"] == visit), None)


def _row(clock: ClockReading) -> dict[str, Any]:
    minute = timedelta(minutes=1)
    limit, seen = clock.due - clock.started_at, clock.forecast
    return {
        "visit": clock.visit,
        "started_at": clock.started_at,
        "due": clock.due,
        "stopped_at": clock.stopped_at,
        "used_minutes": round((limit - clock.remaining) / minute, 2),
        "limit_minutes": limit / minute,
        "state": clock.state.value,
        "words": clock.words,
        "p50": seen.p50 if seen else None,
        "p90": seen.p90 if seen else None,
        "rescue_by": seen.rescue_by if seen else None,
        "blocked": list(seen.blocked) if seen else [],
    }
