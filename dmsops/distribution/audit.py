"""The record of access: every file that was given, and every one that was refused, is written down before the answer goes out.

Requests come in many threads at once, and the database has one writer: whoever waits for its turn is written down together with those
that came after, in one transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.db import mappings, reading, transact
from dmsops.distribution.access import Requester, Verdict
from dmsops.distribution.tables import access_record

if TYPE_CHECKING:
    from dmsops.ops import Ops

GRANTED, DENIED = "granted", "denied"
_r = access_record.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One access: who asked for what by which route, from which address, and how much it is (bytes)."""

    requester: Requester
    address: str
    route: str
    uri: str
    verdict: Verdict
    size: int | None = None

    def row(self, at: datetime) -> dict[str, Any]:
        """Give it as the table has it."""
        told = GRANTED if self.verdict.allowed else DENIED
        return {
            "at": at, "who": self.requester.name[:64], "address": self.address[:64], "route": self.route[:32], "uri": self.uri[:255],
            "verdict": told, "why": self.verdict.why[:255], "size": self.size if self.verdict.allowed else None,
        }  # fmt: skip


@dataclass(slots=True)
class Recorder:
    """Writes accesses down; `record` returns when its row is committed."""

    ops: Ops
    _waiting: list[tuple[dict[str, Any], threading.Event, list[BaseException]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def record(self, *accesses: Access) -> None:
        """Write accesses down; raises what the database raised, and then nothing may be given."""
        if not accesses:
            return
        now = self.ops.clock.now()
        done = threading.Event()
        failed: list[BaseException] = []
        with self._lock:
            self._waiting += [(access.row(now), done, failed) for access in accesses]
        while not done.is_set():
            with self._turn:
                if not done.is_set():
                    self._write()
        if failed:
            raise failed[0]

    def _write(self) -> None:
        with self._lock:
            taken, self._waiting = self._waiting, []
        try:
            transact(self.ops.db, lambda c: c.execute(sa.insert(access_record), [row for row, _, _ in taken]))
        except BaseException as error:
            for _, _, failed in taken:
                failed.append(error)
            raise
        finally:
            for _, done, _ in taken:
                done.set()


def matching(*, verdict: str = "", who: str = "", uris: Sequence[str] = ()) -> list[sa.ColumnElement[bool]]:
    """Give the tests of accesses of a verdict, by somebody, of any of some files; what is not named is not asked for."""
    tests: list[sa.ColumnElement[bool]] = [column == value for column, value in ((_r.verdict, verdict), (_r.who, who)) if value]
    return tests + ([_r.uri.in_(uris)] if uris else [])


def records(
    ops: Ops, *, verdict: str = "", who: str = "", uris: Sequence[str] = (), before: int = 0, limit: int = 100
) -> list[dict[str, Any]]:
    """Give accesses, newest first.

    Parameters
    ----------
    uris : sequence of str
        Any of these, whole: parts of a URI would be looked for in every record.
    before : int
        ``id`` of the last row of the page before; 0 begins with the newest.
    """
    tests = matching(verdict=verdict, who=who, uris=uris) + ([_r.id < before] if before else [])
    return mappings(ops.db, sa.select(access_record).where(*tests).order_by(_r.id.desc()).limit(limit))


def today(ops: Ops) -> dict[str, int]:
    """Count accesses since midnight (UTC), as `counts` does."""
    return counts(ops, ops.clock.now().replace(hour=0, minute=0, second=0, microsecond=0))


def counts(ops: Ops, since: datetime) -> dict[str, int]:
    """Count accesses since a time, by verdict; and the bytes that were given (``bytes``)."""
    query = sa.select(_r.verdict, sa.func.count(), sa.func.sum(_r.size)).where(_r.at >= since).group_by(_r.verdict)
    with reading(ops.db) as c:
        rows = c.execute(query).all()
    return {**{row[0]: int(row[1]) for row in rows}, "bytes": sum(int(row[2] or 0) for row in rows)}
