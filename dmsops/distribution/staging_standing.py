"""How a large request stands, for eyes: whether its files are laid ready, and which ones need a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings
from dmsops.distribution.staging import REQUESTED
from dmsops.distribution.tables import staging

if TYPE_CHECKING:
    from dmsops.ops import Ops

NEED_A_PERSON = STUCK, FAILED = "stuck", "failed"
"""Standings of requests that a person must see to."""
LATE = timedelta(hours=1)
"""A request whose files are not ready after this long has nobody who lays them ready (ours)."""
_s = staging.c


def standing(row: Mapping[str, Any], now: datetime) -> str:
    """Say how a row of `staging.requests` is: ``failed`` is one of which nothing could be laid ready, until its time is over."""
    if row["state"] == REQUESTED:
        return STUCK if now - row["made_at"] > LATE else REQUESTED
    over = row["expires_at"] is None or row["expires_at"] <= now
    if row["error"] and not over:
        return "ready in part" if row["files"] else FAILED
    return str(row["state"])


def trouble(ops: Ops) -> dict[str, int]:
    """Count the requests that need a person: ``stuck`` and ``failed``."""
    now = ops.clock.now()
    suspects = sa.or_(_s.state == REQUESTED, sa.and_(_s.error != "", _s.expires_at > now))
    rows = mappings(ops.db, sa.select(_s.state, _s.uris, _s.made_at, _s.expires_at, _s.error).where(suspects))
    found = [standing(row | {"files": len(row["uris"])}, now) for row in rows]
    return {word: found.count(word) for word in NEED_A_PERSON}
