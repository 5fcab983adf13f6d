"""What the receipt board reads: one reading for all boards of the process, and what of it needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dashboards.app.beside import Beside
from dmsops.core import outbox
from dmsops.core.errors import NotFound
from dmsops.procedures import inbox
from dmsops.receipt import ephemerides, gaps, queries, reconcile, sequences

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
NEWEST = 500
"""As many of the newest deliveries and messages are read; the filter of the command line finds the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiving:
    """What receipt knows, as rows by list of the board."""

    visits: tuple[Row, ...] = ()
    gaps: tuple[Row, ...] = ()
    requests: tuple[Row, ...] = ()
    quarantine: tuple[Row, ...] = ()
    deliveries: tuple[Row, ...] = ()
    ephemerides: tuple[Row, ...] = ()
    messages: tuple[Row, ...] = ()
    holes: tuple[Row, ...] = ()
    sequence: tuple[Row, ...] = ()

    def rows(self, view: str) -> tuple[Row, ...]:
        """Give the rows of one list."""
        found: tuple[Row, ...] = getattr(self, view)
        return found


def read(ops: Ops) -> Receiving:
    """Read the site."""
    return Receiving(
        visits=_first(reconcile.visits(ops), _visit_needs),
        gaps=_first([{**g, "needs_person": _gap_needs(g, ops.clock.now())} for g in gaps.open_gaps(ops)], lambda g: g["needs_person"]),
        requests=tuple(queries.rerequests(ops)),
        quarantine=tuple(queries.quarantine(ops)),
        deliveries=(*_waiting(ops), *queries.deliveries(ops)[:NEWEST]),
        ephemerides=_first(ephemerides.coverage(ops), lambda e: e["needs_person"]),
        messages=tuple(outbox.messages(ops.db)[:NEWEST]),
        holes=tuple(ephemerides.holes(ops)),
        sequence=tuple(sequences.sequence_gaps(ops)),
    )


def _first(rows: Sequence[Row], needs: Any) -> tuple[Row, ...]:
    """Put the rows that need a person first; the order is otherwise the query's."""
    return tuple(sorted(rows, key=lambda row: not needs(row)))


def _visit_needs(row: Row) -> bool:
    return bool(row["needs_person"] or row["overdue"])


def _gap_needs(row: Row, now: datetime) -> bool:
    """Say whether a person has to look at missing packets: nobody asked for them again, or they were wanted before now."""
    return row["state"] == gaps.WAITING and (row["due"] is None or row["due"] < now)


def _waiting(ops: Ops) -> list[Row]:
    """Give the deliveries that lie in the inbox and have not been taken."""
    empty: Row = {"state": "in the inbox", "sender": "", "sequence": None, "received_at": None, "acknowledged_at": None, "replays": 0}
    try:
        folders = inbox.waiting(ops)
    except (NotFound, OSError):
        return []
    return [{**empty, "id": path.name, "folder": str(path), "reason": "", "files": {}} for path in folders]


class ReceiptReader(Beside[Receiving]):
    """Reads receipt beside the hub.

    Parameters
    ----------
    ops : Ops
        The site.
    """

    def __init__(self, ops: Ops) -> None:
        super().__init__(ops, read, Receiving())


def needing(seen: Receiving) -> dict[str, int]:
    """Count what needs a person, by list of the board."""
    return {
        "visits": sum(_visit_needs(row) for row in seen.visits),
        "gaps": sum(bool(g["needs_person"]) for g in seen.gaps),
        "requests": sum(r["raised_at"] is not None for r in seen.requests),
        "quarantine": sum(row["delivery_id"].startswith("unreadable-") for row in seen.quarantine),
        "deliveries": sum(row["state"] == "in the inbox" for row in seen.deliveries),
        "ephemerides": sum(bool(e["needs_person"]) for e in seen.ephemerides) + len(seen.holes),
        "messages": 0,
    }
