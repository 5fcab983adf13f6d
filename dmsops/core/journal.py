"""The journal: every operator act and every event, hash-chained in the database, as JSON lines in a file.

An event is ``noun.verbed``; facts are fields. An *act* also has a reason. The chain makes a changed or
removed line visible: `verify` recomputes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from dmsops.core.clock import Clock, iso
from dmsops.core.db import UtcTime, metadata

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("real_at", UtcTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("event", sa.String(64), nullable=False, index=True),
    sa.Column("target", sa.String(200), nullable=False, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
_GENESIS = "0" * 64
_LAST = sa.select(journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
_INSERT = sa.insert(journal)


def _digest(previous: str, row: Mapping[str, Any]) -> str:
    text = json.dumps(
        [previous, *(row[k] for k in ("at", "actor", "event", "target", "reason", "outcome", "facts"))], sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be written; the fields are those of `write`."""

    event: str
    target: str
    actor: str
    reason: str | None = None
    outcome: str = "done"
    facts: Mapping[str, Any] = field(default_factory=dict)


def write(
    connection: sa.Connection,
    clock: Clock,
    event: str,
    target: str,
    *,
    actor: str,
    reason: str | None = None,
    outcome: str = "done",
    **facts: Any,
) -> int:
    """Write one line in the caller's write transaction and give its number; the write lock keeps the chain in order.

    Parameters
    ----------
    event : str
        ``noun.verbed``, as ``step.rescued``.
    target : str
        What it is about: a file, dataset, step, delivery.
    reason : str, optional
        Why; required for an operator's act (the verbs see to that).
    outcome : str
        ``done``, ``refused`` or ``failed``.
    """
    line = Line(event=event, target=target, actor=actor, reason=reason, outcome=outcome, facts=facts)
    result = connection.execute(_INSERT, _chained(connection, clock, [line])[0])
    return int(result.inserted_primary_key[0])  # type: ignore[index]


def write_all(connection: sa.Connection, clock: Clock, lines: Sequence[Line]) -> None:
    """Write lines one after another, as `write` does each, with one look at the chain's end and one insertion."""
    if lines:
        connection.execute(_INSERT, _chained(connection, clock, lines))


def _chained(connection: sa.Connection, clock: Clock, lines: Sequence[Line]) -> list[dict[str, Any]]:
    rows = []
    last = connection.execute(_LAST).scalar() or _GENESIS
    for line in lines:
        now = clock.now()
        row = {
            "at": iso_micro(now),
            "actor": line.actor,
            "event": line.event,
            "target": line.target,
            "reason": line.reason,
            "outcome": line.outcome,
            "facts": _plain(line.facts),
        }
        last = _digest(last, row)
        rows.append({**row, "at": now, "real_at": datetime.now(UTC), "hash": last})
    return rows


def iso_micro(when: datetime) -> str:
    """Write a time to the microsecond, as the chain hashes it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(dict(facts), default=str))  # type: ignore[no-any-return]


def verify(connection: sa.Connection) -> int | None:
    """Recompute the chain; give the number of the first line that does not fit, or None when all do."""
    previous = _GENESIS
    for row in connection.execute(sa.select(journal).order_by(journal.c.seq)).mappings():
        plain = {**row, "at": iso_micro(row["at"])}
        if _digest(previous, plain) != row["hash"]:
            return int(row["seq"])
        previous = row["hash"]
    return None


def logger(folder: Path | None, *, quiet: bool = True) -> Any:
    """Make the site's logger: JSON lines to ``journal.jsonl``, and to the console unless quiet."""
    sinks: list[Any] = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        sinks.append(_JsonFile(folder / "journal.jsonl"))
    if not quiet:
        sinks.append(structlog.PrintLogger(sys.stderr))
    return structlog.wrap_logger(
        _Tee(sinks),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )


class _JsonFile:
    """Appends whole lines; one write call each, so lines of two processes never mix."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def msg(self, message: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(message + "\n")


class _Tee:
    """Gives each line to every sink."""

    def __init__(self, sinks: list[Any]) -> None:
        self._sinks = sinks

    def msg(self, message: str) -> None:
        for sink in self._sinks:
            sink.msg(message)

    debug = info = warning = error = critical = msg


def local_time(when: datetime) -> str:
    """Write a time for eyes: ``2022-12-04 03:42:02Z``."""
    return iso(when)[:19].replace("T", " ") + "Z"
